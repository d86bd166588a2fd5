//! SetOptions: the table factory of a live database changed, switched and refused.
#![cfg(feature = "rocksdb")]

#[path = "common/db.rs"]
mod db;
#[path = "common/options_file.rs"]
mod options_file;

use db::{Model, check, fill, learned, newest_options_file, section, stock};
use options_file::{OUR_SECTION, reload};
use rocksdb::DB;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

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
