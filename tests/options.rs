//! Registration, and the options string: what it accepts, what it refuses and how, and
//! what becomes of it in the OPTIONS file and on a live database.
#![cfg(feature = "rocksdb")]

#[path = "common/db.rs"]
mod db;

use db::{Model, base, check, fill, learned, newest_options_file, options, section, stock};
use proptest::prelude::*;
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DB, Env, Options, PlainTableFactoryOptions,
    SliceTransform,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, c_char, c_int};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

const OUR_SECTION: &str = "TableOptions/mountdb \"default\"";
const STOCK_SECTION: &str = "TableOptions/BlockBasedTable \"default\"";

/// `struct mountdb_counters` of cpp/mountdb.h.
#[repr(C)]
#[derive(Default, PartialEq, Debug)]
struct CCounters {
    files_learned: u64,
    no_learned_block: u64,
    other_comparator: u64,
    sequence_numbers: u64,
    unknown_version: u64,
    corrupt: u64,
    files_not_built: u64,
    index_bytes_held: u64,
    index_blocks_held: u64,
}

unsafe extern "C" {
    fn mountdb_register() -> c_int;
    fn mountdb_error() -> *const c_char;
    fn mountdb_get_counters(out: *mut CCounters);
}

fn c_register() -> c_int {
    // SAFETY: callable at any time from any thread.
    unsafe { mountdb_register() }
}

fn c_error() -> &'static str {
    // SAFETY: returns a string with static lifetime that is never null.
    unsafe { CStr::from_ptr(mountdb_error()) }
        .to_str()
        .expect("text")
}

fn c_counters() -> CCounters {
    let mut counters = CCounters::default();
    // SAFETY: the struct is the one that the header declares.
    unsafe { mountdb_get_counters(&mut counters) };
    counters
}

fn parse(string: &str) -> Result<Options, String> {
    mountdb::options_from_string(&base(), string).map_err(|e| e.to_string())
}

/// Opens a database with `options` in `directory`, closes it again, and returns a section
/// of the OPTIONS file it wrote.
fn written_section(
    options: &Options,
    directory: &Path,
    title: &str,
) -> Option<BTreeMap<String, String>> {
    drop(DB::open(options, directory).expect("open"));
    section(&newest_options_file(directory), title)
}

fn our_section(options: &Options) -> BTreeMap<String, String> {
    let directory = tempfile::tempdir().expect("a directory");
    written_section(options, directory.path(), OUR_SECTION).expect("a mountdb section")
}

// ---------------------------------------------------------------- registration

/// Set in the processes that run one ignored test each: run by hand they do nothing.
const CHILD: &str = "MOUNTDB_TEST_CHILD";

fn in_this_process() -> bool {
    std::env::var_os(CHILD).is_none()
}

/// Runs one of the ignored tests below in a process of its own: registration happens once
/// per process, and other tests of this file may have done it already.
fn in_a_fresh_process(test: &str) {
    let this = std::env::current_exe().expect("the test binary");
    let output = Command::new(this)
        .args(["--exact", test, "--ignored"])
        .env(CHILD, "1")
        .output()
        .expect("a process");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{test}: {}\n{text}", output.status);
    assert!(text.contains("1 passed"), "{test} did not run:\n{text}");
}

#[test]
fn registration_from_many_threads() {
    for _ in 0..3 {
        in_a_fresh_process("child_registers_from_many_threads");
    }
}

#[test]
#[ignore = "runs in a process of its own"]
fn child_registers_from_many_threads() {
    if in_this_process() {
        return;
    }
    let start = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                for _ in 0..50 {
                    if thread % 2 == 0 {
                        mountdb::register().expect("this RocksDB");
                    } else {
                        assert_eq!(c_register(), 0);
                    }
                    assert_eq!(c_error(), "");
                    let chosen = parse("table_factory={id=mountdb}").expect("registered");
                    assert_eq!(mountdb::factories(&chosen).table, "mountdb");
                }
            });
        }
    });
    // Registration opens a probe file of its own; nobody else's counters show it.
    assert_eq!(mountdb::counters(), mountdb::Counters::default());
    assert_eq!(c_counters(), CCounters::default());
    let ids = mountdb::available_factories()
        .expect("registered")
        .table_ids;
    assert_eq!(ids.iter().filter(|id| *id == "mountdb").count(), 1);
}

#[test]
fn registration_from_c_alone() {
    in_a_fresh_process("child_registers_from_c");
}

#[test]
#[ignore = "runs in a process of its own"]
fn child_registers_from_c() {
    if in_this_process() {
        return;
    }
    // Before registration RocksDB does not know the name, and refuses it or, through the
    // entry points that ignore what is unsupported, keeps its own table in silence.
    let plain = base()
        .get_options_from_string("table_factory=mountdb")
        .map(|options| mountdb::factories(&options).table);
    assert!(
        !matches!(plain.as_deref(), Ok("mountdb")),
        "known before registration: {plain:?}"
    );
    assert_eq!(c_error(), "", "the reason is asked for before registration");
    assert_eq!(c_register(), 0);
    let chosen = base()
        .get_options_from_string("table_factory={id=mountdb;block_size=512}")
        .expect("registered");
    assert_eq!(mountdb::factories(&chosen).table, "mountdb");
}

#[test]
fn c_counters_are_the_counters() {
    in_a_fresh_process("child_compares_counters");
}

#[test]
#[ignore = "runs in a process of its own"]
fn child_compares_counters() {
    if in_this_process() {
        return;
    }
    let mut model = Model::new();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    // A different number for each counter that an undamaged database can move.
    drop({
        let db = DB::open(&stock("block_size=256"), path).expect("open");
        fill(&db, &mut model, 0..200, "stock");
        db
    });
    let ours = learned("block_size=256");
    for _ in 0..3 {
        DB::open_for_read_only(&ours, path, false).expect("open"); // no_learned_block
    }
    let other = tempfile::tempdir().expect("a directory");
    let mut reversed = learned("block_size=256");
    reversed.set_comparator("reversed", Box::new(|a, b| b.cmp(a)));
    let db = DB::open(&reversed, other.path()).expect("open");
    fill(&db, &mut model, 0..10, "reversed");
    drop(db);
    for _ in 0..4 {
        DB::open_for_read_only(&reversed, other.path(), false).expect("open"); // comparator
    }
    let third = tempfile::tempdir().expect("a directory");
    let parallel = options("compression_opts={parallel_threads=2};table_factory=mountdb");
    let db = DB::open(&parallel, third.path()).expect("open");
    fill(&db, &mut model, 0..10, "parallel"); // not built, and no learned block
    drop(db);
    let fourth = tempfile::tempdir().expect("a directory");
    let db = DB::open(&ours, fourth.path()).expect("open");
    for _ in 0..9 {
        fill(&db, &mut model, 0..200, "ours"); // learned
    }

    let (rust, c) = (mountdb::counters(), c_counters());
    let expected = CCounters {
        files_learned: rust.files_learned,
        no_learned_block: rust.no_learned_block,
        other_comparator: rust.other_comparator,
        sequence_numbers: rust.sequence_numbers,
        unknown_version: rust.unknown_version,
        corrupt: rust.corrupt,
        files_not_built: rust.files_not_built,
        index_bytes_held: rust.index_bytes_held,
        index_blocks_held: rust.index_blocks_held,
    };
    assert_eq!(c, expected);
    let moved = [
        c.files_learned,
        c.no_learned_block,
        c.other_comparator,
        c.files_not_built,
        c.index_bytes_held,
        c.index_blocks_held,
    ];
    let distinct: BTreeSet<u64> = moved.into_iter().filter(|n| *n > 0).collect();
    assert_eq!(distinct.len(), moved.len(), "two counters agree: {moved:?}");
    assert_eq!(
        rust.files_fallen_back,
        rust.no_learned_block
            + rust.other_comparator
            + rust.sequence_numbers
            + rust.unknown_version
            + rust.corrupt
    );
    drop(db);
    let closed = c_counters();
    assert_eq!((closed.index_bytes_held, closed.index_blocks_held), (0, 0));
}

// ---------------------------------------------------------------- fields

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
    }
    assert!(available.table_ids.iter().any(|id| id == "mountdb"));
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
    for field in ["write_learned_index", "read_learned_index"] {
        assert_eq!(ours.remove(field).as_deref(), Some("true"));
    }
    let directory = tempfile::tempdir().expect("a directory");
    let stock = written_section(&stock(fields), directory.path(), STOCK_SECTION).expect("stock");
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

/// What the string does not mention stays as the base has it, and the base stays as it is.
#[test]
fn the_base_is_kept_and_not_changed() {
    let ours = learned("block_size=512;filter_policy=bloomfilter:10");
    let changed = mountdb::options_from_string(&ours, "table_factory.block_size=777")
        .expect("a field of the factory that is there");
    assert_eq!(our_section(&ours)["block_size"], "512");
    let changed = our_section(&changed);
    assert_eq!(changed["block_size"], "777");
    assert_eq!(changed["filter_policy"], "bloomfilter:10:false");
    let untouched =
        mountdb::options_from_string(&ours, "max_open_files=77").expect("another option");
    assert_eq!(our_section(&untouched)["block_size"], "512");

    // A base that is gone: its comparator and cache must live on.
    let directory = tempfile::tempdir().expect("a directory");
    let result = {
        let mut base = base();
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(&Cache::new_lru_cache(1 << 20));
        base.set_block_based_table_factory(&table);
        base.set_comparator("reversed", Box::new(|a, b| b.cmp(a)));
        mountdb::options_from_string(&base, "max_open_files=77").expect("valid")
    };
    let db = DB::open(&result, directory.path()).expect("open");
    for key in ["a", "b", "c"] {
        db.put(key, key).expect("put");
    }
    db.flush().expect("flush");
    let mut iter = db.raw_iterator();
    iter.seek_to_first();
    assert_eq!(iter.key(), Some(&b"c"[..]));
}

/// `table_factory=` makes a new table with the fields of the string alone: whoever has set
/// table options in code wants `use_learned_table`.
#[test]
fn the_string_replaces_the_whole_table() {
    let mut base = base();
    let mut table = BlockBasedOptions::default();
    table.set_block_size(777);
    table.set_bloom_filter(10.0, false);
    base.set_block_based_table_factory(&table);
    let options = mountdb::options_from_string(&base, "table_factory={id=mountdb}").expect("valid");
    let section = our_section(&options);
    assert_eq!(section["block_size"], "4096");
    assert_eq!(section["filter_policy"], "nullptr");
}

// ---------------------------------------------------------------- the OPTIONS file

const NOT_DEFAULT: &str = "block_size=777;filter_policy=bloomfilter:12;checksum=kCRC32c;\
                           metadata_cache_options={unpartitioned_pinning=kAll};\
                           read_learned_index=false;block_restart_interval=4";

const RELOADED_CACHE: usize = 1 << 20;

/// The options of a closed database, with the cache that the caller brings.
fn reload(directory: &Path) -> (Options, Vec<ColumnFamilyDescriptor>) {
    let env = Env::new().expect("an environment");
    let cache = Cache::new_lru_cache(RELOADED_CACHE);
    Options::load_latest(directory, env, false, cache).expect("loads")
}

#[test]
fn options_file_round_trip() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let mut model = Model::new();
    let db = DB::open(&learned(NOT_DEFAULT), path).expect("open");
    fill(&db, &mut model, 0..300, "first");
    drop(db);
    for line in [
        "table_factory: mountdb",
        "write_learned_index: 1",
        "read_learned_index: 0",
    ] {
        assert!(db::log(path).contains(line), "{line} in the info log");
    }
    let file = newest_options_file(path);
    let first = section(&file, OUR_SECTION).expect("a section of its own");
    for (name, value) in [
        ("block_size", "777"),
        ("filter_policy", "bloomfilter:12:false"),
        ("checksum", "kCRC32c"),
        ("read_learned_index", "false"),
        ("write_learned_index", "true"),
        ("block_restart_interval", "4"),
    ] {
        assert_eq!(first[name], value, "{name}");
    }
    assert!(first["metadata_cache_options"].contains("unpartitioned_pinning=kAll"));
    assert_eq!(section(&file, STOCK_SECTION), None);
    let family = section(&file, "CFOptions \"default\"").expect("a column family");
    assert_eq!(family["table_factory"], "mountdb");

    // The crate gives no access to a loaded family's options but to open it with them.
    for round in 0..2 {
        let (options, families) = reload(path);
        let db = DB::open_cf_descriptors(&options, path, families).expect("reopen");
        assert_eq!(mountdb::db_factories(&db).table, "mountdb", "{round}");
        let capacity = db.property_int_value("rocksdb.block-cache-capacity");
        assert_eq!(capacity.expect("a property"), Some(RELOADED_CACHE as u64));
        fill(&db, &mut model, 100..400, "again");
        check(&db, &model);
        drop(db);
        let again = section(&newest_options_file(path), OUR_SECTION);
        assert_eq!(again.as_ref(), Some(&first), "{round}");
    }
}

/// Without registration RocksDB cannot make the table the OPTIONS file names; it must not
/// open the database with another one and lose the settings in silence.
#[test]
fn options_file_without_registration() {
    in_a_fresh_process("child_loads_options_unregistered");
}

#[test]
#[ignore = "runs in a process of its own"]
fn child_loads_options_unregistered() {
    if in_this_process() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    // A process that registers writes the database; this one must not.
    let this = std::env::current_exe().expect("the test binary");
    let status = Command::new(this)
        .args(["--exact", "child_writes_a_database", "--ignored"])
        .env("MOUNTDB_TEST_DIRECTORY", path)
        .status()
        .expect("a process");
    assert!(status.success());
    let (options, families) = reload(path);
    let error = DB::open_cf_descriptors(&options, path, families)
        .map(|db| mountdb::db_factories(&db))
        .expect_err("no such table factory");
    assert!(error.to_string().contains("table_factory"), "{error}");
}

#[test]
#[ignore = "runs in a process of its own"]
fn child_writes_a_database() {
    let Some(path) = std::env::var_os("MOUNTDB_TEST_DIRECTORY") else {
        return; // all ignored tests were asked for
    };
    let db = DB::open(&learned(NOT_DEFAULT), path).expect("open");
    fill(&db, &mut Model::new(), 0..10, "child");
}

#[test]
fn column_families_have_their_own_factories() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let mut general = stock("block_size=300");
    general.create_missing_column_families(true);
    let families = || {
        [
            ("default", stock("block_size=300")),
            ("ours", learned("block_size=400")),
            ("plain", {
                let mut plain = base();
                plain.set_plain_table_factory(&PlainTableFactoryOptions {
                    user_key_length: 0,
                    bloom_bits_per_key: 10,
                    hash_table_ratio: 0.75,
                    index_sparseness: 16,
                    huge_page_tlb_size: 0,
                    encoding_type: rocksdb::KeyEncodingType::Plain,
                    full_scan_mode: false,
                    store_index_in_file: false,
                });
                plain.set_prefix_extractor(SliceTransform::create_fixed_prefix(3));
                plain
            }),
            ("too", learned("block_size=500;write_learned_index=false")),
        ]
        .map(|(name, options)| ColumnFamilyDescriptor::new(name, options))
    };
    let tell = |db: &DB, name: &str| {
        let family = db.cf_handle(name).expect(name);
        mountdb::cf_factories(db, &family).table
    };
    let truth = |db: &DB| {
        assert_eq!(mountdb::db_factories(db).table, "BlockBasedTable");
        assert_eq!(tell(db, "default"), "BlockBasedTable");
        assert_eq!(tell(db, "ours"), "mountdb");
        assert_eq!(tell(db, "plain"), "PlainTable");
        assert_eq!(tell(db, "too"), "mountdb");
    };
    let db = DB::open_cf_descriptors(&general, path, families()).expect("open");
    truth(&db);
    for name in ["default", "ours", "too"] {
        let family = db.cf_handle(name).expect(name);
        for i in 0..200 {
            let value = db::value(i, name);
            db.put_cf(&family, db::key(i), value).expect("put");
        }
        db.flush_cf(&family).expect("flush");
        for i in 0..200 {
            let value = db.get_cf(&family, db::key(i)).expect("get");
            assert_eq!(value, Some(db::value(i, name)));
        }
    }
    let blocks: usize = db::tables(path).iter().map(|t| db::learned_blocks(t)).sum();
    assert_eq!(blocks, 1, "only the family that asked for it");
    drop(db);
    let file = newest_options_file(path);
    for (title, size) in [
        ("TableOptions/BlockBasedTable \"default\"", "300"),
        ("TableOptions/mountdb \"ours\"", "400"),
        ("TableOptions/mountdb \"too\"", "500"),
    ] {
        assert_eq!(section(&file, title).expect(title)["block_size"], size);
    }
    let (options, families) = reload(path);
    let db = DB::open_cf_descriptors(&options, path, families).expect("reopen");
    truth(&db);
    // A family made while the database is open.
    let mut db = db;
    db.create_cf("late", &learned("")).expect("a new family");
    assert_eq!(tell(&db, "late"), "mountdb");
}

// ---------------------------------------------------------------- SetOptions

/// Data blocks of the newest table file, and what its learned index says of them.
fn newest_blocks(directory: &Path) -> Option<usize> {
    let table = db::tables(directory).pop().expect("a table file");
    db::LearnedBlock::find(&table).map(|block| block.index().blocks())
}

/// The spellings that RocksDB takes for one field of the table factory of a live database.
#[test]
fn set_options_on_a_live_database() {
    for spelling in [
        "table_factory.block_size",
        "table_factory.mountdb.block_size",
        "block_based_table_factory.block_size",
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path();
        let options = learned("block_size=256;filter_policy=bloomfilter:10");
        let db = DB::open(&options, path).expect("open");
        let mut model = Model::new();
        fill(&db, &mut model, 0..600, "small");
        let small = newest_blocks(path).expect("learned");
        db.set_options(&[(spelling, "8192")]).expect(spelling);
        assert_eq!(mountdb::db_factories(&db).table, "mountdb", "{spelling}");
        fill(&db, &mut model, 0..600, "large");
        let large = newest_blocks(path).expect("still learned");
        assert!(
            large * 8 < small,
            "{spelling}: {small} blocks of 256 bytes, {large} of 8192"
        );
        check(&db, &model);
        let written = section(&newest_options_file(path), OUR_SECTION).expect("ours");
        assert_eq!(written["block_size"], "8192");
        assert_eq!(written["filter_policy"], "bloomfilter:10:false", "kept");
        db.compact_range(None::<&[u8]>, None::<&[u8]>);
        assert!(newest_blocks(path).is_some(), "compactions too");
        check(&db, &model);
    }
}

/// The whole object replaces the factory: every field not mentioned is the default again.
#[test]
fn set_options_with_the_whole_object() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let db = DB::open(
        &learned("block_size=256;filter_policy=bloomfilter:10"),
        path,
    )
    .expect("open");
    let mut model = Model::new();
    fill(&db, &mut model, 0..600, "small");
    let small = newest_blocks(path).expect("learned");
    db.set_options(&[("table_factory", "{id=mountdb;block_size=8192}")])
        .expect("the whole object");
    fill(&db, &mut model, 300..900, "large");
    assert!(newest_blocks(path).expect("still learned") * 8 < small);
    let written = section(&newest_options_file(path), OUR_SECTION).expect("ours");
    assert_eq!(written["block_size"], "8192");
    assert_eq!(written["filter_policy"], "nullptr");
    check(&db, &model);
}

/// mountdb on and off without closing the database.
#[test]
fn set_options_switches_the_table() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let db = DB::open(&stock("block_size=256"), path).expect("open");
    let mut model = Model::new();
    fill(&db, &mut model, 0..200, "stock");
    assert_eq!(newest_blocks(path), None);
    db.set_options(&[("table_factory", "{id=mountdb;block_size=256}")])
        .expect("on");
    assert_eq!(mountdb::db_factories(&db).table, "mountdb");
    fill(&db, &mut model, 100..300, "ours");
    assert!(newest_blocks(path).is_some());
    check(&db, &model);
    for (value, learned) in [("false", false), ("true", true)] {
        db.set_options(&[("table_factory.write_learned_index", value)])
            .expect("a field of ours");
        fill(&db, &mut model, 50..150, value);
        assert_eq!(newest_blocks(path).is_some(), learned);
    }
    db.set_options(&[("table_factory", "BlockBasedTable")])
        .expect("off");
    assert_eq!(mountdb::db_factories(&db).table, "BlockBasedTable");
    fill(&db, &mut model, 0..50, "stock again");
    assert_eq!(newest_blocks(path), None);
    check(&db, &model);
    db::compact_all(&db);
    check(&db, &model);
}

/// What RocksDB refuses changes nothing. (An unknown or missing id in
/// `("table_factory", ...)` is not tried: SetOptions of stock RocksDB 11.8.1 takes it,
/// whatever the table, and crashes on the null factory.)
#[test]
fn set_options_refusals() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let db = DB::open(&learned("block_size=512"), path).expect("open");
    for (name, value, message) in [
        (
            "block_based_table_factory",
            "{block_size=8192}",
            "Cannot modify mountdb as block_based_table_factory",
        ),
        ("block_size", "8192", "block_size"),
        ("mountdb.block_size", "8192", "mountdb.block_size"),
        ("table_factory.nosuch", "1", "table_factory.nosuch"),
        ("table_factory.block_size", "big", "block_size"),
        ("table_factory", "{id=mountdb;nosuch=1}", "table_factory"),
        (
            "table_factory.write_learned_index",
            "maybe",
            "write_learned_index",
        ),
    ] {
        let error = db.set_options(&[(name, value)]).expect_err(name);
        assert!(error.to_string().contains(message), "{name}: {error}");
        assert_eq!(mountdb::db_factories(&db).table, "mountdb", "{name}");
    }
    let mut model = Model::new();
    fill(&db, &mut model, 0..200, "after");
    check(&db, &model);
    assert!(newest_blocks(path).is_some());
    let written = section(&newest_options_file(path), OUR_SECTION).expect("ours");
    assert_eq!(written["block_size"], "512");
    assert_eq!(written["write_learned_index"], "true");
}

/// SetOptions does not ask the table factory to validate itself, so a second index comes
/// in that `DB::open` would refuse. The files are sound all the same.
#[test]
fn set_options_slips_past_validation() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let db = DB::open(&learned("block_size=256"), path).expect("open");
    let mut model = Model::new();
    fill(&db, &mut model, 0..200, "before");
    db.set_options(&[("table_factory.user_defined_index_factory", "mountdb")])
        .expect("RocksDB does not look");
    fill(&db, &mut model, 100..300, "with");
    check(&db, &model);
    db::compact_all(&db);
    check(&db, &model);
    drop(db);
    let (options, families) = reload(path);
    let error = DB::open_cf_descriptors(&options, path, families)
        .map(|_| ())
        .expect_err("refused now");
    assert!(
        error.to_string().contains("user_defined_index_factory"),
        "{error}"
    );
    let db = DB::open(&learned(""), path).expect("the way out");
    check(&db, &model);
    drop(db);
    check(&DB::open(&stock(""), path).expect("open"), &model);
}

/// New factories come and go while files are written and read.
#[test]
fn set_options_under_load() {
    let directory = tempfile::tempdir().expect("a directory");
    let db = DB::open(&learned("block_size=256"), directory.path()).expect("open");
    let mut model = Model::new();
    fill(&db, &mut model, 0..500, "0");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for reader in 0..2 {
            let (db, done) = (&db, &done);
            scope.spawn(move || {
                let mut i = reader;
                while !done.load(Relaxed) {
                    i = (i * 7 + 13) % 500;
                    let found = db
                        .get(db::key(i))
                        .expect("a read")
                        .expect("every key is there");
                    let ending = format!("-{i}-{}", "v".repeat(i % 40));
                    assert!(found.ends_with(ending.as_bytes()), "key {i}: {found:?}");
                    let mut iter = db.raw_iterator();
                    iter.seek(db::key(i));
                    assert_eq!(iter.key(), Some(db::key(i).as_slice()));
                    iter.prev();
                    let before = i.checked_sub(1).map(db::key);
                    assert_eq!(iter.key(), before.as_deref());
                }
            });
        }
        for round in 0..40 {
            let changes = [
                (
                    "table_factory.block_size",
                    ["256", "1024", "4096"][round % 3],
                ),
                (
                    "table_factory.write_learned_index",
                    ["true", "true", "false", "true"][round % 4],
                ),
                (
                    "table_factory.read_learned_index",
                    ["true", "false"][usize::from(round % 5 == 0)],
                ),
            ];
            db.set_options(&changes).expect("three fields at once");
            let keys = (round % 7..500).step_by(7);
            fill(&db, &mut model, keys, &round.to_string());
            if round % 8 == 7 {
                db::compact_all(&db);
            }
        }
        done.store(true, Relaxed);
    });
    assert_eq!(mountdb::db_factories(&db).table, "mountdb");
    check(&db, &model);
}

// ---------------------------------------------------------------- options set in code

#[test]
fn a_clone_keeps_the_choice() {
    let clone = {
        let original = learned("block_size=777");
        original.clone()
    };
    assert_eq!(mountdb::factories(&clone).table, "mountdb");
    assert_eq!(our_section(&clone)["block_size"], "777");
}

#[test]
fn use_learned_table_keeps_the_table_options() {
    let cache = Cache::new_lru_cache(8 << 20);
    let mut table = BlockBasedOptions::default();
    table.set_block_size(777);
    table.set_bloom_filter(12.0, false);
    table.set_block_cache(&cache);
    table.set_whole_key_filtering(false);
    let mut options = base();
    options.set_block_based_table_factory(&table);
    drop(table);
    assert_eq!(mountdb::factories(&options).table, "BlockBasedTable");
    let directory = tempfile::tempdir().expect("a directory");
    let stock = written_section(&options, directory.path(), STOCK_SECTION).expect("stock");

    mountdb::use_learned_table(&mut options).expect("a block-based table");
    assert_eq!(mountdb::factories(&options).table, "mountdb");
    let path = directory.path();
    let db = DB::open(&options, path).expect("open");
    let mut ours = section(&newest_options_file(path), OUR_SECTION).expect("ours");
    assert_eq!(ours["block_size"], "777");
    for field in ["write_learned_index", "read_learned_index"] {
        assert_eq!(ours.remove(field).as_deref(), Some("true"));
    }
    assert_eq!(ours, stock);

    let mut model = Model::new();
    fill(&db, &mut model, 0..2000, "cached");
    let before = cache.get_usage();
    check(&db, &model);
    let grown = cache.get_usage() - before;
    assert!(grown > 20_000, "the cache grew by {grown} bytes");
    // SetOptions makes a new factory; it keeps the cache too.
    db.set_options(&[("table_factory.block_size", "512")])
        .expect("a field");
    fill(&db, &mut model, 2000..4000, "cached too");
    let before = cache.get_usage();
    check(&db, &model);
    let grown = cache.get_usage() - before;
    assert!(
        grown > 20_000,
        "after SetOptions the cache grew by {grown} bytes"
    );
}

#[test]
fn use_learned_table_twice_and_on_chosen_options() {
    let mut options = learned("block_size=777;read_learned_index=false");
    for _ in 0..2 {
        mountdb::use_learned_table(&mut options).expect("it is there already");
        let section = our_section(&options);
        assert_eq!(section["block_size"], "777");
        assert_eq!(section["read_learned_index"], "false");
    }
}

#[test]
fn use_learned_table_needs_a_block_based_table() {
    let mut options = parse("table_factory=PlainTable").expect("RocksDB's own");
    let error = mountdb::use_learned_table(&mut options).expect_err("not block-based");
    assert!(error.to_string().contains("PlainTable"), "{error}");
    assert_eq!(mountdb::factories(&options).table, "PlainTable");
}

// ---------------------------------------------------------------- refusals

/// A string that must be refused, and what the message must contain.
struct Refused {
    string: String,
    mentions: Vec<String>,
}

fn refused(string: impl Into<String>, mentions: &[&str]) -> Refused {
    Refused {
        string: string.into(),
        mentions: mentions.iter().map(|m| (*m).to_owned()).collect(),
    }
}

const TABLE_IDS: [&str; 3] = ["BlockBasedTable", "PlainTable", "mountdb"];
const MEMTABLE_IDS: [&str; 2] = ["SkipListFactory", "HashSkipListRepFactory"];
const SOME_FIELDS: [&str; 4] = [
    "block_size",
    "filter_policy",
    "write_learned_index",
    "read_learned_index",
];

fn must_be_refused(cases: Vec<Refused>) {
    let mut wrong = Vec::new();
    for Refused { string, mentions } in cases {
        let shown: String = string.chars().take(120).collect();
        let begin = Instant::now();
        match parse(&string) {
            Ok(options) => wrong.push(format!("{shown:?}: {:?}", mountdb::factories(&options))),
            Err(error) => {
                let missing: Vec<_> = mentions.iter().filter(|m| !error.contains(*m)).collect();
                if !missing.is_empty() {
                    let missing: String = format!("{missing:?}").chars().take(200).collect();
                    let error: String = error.chars().take(300).collect();
                    wrong.push(format!("{shown:?}: {error:?} does not mention {missing}"));
                }
            }
        }
        if begin.elapsed() > Duration::from_secs(5) {
            wrong.push(format!("{shown:?}: took {:?}", begin.elapsed()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

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
fn the_memtable_of_a_later_version_is_refused() {
    must_be_refused(vec![
        refused(
            "memtable_factory=mountdb",
            &["'mountdb'", "SkipListFactory"],
        ),
        refused(
            "memtable_factory={id=mountdb};table_factory={id=mountdb}",
            &["memtable_factory", "'mountdb'", "SkipListFactory"],
        ),
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

/// braces around the whole string, which RocksDB takes off, hide that a thing
/// is said under two names: the block size is lost in silence.
#[test]
fn said_under_two_names_in_braces() {
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

/// for RocksDB a brace inside a value that does not begin with one is a
/// character; for the check it opens a level, and what follows is said twice in silence.
#[test]
fn said_twice_behind_a_brace_in_a_value() {
    must_be_refused(vec![refused(
        "table_factory=mountdb;wal_dir=x{;table_factory=BlockBasedTable",
        &["'table_factory'"],
    )]);
}

/// a thing said twice by names with dots. The last in the order of the hashes
/// wins in silence: the stock table, or another block size than the one asked for.
#[test]
fn said_twice_by_dotted_names() {
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
    ]);
    let string = "table_factory.block_size=777;table_factory.id=mountdb";
    match parse(string) {
        Ok(options) => assert_eq!(our_section(&options)["block_size"], "777", "{string}"),
        Err(error) => assert!(error.contains("block_size"), "{error}"),
    }
}

/// the search for the culprit puts braces around each value, and so blames
/// sound settings whose values do not take braces. It also tries each setting alone on the
/// base, where a field of the table that another setting chooses is unknown.
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
            "table_factory={id=mountdb;block_size=-1}",
            &["'block_size'", "-1"],
        ),
        refused(
            "table_factory={id=mountdb;block_size=4KB}",
            &["'block_size'", "4KB"],
        ),
        refused("write_buffer_size=64MB", &["'write_buffer_size'", "64MB"]),
        refused("max_open_files=many", &["'max_open_files'", "many"]),
    ]);
    for string in [
        "write_buffer_size=64M;max_open_files=-1;soft_pending_compaction_bytes_limit=1T",
        "table_factory={id=mountdb;block_size=4k;uniform_cv_threshold=0.2}",
        "table_factory={id=mountdb;uniform_cv_threshold=-1;block_restart_interval=8}",
    ] {
        assert_eq!(parse(string).err(), None, "{string}");
    }
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
    for (string, part) in [
        ("memtable_factory=nosuch", "memtable"),
        ("memtable_factory=mountdb", "memtable"),
    ] {
        let options = base()
            .get_options_from_string(string)
            .expect("RocksDB ignores what it does not know");
        assert_eq!(mountdb::factories(&options).memtable, "SkipListFactory");
        let error = parse(string).err().expect("checked");
        assert!(error.contains(part), "{error}");
    }
}

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

// ---------------------------------------------------------------- random strings

/// Pieces that the parser gives a meaning to, in any order.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "table_factory",
            "table_factory.",
            "memtable_factory",
            "block_based_table_factory",
            "id",
            "mountdb",
            "BlockBasedTable",
            "PlainTable",
            "skip_list",
            "nosuch",
            "block_size",
            "write_learned_index",
            "filter_policy",
            "bloomfilter:10",
            "metadata_cache_options",
            "unpartitioned_pinning",
            "kAll",
            "block_cache",
            "capacity",
            "create_if_missing",
            "compression_opts",
            "parallel_threads",
            "nullptr",
        ])
        .prop_map(str::to_owned),
        prop::sample::select(vec![
            "=", "=", "{", "}", ";", " ", ":", "#", "\\", "\0", "\n"
        ])
        .prop_map(str::to_owned),
        prop::sample::select(vec!["0", "1", "true", "4096", "4K", "-1", "1e9", "0.5"])
            .prop_map(str::to_owned),
        "[a-zäß{}=;. ]{0,6}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn any_pieces_are_taken_or_refused(pieces in prop::collection::vec(piece(), 0..14)) {
        let string = pieces.concat();
        match parse(&string) {
            Ok(options) => prop_assert!(!mountdb::factories(&options).table.is_empty()),
            Err(error) => prop_assert!(!error.is_empty()),
        }
    }

    #[test]
    fn any_fields_are_taken_or_refused(
        fields in prop::collection::vec((piece(), piece()), 0..5),
    ) {
        let fields: Vec<String> = fields.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let string = format!("table_factory={{id=mountdb;{}}}", fields.join(";"));
        if let Err(error) = parse(&string) {
            prop_assert!(!error.is_empty());
        }
    }

    #[test]
    fn any_string_is_taken_or_refused(string in ".{0,60}") {
        let _ = parse(&string);
    }
}
