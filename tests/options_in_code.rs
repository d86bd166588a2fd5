//! Options set in code, and what an options string, `use_learned_table` and a clone keep
//! of them.
#![cfg(feature = "rocksdb")]

#[path = "common/db.rs"]
mod db;
#[path = "common/options_file.rs"]
mod options_file;

use db::{Model, base, check, fill, learned, newest_options_file, parse, section};
use options_file::{OUR_SECTION, STOCK_SECTION, our_section, written_section};
use rocksdb::{BlockBasedOptions, Cache, DB};

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
    for (field, default) in [
        ("write_learned_index", "true"),
        ("read_learned_index", "true"),
        ("entry_slots_memory", "268435456"),
    ] {
        assert_eq!(ours.remove(field).as_deref(), Some(default));
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
