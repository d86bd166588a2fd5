//! What a comparison means, in sentences: who was slower is said, not left to be seen.

use crate::format::{count, micros};
use crate::outcome::{Comparison, Outcome};
use crate::plan::Plan;

/// The sentences under the table.
pub fn notes(plan: &Plan, comparison: &Comparison) -> Vec<String> {
    let outcomes = &comparison.outcomes;
    let mut notes = Vec::new();
    if let Some((first, others)) = outcomes.split_first() {
        for (i, other) in (1..).zip(others) {
            notes.extend(throughput(plan, comparison, i, first, other));
            notes.extend(worse(first, other));
            notes.extend(shape(first, other));
        }
    }
    notes.extend(outcomes.iter().filter_map(fallen_back));
    notes.extend(outcomes.iter().map(correctness));
    if plan.workload.is_load_only() {
        notes.push("The load was measured once: its times have no spread.".to_owned());
    } else {
        notes.push(format!(
            "An operation is the call, the check of every byte of the value and its release; {:.0} ns \
             of every latency are the harness's own, the same for all engines.",
            comparison.overhead_nanoseconds
        ));
    }
    notes.push(
        "Index bytes are the stored size of the index that lookups use: mountdb's where a table has \
         one, else RocksDB's own. Table readers' memory is RocksDB's estimate of what it holds for \
         open files, filters included."
            .to_owned(),
    );
    notes
}

fn throughput(
    plan: &Plan,
    comparison: &Comparison,
    i: usize,
    first: &Outcome,
    other: &Outcome,
) -> Option<String> {
    let ratio = comparison.ratio(i)?;
    let (label, base, rounds) = (&other.label, &first.label, plan.rounds);
    let median = format!("{:.2}", ratio.median);
    let verb = match median.as_str() {
        "1.00" => "as fast as",
        _ if ratio.median < 1.0 => "slower than",
        _ => "faster than",
    };
    let doubt = if ratio.min < 1.0 && ratio.max > 1.0 {
        ", though not in every round"
    } else {
        ""
    };
    Some(format!(
        "{label} is {verb} {base} here: {median}x{doubt} (median of {rounds} rounds, {:.2}x..{:.2}x).",
        ratio.min, ratio.max
    ))
}

/// Where else `other` did worse than `first`.
fn worse(first: &Outcome, other: &Outcome) -> Option<String> {
    let mut points = Vec::new();
    let mut point = |name: &str, base: u64, found: u64, show: &dyn Fn(u64) -> String| {
        if found > base {
            points.push(format!("{name} ({} against {})", show(found), show(base)));
        }
    };
    let (base, found) = (first.latencies.all(), other.latencies.all());
    for (name, quantile) in [("p50", 0.5), ("p99", 0.99)] {
        point(
            name,
            base.value_at_quantile(quantile),
            found.value_at_quantile(quantile),
            &micros,
        );
    }
    point(
        "index bytes",
        first.index_bytes(),
        other.index_bytes(),
        &count,
    );
    point(
        "table readers' memory",
        first.reader_bytes,
        other.reader_bytes,
        &count,
    );
    point(
        "bytes of table files",
        first.tables.file_bytes,
        other.tables.file_bytes,
        &count,
    );
    point(
        "blocks read",
        first.counts.block_reads,
        other.counts.block_reads,
        &count,
    );
    if points.is_empty() {
        return None;
    }
    Some(format!(
        "{} did worse than {} in {}.",
        other.label,
        first.label,
        points.join(", ")
    ))
}

/// A word of warning where the engines do not search the same number of blocks.
fn shape(first: &Outcome, other: &Outcome) -> Option<String> {
    let (base, found) = (first.tables.data_blocks, other.tables.data_blocks);
    (base != found).then(|| {
        let (label, base, found) = (&first.label, count(base), count(found));
        format!(
            "{} has {found} data blocks and {label} {base}: their indexes do different work.",
            other.label
        )
    })
}

fn fallen_back(outcome: &Outcome) -> Option<String> {
    let learned = outcome.learned;
    (learned.fallen_back > 0).then(|| {
        let files = learned.files + learned.fallen_back;
        format!(
            "{}: {} of {files} files fell back to the stock index; index bytes do not count them.",
            outcome.label, learned.fallen_back
        )
    })
}

fn correctness(outcome: &Outcome) -> String {
    let (label, tally) = (&outcome.label, outcome.tally);
    if tally.is_clean() {
        return format!(
            "{label}: all {} reads gave what they should.",
            count(tally.right)
        );
    }
    format!(
        "{label} IS BROKEN: {} wrong values, {} missing records, {} absent keys found.",
        count(tally.wrong),
        count(tally.missing),
        count(tally.phantom)
    )
}
