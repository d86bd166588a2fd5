//! Fresh databases with the same options for every memtable.

use crate::error::{Context, Error};
use crate::flat::FlatKeys;
use crate::memtable::check::{Digest, VALUE_BYTES};
use crate::memtable::engine::Contender;
use crate::workdir::WorkDir;
use rocksdb::{DB, DBCompressionType, Options};
use std::path::{Path, PathBuf};

/// The directory under which all databases of a run lie.
#[derive(Debug)]
pub struct Scratch {
    root: WorkDir,
}

impl Scratch {
    /// Uses `dir`, or a fresh directory for temporary files.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn new(dir: Option<&Path>) -> Result<Self, Error> {
        Ok(Self {
            root: WorkDir::new(dir, false)?,
        })
    }
}

/// Sizes that go with a workload.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Size of a memtable in bytes.
    pub write_buffer: usize,
    /// Memtables in memory, at most.
    pub buffers: usize,
    /// Size of a block of a memtable's arena; 0 leaves it to RocksDB.
    pub arena_block: usize,
}

impl Shape {
    /// A memtable that never fills.
    pub const ONE_MEMTABLE: Shape = Shape {
        write_buffer: 2 << 30,
        buffers: 6,
        arena_block: 0,
    };

    /// The same, for counting its bytes: RocksDB counts whole blocks, so they are small.
    pub const ONE_COUNTED: Shape = Shape {
        arena_block: 64 << 10,
        ..Shape::ONE_MEMTABLE
    };

    /// Memtables of `write_buffer` bytes. All that `keys` fill have room at the same
    /// time, so that no write ever waits for a flush.
    pub fn for_keys(write_buffer: usize, keys: &FlatKeys) -> Self {
        // Per entry, what no memtable exceeds by much.
        const OVERHEAD: usize = 64;
        let bytes = keys.total_bytes() + keys.len() * (VALUE_BYTES + OVERHEAD);
        Self {
            write_buffer,
            buffers: (bytes / write_buffer + 4).max(6),
            arena_block: 0,
        }
    }
}

/// An open database, removed when this is dropped.
pub struct Database {
    /// The database. Before its directory here: it is closed before that goes.
    pub db: DB,
    path: PathBuf,
    _dir: WorkDir,
}

impl Database {
    /// Makes an empty database.
    ///
    /// # Errors
    /// If RocksDB or mountdb refuses, or if the open database does not use the memtable
    /// factory that the engine stands for.
    pub fn new(scratch: &Scratch, contender: &Contender, shape: Shape) -> Result<Self, Error> {
        let Contender {
            label,
            options,
            factory,
            ..
        } = contender;
        // Of its own, so that it goes with the database.
        let mut dir = WorkDir::new(Some(scratch.root.path()), false)?;
        let path = dir.engine(label)?;
        let options =
            mountdb::options_from_string(&base_options(shape), &format!("{COMMON}{options}"))
                .map_err(|e| {
                    Error::Usage(format!(
                        "engine {label}: {e} (its options string: {options})"
                    ))
                })?;
        let db = DB::open(&options, &path)
            .context(|| format!("engine {label}: opening {}", path.display()))?;
        let found = mountdb::db_factories(&db).memtable;
        match factory {
            Some(expected) if *expected != found => Err(Error::Run(format!(
                "engine {label}: stands for the memtable factory {expected}, but the open \
                 database uses {found}; measuring it would be measuring something else"
            ))),
            _ => Ok(Self {
                db,
                path,
                _dir: dir,
            }),
        }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads all entries in key order.
    ///
    /// # Errors
    /// If RocksDB fails.
    pub fn scan(&self) -> Result<Digest, Error> {
        let mut digest = Digest::default();
        let mut entries = self.db.raw_iterator();
        entries.seek_to_first();
        while let Some((key, value)) = entries.item() {
            digest.read(key, value);
            entries.next();
        }
        entries.status().context(|| "scanning".to_owned())?;
        Ok(digest)
    }

    /// An integer property.
    ///
    /// # Errors
    /// If RocksDB does not know it.
    pub fn property(&self, name: &rocksdb::properties::PropName) -> Result<u64, Error> {
        let value = self
            .db
            .property_int_value(name)
            .context(|| "asking for a property".to_owned())?;
        value.ok_or_else(|| Error::Run(format!("RocksDB does not know {name:?}")))
    }

    /// Writes that had to wait or were slowed down.
    ///
    /// # Errors
    /// If RocksDB does not tell.
    pub fn stalls(&self) -> Result<u64, Error> {
        let text = self
            .db
            .property_value("rocksdb.cf-write-stall-stats")
            .context(|| "asking for write stalls".to_owned())?
            .unwrap_or_default();
        let figure = |name: &str| -> Option<u64> {
            let (_, after) = text.split_once(name)?;
            after.split([',', '\n']).next()?.trim().parse().ok()
        };
        match (figure("total-delays:"), figure("total-stops:")) {
            (Some(delays), Some(stops)) => Ok(delays + stops),
            _ => Err(Error::Run(format!(
                "RocksDB's write stall statistics lack their totals: {text}"
            ))),
        }
    }
}

/// What is set by string: a database that is thrown away need not be written out first.
const COMMON: &str = "avoid_flush_during_shutdown=true;";

fn base_options(shape: Shape) -> Options {
    /// A trigger that nothing reaches.
    const NEVER: i32 = 1 << 20;
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_error_if_exists(true);
    options.set_write_buffer_size(shape.write_buffer);
    options.set_arena_block_size(shape.arena_block);
    // A plan's entries are limited: this fits.
    options.set_max_write_buffer_number(shape.buffers as i32);
    options.set_disable_auto_compactions(true);
    options.set_level_zero_file_num_compaction_trigger(NEVER);
    options.set_level_zero_slowdown_writes_trigger(NEVER);
    options.set_level_zero_stop_writes_trigger(NEVER);
    options.set_compression_type(DBCompressionType::None);
    // No thread wakes up to write statistics in between.
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options
}
