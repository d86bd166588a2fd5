#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh

if cargo fmt --version >/dev/null 2>&1; then
  cargo fmt --all --check
fi
# The pure Rust part, in the debug profile: overflow checks and debug assertions are on.
cargo test --locked --no-default-features
# Always the whole workspace, so that features never change and RocksDB is compiled once.
cargo test --locked --release --workspace
scripts/test_cpp.sh
if cargo clippy --version >/dev/null 2>&1; then
  cargo clippy --locked --release --workspace --all-targets -- -D warnings
fi
