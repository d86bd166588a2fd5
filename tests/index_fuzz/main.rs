//! Learned blocks in the tree that every later reader of this version must read, and damage
//! to them that no reader may trust.
//!
//! A short run is part of every test run. A long one, with overflow checks:
//!
//! ```sh
//! CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true PROPTEST_CASES=5000000 \
//!   cargo test --release --no-default-features --test index_fuzz mutated
//! ```
//!
//! What it finds is printed in hexadecimal; `xxd -r -p` makes a file for the corpus of it.
//! An endless loop shows as a test that does not end.

#[path = "../common/heap.rs"]
mod heap;
#[path = "../common/index_file.rs"]
mod index_file;
#[path = "../common/seal.rs"]
mod seal;

mod corpus;
mod fields;
mod input;
mod mutation;
mod promises;
mod search;

use corpus::{Stored, end, files, form, reason, stored};
use fields::fields;
use input::inputs;
use mountdb::index::{LearnedIndex, Refusal};
use promises::check;
use proptest::prelude::*;
use seal::seal;
use std::collections::BTreeSet;

fn config() -> ProptestConfig {
    let mut config = ProptestConfig {
        failure_persistence: None,
        ..Default::default()
    };
    // What the environment says goes first.
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 5_000;
    }
    config
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn mutated(input in inputs(corpus::all())) {
        let _ = check(&input.block, input.file_size, &input.targets);
    }
}

/// Files written by this version stay readable, and give the same answers.
#[test]
fn sound_blocks_answer_for_their_files() {
    let stored = stored("sound");
    let names: BTreeSet<&str> = stored.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, files().iter().map(|(name, _)| *name).collect());
    for (name, file) in files() {
        println!("{name}");
        let stored = stored.iter().find(|s| s.name == name).expect("by name");
        let index = check(&stored.block, file.size(), &[]).unwrap_or_else(|refusal| {
            panic!("{name}: {refusal}; of another version? see search.rs")
        });
        file.check(&index);
        if file.blocks() > 2 {
            assert!(name.starts_with(form(&stored.block)), "{name}");
        }
        if let Some(less) = file.size().checked_sub(1) {
            assert!(check(&stored.block, less, &[]).is_err(), "outside: {name}");
        }
    }
}

/// The corpus would not be worth much without a sound field of each name.
#[test]
fn sound_blocks_have_all_fields() {
    let found: BTreeSet<&str> = stored("sound")
        .iter()
        .flat_map(|s| fields(&s.block).into_keys())
        .collect();
    let expected = "blocks checksum control count cut cuts cuts-size cuts-skipped ends first \
        flags form frac gap handles last-key last-tag length long-shared long-suffix magic \
        offsets prefix ranks residuals restart separators shift slope suffix tag tag-count tags version \
        width";
    assert_eq!(found, expected.split_whitespace().collect());
}

#[test]
fn altered_blocks_are_indexes_too() {
    for Stored { name, block } in stored("altered") {
        println!("{name}");
        let index = check(&block, u64::MAX, &[]).expect("accepted");
        assert!(check(&block, end(&index), &[]).is_ok(), "all of the file");
    }
}

#[test]
fn refused_blocks_are_refused_for_the_same_reason() {
    for Stored { name, block } in stored("refused") {
        let refusal = check(&block, u64::MAX, &[]).expect_err(&name);
        assert_eq!(Some(reason(&refusal).as_str()), name.split('.').next());
    }
}

#[test]
fn sound_blocks_end_where_they_end() {
    for Stored { name, mut block } in stored("sound") {
        for len in 0..block.len() {
            let mut short = block[..len].to_vec();
            assert!(check(&short, u64::MAX, &[]).is_err(), "{name}: {len}");
            // Even if the checksum is that of the shorter block.
            seal(&mut short);
            assert!(check(&short, u64::MAX, &[]).is_err(), "{name}: {len}");
        }
        block.push(0);
        seal(&mut block);
        let longer = check(&block, u64::MAX, &[]).expect_err(&name);
        assert_eq!(longer, Refusal::Invalid("bytes behind the end"));
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    for Stored { name, mut block } in stored("sound") {
        for i in 0..block.len() {
            for bit in 0..8 {
                block[i] ^= 1 << bit;
                let refusal = LearnedIndex::parse(&block, u64::MAX).expect_err(&name);
                block[i] ^= 1 << bit;
                // Of the checksum: a flipped bit is not taken for a new version.
                let expected = match i {
                    0..8 => refusal == Refusal::NotALearnedBlock,
                    _ => matches!(refusal, Refusal::Checksum { .. }),
                };
                assert!(expected, "{name}: byte {i}: {refusal}");
            }
        }
    }
}
