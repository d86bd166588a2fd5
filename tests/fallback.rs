//! The ways in which a file ends up being read through its standard index: each is
//! counted, each leaves a line in the info log, and no answer changes.
#![cfg(feature = "rocksdb")]

#[path = "common/db.rs"]
mod db;
#[path = "common/reasons.rs"]
mod reasons;

use db::{
    LearnedBlock, Model, alone, base, check, check_reversed, compact_all, counted, fill, learned,
    log, mountdb_lines, only_table, options, stock, tables,
};
use reasons::{assert_reason, files, reasons};
use rocksdb::{DB, Options};
use std::fs;

// ---------------------------------------------------------------- no learned block

#[test]
fn files_of_plain_rocksdb() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let mut model = Model::new();
    let db = DB::open(&stock("block_size=256"), path).expect("open");
    for from in [0, 100, 200] {
        fill(&db, &mut model, from..from + 150, "stock");
    }
    drop(db);

    let (db, grown) = counted(|| DB::open(&learned("block_size=256"), path).expect("open"));
    assert_eq!(files(&grown), (0, 3));
    assert_eq!(grown.no_learned_block, 3);
    assert_eq!((grown.index_bytes_held, grown.index_blocks_held), (0, 0));
    for table in tables(path) {
        assert_reason(&log(path), &table, "no learned block");
    }
    check(&db, &model);

    // New files have one, and compaction replaces the old files.
    let (_, grown) = counted(|| fill(&db, &mut model, 50..60, "ours"));
    assert_eq!(files(&grown), (1, 0));
    check(&db, &model);
    let (_, grown) = counted(|| compact_all(&db));
    assert_eq!(files(&grown), (1, 0));
    check(&db, &model);
    drop(db);
    let (db, grown) = counted(|| DB::open(&learned(""), path).expect("open"));
    assert_eq!(files(&grown), (1, 0));
    assert_eq!(reasons(&log(path), &only_table(path)), [""; 0]);
    check(&db, &model);
}

#[test]
fn writing_switched_off() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let mut model = Model::new();
    let (db, grown) = counted(|| {
        let options = learned("block_size=256;write_learned_index=false");
        let db = DB::open(&options, path).expect("open");
        fill(&db, &mut model, 0..300, "plain");
        db
    });
    assert_eq!(files(&grown), (0, 1));
    assert_eq!(grown.no_learned_block, 1);
    assert_eq!(grown.files_not_built, 0, "none was asked for");
    let table = only_table(path);
    assert!(LearnedBlock::find(&table).is_none());
    assert_eq!(db::learned_blocks(&table), 0);
    assert_reason(&log(path), &table, "no learned block");
    check(&db, &model);
    drop(db);
    let (db, grown) = counted(|| DB::open(&learned(""), path).expect("open"));
    assert_eq!((files(&grown), grown.no_learned_block), ((0, 1), 1));
    check(&db, &model);
}

#[test]
fn reading_switched_off() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let mut model = Model::new();
    let (db, grown) = counted(|| {
        let options = learned("block_size=256;read_learned_index=false");
        let db = DB::open(&options, path).expect("open");
        fill(&db, &mut model, 0..300, "unread");
        check(&db, &model);
        db
    });
    // Nobody asked for the learned index: it is not a fallback.
    assert_eq!(files(&grown), (0, 0));
    assert_eq!((grown.index_bytes_held, grown.index_blocks_held), (0, 0));
    assert_eq!(mountdb_lines(&log(path)), [""; 0]);
    let block = LearnedBlock::find(&only_table(path)).expect("written all the same");
    drop(db);
    let (db, grown) = counted(|| DB::open(&learned(""), path).expect("open"));
    assert_eq!(files(&grown), (1, 0));
    assert_eq!(grown.index_bytes_held, block.len as u64);
    assert_eq!(grown.index_blocks_held, block.index().blocks() as u64);
    check(&db, &model);
}

/// Files that are open keep the index they were opened with.
#[test]
fn reading_switched_off_on_a_live_database() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let mut model = Model::new();
    let db = DB::open(&learned("block_size=256"), path).expect("open");
    let mut held = 0;
    for (value, learned_files) in [("true", 1), ("false", 0), ("true", 1)] {
        db.set_options(&[("table_factory.read_learned_index", value)])
            .expect("a field of ours");
        let (_, grown) = counted(|| fill(&db, &mut model, 0..200, value));
        assert_eq!(files(&grown), (learned_files, 0), "{value}");
        let newest = tables(path).pop().expect("a table file");
        let block = LearnedBlock::find(&newest).expect("written in any case");
        held += learned_files * block.len as u64;
        assert_eq!(grown.index_bytes_held, held, "{value}");
        check(&db, &model);
    }
}

// ---------------------------------------------------------------- comparators

fn with_comparator(name: &str, compare: fn(&[u8], &[u8]) -> std::cmp::Ordering) -> Options {
    let mut options = learned("block_size=256");
    options.set_comparator(name, Box::new(compare));
    options
}

#[test]
fn another_comparator() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let reversed = with_comparator("reversed", |a, b| b.cmp(a));
    let mut model = Model::new();
    let (db, grown) = counted(|| {
        let db = DB::open(&reversed, path).expect("open");
        fill(&db, &mut model, 0..300, "first");
        fill(&db, &mut model, (0..300).step_by(7), "second");
        db
    });
    assert_eq!(files(&grown), (0, 2));
    assert_eq!((grown.other_comparator, grown.files_not_built), (2, 0));
    check_reversed(&db, &model);
    for table in tables(path) {
        assert_eq!(db::learned_blocks(&table), 0);
        assert_reason(&log(path), &table, "comparator is reversed");
    }
    let (_, grown) = counted(|| compact_all(&db));
    assert_eq!((files(&grown), grown.other_comparator), ((0, 1), 1));
    check_reversed(&db, &model);
    drop(db);
    assert_eq!(db::learned_blocks(&only_table(path)), 0);
    let (db, grown) = counted(|| DB::open(&reversed, path).expect("open"));
    assert_eq!((files(&grown), grown.other_comparator), ((0, 1), 1));
    check_reversed(&db, &model);
    drop(db);

    let mut stock = stock("");
    stock.set_comparator("reversed", Box::new(|a, b| b.cmp(a)));
    check_reversed(&DB::open(&stock, path).expect("open"), &model);
}

/// Another order behind the name of the bytewise comparator: only RocksDB's own comparator
/// object is trusted, not a name.
#[test]
fn a_comparator_that_lies_about_its_name() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let lying = with_comparator("leveldb.BytewiseComparator", |a, b| b.cmp(a));
    let mut model = Model::new();
    let (db, grown) = counted(|| {
        let db = DB::open(&lying, path).expect("open");
        fill(&db, &mut model, 0..300, "first");
        db
    });
    assert_eq!((files(&grown), grown.other_comparator), ((0, 1), 1));
    check_reversed(&db, &model);
    assert_eq!(db::learned_blocks(&only_table(path)), 0);
}

// ---------------------------------------------------------------- parallel compression

/// The flush is not of the bottommost level, the compaction is.
#[test]
fn parallel_compression() {
    let _alone = alone();
    for (threads, flush_learns) in [
        ("compression_opts={parallel_threads=4}", false),
        (
            "bottommost_compression=kLZ4Compression;\
             bottommost_compression_opts={enabled=true;parallel_threads=4}",
            true,
        ),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path();
        let both = options(&format!(
            "compression=kLZ4Compression;{threads};table_factory={{id=mountdb;block_size=256}}"
        ));
        let mut model = Model::new();
        let (db, grown) = counted(|| {
            let db = DB::open(&both, path).expect("the user's threads come first");
            fill(&db, &mut model, 0..900, "parallel");
            db
        });
        let refused = u64::from(!flush_learns);
        assert_eq!(grown.files_not_built, refused, "{threads}");
        assert_eq!(
            (files(&grown), grown.no_learned_block),
            ((1 - refused, refused), refused)
        );
        check(&db, &model);

        let (_, grown) = counted(|| compact_all(&db));
        assert_eq!((grown.files_not_built, grown.no_learned_block), (1, 1));
        check(&db, &model);
        assert_eq!(mountdb::db_factories(&db).table, "mountdb");
        assert_eq!(db::learned_blocks(&only_table(path)), 0);
        let log_text = log(path);
        let not_built = mountdb_lines(&log_text)
            .into_iter()
            .filter(|line| line.contains("no learned index") && line.contains("parallel"))
            .count();
        assert_eq!(
            not_built as u64,
            1 + refused,
            "{:?}",
            mountdb_lines(&log_text)
        );
        drop(db);
        // One thread again: the next compaction learns.
        let db = DB::open(&learned("block_size=256"), path).expect("open");
        let (_, grown) = counted(|| compact_all(&db));
        assert_eq!((files(&grown), grown.files_not_built), ((1, 0), 0));
        check(&db, &model);
    }
}

/// More threads on a live database, and back.
#[test]
fn parallel_compression_by_set_options() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let options = options("compression=kLZ4Compression;table_factory={id=mountdb;block_size=256}");
    let db = DB::open(&options, path).expect("open");
    let mut model = Model::new();
    for (threads, not_built) in [("1", 0), ("4", 1), ("1", 0)] {
        db.set_options(&[("compression_opts.parallel_threads", threads)])
            .expect("a mutable option");
        let (_, grown) = counted(|| fill(&db, &mut model, 0..300, threads));
        assert_eq!(grown.files_not_built, not_built, "{threads} threads");
        assert_eq!(files(&grown), (1 - not_built, not_built));
        check(&db, &model);
    }
}

// ---------------------------------------------------------------- all at once

/// A database with files of every kind at the same time.
#[test]
fn files_of_every_kind_together() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let mut model = Model::new();
    for (round, options) in [
        ("plain", stock("block_size=256")),
        ("ours", learned("block_size=256")),
        ("off", learned("block_size=256;write_learned_index=false")),
        (
            "parallel",
            options("compression_opts={parallel_threads=2};table_factory=mountdb"),
        ),
        ("damaged", learned("block_size=256")),
    ] {
        let db = DB::open(&options, path).expect("open");
        fill(&db, &mut model, (0..400).step_by(round.len() - 2), round);
        check(&db, &model);
    }
    let damaged = tables(path).pop().expect("the newest file");
    let mut block = LearnedBlock::find(&damaged).expect("learned");
    block.file[block.at + 20] ^= 1;
    fs::write(&damaged, &block.file).expect("damage");

    let (db, grown) = counted(|| DB::open(&learned(""), path).expect("open"));
    assert_eq!(files(&grown), (1, 4));
    assert_eq!((grown.no_learned_block, grown.corrupt), (3, 1));
    assert_eq!(mountdb_lines(&log(path)).len(), 4);
    check(&db, &model);
    drop(db);
    check(&DB::open(&base(), path).expect("plain"), &model);
}
