//! Progress on stderr: bars on a terminal, one line per finished phase elsewhere.

use crate::format::count;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::time::Instant;

/// How a run shows its progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Bars on a terminal, lines elsewhere.
    Stderr,
    /// Nothing: for tests and for callers with a display of their own.
    Silent,
}

impl Progress {
    /// Says what comes next.
    pub fn headline(self, text: &str) {
        if self == Progress::Stderr {
            eprintln!("{text}");
        }
    }

    /// Begins a phase of `total` steps, named `label` in front of its bar.
    pub fn start(self, label: &str, total: u64) -> Phase {
        let target = match self {
            Progress::Stderr => ProgressDrawTarget::stderr(),
            Progress::Silent => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        // Bar and style are redrawn by `advance` alone: a ticking thread would take
        // processor time from what is measured.
        let template = "{prefix:<26} [{bar:30}] {human_pos}/{human_len} {rate} eta {eta} {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> ").with_key("rate", rate));
        }
        bar.set_prefix(label.to_owned());
        let lines = self == Progress::Stderr && bar.is_hidden();
        Phase {
            bar,
            label: label.to_owned(),
            lines,
            started: Instant::now(),
        }
    }
}

/// A phase under way. Dropped without [`Phase::finish`], its bar just goes.
#[derive(Debug)]
pub struct Phase {
    bar: ProgressBar,
    label: String,
    lines: bool,
    started: Instant,
}

impl Phase {
    /// Moves on by `steps`.
    pub fn advance(&self, steps: u64) {
        self.bar.inc(steps);
    }

    /// Says what is under way within the phase.
    pub fn note(&self, message: &str) {
        self.bar.set_message(message.to_owned());
    }

    /// Ends the phase; without a terminal this prints its line.
    pub fn finish(self) {
        self.bar.finish_and_clear();
        if self.lines {
            let seconds = self.started.elapsed().as_secs_f64();
            // Fewer than planned where it ended early.
            let done = self.bar.position();
            let rate = done as f64 / seconds.max(1e-9);
            eprintln!(
                "{}: {} in {seconds:.1} s ({}/s)",
                self.label,
                count(done),
                count(rate as u64)
            );
        }
    }
}

/// Steps per second, without decimals.
fn rate(state: &ProgressState, out: &mut dyn Write) {
    // A bar that cannot be drawn is no reason to stop a measurement.
    let _ = write!(out, "{}/s", count(state.per_sec() as u64));
}
