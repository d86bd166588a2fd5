//! `ycsb`: see `ycsb --help` and the library `mountdb_bench`.

use clap::Parser;
use mountdb_bench::cli::{Cli, Ended};
use mountdb_bench::progress::Progress;
use std::process::ExitCode;

/// As a shell says it of a process that Ctrl-C has ended.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    match Cli::parse().run(Progress::Stderr) {
        Ok(Ended::Clean) => ExitCode::SUCCESS,
        Ok(Ended::Wrong) => {
            eprintln!("error: an engine gave wrong answers; see the report");
            ExitCode::FAILURE
        }
        Ok(Ended::Interrupted) => {
            eprintln!("interrupted: the report holds what was measured until then");
            ExitCode::from(INTERRUPTED)
        }
        Ok(Ended::Early(why)) => {
            eprintln!("error: {why}; the report holds what was measured before");
            ExitCode::FAILURE
        }
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::from(e.exit_status())
        }
    }
}
