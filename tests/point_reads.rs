//! Point lookups by mountdb's own way, against RocksDB's on the very same files: the answers, and
//! all that RocksDB counts meanwhile, which users watch.
#![cfg(feature = "rocksdb")]

#[allow(dead_code)] // others compare iterators too
#[path = "common/agree.rs"]
mod agree;

#[path = "common/same_files.rs"]
mod same_files;

use agree::check_gets;
use rocksdb::{
    BlockBasedIndexType, Cache, ColumnFamilyDescriptor, DB, DBCompressionType, DBPinnableSlice,
    DataBlockIndexType, Error, MergeOperands, Options, ReadOptions, ReadTier,
};
use same_files::{Set, counted, differences, fill, key, options, replace, targets, write};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What a test sets of a read.
type SetRead = fn(&mut ReadOptions);

/// Reads everything twice, so from files and then from the cache.
fn check(name: &str, set: Set) {
    check_with(name, set, true);
}

/// `holds_all`: whether nothing is evicted from the cache, so that what is in it does not depend on
/// who has read how many blocks.
fn check_with(name: &str, set: Set, holds_all: bool) {
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path(), set);
    let both = [options(set, true), options(set, false)];
    let [ours, stock] = both
        .each_ref()
        .map(|options| DB::open_for_read_only(options, directory.path(), false).expect("open"));
    assert_eq!(mountdb::db_factories(&ours).table, "mountdb");
    let learned = mountdb::counters().files_learned;
    assert!(learned > 0, "{name}");
    let targets = targets();
    let read: [SetRead; 4] = [
        |_| (),
        |read| read.fill_cache(false),
        |read| read.set_verify_checksums(false),
        |read| read.set_read_tier(ReadTier::BlockCache),
    ];
    for turn in 0..2 {
        let kinds = if holds_all {
            read.len()
        } else {
            read.len() - 1
        };
        for (i, set_read) in read[..kinds].iter().enumerate() {
            let counts = [(&ours, &both[0]), (&stock, &both[1])].map(|(db, options)| {
                counted(options, || {
                    let mut read = ReadOptions::default();
                    set_read(&mut read);
                    for target in &targets {
                        // An error is an answer too: not in the cache.
                        let _ = std::hint::black_box(db.get_pinned_opt(target, &read));
                    }
                })
            });
            let [ours, stock] = &counts;
            assert!(stock["bloom_sst_hit_count"] > 0 && stock["rocksdb.number.keys.read"] > 0);
            let differences = differences(ours, stock);
            let of_blocks = ["block", "level.read", "decompress"];
            // RocksDB reads on where no version can follow; we do not. So what there is to say of
            // blocks may be less.
            let wrong = differences.iter().filter(|(name, ours, stock)| {
                let may_differ = if holds_all {
                    ours < stock && !name.contains("filter")
                } else {
                    true
                };
                !may_differ || !of_blocks.iter().any(|part| name.contains(part))
            });
            let wrong: Vec<_> = wrong.collect();
            assert!(
                wrong.is_empty(),
                "{name}, turn {turn}, read options {i}: {wrong:?}"
            );
        }
        let mut read = [ReadOptions::default(), ReadOptions::default()];
        read.iter_mut().for_each(|read| read.fill_cache(true));
        check_gets(&ours, &stock, &targets, read.each_ref());
    }
    if !holds_all {
        return;
    }
    // What only the cache may answer: the same outcome, found, absent, or not to be had.
    let mut cached = ReadOptions::default();
    cached.set_read_tier(ReadTier::BlockCache);
    for target in &targets {
        let [ours, stock] = [&ours, &stock].map(|db| db.get_opt(target, &cached));
        assert_eq!(ours, stock, "{name}: {target:?}");
    }
}

/// What reads of all keys of a file come to, none of whose blocks is in memory.
struct FromNothing {
    answers: Vec<Result<Option<Vec<u8>>, Error>>,
    counts: BTreeMap<String, u64>,
    /// By key: whether it is found afterwards by who may ask the cache only.
    left: Vec<bool>,
}

impl FromNothing {
    /// Opens the database of [`fill`] anew, so that what is read is read with these options.
    fn read(options: &Options, path: &Path, set_read: SetRead, in_batches: bool) -> FromNothing {
        let db = DB::open_for_read_only(options, path, false).expect("open");
        let keys: Vec<_> = (0..2000).map(key).collect();
        let mut read = ReadOptions::default();
        set_read(&mut read);
        let mut answers = Vec::new();
        let counts = counted(options, || match in_batches {
            true => {
                let batches = keys.chunks(25);
                answers.extend(batches.flat_map(|keys| db.multi_get_opt(keys, &read)));
            }
            false => answers.extend(keys.iter().map(|key| db.get_opt(key, &read))),
        });
        let mut cached = ReadOptions::default();
        cached.set_read_tier(ReadTier::BlockCache);
        let left = keys.iter().map(|key| db.get_opt(key, &cached).is_ok());
        FromNothing {
            answers,
            counts,
            left: left.collect(),
        }
    }
}

/// Each kind of read on a database of its own: what is verified, and what is left in the cache, is as it
/// is with RocksDB's; blocks of mapped files are verified once.
#[test]
fn read_options_from_nothing() {
    const VERIFIED: &str = "rocksdb.block.checksum.compute.count";
    let sets: [(Set, bool); 3] = [
        (|_, _| (), false),
        (
            |options, _| options.set_compression_type(DBCompressionType::Lz4),
            false,
        ),
        (|options, _| options.set_allow_mmap_reads(true), true),
    ];
    for (set, is_mapped) in sets {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path();
        fill(&DB::open(&options(set, true), path).expect("open"));
        let both = |set_read: SetRead, in_batches| {
            let [ours, stock] = [true, false].map(|learned| {
                FromNothing::read(&options(set, learned), path, set_read, in_batches)
            });
            assert_eq!(ours.answers, stock.answers, "ours on the left");
            assert_eq!(ours.left, stock.left);
            if is_mapped {
                let of = |name: &str| [&ours, &stock].map(|read| read.counts.get(name).copied());
                let [reads, verified] = [of("block_read_count"), of(VERIFIED)];
                assert_eq!(reads[0], reads[1]);
                assert!(verified[0] <= verified[1], "once each: {verified:?}");
            } else {
                assert_eq!(differences(&ours.counts, &stock.counts), []);
            }
            ours
        };
        for in_batches in [false, true] {
            let is_found = |read: &FromNothing| {
                let found = read.answers.iter().flatten().flatten();
                found.count() == 2000
            };
            let plain = both(|_| (), in_batches);
            assert!(is_found(&plain) && plain.counts[VERIFIED] > 0);
            let not_kept = both(|read| read.fill_cache(false), in_batches);
            assert!(is_found(&not_kept) && not_kept.counts[VERIFIED] > 0);
            let not_verified = both(|read| read.set_verify_checksums(false), in_batches);
            assert!(is_found(&not_verified) && not_verified.counts[VERIFIED] == 0);
            let cached = both(|read| read.set_read_tier(ReadTier::BlockCache), in_batches);
            if !is_mapped {
                assert!(plain.left.iter().all(|left| *left));
                assert!(not_verified.left.iter().all(|left| *left));
                assert!(!not_kept.left.contains(&true));
                // Batches of RocksDB's read on.
                assert!(in_batches || cached.answers.iter().all(Result::is_err));
            }
        }
    }
}

#[test]
fn as_they_come() {
    check("plain", |_, _| ());
}

#[test]
fn compressed() {
    check("lz4", |options, _| {
        options.set_compression_type(DBCompressionType::Lz4)
    });
}

#[test]
fn hash_indexed_blocks() {
    check("data-block hash", |_, table| {
        table.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
    });
}

#[test]
fn a_small_cache() {
    let set: Set = |_, table| table.set_block_cache(&Cache::new_lru_cache(6000));
    check_with("small cache", set, false);
    let set: Set = |_, table| table.set_block_cache(&Cache::new_hyper_clock_cache(6000, 0));
    check_with("small hyper clock cache", set, false);
}

#[test]
fn another_cache() {
    check("LRU cache", |_, table| {
        table.set_block_cache(&Cache::new_lru_cache(64 << 20));
    });
    check("hyper clock cache of a fixed table", |_, table| {
        table.set_block_cache(&Cache::new_hyper_clock_cache(64 << 20, 1000));
    });
}

/// Which keeps what a Get has found, to give it again. (No range deletions: RocksDB refuses them there.)
#[test]
fn a_row_cache() {
    let sets: [Set; 2] = [
        |options, _| options.set_row_cache(&Cache::new_lru_cache(64 << 20)),
        |options, _| {
            options.set_row_cache(&Cache::new_lru_cache(64 << 20));
            options.set_allow_mmap_reads(true);
        },
    ];
    for set in sets {
        let directory = tempfile::tempdir().expect("a directory");
        let options = options(set, true);
        let db = DB::open(&options, directory.path()).expect("open");
        fill(&db);
        for turn in 0..2u64 {
            let counts = counted(&options, || {
                for i in 0..2000 {
                    let value = db.get(key(i)).expect("get").expect("present");
                    assert_eq!(value, format!("value {i}").as_bytes());
                }
            });
            assert_eq!(counts["rocksdb.row.cache.hit"], turn * 2000);
        }
    }
}

#[test]
fn no_cache() {
    check("no cache", |_, table| table.disable_cache());
}

#[test]
fn restarts_at_every_entry_and_at_few() {
    check("restart interval 1", |_, table| {
        table.set_block_restart_interval(1)
    });
    check("restart interval 100", |_, table| {
        table.set_block_restart_interval(100)
    });
}

#[test]
fn filters_of_prefixes_alone() {
    check("prefix filter", |options, table| {
        options.set_prefix_extractor(rocksdb::SliceTransform::create_fixed_prefix(6));
        table.set_whole_key_filtering(false);
    });
}

#[test]
fn filters_in_the_cache() {
    check("filters in the cache", |_, table| {
        table.set_cache_index_and_filter_blocks(true)
    });
    check("filters in partitions", |_, table| {
        table.set_cache_index_and_filter_blocks(true);
        table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
        table.set_partition_filters(true);
        table.set_metadata_block_size(100);
    });
}

/// Asked what only the cache can tell, with nothing in it yet.
#[test]
fn what_may_exist() {
    // Databases of their own, open for writing: those open for reading do not tell whether a
    // value was found.
    let directory = tempfile::tempdir().expect("a directory");
    let set: Set = |_, _| ();
    let [ours, stock] = [true, false].map(|learned| {
        let path = directory.path().join(learned.to_string());
        write(&path, set);
        let options = options(set, learned);
        let family = ColumnFamilyDescriptor::new("default", options.clone());
        DB::open_cf_descriptors(&options, path, [family]).expect("open")
    });
    let mut kinds = BTreeSet::new();
    for turn in 0..2 {
        for target in targets() {
            let [ours, stock] = [&ours, &stock].map(|db| {
                let family = db.cf_handle("default").expect("opened");
                let read = ReadOptions::default();
                let (may, value) = db.key_may_exist_cf_opt_value(&family, &target, &read);
                (may, value.map(|value| value.as_ref().to_vec()))
            });
            assert_eq!(ours, stock, "{target:?}");
            kinds.insert((turn, ours.0, ours.1.is_some()));
        }
        for target in targets() {
            for db in [&ours, &stock] {
                db.get(&target).expect("get");
            }
        }
    }
    assert!(
        kinds.contains(&(0, true, false)),
        "not in the cache: {kinds:?}"
    );
    assert!(kinds.contains(&(1, true, true)), "in the cache: {kinds:?}");
    assert!(kinds.contains(&(1, false, false)), "absent: {kinds:?}");
}

#[test]
fn mapped_files() {
    check("mmap", |options, _| options.set_allow_mmap_reads(true));
    check("mmap without a cache", |options, table| {
        options.set_allow_mmap_reads(true);
        table.disable_cache();
    });
    check("mmap of compressed blocks", |options, _| {
        options.set_allow_mmap_reads(true);
        options.set_compression_type(DBCompressionType::Lz4);
    });
    check("mmap of hash-indexed blocks", |options, table| {
        options.set_allow_mmap_reads(true);
        table.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
    });
}

#[test]
fn versions_at_snapshots() {
    // Open for writing too, with the same history, so that there are snapshots to read at.
    let directory = tempfile::tempdir().expect("a directory");
    let open = |learned| {
        let options = options(|_, _| (), learned);
        DB::open(&options, directory.path().join(learned.to_string())).expect("open")
    };
    let [ours, stock] = [open(true), open(false)];
    let mut snapshots = Vec::new();
    for round in 0..40usize {
        for db in [&ours, &stock] {
            for i in 0..20 {
                let text = format!("{i}.{round} {}", "v".repeat(40));
                match (i + round) % 7 {
                    0 => db.delete(key(i)).expect("delete"),
                    1..3 => db.merge(key(i), text).expect("merge"),
                    _ => db.put(key(i), text).expect("put"),
                }
            }
        }
        snapshots.push((ours.snapshot(), stock.snapshot()));
    }
    for db in [&ours, &stock] {
        db.flush().expect("flush");
        db.compact_range(None::<&[u8]>, None::<&[u8]>);
    }
    let targets: Vec<Vec<u8>> = (0..22).map(key).collect();
    for _ in 0..2 {
        for (a, b) in &snapshots {
            let mut read = [ReadOptions::default(), ReadOptions::default()];
            read[0].set_snapshot(a);
            read[1].set_snapshot(b);
            check_gets(&ours, &stock, &targets, read.each_ref());
        }
    }
}

fn refuses_sevens(key: &[u8], old: Option<&[u8]>, operands: &MergeOperands) -> Option<Vec<u8>> {
    let is_refused = |operand: &[u8]| operand.contains(&b'7');
    let is_fine = !operands.iter().any(is_refused);
    is_fine.then(|| [key, old.unwrap_or(b"")].concat())
}

/// A lookup that comes to nothing says why, as RocksDB's does, and its neighbours in a batch do not suffer.
#[test]
fn merges_that_fail() {
    let sets: [Set; 2] = [
        |options, _| {
            options.set_merge_operator_associative("concat", refuses_sevens);
        },
        |options, _| {
            options.set_merge_operator_associative("concat", refuses_sevens);
            options.set_allow_mmap_reads(true);
        },
    ];
    for set in sets {
        let directory = tempfile::tempdir().expect("a directory");
        write(directory.path(), |_, _| ());
        for read_only in [false, true] {
            let [ours, stock] = [true, false].map(|learned| {
                let options = options(set, learned);
                let path = directory.path();
                let families = [("default", options.clone())];
                let db = match read_only {
                    true => DB::open_cf_with_opts_for_read_only(&options, path, families, false),
                    false => DB::open_cf_with_opts(&options, path, families),
                };
                let db = db.expect("open");
                let family = db.cf_handle("default").expect("the default one");
                let mut answers = Vec::new();
                for batch in targets().chunks(40) {
                    answers.extend(batch.iter().map(|key| db.get(key)));
                    answers.extend(db.multi_get(batch));
                    let together = db.batched_multi_get_cf(family, batch, false);
                    let value = |value: Option<DBPinnableSlice<'_>>| value.map(|v| v.to_vec());
                    answers.extend(together.into_iter().map(|answer| answer.map(value)));
                }
                let text = |answer: Result<_, rocksdb::Error>| answer.map_err(|e| e.to_string());
                answers.into_iter().map(text).collect::<Vec<_>>()
            });
            assert_eq!(ours, stock, "read only: {read_only}");
            assert!(ours.iter().any(Result::is_err));
            assert!(ours.iter().any(|answer| matches!(answer, Ok(Some(_)))));
        }
    }
}

/// A value keeps its block, whatever happens to the cache, the file and the database's files.
#[test]
fn values_outlive_their_blocks() {
    values_outlive(|_, table| table.set_block_cache(&Cache::new_lru_cache(3000)));
    values_outlive(|_, table| table.set_block_cache(&Cache::new_hyper_clock_cache(3000, 0)));
    values_outlive(|options, _| options.set_allow_mmap_reads(true));
}

fn values_outlive(set: Set) {
    let directory = tempfile::tempdir().expect("a directory");
    let db = DB::open(&options(set, true), directory.path()).expect("open");
    fill(&db);
    let pinned: Vec<_> = (0..2000)
        .flat_map(|i| [i, i])
        .map(|i| (i, db.get_pinned(key(i)).expect("get").expect("present")))
        .collect();
    replace(&db);
    for (i, value) in pinned {
        assert_eq!(&*value, format!("value {i}").as_bytes());
    }
}

/// Where both read the same blocks, nothing differs at all.
#[test]
fn everything_is_counted() {
    let directory = tempfile::tempdir().expect("a directory");
    let both = [options(|_, _| (), true), options(|_, _| (), false)];
    let db = DB::open(&both[0], directory.path()).expect("open");
    fill(&db);
    drop(db);
    let counts = both.each_ref().map(|options| {
        let db = DB::open_for_read_only(options, directory.path(), false).expect("open");
        counted(options, || {
            let get_all = || {
                for i in 0..2000 {
                    assert!(db.get_pinned(key(i)).expect("get").is_some());
                }
            };
            // Batches with blocks that are not cached yet, then with some that are, then all.
            for (turn, step) in [40, 9, 1, 1].into_iter().enumerate() {
                if turn == 3 {
                    get_all();
                    get_all();
                }
                let batches: Vec<Vec<u8>> = (0..2000).step_by(step).map(key).collect();
                for batch in batches.chunks(45) {
                    let values = db.multi_get(batch);
                    assert!(values.into_iter().all(|value| matches!(value, Ok(Some(_)))));
                }
            }
        })
    });
    assert_eq!(differences(&counts[0], &counts[1]), []);
    for name in [
        "rocksdb.bloom.filter.full.positive",
        "rocksdb.bloom.filter.full.true.positive",
        "rocksdb.block.cache.data.hit",
        "rocksdb.block.cache.data.miss",
        "block_cache_hit_count",
        "block_cache_read_byte",
    ] {
        assert!(counts[0][name] > 0, "{name}");
    }
}
