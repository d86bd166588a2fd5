//! The report of a run, in Markdown.

use crate::format::{Table, count, escape, spread};
use crate::memtable::check::VALUE_BYTES;
use crate::memtable::engine::{BASE, JUDGED};
use crate::memtable::outcome::{Footprint, Limit, Outcome, Row};
use crate::memtable::plan::Plan;
use crate::stats::Spread;
use crate::sysinfo;

const NOTHING: &str = "n/a";

/// The report of `outcome`, which was measured by `plan`.
pub fn markdown(plan: &Plan, outcome: &Outcome) -> String {
    let mut out = "# ycsb memtable\n\n".to_owned();
    for fact in facts(plan, outcome) {
        out.push_str(&format!("- {fact}\n"));
    }
    if !outcome.rows.is_empty() {
        out.push_str(&format!("\n{}", times(outcome).markdown()));
    }
    if !outcome.memory.is_empty() {
        out.push_str(&format!("\n{}", memory(outcome).markdown()));
    }
    let notes = notes(outcome);
    if !notes.is_empty() {
        out.push('\n');
    }
    for note in notes {
        out.push_str(&format!("- {}\n", escape(&note)));
    }
    out
}

fn facts(plan: &Plan, outcome: &Outcome) -> Vec<String> {
    let Plan {
        rounds,
        scale,
        seed,
        contenders,
        ..
    } = plan;
    let mut facts = vec![
        format!(
            "**figures**: speed as a multiple of {BASE}'s in the same round, median of {rounds} \
             rounds (min..max); {BASE}'s own in nanoseconds an operation"
        ),
        format!(
            "**rounds**: the engines take turns in changing order, each in a fresh database; \
             scale {scale}, seed {seed}"
        ),
        format!(
            "**each engine**: memtables of {} KiB, as many as all entries need, so that no write \
             waits; flushes run in the background, as in life, and are not waited for; no \
             compaction; values of {VALUE_BYTES} bytes, no compression; fill-2m: one memtable, all \
             in it",
            count((plan.write_buffer() / 1024) as u64)
        ),
        format!(
            "**machine**: {}, {} cores, {} of memory; RocksDB {}",
            escape(&sysinfo::cpu_model()),
            sysinfo::cores(),
            sysinfo::memory(),
            outcome.rocksdb_version
        ),
    ];
    facts.extend(contenders.iter().map(|contender| {
        let options = match contender.options.as_str() {
            "" => "RocksDB's default".to_owned(),
            options => format!("`{options}`"),
        };
        format!("**{}**: {options}", escape(&contender.label))
    }));
    facts
}

fn times(outcome: &Outcome) -> Table {
    let mut table = Table::new(headings("workload", outcome));
    for row in &outcome.rows {
        let label = format!(
            "{}: {} ({})",
            row.label,
            row.about,
            count(row.operations as u64)
        );
        let goal = format!("{:.1}x", row.goal.ratio);
        let verdict = [goal, yes_or_no(outcome.is_met(row))];
        if row.goal.against == BASE {
            table.row(&label, cells(outcome, row, BASE).chain(verdict));
            continue;
        }
        let none = [String::new(), String::new()];
        table.row(&label, cells(outcome, row, BASE).chain(none));
        if outcome.engine(row.goal.against).is_some() {
            let label = format!("{}, to {}", row.label, row.goal.against);
            table.row(&label, cells(outcome, row, row.goal.against).chain(verdict));
        }
    }
    table
}

/// A cell for every engine.
fn cells(outcome: &Outcome, row: &Row, against: &str) -> impl Iterator<Item = String> {
    (0..outcome.labels.len()).map(move |i| {
        if outcome.labels[i] == against {
            return time(&row.rates[i]);
        }
        match outcome.ratio(row, i, against) {
            Some(ratio) => spread(ratio, |x| format!("{x:.2}"), "x"),
            // There is nothing to compare it to.
            None if outcome.engine(against).is_none() => time(&row.rates[i]),
            None => NOTHING.to_owned(),
        }
    })
}

/// Rates as nanoseconds an operation.
fn time(rates: &[f64]) -> String {
    let nanoseconds: Vec<f64> = rates.iter().map(|rate| 1e9 / rate).collect();
    Spread::of(&nanoseconds).map_or_else(
        || NOTHING.to_owned(),
        |times| spread(times, |x| format!("{x:.0}"), " ns"),
    )
}

fn memory(outcome: &Outcome) -> Table {
    let mut table = Table::new(headings("memory", outcome));
    for footprint in &outcome.memory {
        let Footprint { label, limit, .. } = footprint;
        let show = |bytes: f64| match limit {
            Limit::PerEntry(_) => format!("{bytes:.1}"),
            Limit::BeyondBase(_) => count(bytes as u64),
        };
        let goal = match limit {
            Limit::PerEntry(most) => format!("<= {most:.0}"),
            Limit::BeyondBase(most) => format!("<= {BASE} + {}", count(*most as u64)),
        };
        let label = match footprint.entries {
            0 => label.clone(),
            n => format!("{label} ({})", count(n as u64)),
        };
        let verdict = [goal, yes_or_no(outcome.is_within(footprint))];
        let bytes = footprint.bytes.iter().map(|bytes| show(*bytes));
        table.row(&label, bytes.chain(verdict));
    }
    table
}

fn headings(first: &str, outcome: &Outcome) -> impl Iterator<Item = String> {
    let last = ["goal".to_owned(), "met".to_owned()];
    std::iter::once(first.to_owned())
        .chain(outcome.labels.clone())
        .chain(last)
}

fn yes_or_no(met: Option<bool>) -> String {
    match met {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "-",
    }
    .to_owned()
}

fn notes(outcome: &Outcome) -> Vec<String> {
    let mut notes = Vec::new();
    if !outcome.rows.is_empty() {
        let scans = "Every engine's first round of every workload ends with a check of all \
                     entries, and every read is checked.";
        notes.push(format!("Goals are {JUDGED}'s. {scans}"));
    }
    if !outcome.memory.is_empty() {
        notes.push(
            "Memory is RocksDB's cur-size-all-mem-tables, less the encoded entries where it is \
             by entry. It counts whole blocks of the arena, for all engines alike; by entry \
             they are of 64 KiB, so that it is what is used."
                .to_owned(),
        );
    }
    notes.extend(outcome.notes.iter().cloned());
    notes.extend(
        outcome
            .wrong
            .iter()
            .map(|wrong| format!("WRONG DATA: {wrong}")),
    );
    notes
}
