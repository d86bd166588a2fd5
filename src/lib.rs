//! Learned index structures for stock RocksDB, switched on by an options string.
//!
//! ```text
//! application (Rust: crate rocksdb, or C++)
//!        |  options string: memtable_factory=mountdb; table_factory=mountdb
//!        v
//! stock RocksDB 11.8.1, unpatched
//!        |  MemTableRepFactory    TableFactory (is-a BlockBasedTable)    UserDefinedIndexFactory
//!        v
//! cpp/   thin C++ shims: translate virtual calls, own no algorithm
//!        |  cxx bridge (`ffi`)
//!        v
//! src/   [`model`] models of a key distribution
//!        [`memtable`] learned memtable   [`index`] block-aware SST index
//!        [`data_block`] a data block searched in place   [`slots`] where its entries are
//!        [`mapped_file`] lookups in a file that lies in memory
//! ```
//!
//! [`model`], [`memtable`], [`index`] and all that reads blocks are pure Rust and know nothing of
//! RocksDB: without the default feature `rocksdb` they build and test alone. All but the memtable,
//! and the instruction that prefetches, is safe Rust.
//!
//! # Use
//! ```no_run
//! # #[cfg(feature = "rocksdb")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! mountdb::register()?;
//! let mut base = rocksdb::Options::default();
//! base.create_if_missing(true);
//! let options = mountdb::options_from_string(&base, "table_factory={id=mountdb}")?;
//! let db = rocksdb::DB::open(&options, "/path/to/db")?;
//! assert_eq!(mountdb::db_factories(&db).table, "mountdb");
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "rocksdb"))]
//! # fn main() {}
//! ```
#![deny(unsafe_code)]
#![warn(missing_docs)]

mod bits;
pub mod data_block;
pub mod hints;
pub mod index;
pub mod mapped_file;
pub mod memory;
pub mod memtable;
pub mod model;
mod prefetch;
pub mod restarts;
pub mod slots;
mod varint;

#[cfg(feature = "rocksdb")]
mod ffi;

#[cfg(feature = "rocksdb")]
pub use ffi::{
    Available, Counters, Error, Factories, SeekTargets, TableFile, TableFileFacts,
    available_factories, cf_factories, counters, db_factories, factories, index_properties,
    options_from_string, register, use_learned_memtable, use_learned_table,
};
#[cfg(feature = "rocksdb")]
pub use memtable::Settings as MemtableSettings;
