//! What a run measured.

use crate::memtable::engine::{BASE, JUDGED};
use crate::memtable::plan::Plan;
use crate::memtable::workload::Goal;
use crate::stats::Spread;

/// A measurement of all engines.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name.
    pub label: String,
    /// What was measured, in one line.
    pub about: String,
    /// Operations in a round.
    pub operations: usize,
    /// What it is to reach.
    pub goal: Goal,
    /// Operations per second by engine and round; empty for an engine that cannot do it.
    pub rates: Vec<Vec<f64>>,
}

/// The memory of all engines.
#[derive(Clone, Debug)]
pub struct Footprint {
    /// Its name.
    pub label: String,
    /// Entries in the memtable.
    pub entries: usize,
    /// Bytes by engine.
    pub bytes: Vec<f64>,
    /// What it must not exceed.
    pub limit: Limit,
}

/// A limit on memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// For each entry.
    PerEntry(f64),
    /// More than the base takes.
    BeyondBase(f64),
}

/// All that a run measured.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The engines, in the order of every list of figures.
    pub labels: Vec<String>,
    /// The measurements of time.
    pub rows: Vec<Row>,
    /// The measurements of memory.
    pub memory: Vec<Footprint>,
    /// What to know of the figures.
    pub notes: Vec<String>,
    /// Where data was read that was not written.
    pub wrong: Vec<String>,
    /// The version that the database files name.
    pub rocksdb_version: String,
}

impl Outcome {
    /// Nothing yet.
    pub fn new(plan: &Plan) -> Self {
        let labels = plan.contenders.iter().map(|c| c.label.clone());
        Self {
            labels: labels.collect(),
            rows: Vec::new(),
            memory: Vec::new(),
            notes: Vec::new(),
            wrong: Vec::new(),
            rocksdb_version: String::new(),
        }
    }

    /// Whether all that was read was right.
    pub fn is_clean(&self) -> bool {
        self.wrong.is_empty()
    }

    /// The place of an engine in every list of figures.
    pub fn engine(&self, label: &str) -> Option<usize> {
        self.labels.iter().position(|l| l == label)
    }

    /// The speed of engine `i` as a multiple of that of engine `against`.
    pub fn ratio(&self, row: &Row, i: usize, against: &str) -> Option<Spread> {
        Spread::of_ratios(row.rates.get(i)?, row.rates.get(self.engine(against)?)?)
    }

    /// Whether mountdb reached the goal of a row, if it was there to be measured. The
    /// ratio counts as it is printed.
    pub fn is_met(&self, row: &Row) -> Option<bool> {
        let ratio = self.ratio(row, self.engine(JUDGED)?, row.goal.against)?;
        Some(hundredths(ratio.median) >= hundredths(row.goal.ratio))
    }

    /// Whether mountdb's memory is within its limit, if it was there to be measured.
    pub fn is_within(&self, footprint: &Footprint) -> Option<bool> {
        let of = |label| Some(*footprint.bytes.get(self.engine(label)?)?);
        let bytes = of(JUDGED)?;
        Some(match footprint.limit {
            Limit::PerEntry(most) => bytes <= most,
            Limit::BeyondBase(most) => bytes - of(BASE)? <= most,
        })
    }
}

fn hundredths(ratio: f64) -> i64 {
    (ratio * 100.0).round() as i64
}
