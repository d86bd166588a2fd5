//! How many blocks a Get reads, counted by RocksDB: one a file at most, with no cache and no
//! filter to help.
#![cfg(feature = "rocksdb")]

#[allow(dead_code)] // the harness uses all of it
#[path = "../bench/src/keys.rs"]
mod keys;

use keys::KeySet;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rocksdb::perf::{PerfContext, PerfMetric, PerfStatsLevel, set_perf_stats};
use rocksdb::{BlockBasedOptions, Cache, DB, MergeOperands, Options, ReadOptions};
use std::path::Path;

fn concat(_: &[u8], old: Option<&[u8]>, operands: &MergeOperands) -> Option<Vec<u8>> {
    let operands = operands.iter().flatten().copied();
    Some(old.unwrap_or(b"").iter().copied().chain(operands).collect())
}

/// Small blocks, and no place to keep them: no cache, or one that holds a block at most.
fn options(learned: bool, cache: Option<usize>) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_size(200);
    match cache {
        Some(bytes) => table.set_block_cache(&Cache::new_lru_cache(bytes)),
        None => table.disable_cache(),
    }
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_disable_auto_compactions(true);
    options.set_merge_operator_associative("concat", concat);
    options.set_block_based_table_factory(&table);
    if learned {
        mountdb::use_learned_table(&mut options).expect("a block-based table");
    }
    options
}

const CACHES: [Option<usize>; 2] = [None, Some(1)];

fn open(path: &Path, learned: bool, cache: Option<usize>) -> DB {
    DB::open(&options(learned, cache), path).expect("open")
}

/// Blocks that `work` reads.
fn blocks(work: impl FnOnce()) -> u64 {
    let mut context = PerfContext::default();
    set_perf_stats(PerfStatsLevel::EnableCount);
    context.reset();
    work();
    set_perf_stats(PerfStatsLevel::Disable);
    context.metric(PerfMetric::BlockReadCount)
}

fn compact(db: &DB) {
    db.flush().expect("flush");
    db.compact_range(None::<&[u8]>, None::<&[u8]>);
}

/// Keys beside present ones, which is where the gaps between blocks are.
fn absent(keys: &[Vec<u8>], rng: &mut StdRng) -> Vec<Vec<u8>> {
    let mut absent = Vec::new();
    for key in keys.choose_multiple(rng, 2000) {
        absent.push([key, &[0u8][..]].concat());
        absent.push([key, &[0xffu8][..]].concat());
        if let Some((&last, rest)) = key.split_last() {
            absent.push([rest, &[last.wrapping_add(1)]].concat());
            absent.push([rest, &[last.wrapping_sub(1), 0xff]].concat());
        }
    }
    absent.extend((0..2000).map(|_| rng.random::<u64>().to_be_bytes().to_vec()));
    absent.retain(|key| keys.binary_search(key).is_err());
    absent
}

#[test]
fn one_for_a_present_key_and_one_at_most_for_an_absent_one() {
    let sets = [
        KeySet::Uniform,
        KeySet::Dense,
        KeySet::User,
        KeySet::Paths,
        KeySet::RandomBytes,
    ];
    // Without a cache RocksDB's Get goes by our index iterator, with one mountdb's own Get does.
    for (set, cache) in sets
        .iter()
        .flat_map(|set| CACHES.map(|cache| (*set, cache)))
    {
        let directory = tempfile::tempdir().expect("a directory");
        let keys = keys::generate(set, 5000, 1);
        let ours = open(directory.path(), true, cache);
        for key in &keys {
            ours.put(key, b"a value").expect("put");
        }
        compact(&ours);
        let mut rng = StdRng::seed_from_u64(2);
        let absent = absent(&keys, &mut rng);
        assert!(absent.len() > 1000);
        let get = |db: &DB, key: &[u8]| db.get_pinned(key).expect("get").is_some();
        let mut reads = 0;
        for key in &keys {
            assert_eq!(blocks(|| assert!(get(&ours, key))), 1, "{set}: {key:?}");
        }
        for key in &absent {
            let read = blocks(|| assert!(!get(&ours, key)));
            assert!(read <= 1, "{set}: {read} blocks for {key:?}");
            reads += read;
        }
        // A batch: as many blocks as it needs, and not one to find that a key is absent.
        for batch in absent.chunks(37) {
            let read = blocks(|| assert!(ours.multi_get(batch).iter().all(|v| v == &Ok(None))));
            assert!(read <= batch.len() as u64, "{set}: {read}");
        }
        drop(ours);
        // The count tells: the standard index sends some of them to two blocks.
        let stock = open(directory.path(), false, cache);
        let stock_reads: u64 = absent
            .iter()
            .map(|key| blocks(|| assert!(!get(&stock, key))))
            .sum();
        assert!(stock_reads >= reads, "{set}: {stock_reads}, {reads}");
        if set == KeySet::Uniform {
            assert!(stock_reads > reads);
        }
    }
}

/// Versions of one key in several blocks: a Get reads on where it must, and only there.
#[test]
fn versions_of_one_key_in_several_blocks() {
    CACHES.into_iter().for_each(versions_in_several_blocks);
}

fn versions_in_several_blocks(cache: Option<usize>) {
    let directory = tempfile::tempdir().expect("a directory");
    let db = open(directory.path(), true, cache);
    let versions = 40u32;
    for key in ["a", "k", "z"] {
        db.put(key, b"first ").expect("put");
    }
    // Snapshots keep the operands apart.
    let mut snapshots = Vec::new();
    for version in 0..versions {
        db.merge("k", format!("{version:020} ")).expect("merge");
        snapshots.push(db.snapshot());
    }
    compact(&db);
    let table = mountdb::TableFile::open(
        &options(true, cache),
        &std::fs::read_dir(directory.path())
            .expect("a directory")
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|e| e == "sst"))
            .expect("a table file"),
    );
    let file_blocks = table.expect("open").facts().blocks;
    assert!(file_blocks > 5, "{file_blocks}");
    let mut expected = "first ".to_owned();
    for (version, snapshot) in snapshots.iter().enumerate() {
        expected.push_str(&format!("{version:020} "));
        let mut read = ReadOptions::default();
        read.set_snapshot(snapshot);
        let mut found = None;
        let reads = blocks(|| found = db.get_opt("k", &read).expect("get"));
        assert_eq!(found.as_deref(), Some(expected.as_bytes()), "{version}");
        // All operands below it, and no block behind those.
        assert!(reads <= file_blocks && reads >= 1, "{version}: {reads}");
        for absent in ["j", "k\0", "ka", "y"] {
            let reads = blocks(|| assert_eq!(db.get_opt(absent, &read), Ok(None)));
            assert!(reads <= 1, "{absent}: {reads}");
        }
        for present in ["a", "z"] {
            assert_eq!(
                blocks(|| assert!(db.get_opt(present, &read).is_ok_and(|v| v.is_some()))),
                1
            );
        }
    }
}
