//! What the figures mean, in sentences: who was slower is said, not left to be seen.

use super::quantiles::{self, Since};
use super::table::{blocks_read, cpu_micros};
use super::{label, ratio};
use crate::format::{count, micros};
use crate::results::{Outcome, Run, Suite};
use crate::stats::Spread;

/// What index bytes, memory and operations are, for the end of a report.
pub const NOTES: [&str; 3] = [
    "An operation is the call, the check of every byte of the value and its release. Where there are \
     writes, compactions that are left at the end of a round are waited for and are in none of \
     the latencies and rates, but where it says so, and in the processor time.",
    "Index bytes are the stored size of the index that lookups use: mountdb's where a table has \
     one, else RocksDB's own.",
    "Memory is what RocksDB counts, the most that was seen at the end of a round. Table readers \
     are what it holds for open files outside of the block cache, filters included.",
];

/// How an engine compares to another, as far as two decimals tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// More operations per second.
    Faster,
    /// Fewer operations per second.
    Slower,
    /// As many.
    Equal,
}

impl Standing {
    /// Of an engine with this ratio.
    pub fn of(ratio: Spread) -> Self {
        match format!("{:.2}", ratio.median).as_str() {
            "1.00" => Standing::Equal,
            _ if ratio.median < 1.0 => Standing::Slower,
            _ => Standing::Faster,
        }
    }
}

/// A sentence, and whether it tells of wrong results.
#[derive(Debug)]
pub struct Note {
    /// The sentence.
    pub text: String,
    /// Whether it tells of wrong results.
    pub is_alarm: bool,
}

/// What there is to say about a run: of every engine that is not stock, how it compares to the
/// best stock one, and of all engines whether they are right.
pub fn notes(suite: &Suite, run: &Run) -> Vec<Note> {
    let mut texts = Vec::new();
    if let Some(best) = suite.best_stock(run) {
        let base = &run.outcomes[best];
        for (i, outcome) in run.outcomes.iter().enumerate() {
            if i == best || suite.engines.get(i).is_none_or(|engine| engine.is_stock) {
                continue;
            }
            let pair = (label(suite, i), label(suite, best));
            texts.extend(throughput(run, pair, i, best));
            texts.extend(worse(run, pair, base, outcome));
            texts.extend(shape(pair, base, outcome));
        }
    }
    let named = |(i, outcome)| (label(suite, i), outcome);
    let outcomes = || run.outcomes.iter().enumerate().map(named);
    texts.extend(outcomes().filter_map(|(label, o)| fallen_back(label, o)));
    if run.outcomes.iter().any(|o| o.load_seconds.is_some()) {
        texts.push("The load was measured once: its times have no spread.".to_owned());
    }
    if run.overhead_nanoseconds > 0.0 {
        texts.push(format!(
            "{:.0} ns of every latency are the harness's own, the same for all engines.",
            run.overhead_nanoseconds
        ));
    }
    let mut notes = Vec::new();
    notes.extend(outcomes().filter_map(|(label, o)| broken(label, o)));
    notes.extend(texts.into_iter().map(|text| Note {
        text,
        is_alarm: false,
    }));
    notes
}

/// `1.31x (1.30..1.33)`.
pub fn cell(ratio: Spread) -> String {
    let Spread { median, min, max } = ratio;
    format!("{median:.2}x ({min:.2}..{max:.2})")
}

/// Where an engine that is not stock was slower than the best stock one.
pub fn losses(suite: &Suite) -> String {
    let mut losses = Vec::new();
    let mut compared = false;
    for run in &suite.runs {
        let Some(best) = suite.best_stock(run) else {
            continue;
        };
        for (i, engine) in suite.engines.iter().enumerate() {
            let Some(ratio) = ratio(run, i, best).filter(|_| !engine.is_stock) else {
                continue;
            };
            compared = true;
            if Standing::of(ratio) == Standing::Slower {
                let (label, median) = (&engine.label, ratio.median);
                losses.push(format!("{label} under {} ({median:.2}x)", run.workload));
            }
        }
    }
    if !losses.is_empty() {
        format!("SLOWER than the best stock engine: {}.", losses.join(", "))
    } else if compared {
        "No engine of ours was slower than the best stock engine under any workload.".to_owned()
    } else {
        "No engine of ours was measured next to a stock engine.".to_owned()
    }
}

/// What is wrong, over all workloads.
pub fn alarms(suite: &Suite) -> Vec<String> {
    let mut alarms = Vec::new();
    for run in &suite.runs {
        for (i, outcome) in run.outcomes.iter().enumerate() {
            let broken = broken(label(suite, i), outcome);
            alarms.extend(broken.map(|note| format!("Workload {}: {}", run.workload, note.text)));
        }
    }
    alarms
}

fn throughput(run: &Run, (label, base): (&str, &str), i: usize, best: usize) -> Option<String> {
    let ratio = ratio(run, i, best)?;
    let verb = match Standing::of(ratio) {
        Standing::Faster => "faster than",
        Standing::Slower => "SLOWER than",
        Standing::Equal => "as fast as",
    };
    let doubt = if ratio.min < 1.0 && ratio.max > 1.0 {
        ", though not in every round"
    } else {
        ""
    };
    let rounds = match run.outcomes[i].rounds.len() {
        1 => "1 round".to_owned(),
        n => format!("median of {n} rounds"),
    };
    let Spread { median, min, max } = ratio;
    Some(format!(
        "{label} is {verb} {base}, the best stock engine: {median:.2}x{doubt} \
         ({rounds}, {min:.2}x..{max:.2}x)."
    ))
}

/// Where else `outcome` did worse than `base`.
fn worse(run: &Run, pair: (&str, &str), base: &Outcome, outcome: &Outcome) -> Option<String> {
    let mut points = Vec::new();
    let mut point =
        |name: &str, number: &dyn Fn(&Outcome) -> Option<f64>, show: fn(f64) -> String| {
            let (Some(old), Some(new)) = (number(base), number(outcome)) else {
                return;
            };
            // What looks the same is not called worse.
            if new > old && show(new) != show(old) {
                points.push(format!("{name} ({} against {})", show(new), show(old)));
            }
        };
    for kind in quantiles::kinds(run) {
        for (since, what) in [(Since::Began, ""), (Since::Due, ", intended")] {
            let p99 = |o: &Outcome| {
                let histogram = quantiles::latencies(o, kind, since)?;
                Some(histogram.value_at_quantile(0.99) as f64)
            };
            point(&format!("p99 of {kind}{what}"), &p99, |n| micros(n as u64));
        }
    }
    let whole = |n: f64| count(n as u64);
    point("CPU us/op", &cpu_micros, |n| format!("{n:.2}"));
    point("blocks read/op", &blocks_read, |n| format!("{n:.3}"));
    point("write amplification", &Outcome::write_amplification, |n| {
        format!("{n:.2}")
    });
    point("peak memory", &|o| Some(o.memory.total as f64), whole);
    point("index bytes", &|o| Some(o.index_bytes() as f64), whole);
    point(
        "bytes of table files",
        &|o| Some(o.tables.file_bytes as f64),
        whole,
    );
    let (label, base) = pair;
    (!points.is_empty()).then(|| format!("{label} did worse than {base} in {}.", points.join(", ")))
}

/// A word of warning where the engines do not search the same number of blocks.
fn shape((label, base): (&str, &str), old: &Outcome, new: &Outcome) -> Option<String> {
    let (old, new) = (old.tables.data_blocks, new.tables.data_blocks);
    (old != new).then(|| {
        format!(
            "{label} has {} data blocks and {base} {}: their indexes do different work.",
            count(new),
            count(old)
        )
    })
}

fn fallen_back(label: &str, outcome: &Outcome) -> Option<String> {
    let learned = outcome.learned;
    (learned.fallen_back > 0).then(|| {
        format!(
            "{label}: {} of {} files fell back to the stock index; index bytes do not count them.",
            count(learned.fallen_back),
            count(learned.files + learned.fallen_back)
        )
    })
}

fn broken(label: &str, outcome: &Outcome) -> Option<Note> {
    let tally = outcome.tally;
    (!tally.is_clean()).then(|| Note {
        text: format!(
            "{label} IS BROKEN: {} wrong values, {} missing records, {} absent keys found, \
             {} entries out of order.",
            count(tally.wrong),
            count(tally.missing),
            count(tally.phantom),
            count(tally.disordered)
        ),
        is_alarm: true,
    })
}
