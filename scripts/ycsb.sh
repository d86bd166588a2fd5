#!/usr/bin/env bash
# Compares RocksDB as it comes, RocksDB at its best settings, and RocksDB with mountdb: YCSB's load
# phase and workloads A to F. Leaves ycsb-report.html (with charts) and ycsb-report.md.
#
#   scripts/ycsb.sh                       a million records of 100 bytes, YCSB's keys: some minutes
#   scripts/ycsb.sh --keys-file my.keys   your own keys: one a line, or SOSD binary
#   scripts/ycsb.sh --help                everything else it can do
set -euo pipefail
start="$PWD"
cd "$(dirname "$0")/.."
. scripts/setup.sh
cargo build --locked --release --workspace
cd "$start"

# What is said on the command line counts more.
"$CARGO_TARGET_DIR/release/ycsb" compare --engines stock,stock-tuned,mountdb \
  --workload load,a,b,c,d,e,f --value-size 100 \
  --report ycsb-report.html --report ycsb-report.md "$@" || status=$?
case "${status:-0}" in
  0) echo "The report is in $start/ycsb-report.html" ;;
  # Wrong answers and interruptions are reported too.
  1 | 130) echo "The report, if there is one, is in $start/ycsb-report.html" >&2 ;;
esac
exit "${status:-0}"
