//! The report as JSON, for programs. Numbers are in base units: bytes, seconds, nanoseconds.

use super::quantiles::{self, QUANTILES};
use super::{command_line, ratio};
use crate::results::{Counts, EngineFacts, Memory, Outcome, Round, Run, Suite, Tally, Traffic};
use crate::stats::Spread;
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

/// Rises when a name or a meaning changes.
const SCHEMA: u32 = 1;

/// The whole suite as JSON. What does not exist is null; there are no numbers that are none.
pub fn json(suite: &Suite) -> String {
    let runs: Vec<_> = suite.runs.iter().map(|r| run(suite, r)).collect();
    let engines: Vec<_> = suite.engines.iter().map(engine).collect();
    let value = json!({
        "schema": SCHEMA,
        "command": suite.command,
        "command_line": command_line(suite),
        "stopped": suite.stopped,
        "clean": suite.is_clean(),
        "facts": facts(&suite.facts),
        "engines": engines,
        "runs": runs,
    });
    format!("{value:#}\n")
}

/// In their order; a name may come twice.
fn facts(facts: &[(String, String)]) -> Value {
    let fact = |(name, text): &(String, String)| json!({ "name": name, "text": text });
    facts.iter().map(fact).collect()
}

fn engine(engine: &EngineFacts) -> Value {
    let EngineFacts {
        label,
        about,
        is_stock,
        options,
        table_factory,
        memtable_factory,
        resolved,
    } = engine;
    json!({
        "label": label,
        "about": about,
        "stock": is_stock,
        "options": options,
        "table_factory": table_factory,
        "memtable_factory": memtable_factory,
        "resolved_options": resolved,
    })
}

fn run(suite: &Suite, run: &Run) -> Value {
    let best = suite.best_stock(run);
    let outcomes = run.outcomes.iter().enumerate();
    let outcomes: Vec<_> = outcomes
        .map(|(i, o)| outcome(suite, run, i, o, best))
        .collect();
    json!({
        "workload": run.workload,
        "about": run.about,
        "facts": facts(&run.facts),
        "best_stock": best.map(|best| super::label(suite, best)),
        "overhead_ns": run.overhead_nanoseconds,
        "outcomes": outcomes,
    })
}

fn outcome(suite: &Suite, run: &Run, i: usize, outcome: &Outcome, best: Option<usize>) -> Value {
    let rounds: Vec<_> = outcome.rounds.iter().map(round).collect();
    let latencies: Map<_, _> = outcome
        .latencies
        .iter()
        .map(|latency| {
            let both = quantiles::histograms(latency);
            let both: Map<_, _> = both
                .map(|(name, h)| (name.to_owned(), histogram(h)))
                .collect();
            (latency.kind.to_owned(), Value::Object(both))
        })
        .collect();
    let Counts {
        operations,
        block_reads,
        cache_hits,
        comparisons,
        most_block_reads,
    } = outcome.counts;
    let Tally {
        right,
        wrong,
        missing,
        phantom,
        disordered,
    } = outcome.tally;
    let Traffic {
        written_bytes,
        user_bytes,
        read_bytes,
        stall_seconds,
    } = outcome.traffic;
    let Memory {
        block_cache,
        table_readers,
        memtables,
        total,
    } = outcome.memory;
    let (tables, learned) = (outcome.tables, outcome.learned);
    json!({
        "engine": super::label(suite, i),
        "rounds": rounds,
        "ops_per_second": outcome.throughput().and_then(spread),
        "ratio_to_first": ratio(run, i, 0).and_then(spread),
        "ratio_to_best_stock": best.and_then(|best| ratio(run, i, best)).and_then(spread),
        "latency_ns": latencies,
        // Nothing was counted of a load, or where it was interrupted.
        "counts": (operations > 0).then(|| json!({
            "operations": operations,
            "block_reads": block_reads,
            "block_cache_hits": cache_hits,
            "key_comparisons": comparisons,
            "most_block_reads": most_block_reads,
        })),
        "tally": {
            "right": right,
            "wrong": wrong,
            "missing": missing,
            "phantom": phantom,
            "disordered": disordered,
            "clean": outcome.tally.is_clean(),
        },
        "traffic": {
            "written_bytes": written_bytes,
            "user_bytes": user_bytes,
            "read_bytes": read_bytes,
            "write_amplification": outcome.write_amplification(),
            "stall_seconds": stall_seconds,
        },
        "memory_bytes": {
            "block_cache": block_cache,
            "table_readers": table_readers,
            "memtables": memtables,
            "total": total,
        },
        "tables": {
            "files": tables.files,
            "file_bytes": tables.file_bytes,
            "entries": tables.entries,
            "data_blocks": tables.data_blocks,
            "data_bytes": tables.data_bytes,
            "index_bytes": tables.index_bytes,
            "filter_bytes": tables.filter_bytes,
        },
        "learned": {
            "files": learned.files,
            "fallen_back": learned.fallen_back,
            "bytes": learned.bytes,
            "blocks": learned.blocks,
        },
        "index_bytes": outcome.index_bytes(),
        "database_bytes": outcome.database_bytes,
        "load_seconds": outcome.load_seconds.map(|(insert, compact)| {
            json!({ "insert": insert, "compact": compact })
        }),
    })
}

fn round(round: &Round) -> Value {
    let rate = round.throughput();
    json!({
        "operations": round.operations,
        "seconds": round.seconds,
        "ops_per_second": rate.is_finite().then_some(rate),
        "cpu_seconds": round.cpu_seconds,
        "settle_seconds": round.settle_seconds,
    })
}

fn spread(spread: Spread) -> Option<Value> {
    let Spread { median, min, max } = spread;
    let finite = [median, min, max].iter().all(|x| x.is_finite());
    finite.then(|| json!({ "median": median, "min": min, "max": max }))
}

fn histogram(histogram: &Histogram<u64>) -> Value {
    let mut fields = Map::new();
    fields.insert("count".to_owned(), histogram.len().into());
    if !histogram.is_empty() {
        fields.insert("mean".to_owned(), histogram.mean().into());
        for (name, quantile) in QUANTILES {
            let value = histogram.value_at_quantile(quantile);
            fields.insert(name.to_owned(), value.into());
        }
    }
    Value::Object(fields)
}
