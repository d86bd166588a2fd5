//! The report of a run, in Markdown.

use crate::format::{Table, count, escape, spread};
use crate::index::measure::{Figures, Outcome, Plan, Row};
use crate::stats::Spread;
use crate::sysinfo;

/// The report of `outcome`, which was measured by `plan`.
pub fn markdown(plan: &Plan, outcome: &Outcome) -> String {
    let mut out = "# ycsb index\n\n".to_owned();
    for fact in facts(plan) {
        out.push_str(&format!("- {fact}\n"));
    }
    let base = &plan.contenders[0].label;
    let parts = [
        ("Bytes a data block, stored", stored(plan, outcome)),
        (
            "Bytes a data block, in memory",
            table(plan, outcome, |_, figures| {
                format!("{:.1}", a_block(figures.facts.index_memory, figures))
            }),
        ),
        (
            &format!("A seek, speed to {base} ({base}: nanoseconds)"),
            table(plan, outcome, |row, figures| {
                times(
                    &row.engines[0].seek,
                    &figures.seek,
                    |x| format!("{x:.0}"),
                    " ns",
                )
            }),
        ),
        (
            &format!("Writing the file, speed to {base} ({base}: seconds)"),
            table(plan, outcome, |row, figures| {
                times(
                    &row.engines[0].build,
                    &figures.build,
                    |x| format!("{x:.2}"),
                    " s",
                )
            }),
        ),
    ];
    for (title, table) in parts {
        out.push_str(&format!("\n## {title}\n\n{}", table.markdown()));
    }
    for wrong in &outcome.wrong {
        out.push_str(&format!("\n- WRONG: {}\n", escape(wrong)));
    }
    out
}

fn facts(plan: &Plan) -> Vec<String> {
    let mut facts = vec![
        format!(
            "**figures**: medians of {} interleaved rounds (min..max); {} seeks for present keys \
             at random, by an iterator for each as a Get makes it",
            plan.rounds,
            count(plan.seeks as u64)
        ),
        format!(
            "**each file**: one table file, values of {} bytes, data blocks of {} bytes, no \
             compression, no filter; seed {}",
            plan.value_size, plan.budget.block_bytes, plan.seed
        ),
        format!(
            "**machine**: {}, {} cores, {} of memory",
            escape(&sysinfo::cpu_model()),
            sysinfo::cores(),
            sysinfo::memory()
        ),
    ];
    facts.extend(
        plan.contenders
            .iter()
            .map(|c| format!("**{}**: `{}`", escape(&c.label), c.options)),
    );
    facts
}

/// RocksDB's own index in every file, and what a learned one adds to it.
fn stored(plan: &Plan, outcome: &Outcome) -> Table {
    table(plan, outcome, |row, figures| {
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
    })
}

fn a_block(bytes: u64, figures: &Figures) -> f64 {
    bytes as f64 / figures.facts.blocks as f64
}

/// The base's own times; of others how many times faster they are.
fn times(base: &[f64], times: &[f64], show: fn(f64) -> String, unit: &str) -> String {
    let text = match std::ptr::eq(base, times) {
        true => Spread::of(times).map(|times| spread(times, show, unit)),
        false => {
            Spread::of_ratios(base, times).map(|ratio| spread(ratio, |x| format!("{x:.2}"), "x"))
        }
    };
    text.unwrap_or_else(|| "n/a".to_owned())
}

fn table(plan: &Plan, outcome: &Outcome, cell: impl Fn(&Row, &Figures) -> String) -> Table {
    let labels = plan.contenders.iter().map(|c| c.label.clone());
    let mut table = Table::new(std::iter::once("keys".to_owned()).chain(labels));
    for row in &outcome.rows {
        let facts = row.engines[0].facts;
        let label = format!(
            "{} ({} in {} blocks)",
            row.keys,
            count(facts.entries),
            count(facts.blocks)
        );
        table.row(&label, row.engines.iter().map(|figures| cell(row, figures)));
    }
    table
}
