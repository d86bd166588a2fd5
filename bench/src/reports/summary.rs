//! All workloads at a glance.

use super::ratio;
use crate::results::{Run, Suite};
use crate::stats::Spread;

/// One workload of the summary.
#[derive(Debug)]
pub struct Line<'a> {
    /// The workload.
    pub run: &'a Run,
    /// The fastest stock engine.
    pub best: usize,
    /// What every engine did, as a multiple of it.
    pub ratios: Vec<Option<Spread>>,
}

/// The workloads in which a stock engine was measured.
pub fn lines(suite: &Suite) -> Vec<Line<'_>> {
    let line = |run| {
        let best = suite.best_stock(run)?;
        let ratios: Vec<_> = (0..suite.engines.len())
            .map(|i| ratio(run, i, best))
            .collect();
        let measured = ratios.iter().any(Option::is_some);
        measured.then_some(Line { run, best, ratios })
    };
    suite.runs.iter().filter_map(line).collect()
}
