//! The command line.

use crate::dataset::{Dataset, Source};
use crate::engine::{self, Budget, ENGINES, OPTIONS_PREFIX};
use crate::error::{Context, Error};
use crate::index::cli::Index;
use crate::keys::KeySet;
use crate::memtable::cli::Memtable;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::report::Report;
use crate::workdir::WorkDir;
use crate::workload::Workload;
use crate::{compare, load};
use clap::{Args, Parser, Subcommand};
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Measures stock RocksDB and RocksDB with mountdb side by side.
#[derive(Debug, Parser)]
#[command(name = "ycsb", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Load the same records into each engine and run the same operations on all, interleaved
    Compare(Box<Compare>),
    /// Write one table file with each engine and look into its index: size, seeks, cost to build
    Index(Box<Index>),
    /// Write and read through different memtables, interleaved, and hold mountdb's against its goals
    Memtable(Box<Memtable>),
    /// List the engines that compare knows
    Engines,
}

#[derive(Debug, Args)]
struct Compare {
    /// Engines, separated by commas; ratios are to the first. `ycsb engines` lists them;
    /// options:<options string> is any other. The same one twice shows the noise
    #[arg(long, value_name = "LIST", default_value = "stock,mountdb-table")]
    engines: String,
    /// Take the keys from a file: SOSD binary (64-bit), or one key a line
    #[arg(long, value_name = "FILE", conflicts_with = "keys")]
    keys_file: Option<PathBuf>,
    /// Generate the keys: uniform, dense, normal, lognormal, clustered, outliers, user, uuid-v4,
    /// uuid-v7, paths, one-byte or random-bytes [default: uniform]
    #[arg(long, value_name = "SET")]
    keys: Option<String>,
    /// Records to load [default: all keys of a file, 1000000 of a generated set]
    #[arg(long, value_name = "N")]
    records: Option<usize>,
    /// Measured operations per engine, over all rounds
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    operations: usize,
    /// Rounds; in each, every engine runs the same operations
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// YCSB workload: a (50% reads, 50% updates), b (95% reads, 5% updates), c (100% reads),
    /// load (the load phase alone); or seek (100% seeks)
    #[arg(long, value_name = "NAME", default_value = "c")]
    workload: String,
    /// How records are chosen: uniform or zipfian [default: what the workload says]
    #[arg(long, value_name = "NAME")]
    distribution: Option<String>,
    /// Percentage of the reads that ask for keys that were never loaded
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0)]
    absent: f64,
    /// Bytes of a value
    #[arg(long, value_name = "BYTES", default_value_t = 100)]
    value_size: usize,
    /// Order of the inserts: random or sorted
    #[arg(long, value_name = "ORDER", default_value = "random")]
    insert_order: String,
    /// Block cache of each engine, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    cache_mb: u32,
    /// Bloom filter bits per key; 0 for no filter
    #[arg(long, value_name = "BITS", default_value_t = 10)]
    bloom_bits: u32,
    /// Target size of a data block, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 4096)]
    block_size: u32,
    /// Memtable of each engine, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 64)]
    write_buffer_mb: u32,
    /// Compression of data blocks: none, lz4 or snappy
    #[arg(long, value_name = "NAME", default_value = "none")]
    compression: String,
    /// Read around the page cache of the operating system
    #[arg(long)]
    direct_io: bool,
    /// Seed of keys, values, insert order and operations
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// Directory for the databases, one subdirectory per engine [default: a new one for temporary
    /// files, which an interrupted run leaves behind]
    #[arg(long, value_name = "DIR")]
    db: Option<PathBuf>,
    /// Keep the databases; otherwise what this run created is removed at its end
    #[arg(long)]
    keep: bool,
    /// Write the report to this file too, in Markdown
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

impl Cli {
    /// Does what the command line says. Reports go to stdout, progress to stderr.
    /// Returns whether everything that was read was right.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn run(self, progress: Progress) -> Result<bool, Error> {
        match self.command {
            Command::Compare(arguments) => arguments.run(progress),
            Command::Index(arguments) => arguments.run(progress),
            Command::Memtable(arguments) => arguments.run(progress),
            Command::Engines => {
                print!("{}", engines());
                Ok(true)
            }
        }
    }
}

/// The list of engines.
fn engines() -> String {
    let mut out = String::new();
    for engine in ENGINES {
        out.push_str(&format!("{:<16}{}\n", engine.name, engine.about));
    }
    out.push_str(&format!(
        "{:<16}any options string, its memory not kept equal for you\n",
        format!("{OPTIONS_PREFIX}...")
    ));
    out
}

impl Compare {
    fn run(&self, progress: Progress) -> Result<bool, Error> {
        let plan = self.plan()?;
        check_report(self.report.as_deref())?;
        let mut dir = WorkDir::new(self.db.as_deref(), self.keep)?;
        let loaded = load::load(&plan, &mut dir, progress)?;
        let comparison = compare::run(&plan, &loaded, progress)?;
        // The databases are closed before their directory goes.
        drop(loaded);
        let report = Report::new(&plan, &comparison);
        print!("{}", report.text());
        if let Some(path) = &self.report {
            write_report(path, &report.markdown())?;
        }
        if self.keep {
            eprintln!("the databases are in {}", dir.path().display());
        }
        Ok(comparison.is_clean())
    }

    /// Checks the cheap things first, then makes or reads the keys.
    fn plan(&self) -> Result<Plan, Error> {
        let budget = Budget {
            cache_bytes: u64::from(self.cache_mb) << 20,
            bloom_bits: self.bloom_bits,
            block_bytes: at_least_one("--block-size", self.block_size)?,
            write_buffer_bytes: (at_least_one("--write-buffer-mb", self.write_buffer_mb)? as usize)
                << 20,
            compression: parse(&self.compression)?,
            direct_reads: self.direct_io,
            metadata_in_cache: false,
            filters_for_hits: false,
        };
        let workload = Workload::by_name(&self.workload)?;
        let source = match (&self.keys_file, &self.keys) {
            (Some(path), _) => Source::File(path.clone()),
            (None, Some(name)) => Source::Set(parse(name)?),
            (None, None) => Source::Set(KeySet::Uniform),
        };
        let distribution = match &self.distribution {
            Some(name) => parse(name)?,
            None => workload.distribution,
        };
        if self.records == Some(0) {
            return Err(Error::Usage(
                "--records 0: there is nothing to load; give at least 1".to_owned(),
            ));
        }
        let mut plan = Plan {
            contenders: engine::resolve(&engine::split_list(&self.engines), &budget)?,
            budget,
            source,
            data: Dataset {
                records: Vec::new(),
                absent: Vec::new(),
            },
            workload,
            distribution,
            absent_percent: self.absent,
            operations: self.operations,
            rounds: self.rounds,
            value_bytes: self.value_size,
            insert_order: parse(&self.insert_order)?,
            seed: self.seed,
        };
        plan.check_numbers()?;
        plan.data = Dataset::new(&plan.source, self.records, self.absent > 0.0, self.seed)?;
        Ok(plan)
    }
}

fn parse<T: FromStr<Err = String>>(text: &str) -> Result<T, Error> {
    text.parse().map_err(Error::Usage)
}

fn at_least_one(option: &str, value: u32) -> Result<u32, Error> {
    if value == 0 {
        Err(Error::Usage(format!("{option} 0: give at least 1")))
    } else {
        Ok(value)
    }
}

/// Learns before the run, not after an hour, that its report cannot be written.
pub(crate) fn check_report(path: Option<&Path>) -> Result<(), Error> {
    if let Some(path) = path {
        let opened = OpenOptions::new().create(true).append(true).open(path);
        opened.map_err(|e| Error::Usage(format!("--report {}: {e}", path.display())))?;
    }
    Ok(())
}

pub(crate) fn write_report(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).context(|| format!("writing the report to {}", path.display()))
}
