//! What a command measured: plain data, from which every report is made.

use crate::learned::Learned;
use crate::stats::Spread;
use crate::tableprops::TableProperties;
use hdrhistogram::Histogram;
use std::ops::AddAssign;

/// Everything that one command measured.
#[derive(Clone, Debug, Default)]
pub struct Suite {
    /// The command line, the program first.
    pub command: Vec<String>,
    /// Name and text of what it takes to repeat the run and is the same for all engines and
    /// workloads: keys, values, budget, seed, machine, versions.
    pub facts: Vec<(String, String)>,
    /// The engines, in the order in which they were named. Ratios are to the first, and to the
    /// fastest stock one.
    pub engines: Vec<EngineFacts>,
    /// One per workload.
    pub runs: Vec<Run>,
    /// Why the command ended before it was done, if it did: the results are then partial.
    pub stopped: Option<String>,
}

/// What an engine is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineFacts {
    /// Its name in this run.
    pub label: String,
    /// What it is, in one line.
    pub about: String,
    /// Whether it is RocksDB without mountdb.
    pub is_stock: bool,
    /// Its options string.
    pub options: String,
    /// The table factory that the open database named.
    pub table_factory: String,
    /// The memtable factory that the open database named.
    pub memtable_factory: String,
    /// All options as RocksDB resolved them: the text of its OPTIONS file.
    pub resolved: String,
}

/// A workload, run by all engines.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Its name.
    pub workload: String,
    /// What it does, in one line.
    pub about: String,
    /// What else it takes to repeat it: operations, rounds, threads, distribution.
    pub facts: Vec<(String, String)>,
    /// What each engine did, in the order of [`Suite::engines`].
    pub outcomes: Vec<Outcome>,
    /// Nanoseconds of every latency that are the harness's own.
    pub overhead_nanoseconds: f64,
}

/// What was measured of one engine under one workload.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The measured rounds; warm-up is none of them.
    pub rounds: Vec<Round>,
    /// Latencies over all rounds, by kind of operation; only kinds that occurred.
    pub latencies: Vec<Latency>,
    /// RocksDB's counters, from a round of its own that is not timed.
    pub counts: Counts,
    /// What the checks of everything that was read found, timed or not.
    pub tally: Tally,
    /// What the rounds read and wrote.
    pub traffic: Traffic,
    /// Memory as RocksDB counts it, in bytes.
    pub memory: Memory,
    /// The table files before the first round.
    pub tables: TableProperties,
    /// The learned indexes of these files, for an engine that has any.
    pub learned: Learned,
    /// Bytes of all files of the database after the last round.
    pub database_bytes: u64,
    /// Seconds that filling the database took before the rounds, without a log, and then
    /// compacting it; none if it was there already.
    pub load_seconds: Option<(f64, f64)>,
}

/// A measured round.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Round {
    /// Operations of all threads.
    pub operations: u64,
    /// Seconds from the first to the last.
    pub seconds: f64,
    /// Processor seconds of all threads, those of RocksDB in the background included until
    /// they are done.
    pub cpu_seconds: f64,
    /// Seconds from the last operation until the flushes and compactions were done that the
    /// operations set off.
    pub settle_seconds: f64,
}

/// Latencies of one kind of operation, in nanoseconds, precise to 0.1%.
#[derive(Clone, Debug)]
pub struct Latency {
    /// The kind, as in "read".
    pub kind: &'static str,
    /// From the beginning of the operation to its end.
    pub service: Histogram<u64>,
    /// From the moment at which the operation was due to its end, if a target rate was set.
    pub intended: Option<Histogram<u64>>,
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

/// What the checks of everything that was read found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Reads, and entries of scans, that were as expected.
    pub right: u64,
    /// Values that differ from what was written.
    pub wrong: u64,
    /// Records that were not found.
    pub missing: u64,
    /// Keys that were never written, and found all the same.
    pub phantom: u64,
    /// Entries of scans that did not come in the order of their keys.
    pub disordered: u64,
}

/// What the rounds of an engine read and wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Traffic {
    /// Bytes that the system was asked to write: log, flushes and compactions.
    pub written_bytes: u64,
    /// Bytes of the keys and values that the operations wrote.
    pub user_bytes: u64,
    /// Bytes that the system was asked to read; what is mapped is not counted.
    pub read_bytes: u64,
    /// Seconds for which RocksDB held writes up.
    pub stall_seconds: f64,
}

/// Memory as RocksDB counts it, in bytes: the most that was seen at the end of a round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Block cache.
    pub block_cache: u64,
    /// Indexes, filters and bookkeeping outside of the block cache.
    pub table_readers: u64,
    /// Memtables.
    pub memtables: u64,
    /// All three together, at one time.
    pub total: u64,
}

impl Suite {
    /// Whether everything that was read was right.
    pub fn is_clean(&self) -> bool {
        self.runs.iter().all(Run::is_clean)
    }

    /// The fastest stock engine of a run, by its median throughput.
    pub fn best_stock(&self, run: &Run) -> Option<usize> {
        let stock = |i: &usize| self.engines.get(*i).is_some_and(|engine| engine.is_stock);
        let median = |i: &usize| run.outcomes[*i].throughput().map_or(0.0, |s| s.median);
        (0..run.outcomes.len())
            .filter(stock)
            .max_by(|a, b| median(a).total_cmp(&median(b)))
    }
}

impl Run {
    /// Whether everything that was read was right.
    pub fn is_clean(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.tally.is_clean())
    }

    /// Throughput of engine `i` as a multiple of that of engine `base`, round by round.
    pub fn ratio(&self, i: usize, base: usize) -> Option<Spread> {
        let rates = |i: usize| -> Option<Vec<f64>> {
            let rounds = &self.outcomes.get(i)?.rounds;
            Some(rounds.iter().map(Round::throughput).collect())
        };
        Spread::of_ratios(&rates(i)?, &rates(base)?)
    }
}

impl Outcome {
    /// Operations per second.
    pub fn throughput(&self) -> Option<Spread> {
        let rates: Vec<f64> = self.rounds.iter().map(Round::throughput).collect();
        Spread::of(&rates)
    }

    /// Operations per second if each round lasts until its flushes and compactions are done.
    pub fn settled_throughput(&self) -> Option<Spread> {
        let rate = |round: &Round| {
            let seconds = round.seconds + round.settle_seconds;
            round.operations as f64 / seconds.max(f64::MIN_POSITIVE)
        };
        Spread::of(&self.rounds.iter().map(rate).collect::<Vec<f64>>())
    }

    /// Whether there was anything to wait for behind the rounds.
    pub fn has_settled(&self) -> bool {
        // Asking takes some time, too.
        const NOTHING: f64 = 0.001;
        self.rounds
            .iter()
            .any(|round| round.settle_seconds > NOTHING)
    }

    /// Operations of all rounds.
    pub fn operations(&self) -> u64 {
        self.rounds.iter().map(|round| round.operations).sum()
    }

    /// Processor seconds of all rounds.
    pub fn cpu_seconds(&self) -> f64 {
        self.rounds.iter().map(|round| round.cpu_seconds).sum()
    }

    /// Stored bytes, over all files, of the index that lookups use: mountdb's where
    /// there is one, and else RocksDB's index blocks.
    pub fn index_bytes(&self) -> u64 {
        if self.learned.files > 0 {
            self.learned.bytes
        } else {
            self.tables.index_bytes
        }
    }

    /// Bytes written for each byte that the operations wrote, if they wrote any.
    pub fn write_amplification(&self) -> Option<f64> {
        let Traffic {
            written_bytes,
            user_bytes,
            ..
        } = self.traffic;
        (user_bytes > 0).then(|| written_bytes as f64 / user_bytes as f64)
    }

    /// The share of the rounds for which RocksDB held writes up.
    pub fn stall_share(&self) -> f64 {
        let seconds: f64 = self.rounds.iter().map(|round| round.seconds).sum();
        self.traffic.stall_seconds / seconds.max(f64::MIN_POSITIVE)
    }
}

impl Round {
    /// Operations per second.
    pub fn throughput(&self) -> f64 {
        self.operations as f64 / self.seconds.max(f64::MIN_POSITIVE)
    }
}

impl Tally {
    /// Whether everything was as expected.
    pub fn is_clean(&self) -> bool {
        self.wrong + self.missing + self.phantom + self.disordered == 0
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.right += other.right;
        self.wrong += other.wrong;
        self.missing += other.missing;
        self.phantom += other.phantom;
        self.disordered += other.disordered;
    }
}
