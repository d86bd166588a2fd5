//! The command line.

use crate::dataset::Source;
use crate::engine::{self, Budget, ENGINES, OPTIONS_PREFIX};
use crate::error::{Context, Error};
use crate::index::cli::Index;
use crate::keys::KeySet;
use crate::memtable::cli::Memtable;
use crate::progress::Progress;
use crate::properties::{self, Properties, Spec};
use crate::results::Suite;
use crate::run::Updates;
use crate::store::Stored;
use crate::suite::{self, Settings};
use crate::workload::{LOAD, Workload};
use crate::{reports, stop};
use clap::{Args, Parser, Subcommand};
use std::fmt;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Measures stock RocksDB and RocksDB with mountdb side by side.
#[derive(Debug, Parser)]
#[command(name = "ycsb", version, args_override_self = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the same workloads on all engines, interleaved, each on databases of its own
    Compare(Box<Compare>),
    /// Fill new databases by YCSB's load phase, measure that, and leave them for `run`
    Load(Box<Load>),
    /// Run workloads on databases that `load` has filled
    Run(Box<Run>),
    /// Write one table file with each engine and look into its index: size, seeks, cost to build
    Index(Box<Index>),
    /// Write and read through different memtables, interleaved, and hold mountdb's against its goals
    Memtable(Box<Memtable>),
    /// List the engines
    Engines,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Everything that was read was right.
    Clean,
    /// An engine gave wrong answers.
    Wrong,
    /// Interrupted; what was read until then was right.
    Interrupted,
    /// By an error, behind which there are results; what was read until then was right.
    Early(String),
}

#[derive(Debug, Args)]
struct Compare {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    work: Work,
    /// Directory for the databases, a subdirectory per engine [default: a new one for temporary
    /// files]
    #[arg(long, value_name = "DIR")]
    db: Option<PathBuf>,
    /// Keep the databases; otherwise what this run created is removed at its end
    #[arg(long)]
    keep: bool,
}

#[derive(Debug, Args)]
struct Load {
    #[command(flatten)]
    common: Common,
    /// Hold one key back for every ten records, for `run --absent`
    #[arg(long)]
    hold_out: bool,
    /// Directory for the databases, a subdirectory per engine
    #[arg(long, value_name = "DIR")]
    db: PathBuf,
}

#[derive(Debug, Args)]
struct Run {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    work: Work,
    /// Directory that was given to `load`
    #[arg(long, value_name = "DIR")]
    db: PathBuf,
}

#[derive(Debug, Args)]
struct Common {
    /// Engines, separated by commas; ratios are to the first and to the best stock one. `ycsb
    /// engines` lists them; options:<options string> is any other. The same one twice shows the
    /// noise
    #[arg(long, value_name = "LIST", default_value = "stock,stock-tuned,mountdb")]
    engines: String,
    /// YCSB property file, may be repeated; later ones count
    #[arg(short = 'P', value_name = "FILE")]
    property_files: Vec<PathBuf>,
    /// YCSB property, may be repeated; counts more than those in files
    #[arg(short = 'p', value_name = "NAME=VALUE")]
    properties: Vec<String>,
    /// Take the keys from a file: SOSD binary (64-bit), or one key a line
    #[arg(long, value_name = "FILE", conflicts_with = "keys")]
    keys_file: Option<PathBuf>,
    /// Generate the keys: uniform, dense, normal, lognormal, clustered, outliers, user, uuid-v4,
    /// uuid-v7, paths, one-byte or random-bytes [default: user, as YCSB]
    #[arg(long, value_name = "SET")]
    keys: Option<String>,
    /// Records to load (recordcount) [default: all keys of a file, 1000000 of a generated set]
    #[arg(long, value_name = "N")]
    records: Option<u64>,
    /// Bytes of a value (fieldcount * fieldlength) [default: 1000, as YCSB]
    #[arg(long, value_name = "BYTES")]
    value_size: Option<u64>,
    /// Order of the inserts: random, sorted or given (by the file, or by the key set) [default:
    /// random]
    #[arg(long, value_name = "ORDER")]
    insert_order: Option<String>,
    /// Threads (threadcount) [default: 1]
    #[arg(long, value_name = "N")]
    threads: Option<u64>,
    /// Operations per second to aim at, over all threads (target) [default: as many as possible]
    #[arg(long, value_name = "RATE")]
    target: Option<f64>,
    /// Seconds after which the measured operations of an engine end (maxexecutiontime) [default:
    /// no limit]
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    /// Rounds; in each, every engine runs the same operations
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// Block cache of each engine, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    cache_mb: u32,
    /// Kind of block cache: hyper-clock, as RocksDB has by default, or lru
    #[arg(long, value_name = "KIND", default_value = "hyper-clock")]
    cache: String,
    /// Bloom filter bits per key; 0 for no filter [default: 10]
    #[arg(long, value_name = "BITS")]
    bloom_bits: Option<u32>,
    /// Target size of a data block, in bytes [default: 4096]
    #[arg(long, value_name = "BYTES")]
    block_size: Option<u32>,
    /// Memtable of each engine, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 64)]
    write_buffer_mb: u32,
    /// Compression of data blocks: none, lz4 or snappy [default: none]
    #[arg(long, value_name = "NAME")]
    compression: Option<String>,
    /// Read around the page cache of the operating system
    #[arg(long)]
    direct_io: bool,
    /// Seed of keys, values, insert order and operations [default: 42]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Write the report to this file too: with charts if its name ends in .html, else in Markdown
    #[arg(long, value_name = "FILE")]
    report: Vec<PathBuf>,
    /// Write all results to this file, for programs
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write all results to this file, a figure a line
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write the latencies to this directory, as HdrHistogram logs
    #[arg(long, value_name = "DIR")]
    hdr: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Work {
    /// Workloads, separated by commas: YCSB's a to f, load (the load phase), seek, multiget
    /// [default: c, or what -P says]
    #[arg(long, value_name = "LIST", conflicts_with = "property_files")]
    workload: Option<String>,
    /// Measured operations per engine and workload, over all rounds (operationcount) [default:
    /// 1000000]
    #[arg(long, value_name = "N")]
    operations: Option<u64>,
    /// How records are chosen (requestdistribution): uniform, zipfian, zipfian-exact, latest,
    /// hotspot, exponential or sequential; zipfian:0.8 and the like for another shape
    #[arg(long, value_name = "NAME")]
    distribution: Option<String>,
    /// Percentage of the reads that ask for keys that were never loaded
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0)]
    absent: f64,
    /// How updates are made: read-write, as YCSB's bindings do, or blind
    #[arg(long, value_name = "WAY", default_value = "read-write")]
    updates: String,
    /// All memory for cache, index and filters, in percent of the data; implies --direct-io and
    /// --cache lru, which keeps within so little
    #[arg(long, value_name = "PERCENT", conflicts_with = "cache_mb")]
    memory_limited: Option<f64>,
}

impl Cli {
    /// Does what the command line says. Reports go to stdout, progress to stderr.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn run(self, progress: Progress) -> Result<Ended, Error> {
        let ended = |clean| if clean { Ended::Clean } else { Ended::Wrong };
        match self.command {
            Command::Compare(arguments) => arguments.run(progress),
            Command::Load(arguments) => arguments.run(progress),
            Command::Run(arguments) => arguments.run(progress),
            Command::Index(arguments) => arguments.run(progress).map(ended),
            Command::Memtable(arguments) => arguments.run(progress).map(ended),
            Command::Engines => {
                print!("{}", engines());
                Ok(Ended::Clean)
            }
        }
    }
}

/// The list of engines.
fn engines() -> String {
    let mut out = String::new();
    for engine in ENGINES {
        out.push_str(&format!("{:<20}{}\n", engine.name, engine.about));
    }
    out.push_str(&format!(
        "{:<20}any options string, its memory not kept equal for you\n",
        format!("{OPTIONS_PREFIX}...")
    ));
    out
}

impl Compare {
    fn run(&self, progress: Progress) -> Result<Ended, Error> {
        let workloads = self.work.workloads(&self.common)?;
        let mut settings = self.common.settings(workloads, None)?;
        self.work.add_to(&mut settings)?;
        settings.dir = self.db.clone();
        settings.keep = self.keep;
        suite::check(&settings)?;
        self.common.finish(|| suite::compare(&settings, progress))
    }
}

impl Load {
    fn run(&self, progress: Progress) -> Result<Ended, Error> {
        let load = Workload::load();
        // What is said of requests is for later runs.
        let properties = self.common.properties(Some("c"), [None, None])?;
        let spec = properties.spec()?;
        if self.common.seconds.is_some() {
            return Err(Error::Usage(
                "--seconds: a load ends when all records are loaded; leave it out".to_owned(),
            ));
        }
        let mut settings = self.common.settings(vec![(load, spec)], None)?;
        settings.hold_out = self.hold_out;
        // A property file may say how long the runs are to last.
        settings.seconds = None;
        suite::check(&settings)?;
        self.common
            .finish(|| suite::load_phase(&settings, &self.db, progress))
    }
}

impl Run {
    fn run(&self, progress: Progress) -> Result<Ended, Error> {
        let engines = engine::split_list(&self.common.engines);
        engine::check_names(&engines)?;
        let first = engines.first().map_or("", String::as_str);
        let stored = Stored::read(&self.db, engine::label(first))?;
        let workloads = self.work.workloads(&self.common)?;
        let mut settings = self.common.settings(workloads, Some(&stored))?;
        let holds_out = settings.hold_out;
        self.work.add_to(&mut settings)?;
        if settings.absent_percent > 0.0 && !holds_out {
            return Err(Error::Usage(
                "--absent: no keys were held out; load with --hold-out".to_owned(),
            ));
        }
        suite::check(&settings)?;
        self.common
            .finish(|| suite::run(&settings, &self.db, progress))
    }
}

impl Work {
    /// The workloads, each with all that was said of it.
    fn workloads(&self, common: &Common) -> Result<Vec<(Workload, Spec)>, Error> {
        let names = match (&self.workload, &common.property_files[..]) {
            (Some(list), _) => engine::split_list(list),
            (None, []) => vec!["c".to_owned()],
            (None, [.., last]) => {
                let properties = common.properties(None, self.properties())?;
                let name = last
                    .file_name()
                    .map_or("properties".into(), |n| n.to_string_lossy());
                let spec = properties.spec()?;
                return Ok(vec![(self.workload(&name, &spec)?, spec)]);
            }
        };
        if names.is_empty() {
            return Err(Error::Usage("--workload: name at least one".to_owned()));
        }
        let named = |name: String| {
            let properties = match name.as_str() {
                // What is said of requests is for the other workloads.
                LOAD => common.properties(Some("c"), self.properties())?,
                _ => common.properties(Some(&name), self.properties())?,
            };
            let spec = properties.spec()?;
            let workload = match name.as_str() {
                LOAD => Workload::load(),
                _ => self.workload(&name, &spec)?,
            };
            Ok((workload, spec))
        };
        names.into_iter().map(named).collect()
    }

    fn workload(&self, name: &str, spec: &Spec) -> Result<Workload, Error> {
        let mut workload = Workload::new(name, spec);
        // With numbers of its own.
        if let Some(name) = self.distribution.as_ref().filter(|name| name.contains(':')) {
            workload.distribution = parse(name)?;
        }
        Ok(workload)
    }

    /// The options that stand for properties: operations and distribution.
    fn properties(&self) -> [Option<String>; 2] {
        let distribution = self.distribution.as_ref();
        let name = distribution.map(|text| text.split(':').next().unwrap_or_default().to_owned());
        [self.operations.map(|n| n.to_string()), name]
    }

    fn add_to(&self, settings: &mut Settings) -> Result<(), Error> {
        settings.absent_percent = self.absent;
        settings.hold_out |= self.absent > 0.0;
        settings.updates = parse(&self.updates)?;
        if let Some(percent) = self.memory_limited {
            if !(percent > 0.0 && percent <= 100.0) {
                return Err(Error::Usage(format!(
                    "--memory-limited {percent}: give a percentage above 0, at most 100"
                )));
            }
            settings.memory_percent = Some(percent);
            settings.budget.direct_reads = true;
            settings.budget.metadata_in_cache = true;
        }
        Ok(())
    }
}

impl Common {
    /// What is said of a workload: by its own file, by -P and -p, and by options that stand for a
    /// property.
    fn properties(
        &self,
        workload: Option<&str>,
        [operations, distribution]: [Option<String>; 2],
    ) -> Result<Properties, Error> {
        let mut properties = match workload {
            None | Some(LOAD) => Properties::new(),
            Some(name) => Workload::properties(name)?,
        };
        for path in &self.property_files {
            properties.read(path)?;
        }
        for pair in &self.properties {
            properties.set(pair)?;
        }
        let text = |value: Option<u64>| value.map(|value| value.to_string());
        let options = [
            ("--records", "recordcount", text(self.records)),
            ("--operations", "operationcount", operations),
            ("--distribution", "requestdistribution", distribution),
            ("--threads", "threadcount", text(self.threads)),
            (
                "--target",
                "target",
                self.target.map(|target| target.to_string()),
            ),
            (
                "--seconds",
                "maxexecutiontime",
                self.seconds.map(|seconds| seconds.to_string()),
            ),
        ];
        for (option, name, value) in options {
            let Some(value) = value else { continue };
            let said = self
                .properties
                .iter()
                .filter_map(|pair| pair.split_once('='));
            for (_, other) in said.filter(|(said, _)| said.trim() == name) {
                if other.trim() != value {
                    return Err(Error::Usage(format!(
                        "{option} {value} and -p {name}={other} contradict each other: give one"
                    )));
                }
            }
            properties.set(&format!("{name}={value}"))?;
        }
        Ok(properties)
    }

    /// What was said of the number of records, not by a workload that comes with the program.
    fn records(&self) -> Result<Option<u64>, Error> {
        self.properties(None, [None, None])?.records()
    }

    /// All settings; what is not said is as it was `stored`.
    fn settings(
        &self,
        workloads: Vec<(Workload, Spec)>,
        stored: Option<&Stored>,
    ) -> Result<Settings, Error> {
        let Some((_, spec)) = workloads.first() else {
            return Err(Error::Usage("no workload".to_owned()));
        };
        let spec = spec.clone();
        let said = Said { stored };
        let records = match (self.records()?, stored) {
            (Some(records), Some(stored)) if records != stored.loaded as u64 => {
                return Err(Error::Usage(format!(
                    "--records {records}: {} were loaded; leave it out or load anew",
                    stored.loaded
                )));
            }
            (records, _) => records.map(count_of("--records")).transpose()?,
        };
        let value_size = match (self.value_size, spec.value_bytes) {
            (Some(flag), Some(fields)) if flag != fields => {
                return Err(Error::Usage(format!(
                    "--value-size {flag} contradicts fieldcount * fieldlength = {fields}: give one"
                )));
            }
            (flag, fields) => flag.or(fields),
        };
        let value_size = said.or("value-size", value_size, YCSB_VALUE)?;
        let operations = |spec: &Spec| {
            let operations = spec.operations.unwrap_or(DEFAULT_OPERATIONS);
            count_of("--operations")(operations)
        };
        let budget = Budget {
            cache_bytes: u64::from(self.cache_mb) << 20,
            cache: self.cache.parse().map_err(Error::Usage)?,
            bloom_bits: said.or("bloom-bits", self.bloom_bits, 10)?,
            block_bytes: at_least_one(
                "--block-size",
                said.or("block-size", self.block_size, 4096)?,
            )?,
            write_buffer_bytes: (at_least_one("--write-buffer-mb", self.write_buffer_mb)? as usize)
                << 20,
            compression: parse(&said.or(
                "compression",
                self.compression.clone(),
                "none".into(),
            )?)?,
            direct_reads: self.direct_io,
            metadata_in_cache: false,
            filters_for_hits: false,
        };
        let order = said.or("insert-order", self.insert_order.clone(), "random".into())?;
        Ok(Settings {
            command: std::env::args().collect(),
            engines: engine::split_list(&self.engines),
            budget,
            memory_percent: None,
            source: self.source(&spec, &said)?,
            records,
            insert_order: parse(&order)?,
            workloads: workloads
                .into_iter()
                .map(|(workload, spec)| Ok((workload, operations(&spec)?)))
                .collect::<Result<_, Error>>()?,
            hold_out: said.or("hold-out", None, false)?,
            absent_percent: 0.0,
            updates: Updates::default(),
            rounds: self.rounds,
            threads: count_of("--threads")(spec.threads.unwrap_or(1))?,
            target: spec.target,
            seconds: spec.seconds,
            value_bytes: count_of("--value-size")(value_size)?,
            seed: said.or("seed", self.seed, 42)?,
            dir: None,
            keep: false,
        })
    }

    /// Where the keys come from.
    fn source(&self, spec: &Spec, said: &Said<'_>) -> Result<Source, Error> {
        let keys = said.or("keys", self.keys.clone(), String::new())?;
        let file = self.keys_file.as_ref().map(|path| {
            let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
            path.display().to_string()
        });
        let file = said.or("keys-file", file, String::new())?;
        let digits = spec.zero_padding.map(|digits| digits as usize);
        let digits = said.or("zeropadding", digits, 1)?;
        if digits > MOST_DIGITS {
            return Err(Error::Usage(format!(
                "zeropadding={digits}: give at most {MOST_DIGITS}"
            )));
        }
        let order = spec.insert_order.map(|order| match order {
            properties::InsertOrder::Hashed => "hashed".to_owned(),
            properties::InsertOrder::Ordered => "ordered".to_owned(),
        });
        let ordered = said.or("insertorder", order, "hashed".to_owned())? == "ordered";
        let numbered = ordered || digits > 1;
        match (keys.as_str(), file.as_str(), numbered) {
            ("" | "user", "", true) => Ok(Source::Numbered { ordered, digits }),
            (_, _, true) => Err(Error::Usage(
                "insertorder and zeropadding are about YCSB's own keys: give --keys user, or use \
                 --insert-order for other keys"
                    .to_owned(),
            )),
            ("", "", false) => Ok(Source::Set(KeySet::User)),
            ("", file, false) => Ok(Source::File(file.into())),
            (keys, _, false) => Ok(Source::Set(parse(keys)?)),
        }
    }

    /// Measures, prints the report, and writes those that were asked for.
    fn finish(&self, measure: impl FnOnce() -> Result<Suite, Error>) -> Result<Ended, Error> {
        for (option, paths) in [
            ("--report", &self.report[..]),
            ("--json", self.json.as_slice()),
            ("--csv", self.csv.as_slice()),
        ] {
            let mut paths = paths.iter();
            paths.try_for_each(|path| check_writable(option, path))?;
        }
        if let Some(dir) = &self.hdr {
            std::fs::create_dir_all(dir)
                .map_err(|e| Error::Usage(format!("--hdr {}: {e}", dir.display())))?;
        }
        stop::on_interrupt()?;
        let suite = measure()?;
        print!("{}", reports::text(&suite));
        for path in &self.report {
            let html = path
                .extension()
                .is_some_and(|extension| extension == "html");
            let text = match html {
                true => reports::html(&suite),
                false => reports::markdown(&suite),
            };
            write_report(path, &text)?;
        }
        if let Some(path) = &self.json {
            write_report(path, &reports::json(&suite))?;
        }
        if let Some(path) = &self.csv {
            write_report(path, &reports::csv(&suite))?;
        }
        if let Some(dir) = &self.hdr {
            reports::hdr(&suite, dir)?;
        }
        Ok(match (suite.is_clean(), suite.stopped) {
            (false, _) => Ended::Wrong,
            (true, Some(_)) if stop::requested() => Ended::Interrupted,
            (true, Some(why)) => Ended::Early(why),
            (true, None) => Ended::Clean,
        })
    }
}

/// Bytes of a record of YCSB: ten fields of 100.
const YCSB_VALUE: u64 = 1000;
/// Digits of a number in a key.
const MOST_DIGITS: usize = 255;
const DEFAULT_OPERATIONS: u64 = 1_000_000;

/// What databases that are there were made with.
struct Said<'a> {
    stored: Option<&'a Stored>,
}

impl Said<'_> {
    /// What an option says, or what was stored, or a default; an error where the first two
    /// differ.
    fn or<T: FromStr + PartialEq + fmt::Display>(
        &self,
        name: &str,
        option: Option<T>,
        default: T,
    ) -> Result<T, Error> {
        let Some(stored) = self.stored else {
            return Ok(option.unwrap_or(default));
        };
        let was = stored.text(name).and_then(|text| text.parse().ok());
        match (option, was) {
            (Some(option), was) if was.as_ref() != Some(&option) => {
                let was = was.map_or("something else".to_owned(), |was| was.to_string());
                Err(Error::Usage(format!(
                    "--{name} {option}: the databases were made with {was}; leave it out or load \
                     anew"
                )))
            }
            (_, Some(was)) => Ok(was),
            (_, None) => Ok(default),
        }
    }
}

/// A number that counts things in memory.
fn count_of(option: &str) -> impl Fn(u64) -> Result<usize, Error> {
    move |value| {
        usize::try_from(value).map_err(|_| Error::Usage(format!("{option} {value}: too many")))
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
    path.map_or(Ok(()), |path| check_writable("--report", path))
}

/// The same for a file that any option names; leaves no empty one behind.
fn check_writable(option: &str, path: &Path) -> Result<(), Error> {
    let is_new = !path.exists();
    let opened = OpenOptions::new().create(true).append(true).open(path);
    let removed = opened.and_then(|_| {
        if is_new {
            fs::remove_file(path)
        } else {
            Ok(())
        }
    });
    removed.map_err(|e| Error::Usage(format!("{option} {}: {e}", path.display())))
}

pub(crate) fn write_report(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).context(|| format!("writing the report to {}", path.display()))
}
