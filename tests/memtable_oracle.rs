//! The learned memtable against RocksDB's skip list: the same random histories on both,
//! which must then give the same answer to every question, now and at every snapshot.
#![cfg(feature = "rocksdb")]

#[path = "common/agree.rs"]
mod agree;
#[path = "common/db.rs"]
mod db;
#[allow(dead_code)] // the harness uses all of it
#[path = "../bench/src/keys.rs"]
mod keys;
#[path = "common/memtable.rs"]
mod memtable;

use db::Model;
use keys::KeySet;
use memtable::{Case, History, Mix, SEED, Setup, Twins, around, around_some, total_order};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rocksdb::{DB, DBRawIterator, MergeOperands, ReadOptions, WriteBatch};

/// Nothing is flushed unless told to, also when a log is replayed.
const IN_MEMORY: &str = "write_buffer_size=67108864;avoid_flush_during_recovery=true";

/// A new memtable every few hundred writes, some of them in memory at the same time.
const SWITCHING: &str = "write_buffer_size=65536;max_write_buffer_number=6;\
                         min_write_buffer_number_to_merge=2";

/// Key sets that [`KeySet`] lacks, in the order in which they are written.
const ORDERED: [&str; 6] = [
    "ascending",
    "descending",
    "prefixes",
    "versions",
    "tenants",
    "jumping",
];

fn ordered(name: &str, count: usize) -> Vec<Vec<u8>> {
    let numbers = || keys::generate(KeySet::Dense, count, SEED);
    match name {
        "ascending" => numbers(),
        "descending" => numbers().into_iter().rev().collect(),
        // Every key is a prefix of the next but two.
        "prefixes" => (0..count)
            .map(|i| vec![b"a\0\xff"[i % 3]; i / 3 % 250])
            .collect(),
        "versions" => (0..count)
            .map(|i| format!("hot{}", i % 5).into_bytes())
            .collect(),
        "tenants" => (0..count)
            .map(|i| format!("tenant{:02}/{:08}", i % 16, i / 16).into_bytes())
            .collect(),
        "jumping" => [
            KeySet::Dense,
            KeySet::User,
            KeySet::Uniform,
            KeySet::Paths,
            KeySet::Clustered,
        ]
        .iter()
        .flat_map(|set| shuffled(keys::generate(*set, count / 5, SEED)))
        .collect(),
        _ => unreachable!("{name}"),
    }
}

fn shuffled(mut keys: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    keys.shuffle(&mut StdRng::seed_from_u64(SEED));
    keys
}

fn families(count: usize) -> impl Iterator<Item = (String, Vec<Vec<u8>>)> {
    let sets = KeySet::ALL
        .into_iter()
        .map(move |set| (set.to_string(), shuffled(keys::generate(set, count, SEED))));
    let ordered = ORDERED
        .into_iter()
        .map(move |name| (name.to_owned(), ordered(name, count)));
    sets.chain(ordered)
}

fn distinct(keys: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut keys = keys.to_vec();
    keys.sort();
    keys.dedup();
    keys
}

/// Does `keys` to twins in four parts, looks at `sample` of the keys after each, and at all
/// those again after the log was replayed and after a flush; returns how often the memtable
/// was switched.
fn run(setup: &Setup, keys: &[Vec<u8>], mix: Mix, sample: usize) -> usize {
    let twins = setup.open();
    let mut history = History::new(SEED, mix);
    let mut snapshots = Vec::new();
    let mut targets = Vec::new();
    for part in keys.chunks(keys.len().div_ceil(4)) {
        history.run(&twins, part);
        let around = around_some(&distinct(part), sample);
        twins.check(&around, &snapshots[snapshots.len().saturating_sub(2)..]);
        targets.extend(around);
        if twins.switches() > 1 {
            // Only to keep reads of table files short.
            twins.compact();
        }
        snapshots.push(twins.snapshots());
        // Versions behind the snapshot.
        history.run(&twins, &part[..part.len().min(20)]);
    }
    twins.check(&targets, &snapshots[..1]);
    drop(snapshots);
    twins.check_model(&history.model);
    let switches = twins.switches();

    let twins = twins.reopen();
    assert_eq!(twins.check(&targets, &[]), history.model.len());
    history.run(&twins, &keys[..keys.len().min(50)]);
    twins.both(DB::flush);
    assert_eq!(twins.check(&targets, &[]), history.model.len());
    twins.check_model(&history.model);
    switches
}

#[test]
fn every_position_of_every_family_in_memory() {
    for (name, keys) in families(240) {
        let _case = Case::new(name);
        let switches = run(&Setup::new(IN_MEMORY), &keys, Mix::ALL, usize::MAX);
        // The first memtable, and nothing else.
        assert!(switches <= 1, "{switches} switches");
    }
}

#[test]
fn every_family_across_dozens_of_memtables() {
    for (name, keys) in families(6_000) {
        let _case = Case::new(&name);
        let mix = Mix {
            value: 600,
            ..Mix::ALL
        };
        // One-byte keys are 256: again and again.
        let keys: Vec<_> = keys.iter().cycle().take(6_000).cloned().collect();
        let switches = run(&Setup::new(SWITCHING), &keys, mix, 12);
        assert!(switches >= 20, "{switches} switches");
    }
}

#[test]
fn every_setting_of_the_memtable() {
    for fields in [
        "reuse=false",
        "model=false",
        "reuse=false;model=false",
        "reuse=true;model=true",
    ] {
        for name in ["jumping", "descending", "versions"] {
            let _case = Case::new(format!("{fields} {name}"));
            let keys = ordered(name, 4_000);
            let setup = Setup::new(SWITCHING).fields(fields);
            let switches = run(
                &setup,
                &keys,
                Mix {
                    value: 600,
                    ..Mix::ALL
                },
                12,
            );
            assert!(switches >= 12, "{switches} switches");
        }
    }
}

#[test]
fn small_values_in_larger_memtables() {
    // Thousands of entries a memtable: what is reused is no longer small.
    let general = "write_buffer_size=262144;max_write_buffer_number=4";
    for set in [KeySet::Uniform, KeySet::User, KeySet::Dense, KeySet::Paths] {
        let _case = Case::new(set.name());
        let keys = shuffled(keys::generate(set, 30_000, SEED));
        let mix = Mix {
            value: 4,
            ranges: false,
            ..Mix::ALL
        };
        let switches = run(&Setup::new(general), &keys, mix, 40);
        assert!(switches >= 4, "{switches} switches");
    }
}

#[test]
fn real_keys() {
    for name in ["cities_morton_u64", "pypi_names.txt"] {
        let _case = Case::new(name);
        let path = std::path::Path::new("../shared/data").join(name);
        if !path.exists() {
            eprintln!("skipped: no {}", path.display());
            continue;
        }
        let keys = keys::read_file(&path, Some(20_000)).expect("a readable key set");
        let general = "write_buffer_size=131072;max_write_buffer_number=4";
        let switches = run(&Setup::new(general), &shuffled(keys), Mix::ALL, 100);
        assert!(switches >= 8, "{switches} switches");
    }
}

#[test]
fn keys_of_64_kilobytes() {
    // They differ in the first byte, in the middle, in the last byte and in their length.
    let long: Vec<Vec<u8>> = (0..24)
        .map(|i| {
            let mut key = vec![b'k'; (64 << 10) - i % 2];
            let at = [0, key.len() / 2, key.len() - 1][i % 3];
            key[at] = i as u8;
            key
        })
        .collect();
    for general in [
        IN_MEMORY,
        "write_buffer_size=262144;max_write_buffer_number=4",
    ] {
        let _case = Case::new(general);
        run(&Setup::new(general), &long, Mix::ALL, 4);
    }
}

#[test]
fn hundreds_of_versions_at_every_snapshot() {
    for general in [IN_MEMORY, SWITCHING] {
        let _case = Case::new(general);
        let twins = Setup::new(general).open();
        let mut snapshots = Vec::new();
        for version in 0..300 {
            let value = format!("{version} {}", "v".repeat(200));
            twins.both(|db| {
                db.put("hot", &value)?;
                if version % 7 == 3 {
                    db.delete("hot\0")?;
                }
                db.merge("hot\0", &value[..10])?;
                db.put(format!("hot{version}"), &value)
            });
            snapshots.push(twins.snapshots());
        }
        let targets = ["", "ho", "hot", "hot\0", "hot\0\0", "hot0", "hot299", "z"];
        let targets = targets.map(|t| t.as_bytes().to_vec());
        assert_eq!(twins.check(&targets, &snapshots), 302);
        twins.both(DB::flush);
        assert_eq!(twins.check(&targets, &snapshots), 302);
    }
}

/// Every operand changes all of what the ones before it made: two operands together are no
/// operand.
fn fold(_: &[u8], old: Option<&[u8]>, operands: &MergeOperands) -> Option<Vec<u8>> {
    let mut value = old.unwrap_or(b"").to_vec();
    for operand in operands {
        value
            .iter_mut()
            .for_each(|byte| *byte = byte.wrapping_mul(31).wrapping_add(operand[0]));
        value.extend_from_slice(operand);
    }
    Some(value)
}

#[test]
fn a_merge_operator_that_is_not_associative() {
    for general in [IN_MEMORY, SWITCHING] {
        let _case = Case::new(general);
        let setup = Setup::new(general).adjusted(|options| {
            options.set_merge_operator("fold", fold, |_, _, _| None);
        });
        let twins = setup.open();
        let mut snapshots = Vec::new();
        let keys: Vec<_> = (0..40).map(db::key).collect();
        for round in 0..60 {
            let mut batch = WriteBatch::default();
            for (i, key) in keys.iter().enumerate() {
                match (i + round) % 13 {
                    0 => batch.delete(key),
                    1 => batch.put(key, "p".repeat(round)),
                    _ => batch.merge(key, format!("{round}{}", "m".repeat(20))),
                }
            }
            twins.write(&batch);
            if round % 20 == 10 {
                snapshots.push(twins.snapshots());
            }
        }
        assert!(twins.check(&around(&keys), &snapshots) > 35);
        twins.both(DB::flush);
        assert!(twins.check(&around(&keys), &snapshots) > 35);
    }
}

fn collect(iter: &mut DBRawIterator<'_>, step: impl Fn(&mut DBRawIterator<'_>)) -> Model {
    let mut seen = Model::new();
    while let Some((key, value)) = iter.item() {
        assert!(seen.insert(key.to_vec(), value.to_vec()).is_none(), "twice");
        step(iter);
    }
    iter.status().expect("no error");
    seen
}

/// An iterator of each database, what there was when it was made, and where it stands.
struct Begun<'a> {
    pair: [DBRawIterator<'a>; 2],
    model: Model,
    at: Vec<u8>,
}

fn begin<'a>(twins: &'a Twins, model: &Model, at: &[u8]) -> Begun<'a> {
    let pair = [&twins.ours, &twins.stock].map(|db| {
        let mut iter = db.raw_iterator_opt(total_order());
        iter.seek(at);
        iter
    });
    Begun {
        pair,
        model: model.clone(),
        at: at.to_vec(),
    }
}

#[test]
fn iterators_see_what_there_was_when_they_began() {
    for general in [IN_MEMORY, SWITCHING] {
        for (name, keys) in families(600) {
            let _case = Case::new(format!("{name}, {general}"));
            let twins = Setup::new(general).open();
            let mut history = History::new(
                SEED,
                Mix {
                    value: 600,
                    ..Mix::ALL
                },
            );
            let mut begun = Vec::new();
            for part in keys.chunks(100) {
                begun.push(begin(&twins, &history.model, &part[0]));
                history.run(&twins, part);
            }
            for Begun {
                mut pair,
                model,
                at,
            } in begun
            {
                for iter in &mut pair {
                    // On from where it stood before the inserts.
                    let behind: Model = model.range(at.clone()..).map(own).collect();
                    assert_eq!(collect(iter, |i| i.next()), behind, "on from {at:?}");
                    iter.seek_for_prev(&at);
                    let before: Model = model.range(..=at.clone()).map(own).collect();
                    assert_eq!(collect(iter, |i| i.prev()), before, "back from {at:?}");
                }
                agree::check_seeks(&mut pair, &around_some(&keys, 20));
                assert_eq!(agree::check_scans(&mut pair), model.len());
            }
        }
    }
}

fn own((key, value): (&Vec<u8>, &Vec<u8>)) -> (Vec<u8>, Vec<u8>) {
    (key.clone(), value.clone())
}

#[test]
fn tailing_iterators_agree() {
    let tailing = || {
        let mut options = ReadOptions::default();
        options.set_tailing(true);
        options
    };
    for name in ORDERED {
        let _case = Case::new(name);
        let twins = Setup::new(IN_MEMORY).open();
        let mut history = History::new(
            SEED,
            Mix {
                // RocksDB's tailing iterators take no notice of them in a memtable.
                ranges: false,
                ..Mix::ALL
            },
        );
        let mut pair = [&twins.ours, &twins.stock].map(|db| db.raw_iterator_opt(tailing()));
        for (round, part) in ordered(name, 1_000).chunks(25).enumerate() {
            history.run(&twins, part);
            if round % 15 == 14 {
                twins.both(DB::flush);
            }
            for target in around(&part[..3]) {
                let seen = pair.each_mut().map(|iter| {
                    iter.seek(&target);
                    let mut seen = Vec::new();
                    while let Some((key, value)) = iter.item()
                        && seen.len() < 30
                    {
                        seen.push((key.to_vec(), value.to_vec()));
                        iter.next();
                    }
                    iter.status().expect("no error");
                    seen
                });
                let expected: Vec<_> = history
                    .model
                    .range(target.clone()..)
                    .take(30)
                    .map(own)
                    .collect();
                assert_eq!(seen[0], expected, "ours from {target:?}");
                assert_eq!(seen[1], expected, "stock from {target:?}");
            }
        }
    }
}

/// Short keys of few byte values: neighbours, prefixes, zero tails, the empty key.
fn short_key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![0u8, 1, 0x7f, 0xff]), 0..5)
}

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<u8>, usize),
    Merge(Vec<u8>),
    Delete(Vec<u8>),
    DeleteRange(Vec<u8>, Vec<u8>),
    Flush,
    Snapshot,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        24 => (short_key(), 0usize..200).prop_map(|(key, len)| Step::Put(key, len)),
        6 => short_key().prop_map(Step::Merge),
        6 => short_key().prop_map(Step::Delete),
        2 => (short_key(), short_key()).prop_map(|(a, b)| match a < b {
            true => Step::DeleteRange(a, b),
            false => Step::DeleteRange(b, a),
        }),
        1 => Just(Step::Flush),
        2 => Just(Step::Snapshot),
    ]
}

fn take_step(db: &DB, number: usize, step: &Step) -> Result<(), rocksdb::Error> {
    match step {
        Step::Put(key, len) => db.put(key, format!("{number}{}", "v".repeat(*len))),
        Step::Merge(key) => db.merge(key, number.to_string()),
        Step::Delete(key) => db.delete(key),
        Step::DeleteRange(from, to) => {
            let mut batch = WriteBatch::default();
            batch.delete_range(from, to);
            db.write(batch)
        }
        Step::Flush => db.flush(),
        Step::Snapshot => Ok(()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn any_history_of_short_keys(
        steps in prop::collection::vec(step(), 1..300),
        targets in prop::collection::vec(short_key(), 1..40),
    ) {
        let twins = Setup::new(IN_MEMORY).open();
        let mut snapshots = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            match step {
                Step::Snapshot => snapshots.push(twins.snapshots()),
                step => twins.both(|db| take_step(db, number, step)),
            }
        }
        twins.check(&targets, &snapshots);
        drop(snapshots);
        twins.reopen().check(&targets, &[]);
    }
}
