//! Versions of one key over several blocks, under snapshots: the cuts between those blocks
//! are sequence numbers, whichever way the learned index is written and read.
#![cfg(feature = "rocksdb")]

#[path = "common/db.rs"]
mod db;
#[path = "common/udi.rs"]
mod udi;

use db::{
    LearnedBlock, Model, alone, check, check_iterator, compact_all, counted, learned, only_table,
    scan_both_ways, tables,
};
use proptest::prelude::*;
use rocksdb::{DB, Options, ReadOptions};
use udi::{open, primary, secondary};

/// What a database holds, and what it held at each snapshot.
struct Versions<'a> {
    db: &'a DB,
    now: Model,
    then: Vec<(rocksdb::Snapshot<'a>, Model)>,
}

impl<'a> Versions<'a> {
    fn new(db: &'a DB) -> Self {
        Versions {
            db,
            now: Model::new(),
            then: Vec::new(),
        }
    }

    fn put(&mut self, key: &[u8], value: Vec<u8>) {
        self.db.put(key, &value).expect("put");
        self.now.insert(key.to_vec(), value);
    }

    fn delete(&mut self, key: &[u8]) {
        self.db.delete(key).expect("delete");
        self.now.remove(key);
    }

    fn snapshot(&mut self) {
        self.then.push((self.db.snapshot(), self.now.clone()));
    }

    fn check(&self) {
        check(self.db, &self.now);
        for (i, (snapshot, model)) in self.then.iter().enumerate() {
            let at = || {
                let mut options = ReadOptions::default();
                options.set_snapshot(snapshot);
                options
            };
            for key in self.now.keys().chain(model.keys()) {
                let found = self.db.get_opt(key, &at()).expect("a sound read");
                assert_eq!(found.as_ref(), model.get(key), "snapshot {i}, key {key:?}");
            }
            let keys: Vec<_> = self.now.keys().chain(model.keys()).collect();
            let found = self.db.multi_get_opt(&keys, &at());
            for (key, found) in keys.iter().zip(found) {
                let found = found.expect("a sound read");
                assert_eq!(found.as_ref(), model.get(*key), "snapshot {i}, {key:?}");
            }
            check_iterator(self.db.raw_iterator_opt(at()), model);
            // Bounds on keys whose versions are spread over blocks.
            let (Some(low), Some(high)) = (model.keys().nth(1), model.keys().nth(3)) else {
                continue;
            };
            let mut bounded = at();
            bounded.set_iterate_lower_bound(low.clone());
            bounded.set_iterate_upper_bound(high.clone());
            let between = model.range(low.clone()..high.clone());
            let between = between.map(|(k, v)| (k.clone(), v.clone())).collect();
            scan_both_ways(&mut self.db.raw_iterator_opt(bounded), &between);
        }
    }
}

fn large(i: usize, round: usize) -> Vec<u8> {
    format!(
        "{round}-{i}-{}",
        "v".repeat(150 + (i * 7 + round * 13) % 120)
    )
    .into_bytes()
}

/// Versions of one key fill several blocks each: the cuts between those blocks are
/// sequence numbers, and every snapshot must land in its own block.
fn versions_across_blocks(make: &dyn Fn(&str) -> Options) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let db = open(&make("block_size=256"), path);
    let mut versions = Versions::new(&db);
    for round in 0..12 {
        for i in 0..9 {
            // One key is rewritten in every round, another is deleted in every other.
            match (i, round % 2) {
                (4, _) => versions.put(&db::key(4), large(4, round)),
                (7, 1) => versions.delete(&db::key(7)),
                (i, odd) if i % 2 == odd => versions.put(&db::key(i), large(i, round)),
                _ => {}
            }
        }
        versions.snapshot();
    }
    db.flush().expect("flush");
    let table = only_table(path);
    let block = LearnedBlock::find(&table).expect("learned");
    assert!(block.index().has_tags(), "no cut between versions");
    versions.check();
    compact_all(&db);
    let table = tables(path).pop().expect("a table");
    let block = LearnedBlock::find(&table).expect("learned");
    assert!(block.index().has_tags(), "compaction kept the versions");
    versions.check();
    // Every other snapshot goes: their versions leave at the next compaction.
    let mut keep = false;
    versions.then.retain(|_| {
        keep = !keep;
        keep
    });
    for i in 0..9 {
        versions.put(&db::key(i), large(i, 99));
    }
    db.flush().expect("flush");
    versions.check();
    compact_all(&db);
    versions.check();
}

#[test]
fn versions_across_blocks_in_primary_mode() {
    let _alone = alone();
    let (_, grown) = counted(|| versions_across_blocks(&primary));
    assert_eq!(grown.files_fallen_back, 0);
    assert!(grown.files_learned >= 4, "{grown:?}");
}

#[test]
fn versions_across_blocks_in_secondary_mode() {
    let _alone = alone();
    versions_across_blocks(&secondary);
}

#[test]
fn versions_across_blocks_in_mountdbs_table() {
    let _alone = alone();
    versions_across_blocks(&learned);
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8),
    Delete(u8),
    Snapshot,
    Flush,
    Compact,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0u8..8, any::<u8>()).prop_map(|(key, len)| Step::Put(key, len)),
        3 => (0u8..8).prop_map(Step::Delete),
        6 => Just(Step::Snapshot),
        1 => Just(Step::Flush),
        1 => Just(Step::Compact),
    ]
}

/// Short keys of which some are prefixes of others, or differ in a trailing zero.
fn tricky_key(i: u8) -> &'static [u8] {
    [
        &b"a"[..],
        b"a\0",
        b"a\0\0",
        b"aa",
        b"b",
        b"b\xff",
        b"b\xff\xff",
        b"\xff",
    ][usize::from(i)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Few keys, many versions, tiny blocks: nearly every block ends between versions.
    #[test]
    fn random_histories(steps in prop::collection::vec(step(), 1..80), size in 1usize..200) {
        let _alone = alone();
        let directory = tempfile::tempdir().expect("a directory");
        let db = open(&primary(&format!("block_size={size}")), directory.path());
        let mut versions = Versions::new(&db);
        for (round, step) in steps.into_iter().enumerate() {
            match step {
                Step::Put(key, len) => {
                    let value = format!("{round}{}", "v".repeat(usize::from(len)));
                    versions.put(tricky_key(key), value.into_bytes());
                }
                Step::Delete(key) => versions.delete(tricky_key(key)),
                Step::Snapshot => versions.snapshot(),
                Step::Flush => db.flush().expect("flush"),
                Step::Compact => compact_all(&db),
            }
        }
        db.flush().expect("flush");
        versions.check();
        compact_all(&db);
        versions.check();
    }
}
