//! The command line of `ycsb index`.

use crate::cli::{check_report, write_report};
use crate::dataset::Source;
use crate::engine::{self, Budget, Compression};
use crate::error::Error;
use crate::index::plan::Plan;
use crate::index::{measure, report};
use crate::progress::Progress;
use clap::Args;
use std::path::PathBuf;

/// The arguments of `ycsb index`.
#[derive(Debug, Args)]
pub struct Index {
    /// What to measure, separated by commas: file (one table file per engine: sizes, seeks in the
    /// index alone, time to write), get, absent, seek, multiget, absent-unfiltered (in a database,
    /// everything in the block cache or mapped), blocks (that Gets read, counted), memory, memory-filter (Gets by direct I/O with
    /// little memory, without and with filters), build (processor time of flush and compaction)
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "file,get,absent,seek"
    )]
    only: Vec<String>,
    /// Engines, separated by commas; ratios are to the first. The same one twice shows the noise
    #[arg(
        long,
        value_name = "LIST",
        default_value = "stock,interpolation,kauto,data-hash,partitioned,trie,mountdb-table"
    )]
    engines: String,
    /// Generated key sets, separated by commas
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "uniform,dense,normal,lognormal,user"
    )]
    keys: Vec<String>,
    /// Take the keys of this file too: SOSD binary (64-bit), or one key a line. May be repeated
    #[arg(long = "keys-file", value_name = "FILE")]
    key_files: Vec<PathBuf>,
    /// Records of a generated key set, and at most as many of a file
    #[arg(long, value_name = "N", default_value_t = 2_300_000)]
    records: usize,
    /// Bytes of a value
    #[arg(long, value_name = "BYTES", default_value_t = 100)]
    value_size: usize,
    /// Target size of a data block, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 4096)]
    block_size: u32,
    /// Seeks or Gets in every round
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    lookups: usize,
    /// Rounds; in each, every engine does the same
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,
    /// All memory for cache (an LRUCache) and index, in percent of the data (memory, memory-filter)
    #[arg(long, value_name = "PERCENT", default_value_t = 0.1)]
    memory_percent: f64,
    /// Kind of block cache: hyper-clock, as RocksDB has by default, or lru
    #[arg(long, value_name = "KIND", default_value = "hyper-clock")]
    cache: String,
    /// Seed of keys, values and lookups
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// Directory for the files, which are removed [default: a new one for temporary files]
    #[arg(long, value_name = "DIR")]
    db: Option<PathBuf>,
    /// Write the report to this file too
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

impl Index {
    /// Measures and reports. Returns whether all indexes found the same blocks.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn run(self, progress: Progress) -> Result<bool, Error> {
        let budget = Budget {
            cache_bytes: 8 << 20,
            cache: self.cache.parse().map_err(Error::Usage)?,
            bloom_bits: 0,
            block_bytes: self.block_size,
            write_buffer_bytes: 64 << 20,
            compression: Compression::None,
            direct_reads: false,
            metadata_in_cache: false,
            filters_for_hits: false,
        };
        let sets = self.keys.iter().filter(|name| !name.is_empty());
        let mut sources = sets
            .map(|name| name.parse().map(Source::Set).map_err(Error::Usage))
            .collect::<Result<Vec<_>, _>>()?;
        sources.extend(self.key_files.into_iter().map(Source::File));
        let plan = Plan {
            parts: (self
                .only
                .iter()
                .map(|name| name.parse().map_err(Error::Usage)))
            .collect::<Result<_, _>>()?,
            engines: engine::split_list(&self.engines),
            budget,
            sources,
            records: self.records,
            value_size: self.value_size,
            lookups: self.lookups,
            memory_percent: self.memory_percent,
            rounds: self.rounds,
            seed: self.seed,
            dir: self.db,
        };
        plan.check()?;
        check_report(self.report.as_deref())?;
        let outcome = measure::run(&plan, progress)?;
        let report = report::markdown(&plan, &outcome)?;
        print!("{report}");
        if let Some(path) = &self.report {
            write_report(path, &report)?;
        }
        Ok(outcome.wrong.is_empty())
    }
}
