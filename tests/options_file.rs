//! What becomes of the options string in the OPTIONS file: written, loaded again, and for
//! each column family its own.
#![cfg(feature = "rocksdb")]

#[path = "common/db.rs"]
mod db;
#[path = "common/options_file.rs"]
mod options_file;

use db::{Model, base, check, fill, learned, newest_options_file, section, stock};
use options_file::{NOT_DEFAULT, OUR_SECTION, RELOADED_CACHE, STOCK_SECTION, reload};
use rocksdb::{ColumnFamilyDescriptor, DB, PlainTableFactoryOptions, SliceTransform};

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
        "entry_slots_memory: 65536",
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
        ("entry_slots_memory", "65536"),
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
