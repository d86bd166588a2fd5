#!/usr/bin/env bash
# Compares RocksDB with and without mountdb and leaves a report in ycsb-report.md.
#
#   scripts/ycsb.sh                       two key sets of a million keys, a few minutes
#   scripts/ycsb.sh --keys-file my.keys   your own keys: one a line, or SOSD binary
#   scripts/ycsb.sh --help                everything else it can do
set -euo pipefail
start="$PWD"
cd "$(dirname "$0")/.."
. scripts/setup.sh
cargo build --locked --release --workspace
ycsb="$CARGO_TARGET_DIR/release/ycsb"
cd "$start"

if [ $# -gt 0 ]; then
  exec "$ycsb" compare --report ycsb-report.md "$@"
fi
part="$(mktemp)"
trap 'rm -f "$part"' EXIT
: >ycsb-report.md
for keys in uniform user; do
  "$ycsb" compare --engines stock,interpolation,mountdb-table --keys "$keys" --records 1000000 \
    --operations 3000000 --workload c --report "$part"
  { cat "$part"; echo; } >>ycsb-report.md
done
echo "The report is in $start/ycsb-report.md"
