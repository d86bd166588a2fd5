//! An options string that says a thing twice, by whatever names and braces, is refused.
#![cfg(feature = "rocksdb")]

#[path = "common/db.rs"]
mod db;
#[path = "common/refused.rs"]
mod refused;

use refused::{must_be_refused, refused};

/// RocksDB keeps the last of two settings of one name, and of two names of one thing the
/// one that a hash puts last: the stock table instead of mountdb, or a lost field.
#[test]
fn what_is_said_twice_is_refused() {
    must_be_refused(vec![
        refused("table_factory={id=mountdb;id=BlockBasedTable}", &["'id'"]),
        refused("table_factory={id=BlockBasedTable;id=mountdb}", &["'id'"]),
        refused("table_factory={ id = mountdb ; id = mountdb }", &["'id'"]),
        refused(
            "table_factory={id=mountdb};table_factory=BlockBasedTable",
            &["'table_factory'"],
        ),
        refused(
            "{table_factory={id=mountdb};table_factory=BlockBasedTable}",
            &["'table_factory'"],
        ),
        refused(
            "table_factory={id=mountdb;block_size=4096;block_size=512}",
            &["'block_size'"],
        ),
        refused(
            "table_factory={id=mountdb;block_cache={capacity=1M;capacity=2M}}",
            &["'capacity'"],
        ),
        refused("max_open_files=5;max_open_files=6", &["'max_open_files'"]),
        refused(
            "block_based_table_factory={block_size=777};table_factory={id=mountdb}",
            &["table_factory", "block_based_table_factory"],
        ),
        refused(
            "table_factory={id=mountdb};block_based_table_factory={block_size=777}",
            &["table_factory", "block_based_table_factory"],
        ),
        refused(
            "memtable=skip_list;memtable_factory=vector",
            &["memtable", "memtable_factory"],
        ),
        refused(
            "table_factory=mountdb;table_factory.block_size=4096",
            &["'table_factory'", "table_factory.block_size"],
        ),
        refused(
            "block_based_table_factory.block_size=4096;table_factory=mountdb",
            &["'table_factory'", "block_based_table_factory.block_size"],
        ),
    ]);
}

/// Braces around the whole string, which RocksDB takes off, do not hide that a thing is said
/// under two names.
#[test]
fn two_names_in_braces_are_refused() {
    must_be_refused(vec![
        refused(
            "{block_based_table_factory={block_size=777};table_factory={id=mountdb}}",
            &["block_based_table_factory"],
        ),
        refused(
            "{table_factory={id=mountdb};table_factory.block_size=777}",
            &["table_factory.block_size"],
        ),
    ]);
}

/// For RocksDB a brace inside a value that does not begin with one is a character: it does
/// not hide what follows.
#[test]
fn what_is_said_twice_behind_a_brace_in_a_value_is_refused() {
    must_be_refused(vec![refused(
        "table_factory=mountdb;wal_dir=x{;table_factory=BlockBasedTable",
        &["'table_factory'"],
    )]);
}

/// Of names with dots RocksDB takes the last in the order of its hashes: the stock table, or
/// another block size than the one asked for.
#[test]
fn what_is_said_twice_by_dotted_names_is_refused() {
    must_be_refused(vec![
        refused(
            "table_factory.id=mountdb;block_based_table_factory.id=BlockBasedTable",
            &["table_factory.id"],
        ),
        refused(
            "table_factory.block_size=777;block_based_table_factory.block_size=888",
            &["block_size"],
        ),
        refused(
            "table_factory={id=mountdb;mountdb.block_size=777;block_size=888}",
            &["block_size"],
        ),
        refused(
            "table_factory.block_size=777;table_factory.id=mountdb",
            &["table_factory.block_size", "{id=...;block_size=...}"],
        ),
    ]);
}
