//! The report of a comparison, as text and as Markdown.

use crate::engine::Compression;
use crate::format::{Table, count, escape, micros};
use crate::outcome::{Comparison, Outcome};
use crate::plan::Plan;
use crate::stats::Spread;
use crate::stream::Kind;
use crate::sysinfo;
use crate::verdict;

/// A report: what ran, what came out, and what that means.
#[derive(Clone, Debug)]
pub struct Report {
    facts: Vec<(String, String)>,
    table: Table,
    notes: Vec<String>,
}

impl Report {
    /// The report of `comparison`, which was made by `plan`.
    pub fn new(plan: &Plan, comparison: &Comparison) -> Self {
        Self {
            facts: facts(plan, comparison),
            table: table(plan, comparison),
            notes: verdict::notes(plan, comparison),
        }
    }

    /// For people at a terminal.
    pub fn text(&self) -> String {
        let width = self
            .facts
            .iter()
            .map(|(name, _)| name.chars().count())
            .max()
            .unwrap_or(0);
        let mut out = String::new();
        for (name, fact) in &self.facts {
            out.push_str(&format!("{name:<width$}  {fact}\n"));
        }
        out.push('\n');
        out.push_str(&self.table.text());
        out.push('\n');
        for note in &self.notes {
            out.push_str(&format!("{note}\n"));
        }
        out
    }

    /// The same in Markdown.
    pub fn markdown(&self) -> String {
        let mut out = "# ycsb compare\n\n".to_owned();
        for (name, fact) in &self.facts {
            out.push_str(&format!("- **{}**: {}\n", escape(name), escape(fact)));
        }
        out.push('\n');
        out.push_str(&self.table.markdown());
        out.push('\n');
        for note in &self.notes {
            out.push_str(&format!("- {}\n", escape(note)));
        }
        out
    }
}

fn facts(plan: &Plan, comparison: &Comparison) -> Vec<(String, String)> {
    let Plan {
        data,
        budget,
        workload,
        ..
    } = plan;
    let mebibytes = |bytes: u64| format!("{} MiB", count(bytes / (1 << 20)));
    let mut facts = Vec::new();
    let mut fact = |name: &str, text: String| facts.push((name.to_owned(), text));

    let held_out = match data.absent.len() as u64 {
        0 => String::new(),
        n => format!(", {} more held out", count(n)),
    };
    fact(
        "keys",
        format!(
            "{}, {} records{held_out}",
            plan.source,
            count(data.records.len() as u64)
        ),
    );
    fact(
        "values",
        format!("{} bytes, incompressible", plan.value_bytes),
    );
    if workload.is_load_only() {
        fact("workload", format!("{}: {}", workload.name, workload.about));
    } else {
        let absent = match plan.absent_percent {
            0.0 => String::new(),
            percent => format!(", {percent}% of the reads for absent keys"),
        };
        let Plan {
            distribution,
            operations,
            rounds,
            ..
        } = plan;
        fact(
            "workload",
            format!(
                "{}: {}, {distribution}{absent}",
                workload.name, workload.about
            ),
        );
        let operations = count(*operations as u64);
        fact(
            "operations",
            format!("{operations} per engine in {rounds} interleaved rounds, 1 thread"),
        );
    }
    fact(
        "load",
        format!(
            "{} order, no log, then compacted into one level",
            plan.insert_order.name()
        ),
    );
    let filter = match budget.bloom_bits {
        0 => "no filter".to_owned(),
        bits => format!("bloom filter {bits} bits/key"),
    };
    let compression = match budget.compression {
        Compression::None => "no compression",
        Compression::Lz4 => "lz4",
        Compression::Snappy => "snappy",
    };
    fact(
        "each engine",
        format!(
            "block cache {}, {filter}, blocks of {} bytes, write buffer {}, {compression}",
            mebibytes(budget.cache_bytes),
            budget.block_bytes,
            mebibytes(budget.write_buffer_bytes as u64),
        ),
    );
    let page_cache = if budget.direct_reads {
        "bypassed by direct reads: a block that the block cache lacks comes from the device"
    } else {
        "in use: a block that the block cache lacks comes from memory where the system kept it"
    };
    fact("OS page cache", page_cache.to_owned());
    fact("seed", plan.seed.to_string());
    let (cores, memory) = (sysinfo::cores(), sysinfo::memory());
    fact(
        "machine",
        format!(
            "{}, {cores} cores, {memory} of memory",
            sysinfo::cpu_model()
        ),
    );
    fact("RocksDB", comparison.rocksdb_version.clone());
    for outcome in &comparison.outcomes {
        let Outcome {
            label,
            table_factory,
            memtable_factory,
            options,
            ..
        } = outcome;
        fact(
            label,
            format!("table {table_factory}, memtable {memtable_factory}: {options}"),
        );
    }
    facts
}

fn table(plan: &Plan, comparison: &Comparison) -> Table {
    let outcomes = &comparison.outcomes;
    let labels = outcomes.iter().map(|outcome| outcome.label.clone());
    let mut table = Table::new(std::iter::once(String::new()).chain(labels));
    if !plan.workload.is_load_only() {
        speed(&mut table, comparison);
    }
    let mut row = |name: &str, cell: &dyn Fn(&Outcome) -> String| {
        table.row(name, outcomes.iter().map(cell));
    };
    row("index bytes", &|o| count(o.index_bytes()));
    row("index bytes per data block", &|o| {
        format!(
            "{:.2}",
            o.index_bytes() as f64 / o.tables.data_blocks.max(1) as f64
        )
    });
    row("table readers' memory, bytes", &|o| count(o.reader_bytes));
    row("data blocks", &|o| count(o.tables.data_blocks));
    row("table files", &|o| count(o.tables.files));
    row("table files, bytes", &|o| count(o.tables.file_bytes));
    if !plan.workload.is_load_only() {
        let per_operation =
            |n: u64, o: &Outcome| format!("{:.3}", n as f64 / o.counts.operations.max(1) as f64);
        row("blocks read/op", &|o| {
            per_operation(o.counts.block_reads, o)
        });
        row("block cache hits/op", &|o| {
            per_operation(o.counts.cache_hits, o)
        });
        row("key comparisons/op", &|o| {
            per_operation(o.counts.comparisons, o)
        });
    }
    row("load: insert, s", &|o| format!("{:.2}", o.insert_seconds));
    row("load: flush and compact, s", &|o| {
        format!("{:.2}", o.settle_seconds)
    });
    row("reads as expected", &|o| count(o.tally.right));
    row("wrong values", &|o| count(o.tally.wrong));
    row("missing records", &|o| count(o.tally.missing));
    row("absent keys found", &|o| count(o.tally.phantom));
    table
}

/// The rows of the measured rounds.
fn speed(table: &mut Table, comparison: &Comparison) {
    let outcomes = &comparison.outcomes;
    let spreads: Vec<_> = outcomes.iter().map(|o| Spread::of(&o.throughput)).collect();
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let range = |s: Spread| format!("{}..{}", count(s.min as u64), count(s.max as u64));
    table.row(
        "ops/s, median",
        spreads
            .iter()
            .map(|s| or_dash(s.map(|s| count(s.median as u64)))),
    );
    table.row(
        "ops/s, min..max",
        spreads.iter().map(|s| or_dash(s.map(range))),
    );
    if let Some(first) = outcomes.first().filter(|_| outcomes.len() > 1) {
        let ratios: Vec<_> = (0..outcomes.len()).map(|i| comparison.ratio(i)).collect();
        let median = |s: Spread| format!("{:.3}x", s.median);
        let range = |s: Spread| format!("{:.3}..{:.3}", s.min, s.max);
        let to = format!("ops/s to {}", first.label);
        table.row(
            &format!("{to}, median"),
            ratios.iter().map(|s| or_dash(s.map(median))),
        );
        table.row(
            &format!("{to}, min..max"),
            ratios.iter().map(|s| or_dash(s.map(range))),
        );
    }
    for (name, quantile) in [("p50", 0.5), ("p99", 0.99)] {
        let cells = outcomes
            .iter()
            .map(|o| micros(o.latencies.all().value_at_quantile(quantile)));
        table.row(name, cells);
        // A line for every kind of operation where there are several.
        let used = |kind: &Kind| outcomes.iter().any(|o| !o.latencies.of(*kind).is_empty());
        let kinds: Vec<_> = Kind::ALL.into_iter().filter(used).collect();
        for kind in kinds.iter().filter(|_| kinds.len() > 1) {
            let cells = outcomes
                .iter()
                .map(|o| micros(o.latencies.of(*kind).value_at_quantile(quantile)));
            table.row(&format!("{name}, {}", kind.name()), cells);
        }
    }
}
