//! The learned index through RocksDB's public options alone, without mountdb's table:
//! `block_based_table_factory={user_defined_index_factory=mountdb;...}`.
#![cfg(feature = "rocksdb")]

#[path = "common/db.rs"]
mod db;
#[path = "common/seal.rs"]
mod seal;
#[path = "common/udi.rs"]
mod udi;

use db::{
    LearnedBlock, Model, alone, check, check_iterator, check_reversed, compact_all, counted, fill,
    learned, learned_blocks, newest_options_file, only_table, options, section, stock, tables,
};
use rocksdb::{DB, Options, WriteBatch};
use seal::seal;
use std::collections::BTreeMap;
use std::fs;
use udi::{open, primary, secondary};

/// Writes, flushes, deletes, compacts and reopens; checks everything at every step.
fn life_of_a_database(make: &dyn Fn() -> Options) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let mut model = Model::new();
    let db = open(&make(), path);
    check(&db, &model);
    fill(&db, &mut model, 0..300, "first");
    check(&db, &model);
    for i in (0..300).step_by(3) {
        db.delete(db::key(i)).expect("delete");
        model.remove(&db::key(i));
    }
    fill(&db, &mut model, (200..500).step_by(2), "second");
    check(&db, &model);
    drop(db);
    let db = open(&make(), path);
    check(&db, &model);
    compact_all(&db);
    check(&db, &model);
    let mut batch = WriteBatch::default();
    batch.delete_range(db::key(100), db::key(150));
    db.write(batch).expect("delete");
    for i in 100..150 {
        model.remove(&db::key(i));
    }
    fill(&db, &mut model, [120].into_iter(), "third");
    check(&db, &model);
    compact_all(&db);
    check(&db, &model);
    drop(db);
    check(&open(&make(), path), &model);
    // Nothing but RocksDB's own table was chosen, and its files are read by it alone.
    let db = open(&stock(""), path);
    check(&db, &model);
}

#[test]
fn primary_mode() {
    let _alone = alone();
    for fields in [
        "block_size=1",
        "block_size=128",
        "block_size=256;filter_policy=bloomfilter:10",
        "block_size=256;cache_index_and_filter_blocks=true",
        "block_size=256;no_block_cache=true",
        "block_size=512;data_block_index_type=kDataBlockBinaryAndHash",
        "block_size=256;index_type=kBinarySearchWithFirstKey",
        "block_size=256;index_shortening=kNoShortening;format_version=5",
        "block_size=100000",
    ] {
        let (_, grown) = counted(|| life_of_a_database(&|| primary(fields)));
        assert!(grown.files_learned >= 5, "{fields}: {grown:?}");
        assert_eq!(grown.files_fallen_back, 0, "{fields}");
        assert_eq!(grown.files_not_built, 0, "{fields}");
        assert_eq!(
            (grown.index_bytes_held, grown.index_blocks_held),
            (0, 0),
            "{fields}: all closed"
        );
    }
}

#[test]
fn secondary_mode() {
    let _alone = alone();
    for fields in [
        "block_size=128",
        "block_size=256;index_type=kTwoLevelIndexSearch;metadata_block_size=128",
        "block_size=256;index_type=kTwoLevelIndexSearch;partition_filters=true;\
         filter_policy=bloomfilter:10;cache_index_and_filter_blocks=true",
    ] {
        let (_, grown) = counted(|| life_of_a_database(&|| secondary(fields)));
        assert_eq!(grown.files_fallen_back, 0, "{fields}");
        assert_eq!(grown.files_not_built, 0, "{fields}");
    }
}

/// The options file names the index, so RocksDB's own tools can open the database again.
#[test]
fn the_choice_is_in_the_options_file() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let db = open(&primary("block_size=333"), path);
    assert_eq!(mountdb::db_factories(&db).table, "BlockBasedTable");
    drop(db);
    let file = newest_options_file(path);
    let section = section(&file, "TableOptions/BlockBasedTable \"default\"").expect("a section");
    assert_eq!(section["user_defined_index_factory"], "mountdb");
    assert_eq!(section["use_udi_as_primary_index"], "true");
    assert_eq!(section["block_size"], "333");
}

// ---------------------------------------------------------------- changing sides

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Mountdb,
    Primary,
    Secondary,
    Stock,
}

use Mode::{Mountdb, Primary, Secondary, Stock};

impl Mode {
    fn options(self) -> Options {
        let fields = "block_size=256";
        match self {
            Mountdb => learned(fields),
            Primary => primary(fields),
            Secondary => secondary(fields),
            Stock => stock(fields),
        }
    }
}

/// Every order of the modes over the same files.
#[test]
fn every_order_of_modes() {
    let _alone = alone();
    let modes = [Mountdb, Primary, Secondary, Stock];
    for code in 0..256usize {
        let order: Vec<Mode> = (0..4).map(|digit| modes[code >> (2 * digit) & 3]).collect();
        if modes.iter().any(|mode| !order.contains(mode)) {
            continue;
        }
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path();
        let mut model = Model::new();
        for (round, mode) in order.iter().enumerate() {
            let files = tables(path);
            let all_learned = files.iter().all(|table| learned_blocks(table) == 1);
            let (result, grown) = counted(|| DB::open(&mode.options(), path));
            if *mode == Primary && !all_learned {
                // Not an answer without the file, but an error that names it.
                let error = result
                    .map(|_| ())
                    .expect_err("a file without learned block");
                let error = error.to_string();
                assert!(
                    error.contains("rocksdb.user_defined_index.mountdb"),
                    "{error}"
                );
                assert!(error.contains(".sst"), "{error}");
                // mountdb's table reads these files, and rewrites them.
                let db = open(&Mountdb.options(), path);
                check(&db, &model);
                compact_all(&db);
                drop(db);
                check(&open(&Primary.options(), path), &model);
                continue;
            }
            let db = result.expect("open");
            let learned_files = files.iter().filter(|t| learned_blocks(t) == 1).count() as u64;
            let expected = match mode {
                Mountdb => (learned_files, files.len() as u64 - learned_files),
                Primary | Secondary => (learned_files, 0),
                Stock => (0, 0),
            };
            let found = (grown.files_learned, grown.files_fallen_back);
            assert_eq!(found, expected, "{order:?} round {round}");
            check(&db, &model);
            let name = format!("{mode:?}");
            fill(&db, &mut model, (0..80).step_by(round + 1), &name);
            check(&db, &model);
            let newest = tables(path).pop().expect("a table");
            assert_eq!(learned_blocks(&newest), usize::from(*mode != Stock));
        }
        let db = open(&Mountdb.options(), path);
        compact_all(&db);
        drop(db);
        for mode in modes {
            check(&open(&mode.options(), path), &model);
        }
    }
}

/// The bytes that the two ways of writing make are the same index.
#[test]
fn both_ways_write_the_same_block() {
    let _alone = alone();
    let blocks: Vec<Vec<u8>> = [Mountdb, Primary, Secondary]
        .map(|mode| {
            let directory = tempfile::tempdir().expect("a directory");
            let path = directory.path();
            let db = open(&mode.options(), path);
            fill(&db, &mut Model::new(), 0..500, "same");
            let block = LearnedBlock::find(&only_table(path)).expect("learned");
            assert!(block.index().blocks() > 20);
            block.bytes().to_vec()
        })
        .into();
    assert_eq!(blocks[0], blocks[1]);
    assert_eq!(blocks[0], blocks[2]);
}

#[test]
fn mountdbs_table_learns_files_written_without_it() {
    let _alone = alone();
    for mode in [Primary, Secondary] {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path();
        let mut model = Model::new();
        let db = open(&mode.options(), path);
        fill(&db, &mut model, 0..300, "first");
        fill(&db, &mut model, 200..500, "second");
        drop(db);
        let (db, grown) = counted(|| open(&learned(""), path));
        assert_eq!((grown.files_learned, grown.files_fallen_back), (2, 0));
        let blocks: u64 = tables(path)
            .iter()
            .map(|table| LearnedBlock::find(table).expect("learned").index().blocks() as u64)
            .sum();
        assert_eq!(grown.index_blocks_held, blocks, "{mode:?}");
        check(&db, &model);
    }
}

/// RocksDB itself refuses the combinations that it cannot write.
#[test]
fn what_rocksdb_refuses() {
    let _alone = alone();
    for (string, part) in [
        (
            "block_based_table_factory={user_defined_index_factory=mountdb;\
             use_udi_as_primary_index=true;index_type=kTwoLevelIndexSearch}",
            "partitioned index",
        ),
        (
            "block_based_table_factory={use_udi_as_primary_index=true}",
            "requires user_defined_index_factory",
        ),
        (
            "compression_opts={parallel_threads=4};\
             block_based_table_factory={user_defined_index_factory=mountdb}",
            "parallel compression",
        ),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let error = DB::open(&options(string), directory.path())
            .map(|_| ())
            .expect_err(string);
        assert!(error.to_string().contains(part), "{string}: {error}");
    }
}

// ---------------------------------------------------------------- another order

#[test]
fn another_comparator_goes_through_the_standard_index() {
    let _alone = alone();
    for make in [primary, secondary] {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path();
        let reversed = || {
            let mut options = make("block_size=256");
            options.set_comparator("reversed", Box::new(|a, b| b.cmp(a)));
            options
        };
        let mut model = Model::new();
        let (_, grown) = counted(|| {
            let db = open(&reversed(), path);
            fill(&db, &mut model, 0..300, "first");
            fill(&db, &mut model, (0..400).step_by(3), "second");
            check_reversed(&db, &model);
            compact_all(&db);
            check_reversed(&db, &model);
            drop(db);
            check_reversed(&open(&reversed(), path), &model);
        });
        assert_eq!(grown.files_learned, 0);
        assert_eq!(grown.corrupt, 0, "an empty block is not a damaged one");
        assert_eq!(grown.files_not_built, 0);
        let table = only_table(path);
        assert_eq!(learned_blocks(&table), 0);
        assert!(LearnedBlock::find(&table).is_none(), "an empty block");
        let name = b"rocksdb.user_defined_index.mountdb";
        let bytes = fs::read(&table).expect("a table file");
        assert_eq!(db::find(&bytes, name).len(), 1, "but it is there");

        // The empty block is none for mountdb's table too.
        let mut ours = learned("");
        ours.set_comparator("reversed", Box::new(|a, b| b.cmp(a)));
        let (db, grown) = counted(|| open(&ours, path));
        assert_eq!((grown.other_comparator, grown.corrupt), (1, 0));
        check_reversed(&db, &model);
    }
}

// ---------------------------------------------------------------- damage

/// Where the learned index is the only one, damage must be an error, not another answer.
/// RocksDB makes it one in secondary mode too.
#[test]
fn damage_is_an_error_at_open() {
    let _alone = alone();
    for (fields, message) in [
        ("block_size=256", "block checksum mismatch"),
        ("block_size=256;checksum=kNoChecksum", "learned index"),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path();
        let mut model = Model::new();
        let db = open(&primary(fields), path);
        fill(&db, &mut model, 0..200, "first");
        drop(db);
        let table = only_table(path);
        let sound = LearnedBlock::find(&table).expect("learned");
        for offset in 0..sound.len {
            let mut file = sound.file.clone();
            file[sound.at + offset] ^= 1 << (offset % 8);
            fs::write(&table, file).expect("damage");
            let make = if offset % 2 == 0 { primary } else { secondary };
            let error = DB::open_for_read_only(&make(""), path, false)
                .map(|_| ())
                .expect_err("damaged")
                .to_string();
            assert!(error.contains("Corruption"), "byte {offset}: {error}");
            assert!(error.contains(message), "byte {offset}: {error}");
        }
        let (result, grown) = counted(|| DB::open(&primary(""), path));
        let error = result.map(|_| ()).expect_err("also to be written");
        assert!(error.to_string().contains(message), "{error}");
        // Counted if mountdb saw it; RocksDB's own checksum comes first.
        assert_eq!(grown.corrupt, u64::from(message == "learned index"));
        // The ways out: without the index, or with mountdb's table, which rewrites it.
        check(&open(&stock(""), path), &model);
        let db = open(&learned(""), path);
        check(&db, &model);
        compact_all(&db);
        drop(db);
        check(&open(&primary(""), path), &model);
    }
}

/// A block of another version, in primary mode.
#[test]
fn a_foreign_block_is_an_error_at_open() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let db = open(&primary("block_size=256;checksum=kNoChecksum"), path);
    fill(&db, &mut Model::new(), 0..200, "first");
    drop(db);
    let table = only_table(path);
    let sound = LearnedBlock::find(&table).expect("learned");
    let mut block = sound.bytes().to_vec();
    block[8] = 9;
    seal(&mut block);
    fs::write(&table, sound.replaced_by(&block)).expect("another version");
    let (result, grown) = counted(|| DB::open(&primary(""), path));
    let error = result.map(|_| ()).expect_err("another version").to_string();
    // The interface does not tell the index which file it is in, so the message cannot.
    assert!(error.contains("learned index version 9"), "{error}");
    assert_eq!(grown.unknown_version, 1);
}

// ---------------------------------------------------------------- several families

#[test]
fn one_family_with_one_without() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let mut general = primary("block_size=256");
    general.create_missing_column_families(true);
    let families = || {
        [
            ("default", primary("block_size=256")),
            ("plain", stock("block_size=256")),
        ]
        .map(|(name, options)| rocksdb::ColumnFamilyDescriptor::new(name, options))
    };
    let mut models: BTreeMap<&str, Model> = BTreeMap::new();
    let (db, grown) = counted(|| {
        let db = DB::open_cf_descriptors(&general, path, families()).expect("open");
        for name in ["default", "plain"] {
            let family = db.cf_handle(name).expect(name);
            let model = models.entry(name).or_default();
            for i in 0..200 {
                db.put_cf(&family, db::key(i), db::value(i, name))
                    .expect("put");
                model.insert(db::key(i), db::value(i, name));
            }
            db.flush_cf(&family).expect("flush");
        }
        db
    });
    assert_eq!((grown.files_learned, grown.files_fallen_back), (1, 0));
    for (name, model) in &models {
        let family = db.cf_handle(name).expect(name);
        assert_eq!(
            mountdb::cf_factories(&db, &family).table,
            "BlockBasedTable",
            "{name}"
        );
        check_iterator(db.raw_iterator_cf(&family), model);
    }
}
