//! A [`Suite`] as text, Markdown, HTML, JSON, CSV and HdrHistogram logs.
//!
//! | what | where |
//! |---|---|
//! | for a terminal, and in Markdown | [`text`](fn@text), [`markdown`] |
//! | for a browser: one file with charts | [`html`](fn@html) |
//! | for programs | [`json`](fn@json), [`csv`](fn@csv) |
//! | every latency | [`hdr`](fn@hdr) |

mod canvas;
mod chart;
mod csv;
mod curve;
mod hdr;
mod html;
mod json;
mod quantiles;
mod summary;
mod table;
mod text;
mod verdict;

pub use csv::csv;
pub use hdr::hdr;
pub use html::html;
pub use json::json;
pub use text::{markdown, text};

use crate::results::{Run, Suite};
use crate::stats::Spread;

/// The command line as a shell takes it.
fn command_line(suite: &Suite) -> String {
    let words: Vec<String> = suite.command.iter().map(|word| quoted(word)).collect();
    words.join(" ")
}

/// A word of a command line, in quotes where a shell would read more into it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_=+./,:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Throughput of engine `i` as a multiple of that of engine `base`, if both have any.
fn ratio(run: &Run, i: usize, base: usize) -> Option<Spread> {
    run.ratio(i, base).filter(|spread| {
        [spread.median, spread.min, spread.max]
            .iter()
            .all(|x| x.is_finite())
    })
}

/// The label of engine `i`.
fn label(suite: &Suite, i: usize) -> &str {
    suite.engines.get(i).map_or("?", |engine| &engine.label)
}

/// `part` for each of `whole`, if there is any.
fn per(part: f64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part / whole as f64)
}

/// What is said at the top and at the bottom of a report that is not whole.
fn stopped(suite: &Suite) -> Option<String> {
    let why = suite.stopped.as_ref()?;
    Some(format!("PARTIAL RESULTS: the command was stopped: {why}"))
}
