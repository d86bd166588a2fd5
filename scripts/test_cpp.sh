#!/usr/bin/env bash
# Builds mountdb as a static library, as a C++ application links it, and runs tests/cpp.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh

cargo rustc --locked --release -p mountdb --lib --crate-type staticlib
host="$(rustc -vV | sed -n 's/^host: //p')"
rocksdb="$(cargo metadata --locked --format-version 1 --filter-platform "$host" |
  grep -o '"manifest_path":"[^"]*/librocksdb-sys-[^"]*/Cargo.toml"' | head -1 |
  sed 's/.*:"//; s/\/Cargo.toml"$/\/rocksdb/')"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# What an application needs, and, for the test of internals, the library's own defines.
application=(-std=c++20 -O1 -DNDEBUG -Wall -Wextra -I cpp -isystem "$rocksdb/include")
internals=(-march=haswell -include cstdint -isystem "$rocksdb" -DSNAPPY=1 -DLZ4=1
  -DHAVE_ALIGNED_NEW -DHAVE_UINT128_EXTENSION -DROCKSDB_PLATFORM_POSIX
  -DROCKSDB_LIB_IO_POSIX -DOS_LINUX -DROCKSDB_SCHED_GETCPU_PRESENT
  -DROCKSDB_AUXV_GETAUXVAL_PRESENT -DROCKSDB_FALLOCATE_PRESENT -DROCKSDB_RANGESYNC_PRESENT)
run() {
  local name="$1"
  shift
  c++ "${application[@]}" "$@" "tests/cpp/$name.cc" \
    "$CARGO_TARGET_DIR/release/libmountdb.a" -lpthread -ldl -lm -o "$work/$name"
  mkdir "$work/$name.d"
  "$work/$name" "$work/$name.d"
}
run app
run memory
run counters
run lookups
if [ "$(uname -sm)" = "Linux x86_64" ]; then
  run index_reader "${internals[@]}"
  run table_builder "${internals[@]}"
  run memtable_rep "${internals[@]}"
fi
