//! Running planned operations against one open database.
//!
//! An operation lasts from the call into RocksDB to the release of what it returned,
//! the check of every byte of the value in between. The clock is read once per
//! operation, at its end, which is the beginning of the next: latencies add up to the
//! time of the round. So each of them includes one reading of the clock and the
//! recording of one latency, the same for all engines; [`overhead_nanoseconds`] says
//! how much that is.

use crate::engine::{self, Contender};
use crate::error::{Context, Error};
use crate::progress::Phase;
use crate::stream::{Kind, Operation, Slice};
use crate::values;
use hdrhistogram::Histogram;
use rocksdb::perf::{PerfContext, PerfMetric, PerfStatsLevel, set_perf_stats};
use rocksdb::{DB, DBRawIterator, ReadOptions, WriteOptions};
use std::ops::AddAssign;
use std::time::{Duration, Instant};

/// Reads of one batch.
pub const BATCH_READS: usize = 32;

/// Operations between two updates of the progress bar, which are not timed.
const BATCH: usize = 16 * 1024;

/// What the checks of the values found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Reads that were as expected.
    pub right: u64,
    /// Values that differ from what was written.
    pub wrong: u64,
    /// Records that were not found.
    pub missing: u64,
    /// Keys that were never loaded, and found all the same.
    pub phantom: u64,
}

impl Tally {
    /// Whether every read was as expected.
    pub fn is_clean(&self) -> bool {
        self.wrong + self.missing + self.phantom == 0
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.right += other.right;
        self.wrong += other.wrong;
        self.missing += other.missing;
        self.phantom += other.phantom;
    }
}

/// Latencies in nanoseconds, one histogram per [`Kind`], precise to 0.1%.
#[derive(Clone, Debug)]
pub struct Latencies {
    by_kind: Vec<Histogram<u64>>,
}

impl Latencies {
    /// Empty histograms for latencies up to a minute; longer ones count as a minute.
    ///
    /// # Errors
    /// If the histograms cannot be made.
    pub fn new() -> Result<Self, Error> {
        let histogram = || Histogram::new_with_bounds(1, 60_000_000_000, 3);
        let by_kind: Result<_, _> = Kind::ALL.iter().map(|_| histogram()).collect();
        Ok(Self {
            by_kind: by_kind.context(|| "making histograms".to_owned())?,
        })
    }

    /// The latencies of one kind of operation.
    pub fn of(&self, kind: Kind) -> &Histogram<u64> {
        &self.by_kind[kind as usize]
    }

    /// The latencies of all operations.
    pub fn all(&self) -> Histogram<u64> {
        let mut all = self.by_kind[0].clone();
        for histogram in &self.by_kind[1..] {
            all += histogram;
        }
        all
    }

    #[inline]
    fn record(&mut self, kind: Kind, latency: Duration) {
        // A latency of 2^64 ns is 584 years.
        self.by_kind[kind as usize].saturating_record(latency.as_nanos() as u64);
    }
}

/// RocksDB's counters over some operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Operations.
    pub operations: u64,
    /// Blocks that were read from files.
    pub block_reads: u64,
    /// Blocks that were found in the block cache.
    pub cache_hits: u64,
    /// Comparisons of user keys.
    pub comparisons: u64,
    /// The most blocks that one operation read.
    pub most_block_reads: u64,
}

/// One engine's database together with what its operations reuse.
pub struct Client<'a> {
    db: &'a DB,
    contender: &'a Contender,
    read: ReadOptions,
    write: WriteOptions,
    value: Vec<u8>,
    /// For seeks; made by the first one.
    iterator: Option<DBRawIterator<'a>>,
    /// Keys and marks of the batch that is being gathered.
    batch: Vec<(Vec<u8>, u64)>,
    gathered: usize,
}

impl<'a> Client<'a> {
    /// A client of `db` whose values have `value_bytes` bytes. Updates go through the
    /// log, which is not synced: RocksDB's defaults.
    pub fn new(db: &'a DB, contender: &'a Contender, value_bytes: usize) -> Self {
        Self {
            db,
            contender,
            read: contender.read_options(),
            write: WriteOptions::default(),
            value: vec![0; value_bytes],
            iterator: None,
            batch: vec![Default::default(); BATCH_READS],
            gathered: 0,
        }
    }

    /// Runs operations against the clock and gives the seconds it took.
    ///
    /// # Errors
    /// The first operation that RocksDB fails; wrong values are no errors here.
    pub fn time(
        &mut self,
        operations: Slice<'_>,
        latencies: &mut Latencies,
        tally: &mut Tally,
        phase: &Phase,
    ) -> Result<f64, Error> {
        set_perf_stats(PerfStatsLevel::Disable);
        let mut total = Duration::ZERO;
        for batch in operations.slices(BATCH) {
            let started = Instant::now();
            let mut last = started;
            for operation in batch.iter() {
                self.execute(operation, tally)?;
                let now = Instant::now();
                latencies.record(operation.kind, now - last);
                last = now;
            }
            self.read_batch(tally)?;
            total += last - started;
            phase.advance(batch.len() as u64);
        }
        Ok(total.as_secs_f64())
    }

    /// Runs operations without a clock: to warm caches up, and to check values.
    ///
    /// # Errors
    /// The first operation that RocksDB fails.
    pub fn touch(
        &mut self,
        operations: Slice<'_>,
        tally: &mut Tally,
        phase: &Phase,
    ) -> Result<(), Error> {
        self.each(operations, tally, phase, || ())
    }

    /// Runs operations, with something to do behind each.
    fn each(
        &mut self,
        operations: Slice<'_>,
        tally: &mut Tally,
        phase: &Phase,
        mut behind: impl FnMut(),
    ) -> Result<(), Error> {
        for batch in operations.slices(BATCH) {
            for operation in batch.iter() {
                self.execute(operation, tally)?;
                behind();
            }
            self.read_batch(tally)?;
            phase.advance(batch.len() as u64);
        }
        Ok(())
    }

    /// Runs operations with RocksDB's counters on, apart from all that is timed, because
    /// counting takes time.
    ///
    /// # Errors
    /// The first operation that RocksDB fails.
    pub fn count(
        &mut self,
        operations: Slice<'_>,
        tally: &mut Tally,
        phase: &Phase,
    ) -> Result<Counts, Error> {
        // The counters belong to this thread, which does all the reading itself.
        let mut context = PerfContext::default();
        set_perf_stats(PerfStatsLevel::EnableCount);
        context.reset();
        let (mut block_reads, mut most_block_reads) = (0, 0);
        let done = self.each(operations, tally, phase, || {
            let read = context.metric(PerfMetric::BlockReadCount);
            most_block_reads = most_block_reads.max(read - block_reads);
            block_reads = read;
        });
        set_perf_stats(PerfStatsLevel::Disable);
        done?;
        Ok(Counts {
            operations: operations.len() as u64,
            block_reads,
            cache_hits: context.metric(PerfMetric::BlockCacheHitCount),
            comparisons: context.metric(PerfMetric::UserKeyComparisonCount),
            most_block_reads,
        })
    }

    #[inline(always)]
    fn execute(&mut self, operation: Operation<'_>, tally: &mut Tally) -> Result<(), Error> {
        let Operation { kind, key, mark } = operation;
        if kind == Kind::Update {
            values::fill(&mut self.value, mark);
            return self
                .db
                .put_opt(key, &self.value, &self.write)
                .map_err(|e| self.failed(operation, &e));
        }
        if kind == Kind::Seek {
            let (db, contender) = (self.db, self.contender);
            let iterator = self
                .iterator
                .get_or_insert_with(|| db.raw_iterator_opt(contender.read_options()));
            iterator.seek(key);
            let count = match iterator.item() {
                Some((found, _)) if found != key => &mut tally.missing,
                Some((_, value)) if values::matches(value, self.value.len(), mark) => {
                    &mut tally.right
                }
                Some(_) => &mut tally.wrong,
                None => &mut tally.missing,
            };
            *count += 1;
            let status = iterator.status();
            return status.map_err(|e| self.failed(operation, &e));
        }
        if kind == Kind::BatchRead {
            let (batched, its_mark) = &mut self.batch[self.gathered];
            batched.clear();
            batched.extend_from_slice(key);
            *its_mark = mark;
            self.gathered += 1;
            return match self.gathered {
                BATCH_READS => self.read_batch(tally),
                _ => Ok(()),
            };
        }
        let found = self
            .db
            .get_pinned_opt(key, &self.read)
            .map_err(|e| self.failed(operation, &e))?;
        let count = match (found, kind) {
            (Some(value), Kind::Read) if values::matches(&value, self.value.len(), mark) => {
                &mut tally.right
            }
            (Some(_), Kind::Read) => &mut tally.wrong,
            (None, Kind::Read) => &mut tally.missing,
            (None, _) => &mut tally.right,
            (Some(_), _) => &mut tally.phantom,
        };
        *count += 1;
        Ok(())
    }

    /// Reads the batch that is gathered.
    fn read_batch(&mut self, tally: &mut Tally) -> Result<(), Error> {
        let batch = &self.batch[..self.gathered];
        self.gathered = 0;
        if batch.is_empty() {
            return Ok(());
        }
        let family = engine::default_family(self.db)?;
        let keys = batch.iter().map(|(key, _)| key);
        let found = (self.db).batched_multi_get_cf_opt(family, keys, false, &self.read);
        for (found, (_, mark)) in found.into_iter().zip(batch) {
            let found =
                found.context(|| format!("engine {}: reading a batch", self.contender.label))?;
            let count = match found {
                Some(value) if values::matches(&value, self.value.len(), *mark) => &mut tally.right,
                Some(_) => &mut tally.wrong,
                None => &mut tally.missing,
            };
            *count += 1;
        }
        Ok(())
    }

    #[cold]
    fn failed(&self, operation: Operation<'_>, error: &rocksdb::Error) -> Error {
        let (name, key) = (operation.kind.name(), operation.key.escape_ascii());
        Error::Run(format!(
            "engine {}: {name} of key \"{key}\": {error}",
            self.contender.label
        ))
    }
}

/// Nanoseconds that the clock and the recording of a latency add to every operation
/// of [`Client::time`] on this machine.
///
/// # Errors
/// If the histograms cannot be made.
pub fn overhead_nanoseconds() -> Result<f64, Error> {
    const TURNS: u32 = 200_000;
    let mut latencies = Latencies::new()?;
    let started = Instant::now();
    let mut last = started;
    for _ in 0..TURNS {
        let now = Instant::now();
        latencies.record(Kind::Read, now - last);
        last = now;
    }
    Ok((last - started).as_nanos() as f64 / f64::from(TURNS))
}
