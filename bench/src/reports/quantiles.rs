//! The quantiles that reports show, and the kinds of operation that have them.

use crate::results::{Latency, Outcome, Run};
use hdrhistogram::Histogram;

/// Name and quantile.
pub const QUANTILES: [(&str, f64); 7] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
    ("max", 1.0),
];

/// From when on a latency counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// The beginning of the operation.
    Began,
    /// The moment at which it was due.
    Due,
}

/// The kinds of operation of a run, in the order in which they are first seen.
pub fn kinds(run: &Run) -> Vec<&'static str> {
    let mut kinds = Vec::new();
    for latency in run.outcomes.iter().flat_map(|outcome| &outcome.latencies) {
        if !kinds.contains(&latency.kind) {
            kinds.push(latency.kind);
        }
    }
    kinds
}

/// The latencies of one kind of operation, if there are any.
pub fn latencies<'a>(outcome: &'a Outcome, kind: &str, since: Since) -> Option<&'a Histogram<u64>> {
    let latency = outcome.latencies.iter().find(|l| l.kind == kind)?;
    let histogram = match since {
        Since::Began => Some(&latency.service),
        Since::Due => latency.intended.as_ref(),
    };
    histogram.filter(|histogram| !histogram.is_empty())
}

/// Both histograms of a kind with the names that they have in data files.
pub fn histograms(latency: &Latency) -> impl Iterator<Item = (&'static str, &Histogram<u64>)> {
    let intended = latency.intended.iter().map(|h| ("intended", h));
    std::iter::once(("service", &latency.service)).chain(intended)
}
