//! Every latency, in the log format that HdrHistogram's tools read.

use super::label;
use super::quantiles;
use crate::error::{Context, Error};
use crate::results::{Outcome, Suite};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;
use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Characters of a label that make it into the name of a file.
const SHOWN: usize = 40;

/// Writes a log for every workload, engine and kind of operation into the directory `dir`, which
/// is made if it is not there: `WORKLOAD-ENGINE-KIND.hlog`, and for latencies from when an
/// operation was due `WORKLOAD-ENGINE-KIND-intended.hlog`. Values are nanoseconds. A log has one
/// interval: all rounds together.
///
/// # Errors
/// If a file cannot be written.
pub fn hdr(suite: &Suite, dir: &Path) -> Result<(), Error> {
    fs::create_dir_all(dir).context(|| format!("making {}", dir.display()))?;
    let mut taken = HashSet::new();
    for run in &suite.runs {
        for (i, outcome) in run.outcomes.iter().enumerate() {
            for latency in &outcome.latencies {
                for (since, histogram) in quantiles::histograms(latency) {
                    let (engine, kind) = (label(suite, i), latency.kind);
                    let mut parts = vec![run.workload.as_str(), engine, kind];
                    parts.extend((since == "intended").then_some(since));
                    let path = dir.join(file_name(&parts, &mut taken));
                    let about = format!(
                        "workload {}, engine {engine}, {kind}, {since} time in nanoseconds",
                        run.workload
                    );
                    let log = log(&about, outcome, histogram);
                    log.and_then(|log| Ok(fs::write(&path, log)?))
                        .context(|| format!("writing {}", path.display()))?;
                }
            }
        }
    }
    Ok(())
}

/// A name that every file system takes and that is none of those `taken`.
fn file_name(parts: &[&str], taken: &mut HashSet<String>) -> String {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    let safe = |part: &&str| part.chars().take(SHOWN).map(safe).collect::<String>();
    let stem = parts.iter().map(safe).collect::<Vec<_>>().join("-");
    // Some file systems do not tell upper from lower case.
    let mut name = stem.clone();
    let mut n = 1;
    while !taken.insert(name.to_ascii_lowercase()) {
        n += 1;
        name = format!("{stem}-{n}");
    }
    format!("{name}.hlog")
}

fn log(
    about: &str,
    outcome: &Outcome,
    histogram: &Histogram<u64>,
) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let seconds = outcome.rounds.iter().map(|round| round.seconds).sum();
    let duration = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    let mut log = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment(&about.escape_debug().to_string())
        .begin_log_with(&mut log, &mut serializer)?
        .write_histogram(histogram, Duration::ZERO, duration, None)
        .map_err(|e| format!("{e:?}"))?;
    Ok(log)
}
