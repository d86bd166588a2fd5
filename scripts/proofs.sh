#!/usr/bin/env bash
# Checks that take minutes: of what threads see of each other, of hostile blocks. Not part of
# scripts/test.sh.
set -eu
cd "$(dirname "$0")/.."
# What flags differ for is compiled apart.
target=${CARGO_TARGET_DIR:-target}

# Every order of events, as far as loom gets: each test stops at a time limit.
RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=$target/loom \
  cargo test --locked --release --no-default-features --lib -- \
  memtable::tests::protocol slots::tests::protocol

# Damaged learned blocks and data blocks, with overflow checked.
CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true PROPTEST_CASES=500000 CARGO_TARGET_DIR=$target/fuzz \
  cargo test --locked --release --no-default-features --test index_fuzz mutated
CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true PROPTEST_CASES=20000 CARGO_TARGET_DIR=$target/fuzz \
  cargo test --locked --release --no-default-features --lib -- data_block slots mapped_file hints

if ! host=$(rustc +nightly -vV 2>/dev/null | sed -n 's/^host: //p') || [ -z "$host" ]; then
  echo "no nightly toolchain: sanitizers are left out"
  exit
fi

# Undefined behaviour of any kind, on few entries, by tests that end in some minutes each.
if cargo +nightly miri --version >/dev/null 2>&1; then
  tests=memtable::tests
  MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-strict-provenance" CARGO_TARGET_DIR=$target/miri \
    cargo +nightly miri test --locked --no-default-features --lib -- \
    "$tests::split_window" "$tests::leaves" "$tests::model::extremes" \
    "$tests::oracle::nothing_there" "$tests::oracle::what_is_pending" \
    "$tests::oracle::reads_are_checked" "$tests::oracle::duplicates" \
    "$tests::oracle::damage" "$tests::oracle::iterators" "$tests::oracle::inserts_beside" \
    slots::tests::threads slots::tests::ordinary_keys
else
  echo "no Miri on the nightly toolchain: it is left out"
fi

# Addresses that are wrong.
RUSTFLAGS="-Zsanitizer=address" CARGO_TARGET_DIR=$target/asan \
  cargo +nightly test --locked --release --no-default-features --target "$host" --lib memtable

# Races. The standard library orders threads too (mutexes, joins): it must be instrumented,
# or races are told that are none.
if [ ! -d "$(rustc +nightly --print sysroot)/lib/rustlib/src/rust/library" ]; then
  echo "no source of the standard library (rust-src): the thread sanitizer is left out"
  exit
fi
RUSTFLAGS="-Zsanitizer=thread" CARGO_TARGET_DIR=$target/tsan \
  cargo +nightly test -Zbuild-std --locked --release --no-default-features --target "$host" \
  --lib -- memtable::tests::stress slots::tests::threads
