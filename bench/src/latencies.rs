//! Latencies by kind of operation.

use crate::results::Latency;
use crate::stream::Kind;
use hdrhistogram::Histogram;
use std::time::Duration;

/// Latencies in nanoseconds, precise to 0.1%. Those over a minute count as a minute.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    service: [Option<Histogram<u64>>; Kind::ALL.len()],
    intended: [Option<Histogram<u64>>; Kind::ALL.len()],
}

/// An empty histogram for latencies up to a minute.
fn histogram() -> Histogram<u64> {
    const MINUTE: u64 = 60_000_000_000;
    let histogram = Histogram::new_with_bounds(1, MINUTE, 3);
    histogram.unwrap_or_else(|e| unreachable!("constant bounds that are in order: {e:?}"))
}

fn record(histograms: &mut [Option<Histogram<u64>>], kind: Kind, latency: Duration) {
    let histogram = histograms[kind as usize].get_or_insert_with(histogram);
    // A latency of 2^64 ns is 584 years.
    histogram.saturating_record(latency.as_nanos() as u64);
}

impl Latencies {
    /// From the beginning of an operation to its end.
    #[inline]
    pub fn record(&mut self, kind: Kind, latency: Duration) {
        record(&mut self.service, kind, latency);
    }

    /// From the moment at which an operation was due to its end.
    #[inline]
    pub fn record_intended(&mut self, kind: Kind, latency: Duration) {
        record(&mut self.intended, kind, latency);
    }

    /// Adds those of another thread.
    pub fn add(&mut self, other: &Self) {
        let ours = self.service.iter_mut().chain(&mut self.intended);
        let theirs = other.service.iter().chain(&other.intended);
        for (ours, theirs) in ours.zip(theirs) {
            if let Some(theirs) = theirs {
                *ours.get_or_insert_with(histogram) += theirs;
            }
        }
    }

    /// As results: the kinds that occurred.
    pub fn finish(self) -> Vec<Latency> {
        let by_kind = Kind::ALL.into_iter().zip(self.service).zip(self.intended);
        by_kind
            .filter_map(|((kind, service), intended)| {
                Some(Latency {
                    kind: kind.name(),
                    service: service?,
                    intended,
                })
            })
            .collect()
    }
}
