//! The table of engines: everything that can be put side by side.
//!
//! An engine is an options string for stock RocksDB. Whatever costs memory or changes
//! what is stored comes from one [`Budget`], the same for every engine of a run.

use crate::error::{Context, Error};
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, Options,
    ReadOptions,
};
use std::collections::HashMap;
use std::path::Path;
use std::str::FromStr;

/// What every engine of a run gets alike.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Capacity of the block cache in bytes; every engine has one of its own.
    pub cache_bytes: u64,
    /// The kind of it.
    pub cache: BlockCache,
    /// Bloom filter bits per key; 0 for no filter.
    pub bloom_bits: u32,
    /// Target size of a data block in bytes.
    pub block_bytes: u32,
    /// Size of a memtable in bytes.
    pub write_buffer_bytes: usize,
    /// How data blocks are compressed.
    pub compression: Compression,
    /// Whether reads bypass the page cache of the operating system.
    pub direct_reads: bool,
    /// Whether RocksDB's indexes and filters live in the block cache, their top levels pinned,
    /// and not on the heap.
    pub metadata_in_cache: bool,
    /// Whether files of the last level go without filters (`optimize_filters_for_hits`).
    pub filters_for_hits: bool,
}

/// Compression of data blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Blocks are stored as they are.
    None,
    /// LZ4.
    Lz4,
    /// Snappy.
    Snappy,
}

impl Compression {
    /// The name that [`FromStr`] reads back.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Lz4 => "lz4",
            Compression::Snappy => "snappy",
        }
    }
}

impl FromStr for Compression {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let all = [Compression::None, Compression::Lz4, Compression::Snappy];
        let found = all.into_iter().find(|compression| compression.name() == s);
        found.ok_or_else(|| format!("unknown compression `{s}`: choose one of none, lz4, snappy"))
    }
}

/// A kind of block cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockCache {
    /// RocksDB's default since 10.7, which it recommends: its lookups take no locks.
    HyperClock,
    /// Its default before, and what an options string gives.
    Lru,
}

impl BlockCache {
    /// The name that [`FromStr`] reads back.
    pub fn name(self) -> &'static str {
        match self {
            BlockCache::HyperClock => "hyper-clock",
            BlockCache::Lru => "lru",
        }
    }

    /// A new one that holds `bytes`.
    fn make(self, bytes: u64) -> Cache {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        match self {
            // 0: it counts by itself how large a block is. Without room for anything it would end
            // the process.
            BlockCache::HyperClock => Cache::new_hyper_clock_cache(bytes.max(1), 0),
            BlockCache::Lru => Cache::new_lru_cache(bytes),
        }
    }
}

impl FromStr for BlockCache {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let all = [BlockCache::HyperClock, BlockCache::Lru];
        let found = all.into_iter().find(|cache| cache.name() == s);
        found.ok_or_else(|| format!("unknown block cache `{s}`: choose one of hyper-clock, lru"))
    }
}

/// What a workload does, as far as the best settings for it depend on that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Whether it reads.
    pub reads: bool,
    /// Whether it writes.
    pub writes: bool,
}

/// A line of the table of engines.
#[derive(Debug)]
pub struct Engine {
    /// The name on the command line.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// The table factory that the open database must name.
    table: &'static str,
    /// The memtable factory that it must name.
    memtable: &'static str,
    /// Settings of the table factory beyond the budget.
    settings: &'static str,
    /// Settings beside the table factory.
    general: &'static str,
    /// Whether it gets RocksDB's best settings for the workload.
    tuned: bool,
    /// Whether checksums of blocks are verified when they are read.
    verifies: bool,
    /// The kind of block cache, if it is not that of the budget.
    cache: Option<BlockCache>,
}

/// Files written in pieces of 2 MiB lie in huge pages of the page cache, where the file system can do
/// that (ext4, XFS), and are mapped by them: RocksDB's mapped reads gain a sixth. (mountdb's builder
/// writes such pieces anyway.)
const MMAP: &str = "allow_mmap_reads=true;writable_file_max_buffer_size=2097152;";
const LEARNED_MEMTABLE: &str = "memtable_factory={id=mountdb};";

/// The name of mountdb's factories.
const OURS: &str = "mountdb";

/// RocksDB with its defaults; what the others differ from.
const STOCK: Engine = Engine {
    name: "stock",
    about: "RocksDB as it comes: block-based table, skip list",
    table: "BlockBasedTable",
    memtable: "SkipListFactory",
    settings: "",
    general: "",
    tuned: false,
    verifies: true,
    cache: None,
};

/// What mountdb's table has by default if it is chosen in an options string.
const LEARNED_TABLE: &str = ";index_block_restart_interval=2";

/// The table of engines.
pub const ENGINES: &[Engine] = &[
    STOCK,
    Engine {
        name: "stock-tuned",
        about: "RocksDB with its best settings for the workload",
        tuned: true,
        ..STOCK
    },
    Engine {
        name: "lru",
        about: "RocksDB with LRUCache for a block cache, its default before 10.7",
        cache: Some(BlockCache::Lru),
        ..STOCK
    },
    Engine {
        name: "interpolation",
        about: "RocksDB's block-based table, interpolation search in its index blocks",
        settings: ";index_block_search_type=kInterpolation",
        ..STOCK
    },
    Engine {
        name: "kauto",
        about: "RocksDB's block-based table, interpolation search where an index block is even",
        settings: ";index_block_search_type=kAuto;uniform_cv_threshold=0.2",
        ..STOCK
    },
    Engine {
        name: "data-hash",
        about: "RocksDB's block-based table with a hash index in its data blocks",
        settings: ";data_block_index_type=kDataBlockBinaryAndHash",
        ..STOCK
    },
    Engine {
        name: "partitioned",
        about: "RocksDB's block-based table, index and filter in partitions",
        settings: ";index_type=kTwoLevelIndexSearch;partition_filters=true",
        ..STOCK
    },
    Engine {
        name: "trie",
        about: "RocksDB's block-based table with its trie as the only index in use",
        settings: ";user_defined_index_factory=trie_index;use_udi_as_primary_index=true",
        ..STOCK
    },
    Engine {
        name: "mmap",
        about: "RocksDB's block-based table over mapped files",
        general: MMAP,
        ..STOCK
    },
    Engine {
        name: "mmap-unverified",
        about: "RocksDB's block-based table over mapped files, checksums not verified",
        general: MMAP,
        verifies: false,
        ..STOCK
    },
    Engine {
        name: "plain-table",
        about: "RocksDB's plain table over mapped files, in total order",
        table: "PlainTable",
        general: MMAP,
        ..STOCK
    },
    Engine {
        name: "skiplist",
        about: "RocksDB's skip list, its default memtable, by name",
        general: "memtable_factory=skip_list;",
        ..STOCK
    },
    Engine {
        name: "vector",
        about: "RocksDB's vector memtable, the fastest to fill; to be read it is sorted each time",
        memtable: "VectorRepFactory",
        general: "memtable_factory=vector;allow_concurrent_memtable_write=false;",
        ..STOCK
    },
    Engine {
        name: "mountdb-memtable",
        about: "mountdb's memtable, RocksDB's table",
        memtable: OURS,
        general: LEARNED_MEMTABLE,
        ..STOCK
    },
    Engine {
        name: "mountdb-table",
        about: "mountdb's table, a learned index over the same data blocks; RocksDB's skip list",
        table: OURS,
        ..STOCK
    },
    Engine {
        name: "mountdb",
        about: "mountdb's memtable and table, all else as RocksDB comes",
        table: OURS,
        memtable: OURS,
        general: LEARNED_MEMTABLE,
        ..STOCK
    },
    Engine {
        name: "mountdb-tuned",
        about: "mountdb's memtable and table, RocksDB's best settings for the workload",
        table: OURS,
        memtable: OURS,
        general: LEARNED_MEMTABLE,
        tuned: true,
        ..STOCK
    },
    Engine {
        name: "mountdb-mapped",
        about: "mountdb's memtable and table over mapped files",
        table: OURS,
        memtable: OURS,
        general: "memtable_factory={id=mountdb};allow_mmap_reads=true;writable_file_max_buffer_size=2097152;",
        ..STOCK
    },
    Engine {
        name: "mountdb-partitioned",
        about: "mountdb's table, filter in partitions; RocksDB's skip list",
        table: OURS,
        settings: ";index_type=kTwoLevelIndexSearch;partition_filters=true",
        ..STOCK
    },
];

/// The prefix of an engine that is any options string.
pub const OPTIONS_PREFIX: &str = "options:";

impl Engine {
    /// The options string of this engine within `budget`, for a workload. A string cannot say all of
    /// it: [`resolved`] adds the block cache and mountdb's table.
    pub fn options(&self, budget: &Budget, usage: Usage) -> String {
        let Engine {
            table,
            settings,
            general,
            tuned,
            ..
        } = self;
        let block_bytes = budget.block_bytes;
        if *table == "PlainTable" {
            let bits = budget.bloom_bits;
            return format!(
                "{general}table_factory={{id={table};bloom_bits_per_key={bits};hash_table_ratio=0}}"
            );
        }
        let filter = match budget.bloom_bits {
            0 => String::new(),
            bits => format!(";filter_policy=bloomfilter:{bits}:false"),
        };
        let metadata = match budget.metadata_in_cache {
            true => ";cache_index_and_filter_blocks=true;pin_top_level_index_and_filter=true",
            false => "",
        };
        let ours = if *table == OURS { LEARNED_TABLE } else { "" };
        let (more_general, more_settings) = if *tuned { tuning(usage) } else { ("", "") };
        format!(
            "{general}{more_general}block_based_table_factory={{block_size={block_bytes}{filter}\
             {metadata}{ours}{settings}{more_settings}}}"
        )
    }

    /// Whether it is RocksDB without mountdb.
    pub fn is_stock(&self) -> bool {
        self.table != OURS && self.memtable != OURS
    }
}

/// RocksDB's best settings for a workload: beside the table factory, and of it.
fn tuning(usage: Usage) -> (&'static str, &'static str) {
    let general = match usage {
        // Reads of records that are in files need not search the memtables.
        Usage {
            reads: true,
            writes: true,
        } => "memtable_prefix_bloom_size_ratio=0.1;memtable_whole_key_filtering=true;",
        // As for bulk loads. A vector memtable is faster yet, but cannot be read at any speed: it
        // is an engine of its own.
        Usage {
            reads: false,
            writes: true,
        } => "max_background_jobs=4;max_subcompactions=2;level0_file_num_compaction_trigger=8;",
        _ => "",
    };
    let settings = match usage {
        Usage { reads: true, .. } => ";index_block_search_type=kAuto;uniform_cv_threshold=0.2",
        _ => "",
    };
    (general, settings)
}

/// An engine of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contender {
    /// Its name in reports and its directory; no two of a run are the same.
    pub label: String,
    /// What it is, in one line.
    pub about: &'static str,
    /// Its options string.
    pub options: String,
    /// The table factory it must turn out to use, where that is known.
    pub table: Option<&'static str>,
    /// The memtable factory it must turn out to use, where that is known.
    pub memtable: Option<&'static str>,
    /// Whether its reads verify checksums.
    pub verifies: bool,
    /// The kind of block cache, if its options string does not choose another table and with it
    /// another cache.
    pub cache: BlockCache,
    /// Whether [`mountdb::use_learned_table`] follows the options string.
    pub learned_table: bool,
}

impl Contender {
    /// Whether it is one of mountdb's engines.
    pub fn is_ours(&self) -> bool {
        !self.is_stock()
    }

    /// Its options string, and what is done after it.
    pub fn recipe(&self) -> String {
        let then = match self.learned_table {
            true => ", then mountdb::use_learned_table",
            false => "",
        };
        format!("{}{then}", self.options)
    }

    /// Whether it is RocksDB without mountdb.
    pub fn is_stock(&self) -> bool {
        let ours = self.table == Some(OURS) || self.memtable == Some(OURS);
        !ours && !self.options.contains(OURS)
    }

    /// How it reads.
    pub fn read_options(&self) -> ReadOptions {
        let mut read = ReadOptions::default();
        read.set_verify_checksums(self.verifies);
        read
    }
}

/// Splits a comma-separated list of engines; commas within braces are left alone.
pub fn split_list(list: &str) -> Vec<String> {
    let mut depth = 0i32;
    let parts = list.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth <= 0
    });
    parts
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// What the first contender of a name is called.
pub fn label(name: &str) -> &str {
    match name.starts_with(OPTIONS_PREFIX) {
        true => "options",
        false => name,
    }
}

/// Looks up engines by name. The same name twice is two contenders with their own
/// data: what they differ by is the noise of the measurement.
///
/// # Errors
/// An unknown name; the message lists all.
pub fn resolve(names: &[String], budget: &Budget, usage: Usage) -> Result<Vec<Contender>, Error> {
    if names.is_empty() {
        return Err(Error::Usage(
            "no engine given: name some with --engines, for example stock,mountdb".to_owned(),
        ));
    }
    let mut uses = HashMap::new();
    let mut contenders = Vec::new();
    for name in names {
        let mut contender = match name.strip_prefix(OPTIONS_PREFIX) {
            Some(options) => Contender {
                label: label(name).to_owned(),
                about: "an options string of its own",
                options: options.to_owned(),
                table: None,
                memtable: None,
                verifies: true,
                cache: budget.cache,
                learned_table: false,
            },
            None => {
                let engine = by_name(name)?;
                Contender {
                    label: engine.name.to_owned(),
                    about: engine.about,
                    options: engine.options(budget, usage),
                    table: Some(engine.table),
                    memtable: Some(engine.memtable),
                    verifies: engine.verifies,
                    cache: engine.cache.unwrap_or(budget.cache),
                    learned_table: engine.table == OURS,
                }
            }
        };
        let used: &mut u32 = uses.entry(contender.label.clone()).or_default();
        *used += 1;
        if *used > 1 {
            contender.label = format!("{}-{used}", contender.label);
        }
        contenders.push(contender);
    }
    Ok(contenders)
}

/// Whether all of them are there.
///
/// # Errors
/// An unknown name; the message lists all.
pub fn check_names(names: &[String]) -> Result<(), Error> {
    let mut named = names
        .iter()
        .filter(|name| !name.starts_with(OPTIONS_PREFIX));
    named.try_for_each(|name| by_name(name).map(|_| ()))
}

fn by_name(name: &str) -> Result<&'static Engine, Error> {
    ENGINES.iter().find(|engine| engine.name == name).ok_or_else(|| {
        let names: Vec<_> = ENGINES.iter().map(|engine| engine.name).collect();
        let names = names.join(", ");
        Error::Usage(format!(
            "unknown engine `{name}`: choose from {names}, or {OPTIONS_PREFIX}<options string>; \
             `ycsb engines` tells what they are"
        ))
    })
}

/// What a database is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A new database, to be filled. No compaction starts by itself, so that the
    /// files at the end do not depend on when a background thread ran.
    Load,
    /// A loaded database, to be measured.
    Run,
    /// A new database that is filled while it is measured.
    Fill,
}

/// Opens the database of a contender in `dir`.
///
/// # Errors
/// If RocksDB or mountdb refuses, or if the open database does not use the table
/// factory that the engine stands for.
pub fn open(
    contender: &Contender,
    budget: &Budget,
    dir: &Path,
    purpose: Purpose,
) -> Result<DB, Error> {
    let label = &contender.label;
    let options = resolved(contender, budget, purpose)?;
    let family = ColumnFamilyDescriptor::new(DEFAULT_FAMILY, options.clone());
    let db = DB::open_cf_descriptors(&options, dir, [family]).context(|| {
        let hint = if budget.direct_reads {
            " (does this file system know direct I/O?)"
        } else {
            ""
        };
        format!("engine {label}: opening {}{hint}", dir.display())
    })?;
    let found = mountdb::db_factories(&db);
    for (kind, expected, found) in [
        ("table", contender.table, &found.table),
        ("memtable", contender.memtable, &found.memtable),
    ] {
        if let Some(expected) = expected.filter(|expected| expected != found) {
            return Err(Error::Run(format!(
                "engine {label}: stands for the {kind} factory {expected}, but the open database \
                 uses {found}; measuring it would be measuring something else"
            )));
        }
    }
    Ok(db)
}

const DEFAULT_FAMILY: &str = "default";

/// The only column family of a database that [`open`] has opened.
///
/// # Errors
/// If it was opened otherwise.
pub fn default_family(db: &DB) -> Result<&ColumnFamily, Error> {
    let family = db.cf_handle(DEFAULT_FAMILY);
    family.ok_or_else(|| Error::Run("a database without its column family".to_owned()))
}

/// The options of a contender.
///
/// # Errors
/// If mountdb or RocksDB refuses its options string.
pub fn resolved(
    contender: &Contender,
    budget: &Budget,
    purpose: Purpose,
) -> Result<Options, Error> {
    let Contender { label, options, .. } = contender;
    let refused = |e| {
        Error::Usage(format!(
            "engine {label}: {e} (its options string: {options})"
        ))
    };
    let mut base = base_options(budget, purpose);
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(&contender.cache.make(budget.cache_bytes));
    base.set_block_based_table_factory(&table);
    // `block_based_table_factory` changes the table that is there, and so leaves it its cache.
    let mut all = mountdb::options_from_string(&base, options).map_err(refused)?;
    if contender.learned_table {
        mountdb::use_learned_table(&mut all).map_err(refused)?;
    }
    Ok(all)
}

fn base_options(budget: &Budget, purpose: Purpose) -> Options {
    let load = purpose == Purpose::Load;
    let mut options = Options::default();
    options.create_if_missing(purpose != Purpose::Run);
    options.set_error_if_exists(purpose != Purpose::Run);
    options.set_disable_auto_compactions(load);
    options.set_write_buffer_size(budget.write_buffer_bytes);
    options.set_compression_type(match budget.compression {
        Compression::None => DBCompressionType::None,
        Compression::Lz4 => DBCompressionType::Lz4,
        Compression::Snappy => DBCompressionType::Snappy,
    });
    options.set_use_direct_reads(budget.direct_reads && !load);
    options.set_optimize_filters_for_hits(budget.filters_for_hits);
    // The index of every file is in memory from the start: what is measured is how it
    // is searched. No thread wakes up to write statistics in between.
    options.set_max_open_files(-1);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options
}
