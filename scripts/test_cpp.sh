#!/usr/bin/env bash
# Builds mountdb as a static library, as a C++ application links it, and runs tests/cpp.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh

cargo rustc --locked --release -p mountdb --lib --crate-type staticlib
host="$(rustc -vV | sed -n 's/^host: //p')"
sys="$(cargo metadata --locked --format-version 1 --filter-platform "$host" |
  grep -o '"manifest_path":"[^"]*/librocksdb-sys-[^"]*/Cargo.toml"' | head -1 |
  sed 's/.*:"//; s/\/Cargo.toml"$//')"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
c++ -std=c++20 -O1 -DNDEBUG -Wall -Wextra -I cpp -isystem "$sys/rocksdb/include" \
  tests/cpp/app.cc "$CARGO_TARGET_DIR/release/libmountdb.a" -lpthread -ldl -lm -o "$work/app"
"$work/app" "$work"
