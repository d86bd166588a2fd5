//! The report as CSV: one figure a line, for tables that are filtered and pivoted.

use super::quantiles::{self, QUANTILES};
use super::{label, ratio};
use crate::results::{Outcome, Run, Suite};
use ::csv::Writer;
use std::fmt::Display;

/// The names of the columns. A figure of a round has its number, from 1; a figure of a kind of
/// operation has its name; else both are empty.
const COLUMNS: [&str; 6] = ["workload", "engine", "metric", "kind", "round", "value"];

/// All figures, one a line. What does not exist has no line.
pub fn csv(suite: &Suite) -> String {
    let mut lines = Lines(Writer::from_writer(Vec::new()));
    lines.line(COLUMNS);
    for run in &suite.runs {
        for (i, outcome) in run.outcomes.iter().enumerate() {
            let mut figures = Figures {
                lines: &mut lines,
                workload: &run.workload,
                engine: label(suite, i),
            };
            rounds(&mut figures, outcome);
            ratios(&mut figures, suite, run, i);
            latencies(&mut figures, outcome);
            totals(&mut figures, outcome);
        }
    }
    lines.finish()
}

fn rounds(figures: &mut Figures<'_>, outcome: &Outcome) {
    for (n, round) in (1..).zip(&outcome.rounds) {
        figures.add("operations", "", Some(n), round.operations);
        figures.number("seconds", Some(n), Some(round.seconds));
        figures.number("ops_per_second", Some(n), Some(round.throughput()));
        figures.number("cpu_seconds", Some(n), Some(round.cpu_seconds));
        figures.number("settle_seconds", Some(n), Some(round.settle_seconds));
    }
    let median = outcome.throughput().map(|spread| spread.median);
    figures.number("ops_per_second_median", None, median);
}

fn ratios(figures: &mut Figures<'_>, suite: &Suite, run: &Run, i: usize) {
    let to = |base| ratio(run, i, base).map(|spread| spread.median);
    figures.number("ratio_to_first_median", None, to(0));
    let best = suite.best_stock(run).and_then(to);
    figures.number("ratio_to_best_stock_median", None, best);
}

fn latencies(figures: &mut Figures<'_>, outcome: &Outcome) {
    for latency in &outcome.latencies {
        for (since, histogram) in quantiles::histograms(latency) {
            let kind = latency.kind;
            figures.add(&format!("{since}_count"), kind, None, histogram.len());
            if histogram.is_empty() {
                continue;
            }
            figures.add(&format!("{since}_mean_ns"), kind, None, histogram.mean());
            for (name, quantile) in QUANTILES {
                let value = histogram.value_at_quantile(quantile);
                figures.add(&format!("{since}_{name}_ns"), kind, None, value);
            }
        }
    }
}

fn totals(figures: &mut Figures<'_>, outcome: &Outcome) {
    let (counts, tally, traffic) = (outcome.counts, outcome.tally, outcome.traffic);
    let (memory, tables, learned) = (outcome.memory, outcome.tables, outcome.learned);
    for (metric, value) in [
        ("counted_operations", counts.operations),
        ("counted_block_reads", counts.block_reads),
        ("counted_block_cache_hits", counts.cache_hits),
        ("counted_key_comparisons", counts.comparisons),
        ("counted_most_block_reads", counts.most_block_reads),
        ("reads_right", tally.right),
        ("reads_wrong", tally.wrong),
        ("reads_missing", tally.missing),
        ("reads_phantom", tally.phantom),
        ("reads_disordered", tally.disordered),
        ("written_bytes", traffic.written_bytes),
        ("user_bytes", traffic.user_bytes),
        ("read_bytes", traffic.read_bytes),
        ("memory_block_cache_bytes", memory.block_cache),
        ("memory_table_readers_bytes", memory.table_readers),
        ("memory_memtables_bytes", memory.memtables),
        ("memory_total_bytes", memory.total),
        ("table_files", tables.files),
        ("table_file_bytes", tables.file_bytes),
        ("table_entries", tables.entries),
        ("table_data_blocks", tables.data_blocks),
        ("table_data_bytes", tables.data_bytes),
        ("table_index_bytes", tables.index_bytes),
        ("table_filter_bytes", tables.filter_bytes),
        ("learned_files", learned.files),
        ("learned_fallen_back", learned.fallen_back),
        ("learned_bytes", learned.bytes),
        ("learned_blocks", learned.blocks),
        ("index_bytes", outcome.index_bytes()),
        ("database_bytes", outcome.database_bytes),
    ] {
        // Nothing was counted of a load, or where it was interrupted.
        if counts.operations > 0 || !metric.starts_with("counted_") {
            figures.add(metric, "", None, value);
        }
    }
    figures.number("stall_seconds", None, Some(traffic.stall_seconds));
    figures.number("write_amplification", None, outcome.write_amplification());
    let load = outcome.load_seconds;
    figures.number("load_insert_seconds", None, load.map(|seconds| seconds.0));
    figures.number("load_compact_seconds", None, load.map(|seconds| seconds.1));
}

/// Figures of one engine under one workload.
struct Figures<'a> {
    lines: &'a mut Lines,
    workload: &'a str,
    engine: &'a str,
}

impl Figures<'_> {
    fn add(&mut self, metric: &str, kind: &str, round: Option<usize>, value: impl Display) {
        let round = round.map_or_else(String::new, |round| round.to_string());
        let value = value.to_string();
        self.lines
            .line([self.workload, self.engine, metric, kind, &round, &value]);
    }

    /// A number that may not exist.
    fn number(&mut self, metric: &str, round: Option<usize>, value: Option<f64>) {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            self.add(metric, "", round, value);
        }
    }
}

struct Lines(Writer<Vec<u8>>);

impl Lines {
    fn line(&mut self, fields: [&str; 6]) {
        // Writing to memory does not fail, and all lines are of one length.
        let _ = self.0.write_record(fields);
    }

    fn finish(self) -> String {
        let bytes = self.0.into_inner().unwrap_or_default();
        String::from_utf8(bytes).unwrap_or_default()
    }
}
