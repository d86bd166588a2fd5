//! The figures of a run in rows, the engines as columns.

use super::quantiles::{self, QUANTILES, Since};
use super::{label, per, ratio};
use crate::format::{count, micros};
use crate::results::{Outcome, Run, Suite, Tally};
use crate::stats::Spread;

/// The percentiles of the tables.
const SHOWN: [&str; 6] = ["p50", "p95", "p99", "p99.9", "p99.99", "max"];

/// Rows that belong together.
#[derive(Debug)]
pub struct Section {
    /// What they are about.
    pub name: &'static str,
    /// Their labels, and a cell for every engine.
    pub rows: Vec<(String, Vec<String>)>,
}

/// The figures of `run`. Rows in which no engine has anything are left out.
pub fn sections(suite: &Suite, run: &Run) -> Vec<Section> {
    let sections = [
        throughput(suite, run),
        latency(run),
        work(run),
        space(run),
        correctness(run),
    ];
    let filled = sections.into_iter().filter(|s| !s.rows.is_empty());
    filled.collect()
}

/// A section as it grows.
struct Rows<'a> {
    run: &'a Run,
    section: Section,
}

impl<'a> Rows<'a> {
    fn new(run: &'a Run, name: &'static str) -> Self {
        let rows = Vec::new();
        let section = Section { name, rows };
        Self { run, section }
    }

    /// A row of texts.
    fn texts(&mut self, name: &str, cell: impl Fn(usize, &Outcome) -> Option<String>) {
        let outcomes = self.run.outcomes.iter().enumerate();
        let cells: Vec<_> = outcomes.map(|(i, outcome)| cell(i, outcome)).collect();
        if cells.iter().any(Option::is_some) {
            let or_dash = |cell: Option<String>| cell.unwrap_or_else(|| "-".to_owned());
            let cells = cells.into_iter().map(or_dash).collect();
            self.section.rows.push((name.to_owned(), cells));
        }
    }

    /// A row of numbers, unless all of them are zero.
    fn numbers(
        &mut self,
        name: &str,
        show: impl Fn(f64) -> String,
        number: impl Fn(&Outcome) -> Option<f64>,
    ) {
        let number = |o: &Outcome| number(o).filter(|n| n.is_finite());
        if self
            .run
            .outcomes
            .iter()
            .any(|o| number(o).is_some_and(|n| n != 0.0))
        {
            self.texts(name, |_, o| number(o).map(&show));
        }
    }

    /// A row of whole numbers, unless all of them are zero.
    fn counts(&mut self, name: &str, number: impl Fn(&Outcome) -> u64) {
        if self.run.outcomes.iter().any(|o| number(o) > 0) {
            self.texts(name, |_, o| Some(count(number(o))));
        }
    }
}

fn throughput(suite: &Suite, run: &Run) -> Section {
    let mut rows = Rows::new(run, "Throughput");
    rows.texts("ops/s, median", |_, o| {
        o.throughput().map(|s| count(s.median as u64))
    });
    rows.texts("ops/s, min..max", |_, o| {
        let Spread { min, max, .. } = o.throughput()?;
        Some(format!("{}..{}", count(min as u64), count(max as u64)))
    });
    let best = suite.best_stock(run);
    let mut bases = Vec::new();
    if run.outcomes.len() > 1 {
        bases.push((0, ""));
    }
    match best {
        Some(0) => bases
            .iter_mut()
            .for_each(|base| base.1 = " (best stock engine)"),
        Some(best) => bases.push((best, " (best stock engine)")),
        None => {}
    }
    for (base, what) in bases {
        let to = format!("ops/s to {}{what}", label(suite, base));
        rows.texts(&format!("{to}, median"), |i, _| {
            Some(format!("{:.3}x", ratio(run, i, base)?.median))
        });
        rows.texts(&format!("{to}, min..max"), |i, _| {
            let Spread { min, max, .. } = ratio(run, i, base)?;
            Some(format!("{min:.3}..{max:.3}"))
        });
    }
    if run.outcomes.iter().any(Outcome::has_settled) {
        rows.texts("ops/s, compactions included, median", |_, o| {
            o.settled_throughput().map(|s| count(s.median as u64))
        });
    }
    rows.numbers("CPU us/op", |n| format!("{n:.2}"), cpu_micros);
    rows.section
}

fn latency(run: &Run) -> Section {
    let mut rows = Rows::new(run, "Latency");
    for kind in quantiles::kinds(run) {
        for (name, quantile) in QUANTILES.into_iter().filter(|(n, _)| SHOWN.contains(n)) {
            for (since, what) in [(Since::Began, ""), (Since::Due, ", intended")] {
                rows.texts(&format!("{kind} {name}{what}"), |_, o| {
                    let histogram = quantiles::latencies(o, kind, since)?;
                    Some(micros(histogram.value_at_quantile(quantile)))
                });
            }
        }
    }
    rows.section
}

fn work(run: &Run) -> Section {
    let three = |n: f64| format!("{n:.3}");
    let mut rows = Rows::new(run, "Work");
    rows.numbers("blocks read/op", three, blocks_read);
    rows.numbers("block cache hits/op", three, |o| {
        per(o.counts.cache_hits as f64, o.counts.operations)
    });
    rows.numbers("key comparisons/op", three, |o| {
        per(o.counts.comparisons as f64, o.counts.operations)
    });
    rows.counts("most blocks read by one op", |o| o.counts.most_block_reads);
    rows.numbers("bytes read/op", |n| format!("{n:.1}"), bytes_read);
    rows.numbers(
        "write amplification",
        |n| format!("{n:.2}"),
        Outcome::write_amplification,
    );
    rows.numbers(
        "stalled, share of the time",
        |n| format!("{:.2}%", n * 100.0),
        |o| Some(o.stall_share()),
    );
    let seconds = |n: f64| format!("{n:.2}");
    rows.numbers("load: insert, s", seconds, |o| o.load_seconds.map(|s| s.0));
    rows.numbers("load: compact, s", seconds, |o| o.load_seconds.map(|s| s.1));
    rows.section
}

fn space(run: &Run) -> Section {
    let mut rows = Rows::new(run, "Space");
    rows.counts("index bytes", Outcome::index_bytes);
    rows.numbers(
        "index bytes per data block",
        |n| format!("{n:.2}"),
        index_per_block,
    );
    rows.counts("filter bytes", |o| o.tables.filter_bytes);
    rows.counts("memory bytes, block cache", |o| o.memory.block_cache);
    rows.counts("memory bytes, table readers", |o| o.memory.table_readers);
    rows.counts("memory bytes, memtables", |o| o.memory.memtables);
    rows.counts("memory bytes, total peak", |o| o.memory.total);
    rows.counts("table file bytes", |o| o.tables.file_bytes);
    rows.counts("database bytes", |o| o.database_bytes);
    rows.section
}

fn correctness(run: &Run) -> Section {
    let mut rows = Rows::new(run, "Correctness");
    let mut tally = |name: &str, of: fn(&Tally) -> u64| {
        rows.texts(name, |_, o| Some(count(of(&o.tally))));
    };
    tally("reads as expected", |t| t.right);
    tally("wrong values", |t| t.wrong);
    tally("missing records", |t| t.missing);
    tally("absent keys found", |t| t.phantom);
    tally("entries out of order", |t| t.disordered);
    rows.section
}

/// Processor microseconds for each operation.
pub fn cpu_micros(outcome: &Outcome) -> Option<f64> {
    per(outcome.cpu_seconds() * 1e6, outcome.operations())
}

/// Blocks read from files for each operation.
pub fn blocks_read(outcome: &Outcome) -> Option<f64> {
    let counts = outcome.counts;
    per(counts.block_reads as f64, counts.operations)
}

/// Bytes read for each operation.
pub fn bytes_read(outcome: &Outcome) -> Option<f64> {
    per(outcome.traffic.read_bytes as f64, outcome.operations())
}

/// Bytes of the index for each data block.
pub fn index_per_block(outcome: &Outcome) -> Option<f64> {
    per(outcome.index_bytes() as f64, outcome.tables.data_blocks)
}
