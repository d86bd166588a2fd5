//! Files full of all kinds of entries, opened with and without mountdb, and all that RocksDB counts
//! while they are read.

use rocksdb::perf::{PerfContext, PerfStatsLevel, set_perf_stats};
use rocksdb::{
    BlockBasedOptions, Cache, DB, DBCompressionType, MergeOperands, Options, WriteBatch,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

fn concat(_: &[u8], old: Option<&[u8]>, operands: &MergeOperands) -> Option<Vec<u8>> {
    let operands = operands.iter().flatten().copied();
    Some(old.unwrap_or(b"").iter().copied().chain(operands).collect())
}

/// What a test sets.
pub type Set = fn(&mut Options, &mut BlockBasedOptions);

/// Options of a database with statistics and small blocks.
pub fn options(set: Set, learned: bool) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_size(400);
    table.set_bloom_filter(6.0, false);
    table.set_block_cache(&Cache::new_hyper_clock_cache(64 << 20, 0));
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_disable_auto_compactions(true);
    options.set_merge_operator_associative("concat", concat);
    options.set_compression_type(DBCompressionType::None);
    options.set_stats_dump_period_sec(0);
    set(&mut options, &mut table);
    options.set_block_based_table_factory(&table);
    if learned {
        mountdb::use_learned_table(&mut options).expect("a block-based table");
    }
    options.enable_statistics();
    options
}

/// The keys that [`write`] writes.
pub fn key(i: usize) -> Vec<u8> {
    format!("key{:05}", i * 3).into_bytes()
}

/// Files on several levels with values, merges, deletions and range deletions, some keys with so
/// many versions, which snapshots keep, that they fill several blocks.
pub fn write(path: &Path, set: Set) {
    let db = DB::open(&options(set, true), path).expect("open");
    let mut snapshots = Vec::new();
    for round in 0..5 {
        for i in 0..600 {
            let text = format!("{i}.{round} {}", "v".repeat(i % 90));
            match (i * 7 + round) % 11 {
                0 => db.delete(key(i)).expect("delete"),
                1..4 => db.merge(key(i), text).expect("merge"),
                _ => db.put(key(i), text).expect("put"),
            }
        }
        for version in 0..12 {
            db.merge(
                key(100),
                format!("many {round}.{version} {}", "m".repeat(60)),
            )
            .expect("merge");
            snapshots.push(db.snapshot());
        }
        if round == 1 {
            let mut batch = WriteBatch::default();
            batch.delete_range(key(300), key(320));
            db.write(batch).expect("delete_range");
        }
        db.flush().expect("flush");
        if round == 2 {
            db.compact_range(None::<&[u8]>, None::<&[u8]>);
        }
    }
}

/// Names and numbers of a text of `name SEPARATOR number` parts.
fn numbers(text: &str, part: char, separator: &str) -> BTreeMap<String, u64> {
    let parts = text
        .split(part)
        .filter_map(|part| part.split_once(separator));
    parts
        .filter_map(|(name, value)| Some((name.trim().to_owned(), value.trim().parse().ok()?)))
        .collect()
}

/// What RocksDB counts while `work` runs: tickers and the thread's counters. Less what only has to
/// do with the index, with the order in which files are opened, or with time.
pub fn counted(options: &Options, work: impl FnOnce()) -> BTreeMap<String, u64> {
    let tickers = || {
        let text = options.get_statistics().expect("enabled");
        numbers(&text, '\n', "COUNT :")
    };
    let before = tickers();
    let mut context = PerfContext::default();
    set_perf_stats(PerfStatsLevel::EnableCount);
    context.reset();
    work();
    set_perf_stats(PerfStatsLevel::Disable);
    let mut counts = numbers(&context.report(true), ',', "=");
    for (name, after) in tickers() {
        counts.insert(
            name.clone(),
            after - before.get(&name).copied().unwrap_or(0),
        );
    }
    counts.retain(|name, _| {
        let other = [
            "comparison",
            "index",
            "nanos",
            "time",
            "micros",
            "bloom.filter.prefix",
        ];
        !other.iter().any(|part| name.contains(part))
    });
    counts
}

/// Counters that are not the same: name, ours, RocksDB's.
pub fn differences(
    ours: &BTreeMap<String, u64>,
    stock: &BTreeMap<String, u64>,
) -> Vec<(String, u64, u64)> {
    let names: BTreeSet<_> = ours.keys().chain(stock.keys()).collect();
    let of = |counts: &BTreeMap<String, u64>, name: &String| counts.get(name).copied().unwrap_or(0);
    let all = names
        .into_iter()
        .map(|name| (name.clone(), of(ours, name), of(stock, name)));
    all.filter(|(_, ours, stock)| ours != stock).collect()
}

/// Keys that are there, keys that are not, and the ends.
pub fn targets() -> Vec<Vec<u8>> {
    let present = (0..600).map(key);
    let absent = (0..600).map(|i| format!("key{:05}x", i * 3).into_bytes());
    present.chain(absent).chain([vec![], vec![0xff]]).collect()
}

/// Two thousand entries in one file, `value {i}` for [`key`]`(i)`.
pub fn fill(db: &DB) {
    for i in 0..2000 {
        db.put(key(i), format!("value {i}")).expect("put");
    }
    db.flush().expect("flush");
}

/// Other values for all of them, and the file goes; then their blocks are read, which push others
/// out of a small cache.
pub fn replace(db: &DB) {
    for i in 0..2000 {
        db.put(key(i), "another").expect("put");
    }
    db.flush().expect("flush");
    db.compact_range(None::<&[u8]>, None::<&[u8]>);
    for i in 0..2000 {
        let value = db.get(key(i)).expect("get");
        assert_eq!(value.as_deref(), Some(&b"another"[..]));
    }
}
