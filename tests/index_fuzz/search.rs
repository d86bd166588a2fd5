//! Makes the corpus: what the builder writes, and of a long run of damage to it the blocks
//! that say the most.

use crate::corpus::{files, form, reason, store, stored};
use crate::fields::fields;
use crate::input::inputs;
use mountdb::index::LearnedIndex;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::collections::BTreeMap;
use std::ops::Range;

/// Writes what is missing; what is there stays, so that blocks that an older builder of this
/// version wrote are read for ever. A new version of the format needs all of them anew:
///
/// ```sh
/// rm -r tests/index_fuzz/corpus
/// cargo test --release --no-default-features --test index_fuzz write -- --ignored
/// ```
#[test]
#[ignore = "writes into the tree"]
fn write_the_corpus() {
    for (name, file) in files() {
        store("sound", name, &file.learned_block());
    }
    // The same damage each time.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let inputs = inputs(stored("sound").leak());
    // Of each form the one that differs in most; for each reason the shortest.
    let mut altered: BTreeMap<String, (usize, Vec<u8>)> = BTreeMap::new();
    let mut refused: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for _ in 0..500_000 {
        let input = inputs.new_tree(&mut runner).expect("damage").current();
        let block = input.block;
        match LearnedIndex::parse(&block, u64::MAX) {
            Ok(_) => {
                let differing = differing(&input.base.block, &block);
                let kept = altered.entry(name(&block)).or_default();
                if block.len() < 1000 && differing > kept.0 {
                    *kept = (differing, block);
                }
            }
            Err(_) if block.is_empty() => {}
            Err(refusal) => {
                let kept = refused.entry(reason(&refusal)).or_insert(block.clone());
                if block.len() < kept.len() {
                    *kept = block;
                }
            }
        }
    }
    for (name, (_, block)) in altered {
        store("altered", &name, &block);
    }
    for (name, block) in refused {
        store("refused", &name, &block);
    }
}

/// What an altered block is called.
fn name(block: &[u8]) -> String {
    let ends = match fields(block).contains_key("ends") {
        true => "-uneven",
        false => "",
    };
    [form(block), ends].concat()
}

/// How many kinds of fields differ.
fn differing(base: &[u8], block: &[u8]) -> usize {
    let (base, block) = (contents(base), contents(block));
    let differs = |name: &&&str| base.get(**name) != block.get(**name);
    block.keys().filter(differs).count()
}

/// The bytes of the fields of each name.
fn contents(block: &[u8]) -> BTreeMap<&'static str, Vec<&[u8]>> {
    let bytes = |places: Vec<Range<usize>>| places.into_iter().map(|place| &block[place]).collect();
    let fields = fields(block).into_iter();
    fields.map(|(name, places)| (name, bytes(places))).collect()
}
