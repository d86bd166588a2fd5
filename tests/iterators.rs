//! Iterators that walk cached blocks by mountdb's own way, against RocksDB's on the very same files:
//! where they land whatever the order of steps, and all that RocksDB counts meanwhile.
#![cfg(feature = "rocksdb")]

#[allow(dead_code)] // point lookups need more of it
#[path = "common/same_files.rs"]
mod same_files;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rocksdb::{Cache, DB, DBRawIterator, ErrorKind, ReadOptions, ReadTier};
use same_files::{Set, counted, differences, fill, key, options, replace, write};
use std::collections::BTreeSet;

const SEED: u64 = 11;

/// Both sides of one comparison, open on the same files: ours and RocksDB's.
struct Pair {
    dbs: [DB; 2],
    _directory: tempfile::TempDir,
}

fn pair(set: Set) -> Pair {
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path(), set);
    let dbs = [true, false].map(|learned| {
        DB::open_for_read_only(&options(set, learned), directory.path(), false).expect("open")
    });
    assert_eq!(mountdb::db_factories(&dbs[0]).table, "mountdb");
    Pair {
        dbs,
        _directory: directory,
    }
}

/// A key of the files, or one beside it.
fn target(rng: &mut StdRng) -> Vec<u8> {
    let mut target = key(rng.random_range(0..620));
    match rng.random_range(0..6) {
        0 => target.push(0),
        1 => target.truncate(rng.random_range(0..=target.len())),
        2 => *target.last_mut().expect("a key") += 1,
        _ => {}
    }
    target
}

#[derive(Clone, Debug)]
enum Move {
    Seek(Vec<u8>),
    SeekForPrev(Vec<u8>),
    First,
    Last,
    Next,
    Prev,
}

fn any_move(rng: &mut StdRng) -> Move {
    match rng.random_range(0..40) {
        0..8 => Move::Seek(target(rng)),
        8..10 => Move::SeekForPrev(target(rng)),
        10 => Move::First,
        11 => Move::Last,
        12..34 => Move::Next,
        _ => Move::Prev,
    }
}

fn make(iter: &mut DBRawIterator<'_>, step: &Move) {
    match step {
        Move::Seek(target) => iter.seek(target),
        Move::SeekForPrev(target) => iter.seek_for_prev(target),
        Move::First => iter.seek_to_first(),
        Move::Last => iter.seek_to_last(),
        Move::Next if iter.valid() => iter.next(),
        Move::Prev if iter.valid() => iter.prev(),
        Move::Next | Move::Prev => {}
    }
}

type Stand = Result<Option<(Vec<u8>, Vec<u8>)>, ErrorKind>;

fn stand(iter: &DBRawIterator<'_>) -> Stand {
    let item = iter
        .item()
        .map(|(key, value)| (key.to_vec(), value.to_vec()));
    iter.status().map(|()| item).map_err(|error| error.kind())
}

/// Walks both at random and compares every stand; how many of them were entries.
fn walk(pair: &Pair, read: impl Fn() -> ReadOptions, steps: usize, seed: u64) -> usize {
    let mut rng = StdRng::seed_from_u64(seed);
    let [mut ours, mut stock] = pair.dbs.each_ref().map(|db| db.raw_iterator_opt(read()));
    let mut moves = Vec::new();
    let mut entries = 0;
    for _ in 0..steps {
        let step = any_move(&mut rng);
        make(&mut ours, &step);
        make(&mut stock, &step);
        moves.push(step);
        let [ours, stock] = [stand(&ours), stand(&stock)];
        let recent = &moves[moves.len().saturating_sub(6)..];
        assert_eq!(ours, stock, "ours on the left, after {recent:?}");
        entries += usize::from(matches!(ours, Ok(Some(_))));
    }
    entries
}

fn check(set: Set) {
    let pair = pair(set);
    let bounds = |rng: &mut StdRng, read: &mut ReadOptions| {
        let (a, b) = (target(rng), target(rng));
        read.set_iterate_lower_bound(a.clone().min(b.clone()));
        read.set_iterate_upper_bound(a.max(b));
    };
    // Cold, then with more and more of it in the cache.
    for turn in 0..4 {
        for seed in 0..6 {
            let entries = walk(&pair, ReadOptions::default, 800, SEED + turn * 10 + seed);
            assert!(entries > 300, "{entries}");
        }
        for seed in 0..30 {
            let read = || {
                let mut read = ReadOptions::default();
                bounds(&mut StdRng::seed_from_u64(SEED ^ seed), &mut read);
                read
            };
            walk(&pair, read, 120, turn * 100 + seed);
        }
        for kind in 0..5 {
            let read = || {
                let mut read = ReadOptions::default();
                match kind {
                    0 => read.fill_cache(false),
                    1 => read.set_pin_data(true),
                    2 => read.set_readahead_size(4096),
                    3 => read.set_async_io(true),
                    _ => read.set_tailing(true),
                }
                read
            };
            walk(&pair, read, 300, turn * 1000 + kind);
        }
    }
}

#[test]
fn plain() {
    check(|_, _| ());
}

#[test]
fn a_small_cache() {
    check(|_, table| table.set_block_cache(&Cache::new_lru_cache(12_000)));
    check(|_, table| table.set_block_cache(&Cache::new_hyper_clock_cache(12_000, 0)));
}

#[test]
fn hash_indexed_blocks() {
    check(|_, table| table.set_data_block_index_type(rocksdb::DataBlockIndexType::BinaryAndHash));
}

#[test]
fn restarts_at_every_entry_and_at_few() {
    check(|_, table| table.set_block_restart_interval(1));
    check(|_, table| table.set_block_restart_interval(100));
}

#[test]
fn mapped_files() {
    check(|options, _| options.set_allow_mmap_reads(true));
    check(|options, table| {
        options.set_allow_mmap_reads(true);
        table.disable_cache();
    });
    check(|options, _| {
        options.set_allow_mmap_reads(true);
        options.set_compression_type(rocksdb::DBCompressionType::Lz4);
    });
}

#[test]
fn prefixes() {
    let set: Set = |options, _| {
        options.set_prefix_extractor(rocksdb::SliceTransform::create_fixed_prefix(6));
    };
    let pair = pair(set);
    for seed in 0..20 {
        let total = || {
            let mut read = ReadOptions::default();
            read.set_total_order_seek(true);
            read
        };
        walk(&pair, total, 300, seed);
    }
    // Whatever else is undefined: the entries with the prefix of the target.
    for seed in 0..200 {
        let target = target(&mut StdRng::seed_from_u64(seed));
        let found = pair.dbs.each_ref().map(|db| {
            let mut read = ReadOptions::default();
            read.set_prefix_same_as_start(true);
            let mut iter = db.raw_iterator_opt(read);
            iter.seek(&target);
            let mut found = Vec::new();
            while iter.valid() && target.len() >= 6 {
                found.push(stand(&iter));
                iter.next();
            }
            found
        });
        assert_eq!(found[0], found[1], "{target:?}");
    }
}

/// Nothing may be read from files: the same entries up to the first block that is not there. (Where
/// a target lies between two blocks, the two indexes may choose differently which one to look at.)
#[test]
fn what_only_the_cache_may_answer() {
    let pair = pair(|_, _| ());
    let mut kinds = BTreeSet::new();
    for turn in 0..3 {
        for db in &pair.dbs {
            let mut rng = StdRng::seed_from_u64(turn);
            for _ in 0..40 * turn {
                let mut iter = db.raw_iterator();
                iter.seek(target(&mut rng));
            }
        }
        for seed in 0..300 {
            let stands = pair.dbs.each_ref().map(|db| {
                let mut read = ReadOptions::default();
                read.set_read_tier(ReadTier::BlockCache);
                let mut iter = db.raw_iterator_opt(read);
                iter.seek(target(&mut StdRng::seed_from_u64(seed)));
                let mut stands = vec![stand(&iter)];
                while iter.valid() && stands.len() < 20 {
                    iter.next();
                    stands.push(stand(&iter));
                }
                stands
            });
            for (ours, stock) in stands[0].iter().zip(&stands[1]) {
                let [a, b] = [ours, stock].map(|stand| *stand == Err(ErrorKind::Incomplete));
                kinds.insert((turn, a, b));
                if a || b {
                    break;
                }
                assert_eq!(ours, stock, "turn {turn}, seed {seed}");
            }
        }
    }
    assert!(
        kinds.contains(&(1, true, true)) && kinds.contains(&(2, false, false)),
        "{kinds:?}"
    );
}

/// Where both look at the same blocks, nothing is counted otherwise.
#[test]
fn everything_is_counted() {
    let directory = tempfile::tempdir().expect("a directory");
    let both = [options(|_, _| (), true), options(|_, _| (), false)];
    let db = DB::open(&both[0], directory.path()).expect("open");
    fill(&db);
    drop(db);
    let dbs = both
        .each_ref()
        .map(|options| DB::open_for_read_only(options, directory.path(), false).expect("open"));
    for db in &dbs {
        let mut iter = db.raw_iterator();
        iter.seek_to_first();
        while iter.valid() {
            iter.next();
        }
    }
    for bound in [None, Some(1500)] {
        let counts = [0, 1].map(|side| {
            counted(&both[side], || {
                let mut read = ReadOptions::default();
                if let Some(bound) = bound {
                    read.set_iterate_upper_bound(key(bound));
                }
                let mut iter = dbs[side].raw_iterator_opt(read);
                let mut rng = StdRng::seed_from_u64(SEED);
                for turn in 0..600 {
                    iter.seek(key(rng.random_range(0..2000)));
                    for _ in 0..turn % 40 {
                        if !iter.valid() {
                            break;
                        }
                        // A value that nobody asks for is of no use, and is counted so.
                        if turn % 3 > 0 {
                            std::hint::black_box(iter.value());
                        }
                        iter.next();
                    }
                }
            })
        });
        let [ours, stock] = &counts;
        assert_eq!(stock["rocksdb.number.db.seek"], 600);
        assert!(stock["block_cache_hit_count"] > 600);
        let differences = differences(ours, stock);
        assert!(differences.is_empty(), "bound {bound:?}: {differences:?}");
    }
}

/// Entries stay where they are while an iterator stands on them, whatever happens to the cache and
/// to the database's files.
#[test]
fn entries_outlive_their_blocks() {
    entries_outlive(|_, table| table.set_block_cache(&Cache::new_lru_cache(20_000)));
    entries_outlive(|_, table| table.set_block_cache(&Cache::new_hyper_clock_cache(20_000, 0)));
    entries_outlive(|options, _| options.set_allow_mmap_reads(true));
}

fn entries_outlive(set: Set) {
    let directory = tempfile::tempdir().expect("a directory");
    let db = DB::open(&options(set, true), directory.path()).expect("open");
    fill(&db);
    for i in [700, 701, 702, 710] {
        db.get(key(i)).expect("get");
    }
    let mut iter = db.raw_iterator();
    iter.seek(key(700));
    assert_eq!(iter.value(), Some(&b"value 700"[..]));
    replace(&db);
    for i in 700..2000 {
        assert_eq!(iter.key(), Some(&key(i)[..]));
        assert_eq!(iter.value(), Some(format!("value {i}").as_bytes()));
        iter.next();
    }
    assert!(!iter.valid());
    iter.status().expect("no error");
}

/// A cache that keeps no block longer than somebody holds it: an iterator that holds one need not
/// read it again, whichever way it goes.
#[test]
fn a_block_that_is_held_is_not_read_again() {
    let set: Set = |_, table| table.set_block_cache(&Cache::new_lru_cache(100));
    let directory = tempfile::tempdir().expect("a directory");
    let db = DB::open(&options(set, true), directory.path()).expect("open");
    fill(&db);
    drop(db);
    for steps in [
        &[Move::Prev][..],
        &[const { Move::Next }; 15][..],
        &[Move::First][..],
    ] {
        let [ours, stock] = [true, false].map(|learned| {
            let options = options(set, learned);
            let db = DB::open_for_read_only(&options, directory.path(), false).expect("open");
            let mut stands = Vec::new();
            let counts = counted(&options, || {
                for i in 700..712 {
                    let mut first = db.raw_iterator();
                    first.seek(key(i));
                    let mut read = ReadOptions::default();
                    if steps.len() == 1 {
                        read.set_read_tier(ReadTier::BlockCache);
                    }
                    let mut iter = db.raw_iterator_opt(read);
                    iter.seek(key(i));
                    drop(first);
                    stands.push(stand(&iter));
                    for step in steps {
                        make(&mut iter, step);
                        stands.push(stand(&iter));
                    }
                }
            });
            (stands, counts["block_read_count"])
        });
        assert!(ours.0.iter().any(|stand| matches!(stand, Ok(Some(_)))));
        assert_eq!(ours, stock, "{steps:?}: ours on the left");
    }
}
