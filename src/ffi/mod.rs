//! The bridge to RocksDB: registration, options, and what a database really uses.

mod bridge;
mod counters;
mod memtable;
mod options_string;
mod properties;
mod raw;
mod table_file;

use crate::memtable::Settings as MemtableSettings;
use bridge::cpp;
pub use counters::Counters;
pub use properties::index_properties;
use rocksdb::{AsColumnFamilyRef, ColumnFamily, DB, Options};
use std::fmt;
pub use table_file::{SeekTargets, TableFile, TableFileFacts};

/// What went wrong, in RocksDB's words and ours: what was expected, what is available.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl From<cxx::Exception> for Error {
    fn from(e: cxx::Exception) -> Error {
        Error(e.what().to_owned())
    }
}

/// The structures that an `Options` chooses or a database uses, by the names of their
/// factories: `SkipListFactory`, `BlockBasedTable`, `mountdb`, ...
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Factories {
    /// Name of the memtable factory.
    pub memtable: String,
    /// Name of the table factory.
    pub table: String,
}

impl From<cpp::FactoryNames> for Factories {
    fn from(names: cpp::FactoryNames) -> Factories {
        Factories {
            memtable: names.memtable,
            table: names.table,
        }
    }
}

/// Makes the name `mountdb` known to RocksDB's options parser.
///
/// Idempotent and callable from any thread. The first call also checks that this library
/// was compiled against the very RocksDB it is linked to, and fails if it was not; then
/// nothing is registered. C and C++ call `mountdb_register()` of `cpp/mountdb.h` instead.
pub fn register() -> Result<(), Error> {
    Ok(cpp::register_factories()?)
}

/// `base` with an options string applied, e.g.
/// `table_factory={id=mountdb;block_size=4096;filter_policy=bloomfilter:10}`.
///
/// Unlike `Options::get_options_from_string` it never keeps a stock structure silently: an
/// unknown id, an unknown field, a wrong type or a setting said twice is an error that names
/// it and says what there is. Registers mountdb first. What `base` keeps alive (caches, environment,
/// comparator) stays alive through the result.
pub fn options_from_string(base: &Options, options: &str) -> Result<Options, Error> {
    register()?;
    options_string::check(options).map_err(Error)?;
    let mut result = base.clone();
    cpp::options_from_string(raw::options(base), options, raw::options_mut(&mut result))?;
    Ok(result)
}

/// Replaces the block-based table factory of `options` by mountdb's, all its settings
/// kept: block cache, filter policy, block size and so on.
///
/// For applications that set their table options in code
/// (`Options::set_block_based_table_factory`); call it after that. Fails if `options` uses
/// a table other than the block-based one.
pub fn use_learned_table(options: &mut Options) -> Result<(), Error> {
    register()?;
    Ok(cpp::use_learned_table(raw::options_mut(options))?)
}

/// Makes `options` use mountdb's learned memtable, whichever it used before: the same as
/// `memtable_factory={id=mountdb;reuse=...;model=...}` in an options string.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut options = rocksdb::Options::default();
/// mountdb::use_learned_memtable(&mut options, mountdb::MemtableSettings::default())?;
/// let db = rocksdb::DB::open(&options, "/path/to/db")?;
/// assert_eq!(mountdb::db_factories(&db).memtable, "mountdb");
/// # Ok(())
/// # }
/// ```
///
/// Column families with another comparator than the bytewise one get RocksDB's skip list all
/// the same ([`Counters::memtables_other_comparator`]). Nothing on disk depends on the
/// memtable: any database may be opened with it, and without it again.
pub fn use_learned_memtable(
    options: &mut Options,
    settings: MemtableSettings,
) -> Result<(), Error> {
    register()?;
    let settings = cpp::MemtableSettings {
        reuse: settings.reuse,
        model: settings.model,
    };
    Ok(cpp::use_learned_memtable(
        raw::options_mut(options),
        settings,
    )?)
}

/// The factories that `options` chooses.
pub fn factories(options: &Options) -> Factories {
    cpp::factory_names(raw::options(options)).into()
}

/// The factories that the default column family of an open database really uses.
pub fn db_factories(db: &DB) -> Factories {
    raw::factory_names(db, None::<&&ColumnFamily>).into()
}

/// The factories that a column family of an open database really uses. `family` must
/// belong to `db`.
pub fn cf_factories(db: &DB, family: &impl AsColumnFamilyRef) -> Factories {
    raw::factory_names(db, Some(family)).into()
}

/// The counters of this process.
pub fn counters() -> Counters {
    counters::snapshot()
}

/// What an options string can choose. Every list is sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Available {
    /// Ids for `memtable_factory=`.
    pub memtable_ids: Vec<String>,
    /// Fields of `memtable_factory={id=mountdb;...}`.
    pub memtable_fields: Vec<String>,
    /// Ids for `table_factory=`.
    pub table_ids: Vec<String>,
    /// Fields of `table_factory={id=mountdb;...}`.
    pub table_fields: Vec<String>,
}

/// What an options string can choose in this process. Registers mountdb first.
pub fn available_factories() -> Result<Available, Error> {
    register()?;
    let cpp::Available {
        memtable_ids,
        memtable_fields,
        table_ids,
        table_fields,
    } = cpp::available_factories();
    Ok(Available {
        memtable_ids,
        memtable_fields,
        table_ids,
        table_fields,
    })
}
