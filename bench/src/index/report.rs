//! The report of a run, in Markdown.

use crate::format::{Table, count, escape, spread};
use crate::index::cost::Cost;
use crate::index::lookups::{Lookups, Reads};
use crate::index::measure::Outcome;
use crate::index::plan::{Part, Plan};
use crate::index::tables::{Figures, Row};
use crate::results::Counts;
use crate::run::BATCH_READS;
use crate::stats::Spread;
use crate::sysinfo;

/// The report of `outcome`, which was measured by `plan`.
///
/// # Errors
/// If the plan names an engine that is not known.
pub fn markdown(plan: &Plan, outcome: &Outcome) -> Result<String, crate::error::Error> {
    let contenders = plan.contenders(&plan.budget)?;
    let labels: Vec<String> = contenders.iter().map(|c| c.label.clone()).collect();
    let mut out = "# ycsb index\n\n".to_owned();
    for fact in facts(plan) {
        out.push_str(&format!("- {fact}\n"));
    }
    for contender in &contenders {
        let (label, recipe) = (escape(&contender.label), contender.recipe());
        out.push_str(&format!("- **{label}**: `{recipe}`\n"));
    }
    let mut sections = tables(&labels, &outcome.tables);
    for part in Part::ALL {
        let rows = outcome.lookups.iter().filter(|row| row.part == part);
        sections.extend(lookups(plan, part, &labels, &rows.collect::<Vec<_>>()));
    }
    sections.extend(costs(&labels, &outcome.costs));
    for (title, table) in sections {
        out.push_str(&format!("\n## {title}\n\n{}", table.markdown()));
    }
    for wrong in &outcome.wrong {
        out.push_str(&format!("\n- WRONG: {}\n", escape(wrong)));
    }
    Ok(out)
}

fn facts(plan: &Plan) -> Vec<String> {
    vec![
        format!(
            "**figures**: medians of {} interleaved rounds (min..max), {} lookups a round; the \
             first engine's own, and how many times faster the others are",
            plan.rounds,
            count(plan.lookups as u64)
        ),
        format!(
            "**data**: values of {} bytes, data blocks of {} bytes, no compression, all records \
             merged into one level; block cache {}; seed {}",
            plan.value_size,
            plan.budget.block_bytes,
            plan.budget.cache.name(),
            plan.seed
        ),
        format!(
            "**machine**: {}, {} cores, {} of memory",
            escape(&sysinfo::cpu_model()),
            sysinfo::cores(),
            sysinfo::memory()
        ),
    ]
}

type Section = (String, Table);

/// Part `file`.
fn tables(labels: &[String], rows: &[Row]) -> Vec<Section> {
    if rows.is_empty() {
        return Vec::new();
    }
    let base = &labels[0];
    let table = |cell: &dyn Fn(&Row, &Figures) -> String| {
        let mut table = heading(labels, None);
        for row in rows {
            let facts = row.engines[0].facts;
            let label = key_set(&row.keys, facts.entries, facts.blocks);
            table.row(&label, row.engines.iter().map(|figures| cell(row, figures)));
        }
        table
    };
    vec![
        ("Bytes a data block, stored".to_owned(), table(&stored)),
        (
            "Bytes a data block, in memory".to_owned(),
            table(&|_, figures| format!("{:.1}", a_block(figures.facts.index_memory, figures))),
        ),
        (
            format!("A seek in the index alone, by an iterator of its own ({base}: nanoseconds)"),
            table(&|row, figures| nanoseconds(&row.engines[0].seek, &figures.seek)),
        ),
        (
            format!("Writing a file by SstFileWriter ({base}: seconds)"),
            table(&|row, figures| seconds(&row.engines[0].build, &figures.build)),
        ),
    ]
}

/// RocksDB's own index in every file, and what a learned one adds to it.
fn stored(row: &Row, figures: &Figures) -> String {
    let standard = a_block(figures.facts.standard_index_bytes, figures);
    let base = row.engines[0].facts.file_bytes as f64;
    let larger = (figures.facts.file_bytes as f64 / base - 1.0) * 100.0;
    match figures.learned_bytes {
        Some(learned) => format!(
            "{:.2} beside {standard:.1}, file {larger:+.2} %",
            a_block(learned, figures)
        ),
        None => format!("{standard:.1}, file {larger:+.2} %"),
    }
}

fn a_block(bytes: u64, figures: &Figures) -> f64 {
    bytes as f64 / figures.facts.blocks as f64
}

/// A part that looks keys up.
fn lookups(plan: &Plan, part: Part, labels: &[String], rows: &[&Lookups]) -> Vec<Section> {
    if rows.is_empty() {
        return Vec::new();
    }
    let base = &labels[0];
    let title = match part {
        Part::File | Part::Build => return Vec::new(),
        Part::Blocks => "Blocks that a Get reads, no filter: present keys; absent keys \
                         (the most that one Get has read)"
            .to_owned(),
        Part::Get => format!("Get, all in the block cache, filter ({base}: nanoseconds)"),
        Part::Absent => {
            format!("Get of absent keys, all in the block cache, filter ({base}: nanoseconds)")
        }
        Part::Seek => format!("Seek, all in the block cache ({base}: nanoseconds)"),
        Part::MultiGet => format!(
            "MultiGet of {BATCH_READS}, all in the block cache, filter ({base}: nanoseconds a key)"
        ),
        Part::AbsentUnfiltered => {
            format!("Get of absent keys, all in the block cache, no filter ({base}: nanoseconds)")
        }
        Part::Memory => format!(
            "Get by direct I/O, {} % of the data for cache and index, no filters ({base}: nanoseconds)",
            plan.memory_percent
        ),
        Part::MemoryFilter => format!(
            "Get by direct I/O, {} % of the data for cache, index and filters ({base}: nanoseconds)",
            plan.memory_percent
        ),
    };
    let timed = part != Part::Blocks;
    let last = "best of mountdb to best of the others";
    let mut table = heading(labels, timed.then_some(last));
    for row in rows {
        let cells = row.engines.iter().map(|reads| match part {
            Part::Blocks => counted(reads),
            Part::Memory | Part::MemoryFilter => format!(
                "{}, {:.3} blocks, {} of cache beside {} of readers",
                nanoseconds(&row.engines[0].nanoseconds, &reads.nanoseconds),
                blocks(reads.counts),
                count(reads.cache_bytes),
                count(reads.reader_bytes)
            ),
            _ => nanoseconds(&row.engines[0].nanoseconds, &reads.nanoseconds),
        });
        let best = timed.then(|| best(&row.engines));
        table.row(
            &key_set(&row.keys, row.records, row.blocks),
            cells.chain(best),
        );
    }
    vec![(title, table)]
}

fn counted(reads: &Reads) -> String {
    let one = |counts: Counts| format!("{:.4} ({})", blocks(counts), counts.most_block_reads);
    match reads.absent {
        Some(absent) => format!("{}; {}", one(reads.counts), one(absent)),
        None => one(reads.counts),
    }
}

fn blocks(counts: Counts) -> f64 {
    counts.block_reads as f64 / counts.operations as f64
}

/// The fastest of ours against the fastest of the others.
fn best(engines: &[Reads]) -> String {
    let fastest = |ours: bool| {
        let engines = engines.iter().filter(|reads| reads.is_ours == ours);
        engines
            .filter_map(|reads| Some((Spread::of(&reads.nanoseconds)?.median, reads)))
            .min_by(|(a, _), (b, _)| a.total_cmp(b))
    };
    match (fastest(true), fastest(false)) {
        (Some((_, ours)), Some((_, other))) => {
            let ratio = Spread::of_ratios(&other.nanoseconds, &ours.nanoseconds);
            let ratio = ratio.map(|ratio| spread(ratio, two_digits, "x"));
            format!("{} ({})", ratio.unwrap_or_default(), other.label)
        }
        _ => "n/a".to_owned(),
    }
}

/// Part `build`.
fn costs(labels: &[String], rows: &[Cost]) -> Vec<Section> {
    if rows.is_empty() {
        return Vec::new();
    }
    let base = &labels[0];
    let mut flush = heading(labels, None);
    let mut compaction = heading(labels, None);
    for row in rows {
        let label = format!("{} ({})", row.keys, count(row.records));
        let engines = row.engines.iter();
        flush.row(
            &label,
            (engines.clone()).map(|engine| seconds(&row.engines[0].flush, &engine.flush)),
        );
        compaction.row(
            &label,
            engines.map(|engine| seconds(&row.engines[0].compaction, &engine.compaction)),
        );
    }
    vec![
        (
            format!("Processor time of two flushes ({base}: seconds)"),
            flush,
        ),
        (
            format!("Processor time of their compaction ({base}: seconds)"),
            compaction,
        ),
    ]
}

fn heading(labels: &[String], last: Option<&str>) -> Table {
    let labels = labels.iter().cloned();
    let last = last.map(str::to_owned);
    Table::new(std::iter::once("keys".to_owned()).chain(labels).chain(last))
}

fn key_set(name: &str, records: u64, blocks: u64) -> String {
    format!("{name} ({} in {} blocks)", count(records), count(blocks))
}

fn nanoseconds(base: &[f64], times: &[f64]) -> String {
    compared(base, times, |x| format!("{x:.0}"), " ns")
}

fn seconds(base: &[f64], times: &[f64]) -> String {
    compared(base, times, two_digits, " s")
}

fn two_digits(x: f64) -> String {
    format!("{x:.2}")
}

/// The base's own times; of others how many times faster they are.
fn compared(base: &[f64], times: &[f64], show: fn(f64) -> String, unit: &str) -> String {
    let text = match std::ptr::eq(base, times) {
        true => Spread::of(times).map(|times| spread(times, show, unit)),
        false => Spread::of_ratios(base, times).map(|ratio| spread(ratio, two_digits, "x")),
    };
    text.unwrap_or_else(|| "n/a".to_owned())
}
