//! The command line of `ycsb memtable`.

use crate::cli::{check_report, write_report};
use crate::error::Error;
use crate::memtable::plan::Plan;
use crate::memtable::{self, engine, report};
use crate::progress::Progress;
use clap::Args;
use std::path::PathBuf;

/// The arguments of `ycsb memtable`.
#[derive(Debug, Args)]
pub struct Memtable {
    /// Workloads, separated by commas: put-1, put-512, put-wal, fill-2m (or of its steps:
    /// get-present, get-absent, seek-10, scan, flush), two-writers, ascending, descending, uuidv7,
    /// timestamp-id, interleaved-ascending, user, paths, zipfian-update, moving, keys-file, memory
    /// [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    only: Vec<String>,
    /// Memtables, separated by commas; ratios are to skiplist. options:<options string> is any
    /// other. The same one twice shows the noise
    #[arg(long, value_name = "LIST", default_value_t = engine::all())]
    engines: String,
    /// Rounds; in each, every engine does the same
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// Factor on all numbers of entries. Below 1 it makes memtables smaller too, so that as many
    /// are filled: for a quick look, not for figures
    #[arg(long, value_name = "F", default_value_t = 1.0)]
    scale: f64,
    /// Write the keys of this file too: SOSD binary (64-bit), or one key a line. May be repeated
    #[arg(long = "keys-file", value_name = "FILE")]
    key_files: Vec<PathBuf>,
    /// Seed of the keys
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// Directory for the databases, which are removed [default: a new one for temporary files]
    #[arg(long, value_name = "DIR")]
    db: Option<PathBuf>,
    /// Write the report to this file too
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

impl Memtable {
    /// Measures and reports. Returns whether all data was right.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn run(self, progress: Progress) -> Result<bool, Error> {
        let plan = Plan {
            contenders: engine::resolve(&self.engines)?,
            only: self.only,
            rounds: self.rounds,
            scale: self.scale,
            key_files: self.key_files,
            dir: self.db,
            seed: self.seed,
        };
        plan.check()?;
        check_report(self.report.as_deref())?;
        let outcome = memtable::run(&plan, progress)?;
        let report = report::markdown(&plan, &outcome);
        print!("{report}");
        if let Some(path) = &self.report {
            write_report(path, &report)?;
        }
        Ok(outcome.is_clean())
    }
}
