//! Options for RocksDB's own table with mountdb's index, which its public options name.

use crate::db::options;
use rocksdb::{DB, Options};
use std::path::Path;

/// All reads go through the learned index, and every file must have one.
pub fn primary(fields: &str) -> Options {
    options(&format!(
        "block_based_table_factory={{user_defined_index_factory=mountdb;\
         use_udi_as_primary_index=true;{fields}}}"
    ))
}

/// The learned index is written, and read by nobody who does not ask for it.
pub fn secondary(fields: &str) -> Options {
    options(&format!(
        "block_based_table_factory={{user_defined_index_factory=mountdb;{fields}}}"
    ))
}

pub fn open(options: &Options, path: &Path) -> DB {
    DB::open(options, path).expect("open")
}
