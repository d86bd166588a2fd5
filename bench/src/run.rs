//! Running planned operations against one open database.
//!
//! An operation lasts from the call into RocksDB to the release of what it returned,
//! the check of every byte of the value in between. The clock is read once per
//! operation, at its end, which is the beginning of the next: latencies add up to the
//! time of the round. So each of them includes one reading of the clock and the
//! recording of one latency, the same for all engines; [`overhead_nanoseconds`] says
//! how much that is. With a target rate, operations begin when they are due, and the clock is
//! read then, too.

use crate::engine::{self, Contender};
use crate::error::{Context, Error};
use crate::flat::FlatKeys;
use crate::latencies::Latencies;
use crate::progress::Phase;
use crate::records::{Records, State};
use crate::results::{Counts, Tally};
use crate::stop;
use crate::stream::{Kind, Operation, Slice};
use crate::values;
use rocksdb::perf::{PerfContext, PerfMetric, PerfStatsLevel, set_perf_stats};
use rocksdb::{DB, DBRawIterator, ReadOptions, WriteOptions};
use std::cmp::Ordering;
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

/// Reads of one batch.
pub const BATCH_READS: usize = 32;

/// Operations between two updates of the progress bar, which are not timed.
const BATCH: usize = 16 * 1024;

/// How an update is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Updates {
    /// The record is read and then written, as YCSB's bindings do it, which change one field.
    #[default]
    ReadWrite,
    /// The record is written.
    Blind,
}

impl Updates {
    /// The name that [`FromStr`] reads back.
    pub fn name(self) -> &'static str {
        match self {
            Updates::ReadWrite => "read-write",
            Updates::Blind => "blind",
        }
    }
}

impl FromStr for Updates {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let all = [Updates::ReadWrite, Updates::Blind];
        let found = all.into_iter().find(|updates| updates.name() == s);
        found.ok_or_else(|| format!("unknown way to update `{s}`: choose read-write or blind"))
    }
}

/// When the operations of one thread are due.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// When the first is due.
    pub first: Instant,
    /// Seconds between one and the next.
    pub every: f64,
}

impl Pace {
    fn due(&self, operation: u64) -> Instant {
        self.first + Duration::from_secs_f64(self.every * operation as f64)
    }

    /// Sleeps, and for the last moments turns in circles, until then.
    fn wait(due: Instant) {
        const SPIN: Duration = Duration::from_micros(100);
        while let Some(left) = due.checked_duration_since(Instant::now()) {
            match left.checked_sub(SPIN) {
                Some(left) => thread::sleep(left.min(Duration::from_millis(50))),
                None => std::hint::spin_loop(),
            }
            if stop::requested() {
                return;
            }
        }
    }
}

/// How operations are timed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timing {
    /// When operations are due; without it each begins when the one before has ended.
    pub pace: Option<Pace>,
    /// Operations that begin later than this after the first are left out.
    pub limit: Option<Duration>,
}

/// What was timed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timed {
    /// Operations, fewer than planned where it ended early.
    pub operations: u64,
    /// What they took.
    pub took: Duration,
    /// Whether some were left out, because the time was over.
    pub is_cut: bool,
}

/// What a client works on.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The database.
    pub db: &'a DB,
    /// The engine.
    pub contender: &'a Contender,
    /// The keys by place, for scans.
    pub keys: &'a FlatKeys,
    /// Of the keys and the values.
    pub seed: u64,
    /// Bytes of a value.
    pub value_bytes: usize,
    /// How updates are made.
    pub updates: Updates,
    /// How often records were written, unless each was written once and none is written now.
    pub records: Option<&'a Records>,
}

/// A record of which a batch reads.
#[derive(Clone, Debug, Default)]
struct Gathered {
    key: Vec<u8>,
    hash: u64,
    place: usize,
}

/// One thread's access to an engine's database, together with what its operations reuse.
pub struct Client<'a> {
    target: Target<'a>,
    read: ReadOptions,
    write: WriteOptions,
    value: Vec<u8>,
    /// For seeks; made by the first one.
    iterator: Option<DBRawIterator<'a>>,
    /// The batch that is being gathered.
    batch: Vec<Gathered>,
    gathered: usize,
    /// The states of the records that a scan goes over, from before it began.
    states: Vec<State>,
    /// Latencies of all that was timed.
    pub latencies: Latencies,
    /// What the checks of all that was read found.
    pub tally: Tally,
    /// Bytes of the keys and values that were written.
    pub user_bytes: u64,
}

impl<'a> Client<'a> {
    /// A client. Writes go through the log, which is not synced: RocksDB's defaults.
    pub fn new(target: Target<'a>) -> Self {
        Self {
            target,
            read: target.contender.read_options(),
            write: WriteOptions::default(),
            value: vec![0; target.value_bytes],
            iterator: None,
            batch: vec![Gathered::default(); BATCH_READS],
            gathered: 0,
            states: Vec::new(),
            latencies: Latencies::default(),
            tally: Tally::default(),
            user_bytes: 0,
        }
    }

    /// Runs operations against the clock.
    ///
    /// # Errors
    /// The first operation that RocksDB fails; wrong values are no errors here.
    pub fn time(
        &mut self,
        operations: Slice<'_>,
        timing: Timing,
        phase: &Phase,
    ) -> Result<Timed, Error> {
        set_perf_stats(PerfStatsLevel::Disable);
        let mut timed = Timed::default();
        let mut since_pause = 0;
        let (mut started, mut last) = (Instant::now(), Instant::now());
        let begun = started;
        for operation in operations.iter() {
            let due = timing.pace.map(|pace| pace.due(timed.operations));
            if let Some(due) = due {
                if timing.limit.is_some_and(|limit| due > begun + limit) {
                    timed.is_cut = true;
                    break;
                }
                Pace::wait(due);
                last = Instant::now();
            }
            let over = timing
                .limit
                .is_some_and(|limit| timed.took + (last - started) > limit);
            if over || stop::requested() {
                timed.is_cut = true;
                break;
            }
            self.execute(operation)?;
            timed.operations += 1;
            since_pause += 1;
            // Until a batch is complete its reads only wait.
            if self.gathered == 0 {
                let now = Instant::now();
                self.latencies.record(operation.kind, now - last);
                if let Some(due) = due {
                    self.latencies.record_intended(operation.kind, now - due);
                }
                last = now;
            }
            if since_pause == BATCH {
                timed.took += last - started;
                phase.advance(since_pause as u64);
                since_pause = 0;
                (started, last) = (Instant::now(), Instant::now());
            }
        }
        if self.gathered > 0 {
            self.read_batch()?;
            let now = Instant::now();
            self.latencies.record(Kind::BatchRead, now - last);
            last = now;
        }
        timed.took += last - started;
        phase.advance(since_pause as u64);
        Ok(timed)
    }

    /// Runs operations without timing each: to warm caches up, and to check values. Those that
    /// begin later than `limit` are left out.
    ///
    /// # Errors
    /// The first operation that RocksDB fails.
    pub fn touch(
        &mut self,
        operations: Slice<'_>,
        limit: Option<Duration>,
        phase: &Phase,
    ) -> Result<(), Error> {
        self.each(operations, limit, phase, || ()).map(|_| ())
    }

    /// Runs operations, with something to do behind each; gives how many.
    fn each(
        &mut self,
        operations: Slice<'_>,
        limit: Option<Duration>,
        phase: &Phase,
        mut behind: impl FnMut(),
    ) -> Result<u64, Error> {
        let (mut done, mut since_pause) = (0, 0);
        let begun = Instant::now();
        for operation in operations.iter() {
            if stop::requested() || limit.is_some_and(|limit| begun.elapsed() > limit) {
                break;
            }
            self.execute(operation)?;
            behind();
            done += 1;
            since_pause += 1;
            if since_pause == BATCH {
                phase.advance(since_pause as u64);
                since_pause = 0;
            }
        }
        self.read_batch()?;
        phase.advance(since_pause as u64);
        Ok(done)
    }

    /// Runs operations with RocksDB's counters on, apart from all that is timed, because
    /// counting takes time.
    ///
    /// # Errors
    /// The first operation that RocksDB fails.
    pub fn count(
        &mut self,
        operations: Slice<'_>,
        limit: Option<Duration>,
        phase: &Phase,
    ) -> Result<Counts, Error> {
        // The counters belong to this thread, which does all the reading itself.
        let mut context = PerfContext::default();
        set_perf_stats(PerfStatsLevel::EnableCount);
        context.reset();
        let (mut block_reads, mut most_block_reads) = (0, 0);
        let done = self.each(operations, limit, phase, || {
            let read = context.metric(PerfMetric::BlockReadCount);
            most_block_reads = most_block_reads.max(read - block_reads);
            block_reads = read;
        });
        set_perf_stats(PerfStatsLevel::Disable);
        Ok(Counts {
            operations: done?,
            block_reads: context.metric(PerfMetric::BlockReadCount),
            cache_hits: context.metric(PerfMetric::BlockCacheHitCount),
            comparisons: context.metric(PerfMetric::UserKeyComparisonCount),
            most_block_reads,
        })
    }

    /// Writes the first value of records that are there in other databases, and not in this one.
    ///
    /// # Errors
    /// If RocksDB fails.
    pub fn insert_missing(&mut self, places: &[usize]) -> Result<(), Error> {
        let Target { keys, seed, .. } = self.target;
        for place in places {
            if stop::requested() {
                break;
            }
            if !self.state(*place).must_be_there() {
                let key = keys.get(*place);
                let operation = Operation {
                    kind: Kind::Insert,
                    key,
                    hash: values::hash(key, seed),
                    place: *place,
                    length: 0,
                };
                self.put(operation)
                    .map_err(|e| self.failed(operation, &e))?;
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn execute(&mut self, operation: Operation<'_>) -> Result<(), Error> {
        let done = match operation.kind {
            Kind::Read => self.get(operation),
            Kind::ReadAbsent => self.get_absent(operation),
            Kind::Update => match self.target.updates {
                Updates::ReadWrite => self.get(operation).and_then(|()| self.put(operation)),
                Updates::Blind => self.put(operation),
            },
            Kind::Insert => self.put(operation),
            Kind::ReadModifyWrite => self.get(operation).and_then(|()| self.put(operation)),
            Kind::Scan => self.scan(operation),
            Kind::Seek => self.seek(operation),
            Kind::BatchRead => return self.gather(operation),
        };
        done.map_err(|e| self.failed(operation, &e))
    }

    #[inline(always)]
    fn state(&self, place: usize) -> State {
        self.target
            .records
            .map_or(State::LOADED, |records| records.state(place))
    }

    /// Notes what a read has found of a record that was in the state `before`.
    #[inline(always)]
    fn judge(&mut self, place: usize, hash: u64, before: State, found: Option<&[u8]>) {
        let count = match found {
            Some(value) => {
                let size = self.target.value_bytes;
                let generations = before.generations(self.state(place));
                if generations.is_empty() {
                    &mut self.tally.phantom
                } else if generations
                    .into_iter()
                    .any(|generation| values::matches(value, size, values::mark(hash, generation)))
                {
                    &mut self.tally.right
                } else {
                    &mut self.tally.wrong
                }
            }
            None if before.must_be_there() => &mut self.tally.missing,
            None => &mut self.tally.right,
        };
        *count += 1;
    }

    #[inline(always)]
    fn get(&mut self, operation: Operation<'_>) -> Result<(), rocksdb::Error> {
        let Operation {
            key, hash, place, ..
        } = operation;
        let before = self.state(place);
        let found = self.target.db.get_pinned_opt(key, &self.read)?;
        self.judge(place, hash, before, found.as_deref());
        Ok(())
    }

    #[inline(always)]
    fn get_absent(&mut self, operation: Operation<'_>) -> Result<(), rocksdb::Error> {
        let found = self.target.db.get_pinned_opt(operation.key, &self.read)?;
        match found {
            Some(_) => self.tally.phantom += 1,
            None => self.tally.right += 1,
        }
        Ok(())
    }

    fn put(&mut self, operation: Operation<'_>) -> Result<(), rocksdb::Error> {
        let Operation {
            key, hash, place, ..
        } = operation;
        let generation = self
            .target
            .records
            .map_or(0, |records| records.write(place));
        values::fill(&mut self.value, values::mark(hash, generation));
        let done = self.target.db.put_opt(key, &self.value, &self.write);
        if let Some(records) = self.target.records {
            records.written(place);
        }
        self.user_bytes += (key.len() + self.value.len()) as u64;
        done
    }

    #[inline(always)]
    fn seek(&mut self, operation: Operation<'_>) -> Result<(), rocksdb::Error> {
        let Operation {
            key, hash, place, ..
        } = operation;
        let Target { db, contender, .. } = self.target;
        let before = self.state(place);
        let mut iterator = match self.iterator.take() {
            // An iterator sees what was there when it was made.
            Some(iterator) if self.target.records.is_none() => iterator,
            _ => db.raw_iterator_opt(contender.read_options()),
        };
        iterator.seek(key);
        let found = iterator.item().filter(|(found, _)| *found == key);
        self.judge(place, hash, before, found.map(|(_, value)| value));
        let status = iterator.status();
        self.iterator = Some(iterator);
        status
    }

    /// Reads `length` records from one on and holds them against those that should be there.
    fn scan(&mut self, operation: Operation<'_>) -> Result<(), rocksdb::Error> {
        let Operation {
            key,
            mut place,
            length,
            ..
        } = operation;
        let Target {
            db,
            contender,
            keys,
            seed,
            ..
        } = self.target;
        // From before the scan, as far as it can get: over as many records as it reads that must
        // be there, and those between them that may be there.
        let first = place;
        let mut sure = 0;
        self.states.clear();
        for place in first..keys.len() {
            if sure == length {
                break;
            }
            let state = self.state(place);
            sure += u64::from(state.must_be_there());
            self.states.push(state);
        }
        let mut iterator = db.raw_iterator_opt(contender.read_options());
        iterator.seek(key);
        let mut left = length;
        while let Some((found, value)) = iterator.item().filter(|_| left > 0) {
            left -= 1;
            // Past the records that are not there.
            let order = loop {
                if place == keys.len() {
                    break Ordering::Less;
                }
                let order = found.cmp(keys.get(place));
                if order != Ordering::Greater {
                    break order;
                }
                self.tally.missing += u64::from(self.must_be_there(place - first));
                place += 1;
            };
            if order == Ordering::Equal {
                // Farther than it can get where nothing is missing.
                let before = self.states.get(place - first).copied();
                let before = before.unwrap_or(State::UNKNOWN);
                self.judge(place, values::hash(found, seed), before, Some(value));
                place += 1;
            } else if place > first && *found <= keys[place - 1] {
                self.tally.disordered += 1;
            } else {
                self.tally.phantom += 1;
            }
            iterator.next();
        }
        iterator.status()?;
        if left > 0 {
            // The end: nothing may be left.
            let rest = place - first..self.states.len();
            let missing = rest.filter(|i| self.must_be_there(*i)).count();
            self.tally.missing += (missing as u64).min(left);
        }
        Ok(())
    }

    /// Whether a scan must find the record at this distance from its beginning.
    fn must_be_there(&self, distance: usize) -> bool {
        self.states
            .get(distance)
            .is_some_and(|state| state.must_be_there())
    }

    /// Adds to the batch, and reads it once it is full.
    #[inline(always)]
    fn gather(&mut self, operation: Operation<'_>) -> Result<(), Error> {
        let Gathered { key, hash, place } = &mut self.batch[self.gathered];
        key.clear();
        key.extend_from_slice(operation.key);
        (*hash, *place) = (operation.hash, operation.place);
        self.gathered += 1;
        match self.gathered {
            BATCH_READS => self.read_batch(),
            _ => Ok(()),
        }
    }

    /// Reads the batch that is gathered.
    fn read_batch(&mut self) -> Result<(), Error> {
        let gathered = std::mem::take(&mut self.gathered);
        if gathered == 0 {
            return Ok(());
        }
        self.states.clear();
        for i in 0..gathered {
            self.states.push(self.state(self.batch[i].place));
        }
        let Target { db, contender, .. } = self.target;
        let family = engine::default_family(db)?;
        let keys = self.batch[..gathered].iter().map(|one| &one.key);
        let found = db.batched_multi_get_cf_opt(family, keys, false, &self.read);
        for (i, found) in found.into_iter().enumerate() {
            let found = found.context(|| format!("engine {}: reading a batch", contender.label))?;
            let Gathered { hash, place, .. } = self.batch[i];
            self.judge(place, hash, self.states[i], found.as_deref());
        }
        Ok(())
    }

    #[cold]
    fn failed(&self, operation: Operation<'_>, error: &rocksdb::Error) -> Error {
        let (name, key) = (operation.kind.name(), operation.key.escape_ascii());
        Error::Run(format!(
            "engine {}: {name} of key \"{key}\": {error}",
            self.target.contender.label
        ))
    }
}

/// Nanoseconds that the clock and the recording of a latency add to every operation
/// of [`Client::time`] on this machine.
pub fn overhead_nanoseconds() -> f64 {
    const TURNS: u32 = 200_000;
    let mut latencies = Latencies::default();
    let started = Instant::now();
    let mut last = started;
    for _ in 0..TURNS {
        let now = Instant::now();
        latencies.record(Kind::Read, now - last);
        last = now;
    }
    (last - started).as_nanos() as f64 / f64::from(TURNS)
}
