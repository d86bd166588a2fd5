//! The learned memtable written and read by several threads at the same time, while it is
//! switched for the next one over and over.
//!
//! As in RocksDB's `inlineskiplist_test.cc`, every key carries its own hash and every value
//! the generation of its key. Each key belongs to one writer, who tells what it is about to
//! write and what it has written, so that a reader knows what it must find at least and what
//! it may find at most.
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

use keys::fnv64;
use memtable::{Case, SEED, Setup, open, total_order};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rocksdb::statistics::Ticker;
use rocksdb::{DB, DBRawIterator, MergeOperands, Options, WriteBatch, WriteOptions};
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

const WRITERS: usize = 4;
const READERS: usize = 3;
const SLOTS: usize = 400;
const COUNTERS: usize = 3;

/// A put is every generation but these: a deletion.
fn is_deletion(generation: u64) -> bool {
    generation.is_multiple_of(8)
}

/// A prefix, the hash of the slot, and the slot.
fn slot_key(slot: usize) -> Vec<u8> {
    let hash = fnv64(slot as u64).to_be_bytes();
    [b"s", &hash[..], &(slot as u32).to_be_bytes()].concat()
}

/// The slot of a key that says its own hash.
fn slot_of(key: &[u8]) -> usize {
    let slot = key.last_chunk().expect("a slot's key");
    let slot = u32::from_be_bytes(*slot) as usize;
    assert!(slot < SLOTS, "slot {slot}");
    assert_eq!(key, slot_key(slot), "a key that was written");
    slot
}

fn slot_value(slot: usize, generation: u64) -> Vec<u8> {
    let filler = (fnv64(generation) % 150) as usize;
    let head = [generation, slot as u64, fnv64(generation ^ slot as u64)];
    let mut value: Vec<u8> = head.iter().flat_map(|word| word.to_be_bytes()).collect();
    value.resize(value.len() + filler, generation as u8);
    value
}

/// The generation of a value, which must be whole and this slot's.
fn generation_of(slot: usize, value: &[u8]) -> u64 {
    let generation = u64::from_be_bytes(*value.first_chunk().expect("a slot's value"));
    assert_eq!(
        value,
        slot_value(slot, generation),
        "a value of slot {slot}"
    );
    generation
}

fn counter_key(counter: usize) -> Vec<u8> {
    format!("counter{counter}").into_bytes()
}

fn number(value: Option<&[u8]>) -> u64 {
    value.map_or(0, |value| {
        u64::from_be_bytes(value.try_into().expect("a number"))
    })
}

fn add(_: &[u8], old: Option<&[u8]>, operands: &MergeOperands) -> Option<Vec<u8>> {
    let sum = operands
        .iter()
        .fold(number(old), |sum, operand| sum + number(Some(operand)));
    Some(sum.to_be_bytes().to_vec())
}

/// What the writers have said of each slot: the generation about to be written, and the one
/// whose write has returned; of counters how much was added.
struct Told {
    begun: Vec<AtomicU64>,
    done: Vec<AtomicU64>,
}

impl Told {
    fn new() -> Told {
        let zeros = || (0..SLOTS + COUNTERS).map(|_| AtomicU64::new(0)).collect();
        Told {
            begun: zeros(),
            done: zeros(),
        }
    }

    fn done(&self) -> Vec<u64> {
        self.done.iter().map(|value| value.load(SeqCst)).collect()
    }

    /// Judges what a read of `slot` found that began when `least` was done. Returns the
    /// lowest generation that this can be.
    fn judge(&self, slot: usize, least: u64, found: Option<&[u8]>) -> u64 {
        let most = self.begun[slot].load(SeqCst);
        match found {
            Some(value) => {
                let generation = generation_of(slot, value);
                assert!(
                    !is_deletion(generation),
                    "slot {slot}: never put {generation}"
                );
                assert!(
                    (least..=most).contains(&generation),
                    "slot {slot}: {generation} is not in {least}..={most}"
                );
                generation
            }
            None => (least..=most)
                .find(|generation| is_deletion(*generation))
                .unwrap_or_else(|| panic!("slot {slot} is missing: {least}..={most}")),
        }
    }

    fn judge_counter(&self, counter: usize, least: u64, found: Option<&[u8]>) -> u64 {
        let most = self.begun[SLOTS + counter].load(SeqCst);
        let sum = number(found);
        assert!(
            (least..=most).contains(&sum),
            "counter {counter}: {sum} is not in {least}..={most}"
        );
        sum
    }
}

/// How each of the writers writes.
#[derive(Clone, Copy)]
struct Load {
    writes: usize,
    /// A batch is smaller than this.
    batch: usize,
    sync: bool,
    hints: bool,
}

impl Load {
    const USUAL: Load = Load {
        writes: 2_500,
        batch: 12,
        sync: false,
        hints: false,
    };

    /// While one writer waits for the disk the others queue up: a group of them, which
    /// inserts at the same time. In memory alone they hardly ever meet.
    const GROUPS: Load = Load {
        writes: 150,
        batch: 60,
        sync: true,
        hints: false,
    };

    fn options(&self) -> WriteOptions {
        let mut how = WriteOptions::default();
        how.set_sync(self.sync);
        how.set_memtable_insert_hint_per_batch(self.hints);
        how
    }
}

struct Writer<'a> {
    db: &'a DB,
    told: &'a Told,
    number: usize,
    rng: StdRng,
    load: Load,
}

impl Writer<'_> {
    fn run(&mut self) {
        for _ in 0..self.load.writes {
            match self.rng.random_range(0..20) {
                0 => self.count(),
                1..8 => self.write_slots(1),
                _ => {
                    let slots = self.rng.random_range(2..self.load.batch);
                    self.write_slots(slots);
                }
            }
        }
    }

    /// The next generation of some slots of this writer's, in one batch; some slots twice.
    fn write_slots(&mut self, count: usize) {
        let mut batch = WriteBatch::default();
        let mut slots = Vec::new();
        for _ in 0..count {
            let slot = self.rng.random_range(0..SLOTS / WRITERS) * WRITERS + self.number;
            let generation = self.told.begun[slot].fetch_add(1, SeqCst) + 1;
            match is_deletion(generation) {
                true => batch.delete(slot_key(slot)),
                false => batch.put(slot_key(slot), slot_value(slot, generation)),
            }
            slots.push(slot);
        }
        self.db
            .write_opt(batch, &self.load.options())
            .expect("write");
        for slot in slots {
            self.told.done[slot].fetch_add(1, SeqCst);
        }
    }

    /// All writers add to the same counters.
    fn count(&mut self) {
        let counter = self.rng.random_range(0..COUNTERS);
        let by = self.rng.random_range(1..10);
        self.told.begun[SLOTS + counter].fetch_add(by, SeqCst);
        self.db
            .merge(counter_key(counter), by.to_be_bytes())
            .expect("merge");
        self.told.done[SLOTS + counter].fetch_add(by, SeqCst);
    }
}

/// A reader, and the highest generation of each slot that it has seen.
struct Reader<'a> {
    db: &'a DB,
    told: &'a Told,
    seen: Vec<u64>,
    rng: StdRng,
}

impl Reader<'_> {
    fn run(&mut self) {
        for _ in 0..40 {
            self.get();
            self.multi_get();
            self.seek();
        }
        self.count();
        self.scan(
            |iter| iter.seek_to_first(),
            |iter| iter.next(),
            |last, key| last < key,
        );
        self.scan(
            |iter| iter.seek_to_last(),
            |iter| iter.prev(),
            |last, key| last > key,
        );
    }

    fn any_slot(&mut self) -> usize {
        self.rng.random_range(0..SLOTS)
    }

    /// What a read that begins now has to find: what was written, and what was read.
    fn least(&self, slot: usize) -> u64 {
        self.told.done[slot].load(SeqCst).max(self.seen[slot])
    }

    fn get(&mut self) {
        let slot = self.any_slot();
        let least = self.least(slot);
        let found = self.db.get(slot_key(slot)).expect("no error");
        self.seen[slot] = self.told.judge(slot, least, found.as_deref());
    }

    fn multi_get(&mut self) {
        let slots: Vec<usize> = (0..20).map(|_| self.any_slot()).collect();
        let least: Vec<u64> = slots.iter().map(|slot| self.least(*slot)).collect();
        let keys: Vec<_> = slots.iter().map(|slot| slot_key(*slot)).collect();
        let family = self.db.cf_handle("default").expect("the default family");
        let found = self.db.batched_multi_get_cf(family, &keys, false);
        for ((slot, least), found) in slots.into_iter().zip(least).zip(found) {
            let found = found.expect("no error");
            self.seen[slot] = self.seen[slot].max(self.told.judge(slot, least, found.as_deref()));
        }
    }

    /// A seek finds its target, unless that may have been deleted; then something behind it
    /// or before it.
    fn seek(&mut self) {
        let slot = self.any_slot();
        let target = slot_key(slot);
        let forwards = self.rng.random();
        let least = self.least(slot);
        let mut iter = self.db.raw_iterator_opt(total_order());
        match forwards {
            true => iter.seek(&target),
            false => iter.seek_for_prev(&target),
        }
        iter.status().expect("no error");
        if let Some(key) = iter.key() {
            assert!(if forwards {
                key >= &target[..]
            } else {
                key <= &target[..]
            });
        }
        let found = iter.item().filter(|(key, _)| *key == target);
        self.seen[slot] = self.told.judge(slot, least, found.map(|(_, value)| value));
    }

    fn count(&mut self) {
        for counter in 0..COUNTERS {
            let least = self.least(SLOTS + counter);
            let found = self.db.get(counter_key(counter)).expect("no error");
            let sum = self.told.judge_counter(counter, least, found.as_deref());
            self.seen[SLOTS + counter] = sum;
        }
    }

    /// Everything in order, each key once, and nothing is missing.
    fn scan(
        &mut self,
        start: impl Fn(&mut DBRawIterator<'_>),
        step: impl Fn(&mut DBRawIterator<'_>),
        in_order: impl Fn(&[u8], &[u8]) -> bool,
    ) {
        let done = self.told.done();
        let least = done
            .iter()
            .zip(&self.seen)
            .map(|(done, seen)| *done.max(seen));
        let least: Vec<u64> = least.collect();
        let mut found: Vec<Option<Vec<u8>>> = vec![None; SLOTS];
        let mut last: Option<Vec<u8>> = None;
        let mut iter = self.db.raw_iterator_opt(total_order());
        start(&mut iter);
        while let Some((key, value)) = iter.item() {
            let ordered = last.is_none_or(|last| in_order(&last, key));
            assert!(ordered, "{key:?} is out of order");
            if key.starts_with(b"s") {
                found[slot_of(key)] = Some(value.to_vec());
            }
            last = Some(key.to_vec());
            step(&mut iter);
        }
        iter.status().expect("no error");
        for (slot, found) in found.iter().enumerate() {
            self.seen[slot] = self.told.judge(slot, least[slot], found.as_deref());
        }
    }
}

/// What is there when all have written.
fn model(told: &Told) -> db::Model {
    let generations = told.done();
    let slots = (0..SLOTS)
        .map(|slot| (slot, generations[slot]))
        .filter(|(_, generation)| *generation > 0 && !is_deletion(*generation))
        .map(|(slot, generation)| (slot_key(slot), slot_value(slot, generation)));
    let counters = (0..COUNTERS)
        .map(|counter| (counter_key(counter), generations[SLOTS + counter]))
        .map(|(key, sum)| (key, sum.to_be_bytes().to_vec()));
    slots.chain(counters).collect()
}

/// Counts a thread out, also when it panics: nobody shall wait for it.
struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

fn write_and_read(db: &DB, load: Load, during: impl Fn(&DB) + Sync) -> Told {
    let told = Told::new();
    let running = AtomicUsize::new(WRITERS);
    let rng = |number: usize| StdRng::seed_from_u64(SEED + number as u64);
    thread::scope(|scope| {
        for number in 0..WRITERS {
            let (told, running) = (&told, &running);
            scope.spawn(move || {
                let _running = Running(running);
                Writer {
                    db,
                    told,
                    number,
                    rng: rng(number),
                    load,
                }
                .run();
            });
        }
        for number in 0..READERS {
            let (told, running) = (&told, &running);
            scope.spawn(move || {
                let seen = vec![0; SLOTS + COUNTERS];
                let mut reader = Reader {
                    db,
                    told,
                    seen,
                    rng: rng(100 + number),
                };
                while running.load(SeqCst) > 0 {
                    reader.run();
                }
                // Now all is known exactly.
                reader.run();
            });
        }
        while running.load(SeqCst) > 0 {
            during(db);
            thread::sleep(Duration::from_millis(20));
        }
    });
    told
}

fn adds_up(options: &mut Options) {
    options.set_merge_operator_associative("add", add);
}

fn options(general: &str, fields: &str) -> Options {
    let setup = Setup::new(general).fields(fields);
    setup.adjusted(adds_up).ours()
}

/// Writes and reads at once with these options; then all that was written is there, also
/// after the log was replayed. The memtable was switched at least so often.
fn stress(mut options: Options, path: &Path, load: Load, switches: usize) {
    let log = db::log_to_memory(&mut options);
    let db = open(&options, path);
    assert_eq!(mountdb::db_factories(&db).memtable, "mountdb");
    let told = write_and_read(&db, load, |_| ());
    let model = model(&told);
    db::check(&db, &model);
    let text = log.lock().expect("no panic in a logger").clone();
    let switched = text.matches("New memtable created with log file").count();
    assert!(switched >= switches, "{switched} switches");
    drop(db);
    db::check(&open(&options, path), &model);
}

const SWITCHING: &str = "write_buffer_size=65536;max_write_buffer_number=6";

const ONE_MEMTABLE: &str = "write_buffer_size=67108864;avoid_flush_during_recovery=true";

/// In memtables that are switched all the time, and in one that only grows.
fn stress_both(general: &str, load: Load) {
    for (size, switches) in [(SWITCHING, 20), (ONE_MEMTABLE, 0)] {
        let general = format!("{size};{general}");
        let _case = Case::new(&general);
        stress(options(&general, ""), Path::new("/db"), load, switches);
    }
}

#[test]
fn default_options() {
    stress_both("", Load::USUAL);
}

#[test]
fn unordered_write() {
    stress_both("unordered_write=true", Load::USUAL);
}

#[test]
fn pipelined_write() {
    stress_both("enable_pipelined_write=true", Load::USUAL);
}

#[test]
fn two_write_queues() {
    stress_both("two_write_queues=true", Load::USUAL);
}

#[test]
fn one_writer_at_a_time() {
    stress_both("allow_concurrent_memtable_write=false", Load::USUAL);
}

#[test]
fn groups_of_writers() {
    for general in ["", "enable_pipelined_write=true", "two_write_queues=true"] {
        for hints in [false, true] {
            let _case = Case::new(format!("{general} hints {hints}"));
            let directory = tempfile::tempdir().expect("a directory");
            let setup = Setup::new(&format!("{SWITCHING};{general}")).on_disk();
            let mut options = setup.adjusted(adds_up).ours();
            options.enable_statistics();
            let load = Load {
                hints,
                ..Load::GROUPS
            };
            stress(options.clone(), directory.path(), load, 20);
            let together = options.get_ticker_count(Ticker::WriteDoneByOther);
            assert!(together > 50, "{together} writes in a group of another's");
        }
    }
}

#[test]
fn insert_hints() {
    let load = Load {
        hints: true,
        ..Load::USUAL
    };
    stress_both("unordered_write=true", load);
    stress_both("", load);
}

#[test]
fn every_setting_of_the_memtable() {
    for fields in ["reuse=false", "model=false", "reuse=false;model=false"] {
        for general in ["unordered_write=true", "enable_pipelined_write=true"] {
            let _case = Case::new(format!("{general} {fields}"));
            let options = options(&format!("{SWITCHING};{general}"), fields);
            stress(options, Path::new("/db"), Load::USUAL, 20);
        }
    }
}

#[test]
fn checked_reads() {
    for general in [
        "paranoid_memory_checks=true",
        "memtable_protection_bytes_per_key=8;memtable_verify_per_key_checksum_on_seek=true",
        "memtable_batch_lookup_optimization=true;paranoid_memory_checks=true;unordered_write=true",
        "memtable_whole_key_filtering=true;memtable_prefix_bloom_size_ratio=0.1",
    ] {
        stress_both(general, Load::USUAL);
    }
}

#[test]
fn flushed_and_changed_while_in_use() {
    // A size at the beginning: RocksDB takes the arena's block size from it, and a block
    // larger than a later size fills a memtable at once.
    let general = "write_buffer_size=131072;max_write_buffer_number=4;enable_pipelined_write=true";
    let options = options(general, "");
    let db = open(&options, "/db");
    assert_eq!(mountdb::db_factories(&db).memtable, "mountdb");
    let rounds = AtomicUsize::new(0);
    let told = write_and_read(&db, Load::USUAL, |db| {
        // Not for ever: reads of many table files are slow.
        if rounds.fetch_add(1, SeqCst) < 10 {
            for size in ["65536", "131072"] {
                db.set_options(&[("write_buffer_size", size)]).expect("set");
                db.flush().expect("flush");
            }
        }
    });
    let model = model(&told);
    db::check(&db, &model);
    drop(db);
    db::check(&open(&options, "/db"), &model);
}
