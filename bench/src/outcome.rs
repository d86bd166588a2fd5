//! What a comparison measured.

use crate::learned::Learned;
use crate::run::{Counts, Latencies, Tally};
use crate::stats::Spread;
use crate::tableprops::TableProperties;

/// What was measured of one engine.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The engine's name in this run.
    pub label: String,
    /// Its options string.
    pub options: String,
    /// The table factory of the open database.
    pub table_factory: String,
    /// The memtable factory of the open database.
    pub memtable_factory: String,
    /// Seconds that the inserts took.
    pub insert_seconds: f64,
    /// Seconds that the flush and the compaction after them took.
    pub settle_seconds: f64,
    /// The table files as the load left them.
    pub tables: TableProperties,
    /// The learned indexes of the open files, for an engine that has any.
    pub learned: Learned,
    /// RocksDB's own estimate of the memory of its table readers, in bytes: indexes,
    /// filters and bookkeeping outside of the block cache.
    pub reader_bytes: u64,
    /// Operations per second, round by round.
    pub throughput: Vec<f64>,
    /// Latencies over all rounds.
    pub latencies: Latencies,
    /// Counters of the round that is not timed.
    pub counts: Counts,
    /// What the checks of all values that were read found, timed or not.
    pub tally: Tally,
}

impl Outcome {
    /// Stored bytes, over all files, of the index that lookups use: mountdb's where
    /// there is one, and else RocksDB's index blocks. What is held in memory is
    /// [`Outcome::reader_bytes`].
    pub fn index_bytes(&self) -> u64 {
        if self.is_learned() {
            self.learned.bytes
        } else {
            self.tables.index_bytes
        }
    }

    /// Whether the index is mountdb's.
    pub fn is_learned(&self) -> bool {
        self.learned.files > 0
    }
}

/// A finished comparison.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The engines, in the order in which they were named.
    pub outcomes: Vec<Outcome>,
    /// Nanoseconds of every latency that are the harness's own.
    pub overhead_nanoseconds: f64,
    /// The version that the database files name.
    pub rocksdb_version: String,
}

impl Comparison {
    /// Whether every value that was read was right.
    pub fn is_clean(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.tally.is_clean())
    }

    /// Throughput of engine `i` as a multiple of the first engine's, round by round.
    pub fn ratio(&self, i: usize) -> Option<Spread> {
        let (first, other) = (self.outcomes.first()?, self.outcomes.get(i)?);
        Spread::of_ratios(&other.throughput, &first.throughput)
    }
}
