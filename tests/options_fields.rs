//! What the options string accepts: every field of the table factory, every id, and the
//! spellings of one choice.
#![cfg(feature = "rocksdb")]

#[path = "common/db.rs"]
mod db;
#[path = "common/options_file.rs"]
mod options_file;

use db::{Model, check, fill, learned, newest_options_file, options, parse, section, stock};
use options_file::{OUR_SECTION, STOCK_SECTION, our_section, written_section};
use rocksdb::DB;
use std::collections::BTreeSet;

/// (field, value, what the OPTIONS file says, what else must be set for the value).
type FieldCase = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

/// Every field of `table_factory={id=mountdb;...}` with a value that is not its default.
const FIELDS: &[FieldCase] = &[
    ("block_align", "true", "true", &[]),
    ("block_restart_interval", "7", "7", &[]),
    ("block_size", "1234", "1234", &[]),
    ("block_size_deviation", "33", "33", &[]),
    ("cache_index_and_filter_blocks", "1", "true", &[]),
    (
        "cache_index_and_filter_blocks_with_high_priority",
        "false",
        "false",
        &[],
    ),
    ("checksum", "kCRC32c", "kCRC32c", &[]),
    ("data_block_hash_table_util_ratio", "0.5", "0.500000", &[]),
    (
        "data_block_index_type",
        "kDataBlockBinaryAndHash",
        "kDataBlockBinaryAndHash",
        &[],
    ),
    ("decouple_partitioned_filters", "false", "false", &[]),
    ("detect_filter_construct_corruption", "true", "true", &[]),
    ("enable_index_compression", "false", "false", &[]),
    ("entry_slots_memory", "1M", "1048576", &[]),
    ("fail_if_no_udi_on_open", "true", "true", &[]),
    (
        "filter_policy",
        "bloomfilter:10",
        "bloomfilter:10:false",
        &[],
    ),
    (
        "filter_policy",
        "{id=ribbonfilter:7;bloom_before_level=2}",
        "{id=ribbonfilter:7:2;bloom_before_level=2;}",
        &[],
    ),
    (
        "flush_block_policy_factory",
        "FlushBlockEveryKeyPolicyFactory",
        "FlushBlockEveryKeyPolicyFactory",
        &[],
    ),
    ("format_version", "5", "5", &[]),
    ("index_block_restart_interval", "3", "3", &[]),
    (
        "index_block_search_type",
        "kInterpolation",
        "kInterpolation",
        &[],
    ),
    ("index_shortening", "kNoShortening", "kNoShortening", &[]),
    (
        "index_type",
        "kBinarySearchWithFirstKey",
        "kBinarySearchWithFirstKey",
        &[],
    ),
    ("initial_auto_readahead_size", "4K", "4096", &[]),
    ("max_auto_readahead_size", "1M", "1048576", &[]),
    ("metadata_block_size", "512", "512", &[]),
    (
        "metadata_cache_options",
        "{unpartitioned_pinning=kAll;partition_pinning=kNone}",
        "{unpartitioned_pinning=kAll;partition_pinning=kNone;top_level_index_pinning=kFallback;}",
        &[],
    ),
    ("no_block_cache", "true", "true", &[]),
    ("num_file_reads_for_auto_readahead", "7", "7", &[]),
    ("optimize_filters_for_memory", "false", "false", &[]),
    (
        "partition_filters",
        "true",
        "true",
        &[("index_type", "kTwoLevelIndexSearch")],
    ),
    (
        "pin_l0_filter_and_index_blocks_in_cache",
        "true",
        "true",
        &[],
    ),
    ("pin_top_level_index_and_filter", "false", "false", &[]),
    ("prepopulate_block_cache", "kFlushOnly", "kFlushOnly", &[]),
    ("read_amp_bytes_per_bit", "32", "32", &[]),
    ("read_learned_index", "false", "false", &[]),
    ("separate_key_value_in_data_block", "true", "true", &[]),
    ("super_block_alignment_size", "4096", "4096", &[]),
    (
        "super_block_alignment_space_overhead_ratio",
        "16",
        "16",
        &[],
    ),
    ("uniform_cv_threshold", "0.25", "0.250000", &[]),
    ("use_delta_encoding", "false", "false", &[]),
    ("verify_compression", "true", "true", &[]),
    ("whole_key_filtering", "false", "false", &[]),
    ("write_learned_index", "false", "false", &[]),
];

/// Fields that the OPTIONS file does not show or that `DB::open` refuses on purpose.
const OTHER_FIELDS: [&str; 3] = [
    "block_cache",
    "use_udi_as_primary_index",
    "user_defined_index_factory",
];

#[test]
fn every_field_is_tested_here() {
    let tested: BTreeSet<&str> = FIELDS
        .iter()
        .map(|case| case.0)
        .chain(OTHER_FIELDS)
        .collect();
    let available = mountdb::available_factories().expect("registered");
    let known: BTreeSet<&str> = available.table_fields.iter().map(String::as_str).collect();
    assert_eq!(tested, known);
    assert!(available.table_fields.is_sorted());
    for ids in [&available.table_ids, &available.memtable_ids] {
        assert!(ids.is_sorted(), "{ids:?}");
        assert!(ids.iter().any(|id| id == "mountdb"), "{ids:?}");
    }
    assert_eq!(available.memtable_fields, ["model", "reuse"]);
    assert!(
        available
            .memtable_ids
            .iter()
            .any(|id| id == "SkipListFactory")
    );
}

/// Each field alone reaches the factory of an open database, and nothing else changes.
#[test]
fn every_field_is_accepted() {
    let uncompressed = |fields: &str| {
        options(&format!(
            "compression=kNoCompression;table_factory={{id=mountdb;{fields}}}"
        ))
    };
    let defaults = our_section(&uncompressed(""));
    for (field, value, expected, with) in FIELDS {
        let mut fields = format!("{field}={value}");
        let mut wanted = defaults.clone();
        assert_ne!(
            wanted.insert((*field).to_owned(), (*expected).to_owned()),
            Some((*expected).to_owned()),
            "{field}: the default is tested"
        );
        for (name, value) in *with {
            fields.push_str(&format!(";{name}={value}"));
            wanted.insert((*name).to_owned(), (*value).to_owned());
        }
        let directory = tempfile::tempdir().expect("a directory");
        let db = DB::open(&uncompressed(&fields), directory.path()).expect(&fields);
        assert_eq!(mountdb::db_factories(&db).table, "mountdb", "{fields}");
        let mut model = Model::new();
        fill(&db, &mut model, 0..60, "field");
        check(&db, &model);
        let found = section(&newest_options_file(directory.path()), OUR_SECTION).expect("ours");
        let same = |name: &String| unordered(&found[name]) == unordered(&wanted[name]);
        let differing: Vec<_> = wanted.keys().filter(|name| !same(name)).collect();
        assert!(
            differing.is_empty() && found.len() == wanted.len(),
            "{fields}: {differing:?} of {found:?}"
        );
        let blocks = db::learned_blocks(&db::only_table(directory.path()));
        assert_eq!(blocks, usize::from(*field != "write_learned_index"));
    }
}

/// The parts of `{a=1;b=2;}` in a fixed order: RocksDB writes them in any.
fn unordered(value: &str) -> BTreeSet<&str> {
    value.trim_matches(['{', '}']).split(';').collect()
}

/// The fields that mountdb shares with RocksDB's own table have the same effect.
#[test]
fn shared_fields_mean_the_same() {
    let fields = "block_size=777;checksum=kCRC32c;filter_policy=ribbonfilter:9;\
                  metadata_cache_options={unpartitioned_pinning=kAll};index_type=kBinarySearchWithFirstKey;\
                  block_size_deviation=200;data_block_hash_table_util_ratio=0.1;\
                  cache_index_and_filter_blocks=true;block_cache={capacity=1M;num_shard_bits=1}";
    let mut ours = our_section(&learned(fields));
    for (field, default) in [
        ("write_learned_index", "true"),
        ("read_learned_index", "true"),
        ("entry_slots_memory", "268435456"),
    ] {
        assert_eq!(ours.remove(field).as_deref(), Some(default));
    }
    let directory = tempfile::tempdir().expect("a directory");
    let mut stock =
        written_section(&stock(fields), directory.path(), STOCK_SECTION).expect("stock");
    // The one default of mountdb's own.
    let [ours_interval, stock_interval] =
        [&mut ours, &mut stock].map(|section| section.remove("index_block_restart_interval"));
    assert_eq!(ours_interval.as_deref(), Some("2"));
    assert_eq!(stock_interval.as_deref(), Some("1"));
    assert_eq!(ours, stock);
}

#[test]
fn block_cache_by_string_is_used() {
    let capacity = |string: &str| {
        let directory = tempfile::tempdir().expect("a directory");
        let db = DB::open(&learned(string), directory.path()).expect("open");
        db.property_int_value("rocksdb.block-cache-capacity")
            .expect("a property")
    };
    assert_eq!(
        capacity("block_cache={capacity=3M;num_shard_bits=1}"),
        Some(3 << 20)
    );
    assert_eq!(capacity("block_cache=2M"), Some(2 << 20));
}

#[test]
fn what_is_available_can_be_chosen() {
    let available = mountdb::available_factories().expect("registered");
    let mut refused = Vec::new();
    for id in &available.memtable_ids {
        refused.extend(parse(&format!("memtable_factory={id}")).err());
    }
    for id in &available.table_ids {
        refused.extend(parse(&format!("table_factory={id}")).err());
    }
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn empty_and_blank_strings_change_nothing() {
    for string in ["", " ", "\n\t "] {
        let factories = mountdb::factories(&parse(string).expect("nothing to refuse"));
        assert_eq!(factories.table, "BlockBasedTable");
        assert_eq!(factories.memtable, "SkipListFactory");
    }
}

#[test]
fn spellings_of_the_same_choice() {
    for string in [
        "table_factory=mountdb",
        "table_factory = mountdb ;",
        "table_factory={id=mountdb}",
        "table_factory={{{id=mountdb}}}",
        "{table_factory={ id = mountdb ; block_size = 4096 ; }}",
        "table_factory.id=mountdb",
        "max_open_files=100;table_factory={block_size=4096;id=mountdb};compression=kNoCompression",
    ] {
        let factories = parse(string).map(|options| mountdb::factories(&options).table);
        assert_eq!(factories.as_deref(), Ok("mountdb"), "{string}");
    }
}
