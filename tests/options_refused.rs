//! What the options string refuses and what the message then mentions, and what RocksDB
//! refuses when the database is opened.
#![cfg(feature = "rocksdb")]

#[path = "common/db.rs"]
mod db;
#[path = "common/options_file.rs"]
mod options_file;
#[path = "common/refused.rs"]
mod refused;

use db::{base, learned, parse};
use options_file::our_section;
use refused::{Refused, must_be_refused, refused};
use rocksdb::DB;

const TABLE_IDS: [&str; 3] = ["BlockBasedTable", "PlainTable", "mountdb"];
const MEMTABLE_IDS: [&str; 3] = ["SkipListFactory", "HashSkipListRepFactory", "mountdb"];
const SOME_FIELDS: [&str; 5] = [
    "block_size",
    "filter_policy",
    "write_learned_index",
    "read_learned_index",
    "entry_slots_memory",
];

#[test]
fn unknown_ids_are_refused() {
    fn with<'a>(id: &'a str, ids: &[&'a str]) -> Vec<&'a str> {
        [&[id], ids].concat()
    }
    must_be_refused(vec![
        refused("table_factory=nosuch", &with("'nosuch'", &TABLE_IDS)),
        refused("table_factory={id=nosuch}", &with("'nosuch'", &TABLE_IDS)),
        refused(
            "table_factory={id=nosuch;block_size=4096}",
            &with("'nosuch'", &TABLE_IDS),
        ),
        refused("table_factory=MountDB", &with("'MountDB'", &TABLE_IDS)),
        refused("table_factory={id=möwe}", &with("'möwe'", &TABLE_IDS)),
        refused("table_factory=mountdb}", &with("mountdb}", &TABLE_IDS)),
        refused("table_factory={}", &TABLE_IDS),
        refused("table_factory={block_size=4096}", &TABLE_IDS),
        refused("table_factory={id=;block_size=4096}", &TABLE_IDS),
        refused("memtable_factory=nosuch", &with("'nosuch'", &MEMTABLE_IDS)),
        refused(
            "memtable_factory={id=nosuch;x=1}",
            &with("'nosuch'", &MEMTABLE_IDS),
        ),
        refused("memtable=nosuch", &with("'nosuch'", &MEMTABLE_IDS)),
        refused("memtable_factory={id=}", &MEMTABLE_IDS),
    ]);
}

#[test]
fn unknown_fields_are_refused() {
    fn with(field: &str) -> Vec<&str> {
        [&[field], &SOME_FIELDS[..]].concat()
    }
    must_be_refused(vec![
        refused("table_factory={id=mountdb;nosuch=3}", &with("'nosuch'")),
        refused(
            "table_factory={id=mountdb;block_size=4096;nosuch=3;write_learned_index=true}",
            &with("'nosuch'"),
        ),
        refused("table_factory={id=mountdb;größe=3}", &with("'größe'")),
        refused(
            "table_factory={id=mountdb;Block_Size=3}",
            &with("'Block_Size'"),
        ),
        refused(
            "create_if_missing=true;table_factory={id=mountdb;nosuch=3};max_open_files=9",
            &with("'nosuch'"),
        ),
        refused(
            "table_factory={id=BlockBasedTable;write_learned_index=true}",
            &["'write_learned_index'", "block_size", "filter_policy"],
        ),
        refused(
            "memtable_factory={id=skip_list;nosuch=1}",
            &["'nosuch'", "lookahead"],
        ),
        refused("nosuch=3", &["'nosuch'"]),
        refused(
            "create_if_missing=true;nosuch=3;compression_opts={parallel_threads=2}",
            &["'nosuch'"],
        ),
        refused("größe=3", &["'größe'"]),
        refused("table_factory.nosuch=3", &["table_factory.nosuch"]),
        refused("block_size=4096", &["'block_size'"]),
    ]);
}

#[test]
fn bad_values_are_refused() {
    let cases = [
        ("write_learned_index", "maybe"),
        ("read_learned_index", "2"),
        ("entry_slots_memory", "much"),
        ("no_block_cache", "yes please"),
        ("block_size", "big"),
        ("block_size", "99999999999999999999999"),
        ("block_restart_interval", "often"),
        ("format_version", "new"),
        ("index_type", "kNoSuch"),
        ("checksum", "kNoSuch"),
        ("data_block_index_type", "17"),
        ("data_block_hash_table_util_ratio", "much"),
        ("uniform_cv_threshold", "."),
        ("filter_policy", "nosuch:10"),
        ("filter_policy", "bloomfilter"),
        ("filter_policy", "{id=bloomfilter:10;nosuch=1}"),
        ("flush_block_policy_factory", "nosuch"),
        ("user_defined_index_factory", "nosuch"),
        ("block_cache", "{capacity=much}"),
        ("block_cache", "{nosuch=3}"),
        ("metadata_cache_options", "{nosuch=3}"),
        ("metadata_cache_options", "{unpartitioned_pinning=kNoSuch}"),
        ("metadata_cache_options", "{{{}}}"),
    ];
    let mut refusals: Vec<Refused> = cases
        .iter()
        .map(|(field, value)| {
            refused(
                format!("table_factory={{id=mountdb;{field}={value}}}"),
                &[&format!("'{field}'"), value],
            )
        })
        .collect();
    refusals.extend([
        refused("create_if_missing=maybe", &["'create_if_missing'", "maybe"]),
        refused("write_buffer_size=big", &["'write_buffer_size'", "big"]),
        refused("compression=kNoSuch", &["'compression'", "kNoSuch"]),
        refused(
            "compression_opts={parallel_threads=many}",
            &["'compression_opts'", "many"],
        ),
        refused("comparator=nosuch", &["'comparator'", "nosuch"]),
        refused("merge_operator=nosuch", &["'merge_operator'", "nosuch"]),
    ]);
    must_be_refused(refusals);
}

/// RocksDB's number parser stops at the first character it does not know, and takes a
/// negative size for a huge one.
#[test]
fn half_read_numbers_are_refused() {
    must_be_refused(vec![
        refused(
            "table_factory={id=mountdb;block_size=12abc}",
            &["'block_size'", "12abc"],
        ),
        refused(
            "block_based_table_factory={block_size=12abc}",
            &["block_based_table_factory", "'block_size'", "12abc"],
        ),
        refused(
            "table_factory={id=mountdb;block_size=-1}",
            &["'block_size'", "-1"],
        ),
        refused(
            "table_factory={id=mountdb;block_size=4KB}",
            &["'block_size'", "4KB"],
        ),
        refused(
            "table_factory={id=mountdb;block_size=1e5}",
            &["'block_size'", "1e5"],
        ),
        refused("write_buffer_size=4.5M", &["'write_buffer_size'", "4.5M"]),
        refused("write_buffer_size=64MB", &["'write_buffer_size'", "64MB"]),
        refused("max_open_files=many", &["'max_open_files'", "many"]),
    ]);
    for string in [
        "write_buffer_size=64M;max_open_files=-1;soft_pending_compaction_bytes_limit=1T",
        "table_factory={id=mountdb;block_size=4k;uniform_cv_threshold=0.2}",
        "table_factory={id=mountdb;uniform_cv_threshold=-1;block_restart_interval=8}",
        "table_factory={id=mountdb;uniform_cv_threshold=2e-1}",
    ] {
        assert_eq!(parse(string).err(), None, "{string}");
    }
}

#[test]
fn broken_syntax_is_refused() {
    must_be_refused(
        [
            "table_factory={id=mountdb",
            "table_factory={id=mountdb}}",
            "table_factory={{id=mountdb}",
            "{table_factory={id=mountdb}",
            "table_factory={id=mountdb}x",
            "table_factory={id=mountdb;;}",
            "table_factory={id=mountdb;block_size}",
            "table_factory={id=mountdb;=3}",
            "table_factory={id=mountdb;metadata_cache_options={}",
            "table_factory",
            "mountdb",
            "=",
            ";",
            ";;;",
            "{",
            "}",
            "{}",
        ]
        .map(|string| refused(string, &[]))
        .into(),
    );
}

#[test]
fn long_and_deep_strings_are_refused_in_time() {
    let long = "x".repeat(1 << 20);
    let nested = |depth: usize| "{".repeat(depth) + &"}".repeat(depth);
    let mut cases = vec![
        refused(long.clone(), &[]),
        refused(format!("{long}=1"), &[&long]),
        refused(
            format!("table_factory={{id={long}}}"),
            &[&long, "BlockBasedTable", "mountdb"],
        ),
        refused(
            format!("table_factory={{id=mountdb;{long}=3}}"),
            &[&long, "write_learned_index"],
        ),
        refused(
            format!("table_factory={{id=mountdb;block_size={long}}}"),
            &["'block_size'", &long],
        ),
        refused("{".repeat(1 << 20), &[]),
        refused("}".repeat(1 << 20), &[]),
        refused("a={b=".repeat(100_000), &[]),
        refused("a={b=".repeat(20_000) + "1" + &"}".repeat(20_000), &["'a'"]),
        refused("a=1;".repeat(100_000), &["'a'"]),
    ];
    for depth in [1, 2, 10, 1_000, 5_000] {
        let field = format!("metadata_cache_options={}", nested(depth));
        cases.push(refused(
            format!("table_factory={{id=mountdb;{field}}}"),
            &["'metadata_cache_options'"],
        ));
        cases.push(refused(format!("table_factory={}", nested(depth)), &[]));
    }
    must_be_refused(cases);
    let deep = format!(
        "table_factory={}id=mountdb{}",
        "{".repeat(5_000),
        "}".repeat(5_000)
    );
    let factories = parse(&deep).map(|options| mountdb::factories(&options).table);
    assert_eq!(factories.as_deref(), Ok("mountdb"));
}

#[test]
fn nul_bytes_are_refused() {
    must_be_refused(
        [
            ("\0", 0),
            ("table_factory={id=mount\0db}", 23),
            ("table_factory={id=mountdb\0}", 25),
            ("table_factory={id=mountdb;nos\0uch=3}", 29),
            ("create_if_missing=true\0", 22),
            ("table_factory={id=mountdb;block_size=4096\0}", 41),
        ]
        .map(|(string, at)| refused(string, &["NUL", &at.to_string()]))
        .into(),
    );
}

/// RocksDB takes an empty id: the table factory becomes null, the memtable stays as it was.
#[test]
fn empty_ids_are_refused() {
    must_be_refused(
        [
            "table_factory=",
            "table_factory={id=}",
            "table_factory=nullptr",
            "table_factory={id=nullptr}",
        ]
        .map(|string| refused(string, &TABLE_IDS))
        .into(),
    );
    must_be_refused(vec![
        refused("memtable_factory=", &MEMTABLE_IDS),
        refused("memtable=", &MEMTABLE_IDS),
        refused("memtable_factory=nullptr", &MEMTABLE_IDS),
    ]);
}

/// The message names the setting that is at fault, not a sound one beside it whose value
/// takes no braces.
#[test]
fn sound_settings_are_not_blamed() {
    let sound = [
        "merge_operator=uint64add",
        "prefix_extractor=fixed:3",
        "comparator=leveldb.BytewiseComparator",
        "compaction_filter=RemoveEmptyValueCompactionFilter",
        "compression_opts=4:5:6:7",
    ];
    for string in sound {
        assert_eq!(parse(string).err(), None, "{string}");
    }
    must_be_refused(
        sound
            .map(|string| refused(format!("{string};zzz=1"), &["'zzz'"]))
            .into(),
    );
}

#[test]
fn nothing_is_changed_by_a_refusal() {
    let base = learned("block_size=777");
    for string in [
        "table_factory.block_size=512;nosuch=3",
        "table_factory={id=mountdb;block_size=512;nosuch=3}",
        "table_factory={id=BlockBasedTable};nosuch=3",
    ] {
        mountdb::options_from_string(&base, string)
            .map(|_| ())
            .expect_err(string);
        assert_eq!(mountdb::factories(&base).table, "mountdb");
        assert_eq!(our_section(&base)["block_size"], "777", "{string}");
    }
}

/// Why there is a checked entry point: RocksDB's own keeps the stock structure.
#[test]
fn the_unchecked_entry_point_keeps_stock_structures_in_silence() {
    mountdb::register().expect("this RocksDB");
    for string in ["memtable_factory=nosuch", "memtable_factory=MountDB"] {
        let options = base()
            .get_options_from_string(string)
            .expect("RocksDB ignores what it does not know");
        assert_eq!(mountdb::factories(&options).memtable, "SkipListFactory");
        let error = parse(string).err().expect("checked");
        assert!(error.contains("memtable"), "{error}");
    }
    // What it knows it takes, once the name is registered.
    let options = base()
        .get_options_from_string("memtable_factory=mountdb")
        .expect("a known name");
    assert_eq!(mountdb::factories(&options).memtable, "mountdb");
}

// ---------------------------------------------------------------- refused at open

#[test]
fn a_second_index_is_refused_at_open() {
    for string in [
        "table_factory={id=mountdb;user_defined_index_factory=mountdb}",
        "table_factory={id=mountdb;user_defined_index_factory=mountdb;use_udi_as_primary_index=1}",
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let error = DB::open(&parse(string).expect(string), directory.path())
            .map(|_| ())
            .expect_err(string)
            .to_string();
        for part in ["mountdb", "user_defined_index_factory", "BlockBasedTable"] {
            assert!(error.contains(part), "{error}");
        }
    }
    let string = "table_factory={id=mountdb;use_udi_as_primary_index=true}";
    let directory = tempfile::tempdir().expect("a directory");
    let error = DB::open(&parse(string).expect(string), directory.path())
        .map(|_| ())
        .expect_err(string)
        .to_string();
    assert!(error.contains("use_udi_as_primary_index"), "{error}");
}

/// The checks of RocksDB's own table are made for mountdb's as well.
#[test]
fn settings_that_rocksdb_refuses_at_open() {
    for (fields, part) in [
        ("format_version=99", "format_version"),
        ("block_align=true", "block_align"), // with compression
        (
            "cache_index_and_filter_blocks=true;no_block_cache=true",
            "cache",
        ),
        (
            "data_block_index_type=kDataBlockBinaryAndHash;data_block_hash_table_util_ratio=0",
            "data_block_hash_table_util_ratio",
        ),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let string = format!("compression=kLZ4Compression;table_factory={{id=mountdb;{fields}}}");
        let error = DB::open(&parse(&string).expect(&string), directory.path())
            .map(|_| ())
            .expect_err(&string);
        assert!(error.to_string().contains(part), "{fields}: {error}");
    }
}
