//! Twin databases that differ in their memtable and in nothing else, and random histories
//! to do to both.
#![allow(dead_code)] // every test file uses its own part

use crate::agree;
use crate::db::{self, Model};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rocksdb::{DB, Env, MergeOperands, Options, ReadOptions, SnapshotWithThreadMode, WriteBatch};
use std::ops::Bound::{Excluded, Unbounded};
use std::path::Path;
use std::sync::{Arc, Mutex};

pub const SEED: u64 = 7;

/// Snapshots of both databases at the same point of their history: ours, stock.
pub type Snapshots<'a> = [SnapshotWithThreadMode<'a, DB>; 2];

pub fn concat(_: &[u8], old: Option<&[u8]>, operands: &MergeOperands) -> Option<Vec<u8>> {
    let mut value = old.unwrap_or(b"").to_vec();
    operands
        .iter()
        .for_each(|operand| value.extend_from_slice(operand));
    Some(value)
}

/// Says which of many cases failed.
pub struct Case(String);

impl Case {
    pub fn new(name: impl Into<String>) -> Case {
        Case(name.into())
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed in the case `{}`", self.0);
        }
    }
}

/// What twins have in common, and which of mountdb's memtables stands against the skip list.
#[derive(Clone)]
pub struct Setup {
    ours: String,
    general: String,
    adjust: fn(&mut Options),
    env: Env,
}

impl Setup {
    /// Twins with these general options.
    pub fn new(general: &str) -> Setup {
        Setup {
            ours: "mountdb".to_owned(),
            general: general.to_owned(),
            adjust: |_| {},
            // Files in memory: what is tested lies before them, and nothing waits for a disk.
            env: Env::mem_env().expect("an environment"),
        }
    }

    /// Ours has these fields of the memtable factory.
    pub fn fields(mut self, fields: &str) -> Setup {
        self.ours = format!("{{id=mountdb;{fields}}}");
        self
    }

    /// Options that no string can say; called for each database.
    pub fn adjusted(mut self, adjust: fn(&mut Options)) -> Setup {
        self.adjust = adjust;
        self
    }

    /// For what needs the files of a database.
    pub fn on_disk(mut self) -> Setup {
        self.env = Env::new().expect("an environment");
        self
    }

    fn options(&self, memtable: &str) -> Options {
        let mut base = db::base();
        base.set_env(&self.env);
        base.set_merge_operator_associative("concat", concat);
        (self.adjust)(&mut base);
        let string = format!("memtable_factory={memtable};{}", self.general);
        mountdb::options_from_string(&base, &string).expect(&string)
    }

    pub fn ours(&self) -> Options {
        self.options(&self.ours)
    }

    pub fn stock(&self) -> Options {
        self.options("skip_list")
    }

    pub fn open(&self) -> Twins {
        let mut ours = self.ours();
        let log = db::log_to_memory(&mut ours);
        let twins = Twins {
            ours: open(&ours, "/ours"),
            stock: open(&self.stock(), "/stock"),
            setup: self.clone(),
            log,
        };
        assert_eq!(mountdb::db_factories(&twins.ours).memtable, "mountdb");
        assert_eq!(
            mountdb::db_factories(&twins.stock).memtable,
            "SkipListFactory"
        );
        twins
    }
}

/// Opens a database whose default column family can be asked for by name, which batched
/// MultiGet needs.
pub fn open(options: &Options, path: impl AsRef<Path>) -> DB {
    DB::open_cf_with_opts(options, path, [("default", options.clone())]).expect("open")
}

/// The options that iterators of all keys need where there is a prefix extractor.
pub fn total_order() -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_total_order_seek(true);
    options
}

/// Two databases to which the same is done.
pub struct Twins {
    pub ours: DB,
    pub stock: DB,
    setup: Setup,
    log: Arc<Mutex<String>>,
}

impl Twins {
    /// Closes both without a flush and replays their logs.
    pub fn reopen(self) -> Twins {
        let setup = self.setup.clone();
        drop(self);
        setup.open()
    }

    /// Our info log since the database was opened.
    pub fn log(&self) -> String {
        self.log.lock().expect("no panic in a logger").clone()
    }

    /// How often ours has begun a new memtable since it was opened.
    pub fn switches(&self) -> usize {
        let log = self.log();
        log.matches("New memtable created with log file").count()
    }

    pub fn both<T>(&self, work: impl Fn(&DB) -> Result<T, rocksdb::Error>) {
        work(&self.ours).expect("mountdb");
        work(&self.stock).expect("stock");
    }

    /// Flushes, and leaves few table files.
    pub fn compact(&self) {
        self.both(|db| {
            db.compact_range(None::<&[u8]>, None::<&[u8]>);
            Ok(())
        });
    }

    pub fn write(&self, batch: &WriteBatch) {
        self.both(|db| db.write(WriteBatch::from_data(batch.data())));
    }

    pub fn snapshots(&self) -> Snapshots<'_> {
        [self.ours.snapshot(), self.stock.snapshot()]
    }

    /// Every read of `targets`, now and at each of the snapshots, and full scans; returns
    /// the number of entries there are now.
    pub fn check(&self, targets: &[Vec<u8>], at: &[Snapshots<'_>]) -> usize {
        // Two scans, of any length.
        let bounds: Vec<_> = targets.iter().rev().take(9).cloned().collect();
        agree::check_bounds(&self.ours, &self.stock, &bounds);
        self.check_batched_gets(targets);
        let found = agree::check_reads(&self.ours, &self.stock, targets, [&total_order; 2]);
        for [ours, stock] in at {
            let as_of = |snapshot: &SnapshotWithThreadMode<'_, DB>| {
                let mut options = total_order();
                options.set_snapshot(snapshot);
                options
            };
            let options: [agree::MakeOptions<'_>; 2] = [&|| as_of(ours), &|| as_of(stock)];
            agree::check_reads(&self.ours, &self.stock, targets, options);
        }
        found
    }

    /// MultiGet in RocksDB's own batches, of keys in order and of keys in any order.
    fn check_batched_gets(&self, targets: &[Vec<u8>]) {
        let values = |db: &DB, keys: &[Vec<u8>], sorted| -> Vec<Option<Vec<u8>>> {
            let family = db.cf_handle("default").expect("the default family");
            db.batched_multi_get_cf(family, keys, sorted)
                .into_iter()
                .map(|value| value.expect("no error").map(|value| value.to_vec()))
                .collect()
        };
        let mut ordered = targets.to_vec();
        ordered.sort();
        for (targets, sorted) in [(targets, false), (&ordered, true)] {
            for keys in targets.chunks(29) {
                assert_eq!(
                    values(&self.ours, keys, sorted),
                    values(&self.stock, keys, sorted),
                    "batched multi_get, sorted {sorted}, {keys:?}"
                );
            }
        }
    }

    /// Iterators that stay within the prefix of their target.
    pub fn check_prefixes(&self, targets: &[Vec<u8>]) {
        let within = || {
            let mut options = ReadOptions::default();
            options.set_prefix_same_as_start(true);
            options
        };
        let entries = |db: &DB, target: &[u8]| {
            let mut iter = db.raw_iterator_opt(within());
            let mut entries = Vec::new();
            iter.seek(target);
            while let Some((key, value)) = iter.item() {
                entries.push((key.to_vec(), value.to_vec()));
                iter.next();
            }
            iter.status().expect("no error");
            entries
        };
        for target in targets {
            assert_eq!(
                entries(&self.ours, target),
                entries(&self.stock, target),
                "prefix of {target:?}"
            );
        }
    }

    /// Both hold exactly this.
    pub fn check_model(&self, model: &Model) {
        for db in [&self.ours, &self.stock] {
            db::scan_both_ways(&mut db.raw_iterator_opt(total_order()), model);
        }
    }
}

/// Each key and what lies right beside it, and the ends.
pub fn around<'a>(keys: impl IntoIterator<Item = &'a Vec<u8>>) -> Vec<Vec<u8>> {
    let mut targets = vec![vec![], vec![0], vec![0x80], vec![0xff; 30]];
    for key in keys {
        targets.push(key.clone());
        targets.push([key, &[0u8][..]].concat());
        if let Some((&last, rest)) = key.split_last() {
            targets.push([rest, &[last.wrapping_add(1)]].concat());
            targets.push([rest, &[last.wrapping_sub(1), 0xff]].concat());
        }
    }
    targets
}

/// [`around`] some of the keys.
pub fn around_some(keys: &[Vec<u8>], count: usize) -> Vec<Vec<u8>> {
    let mut rng = StdRng::seed_from_u64(SEED);
    around(keys.choose_multiple(&mut rng, count))
}

/// What a history consists of besides puts and deletions.
#[derive(Clone, Copy)]
pub struct Mix {
    pub merges: bool,
    pub ranges: bool,
    pub singles: bool,
    /// Values are shorter than this.
    pub value: usize,
}

impl Mix {
    pub const ALL: Mix = Mix {
        merges: true,
        ranges: true,
        singles: true,
        value: 60,
    };
}

/// A random history over keys that the caller brings, and what is left of it.
pub struct History {
    rng: StdRng,
    mix: Mix,
    seen: Vec<Vec<u8>>,
    writes: usize,
    pub model: Model,
}

impl History {
    pub fn new(seed: u64, mix: Mix) -> History {
        History {
            rng: StdRng::seed_from_u64(seed),
            mix,
            seen: Vec::new(),
            writes: 0,
            model: Model::new(),
        }
    }

    /// One operation on each of `keys`, and some on keys of before.
    pub fn batch(&mut self, keys: &[Vec<u8>]) -> WriteBatch {
        let mut batch = WriteBatch::default();
        for key in keys {
            self.operation(&mut batch, key);
            if self.rng.random_ratio(1, 4)
                && let Some(old) = self.seen.choose(&mut self.rng).cloned()
            {
                self.operation(&mut batch, &old);
            }
        }
        self.seen.extend_from_slice(keys);
        batch
    }

    /// Does `keys` to both databases, in batches of a few.
    pub fn run(&mut self, twins: &Twins, mut keys: &[Vec<u8>]) {
        while !keys.is_empty() {
            let count = self.rng.random_range(1..40).min(keys.len());
            twins.write(&self.batch(&keys[..count]));
            keys = &keys[count..];
        }
    }

    fn operation(&mut self, batch: &mut WriteBatch, key: &[u8]) {
        if self.mix.singles && written_once_only(key) {
            return self.single(batch, key);
        }
        match self.rng.random_range(0..100) {
            0..12 => {
                batch.delete(key);
                self.model.remove(key);
            }
            12..22 if self.mix.merges => {
                let operand = format!("+{}", self.writes);
                self.writes += 1;
                batch.merge(key, &operand);
                let value = self.model.entry(key.to_vec()).or_default();
                value.extend_from_slice(operand.as_bytes());
            }
            22 if self.mix.ranges && self.rng.random_ratio(1, 3) => self.delete_range(batch, key),
            23..26 => self.put(batch, key, Vec::new()),
            _ => {
                let value = self.value();
                self.put(batch, key, value);
            }
        }
    }

    /// `SingleDelete` is defined only for keys that were put once since the last.
    fn single(&mut self, batch: &mut WriteBatch, key: &[u8]) {
        if self.model.remove(key).is_some() {
            batch.single_delete(key);
        } else {
            let value = self.value();
            self.put(batch, key, value);
        }
    }

    fn delete_range(&mut self, batch: &mut WriteBatch, from: &[u8]) {
        let behind = (Excluded(from.to_vec()), Unbounded);
        let Some((to, _)) = self.model.range::<Vec<u8>, _>(behind).nth(4) else {
            return;
        };
        let to = to.clone();
        batch.delete_range(from, &to);
        self.model
            .retain(|key, _| key.as_slice() < from || *key >= to);
    }

    fn put(&mut self, batch: &mut WriteBatch, key: &[u8], value: Vec<u8>) {
        batch.put(key, &value);
        self.model.insert(key.to_vec(), value);
    }

    fn value(&mut self) -> Vec<u8> {
        self.writes += 1;
        let filler = self.rng.random_range(0..self.mix.value);
        format!("{}{}", self.writes, "v".repeat(filler)).into_bytes()
    }
}

/// One key in eight.
fn written_once_only(key: &[u8]) -> bool {
    let hash = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    (key.iter().fold(0x811c_9dc5, hash) >> 16).is_multiple_of(8)
}
