//! Timed writes.

use crate::error::{Context, Error};
use crate::flat::FlatKeys;
use crate::memtable::check;
use crate::memtable::database::Database;
use crate::memtable::workload::Workload;
use rocksdb::{DB, WriteBatch, WriteOptions};
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

/// Writes all keys `passes` times over. Between two passes the memtable is written out,
/// which is not timed: no memtable gets a key twice that `keys` has once.
///
/// # Errors
/// If RocksDB fails.
pub fn time(
    database: &Database,
    workload: &Workload,
    keys: &FlatKeys,
    passes: usize,
) -> Result<Duration, Error> {
    let db = &database.db;
    let mut options = WriteOptions::default();
    options.disable_wal(!workload.wal);
    let mut total = Duration::ZERO;
    for pass in 0..passes {
        if pass > 0 {
            db.flush().context(|| "flushing".to_owned())?;
        }
        let started = Instant::now();
        write(db, &options, workload, keys).context(|| "writing".to_owned())?;
        total += started.elapsed();
    }
    Ok(total)
}

fn write(
    db: &DB,
    options: &WriteOptions,
    workload: &Workload,
    keys: &FlatKeys,
) -> Result<(), rocksdb::Error> {
    let part = |range| match workload.batch {
        1 => puts(db, options, keys, range),
        batch => batches(db, options, keys, range, batch),
    };
    let (n, threads) = (keys.len(), workload.threads);
    if threads == 1 {
        return part(0..n);
    }
    thread::scope(|scope| {
        let writers: Vec<_> = (0..threads)
            .map(|i| scope.spawn(move || part(n * i / threads..n * (i + 1) / threads)))
            .collect();
        writers
            .into_iter()
            .try_for_each(|writer| match writer.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            })
    })
}

fn puts(
    db: &DB,
    options: &WriteOptions,
    keys: &FlatKeys,
    range: Range<usize>,
) -> Result<(), rocksdb::Error> {
    let mut value = check::value();
    for (mark, key) in (range.start as u64..).zip(keys.range(range)) {
        check::set_mark(&mut value, mark);
        db.put_opt(key, value, options)?;
    }
    Ok(())
}

fn batches(
    db: &DB,
    options: &WriteOptions,
    keys: &FlatKeys,
    range: Range<usize>,
    size: usize,
) -> Result<(), rocksdb::Error> {
    let mut value = check::value();
    // What the last batch took is room enough for the next.
    let mut capacity = 0;
    for from in range.clone().step_by(size) {
        let to = range.end.min(from + size);
        let mut batch = WriteBatch::with_capacity_bytes(capacity);
        for (mark, key) in (from as u64..).zip(keys.range(from..to)) {
            check::set_mark(&mut value, mark);
            batch.put(key, value);
        }
        capacity = batch.size_in_bytes();
        db.write_opt(batch, options)?;
    }
    Ok(())
}
