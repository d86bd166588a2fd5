//! `ycsb`: see `ycsb --help` and the library `mountdb_bench`.

use clap::Parser;
use mountdb_bench::cli::Cli;
use mountdb_bench::progress::Progress;
use std::process::ExitCode;

fn main() -> ExitCode {
    match Cli::parse().run(Progress::Stderr) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("error: an engine gave wrong answers; see the report");
            ExitCode::FAILURE
        }
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::from(e.exit_status())
        }
    }
}
