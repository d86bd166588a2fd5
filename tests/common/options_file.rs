//! The OPTIONS file of a database: its sections, and opening the database by it.
#![allow(dead_code)] // every test file uses its own part

use crate::db::{newest_options_file, section};
use rocksdb::{Cache, ColumnFamilyDescriptor, DB, Env, Options};
use std::collections::BTreeMap;
use std::path::Path;

pub const OUR_SECTION: &str = "TableOptions/mountdb \"default\"";
pub const STOCK_SECTION: &str = "TableOptions/BlockBasedTable \"default\"";

/// Opens a database with `options` in `directory`, closes it again, and returns a section
/// of the OPTIONS file it wrote.
pub fn written_section(
    options: &Options,
    directory: &Path,
    title: &str,
) -> Option<BTreeMap<String, String>> {
    drop(DB::open(options, directory).expect("open"));
    section(&newest_options_file(directory), title)
}

pub fn our_section(options: &Options) -> BTreeMap<String, String> {
    let directory = tempfile::tempdir().expect("a directory");
    written_section(options, directory.path(), OUR_SECTION).expect("a mountdb section")
}

pub const NOT_DEFAULT: &str = "block_size=777;filter_policy=bloomfilter:12;checksum=kCRC32c;\
                           metadata_cache_options={unpartitioned_pinning=kAll};\
                           read_learned_index=false;block_restart_interval=4;\
                           entry_slots_memory=64k";

pub const RELOADED_CACHE: usize = 1 << 20;

/// The options of a closed database, with the cache that the caller brings.
pub fn reload(directory: &Path) -> (Options, Vec<ColumnFamilyDescriptor>) {
    let env = Env::new().expect("an environment");
    let cache = Cache::new_lru_cache(RELOADED_CACHE);
    Options::load_latest(directory, env, false, cache).expect("loads")
}
