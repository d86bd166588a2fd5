//! The learned memtable as an application chooses it: by options string, by OPTIONS file and
//! in code, for an old database and for many column families, and with the memtable options
//! of RocksDB.
#![cfg(feature = "rocksdb")]

#[path = "common/db.rs"]
mod db;
#[path = "common/options_file.rs"]
mod options_file;
#[path = "common/refused.rs"]
mod refused;

use db::{
    Model, base, check, check_reversed, fill, key, newest_options_file, options, parse, section,
    value,
};
use mountdb::MemtableSettings;
use options_file::reload;
use refused::{must_be_refused, refused};
use rocksdb::{ColumnFamilyDescriptor, DB, MergeOperands, Options, SliceTransform, WriteBatch};
use std::path::Path;
use std::process::Command;

/// What the OPTIONS file of the database in `directory` says of the memtable.
fn written(directory: &Path) -> String {
    let family = section(&newest_options_file(directory), "CFOptions \"default\"");
    family.expect("a column family")["memtable_factory"].clone()
}

/// As [`fill`], but what is written stays in the memtable.
fn put(db: &DB, model: &mut Model, range: impl Iterator<Item = usize>, round: &str) {
    for i in range {
        db.put(key(i), value(i, round)).expect("put");
        model.insert(key(i), value(i, round));
    }
}

/// Keys in an order that is not theirs.
fn shuffled(n: usize) -> impl Iterator<Item = usize> {
    (0..n).map(move |i| i * 7919 % n)
}

/// Set in the processes that run one ignored test each: run by hand they do nothing.
const DIRECTORY: &str = "MOUNTDB_TEST_DIRECTORY";

fn in_another_process(test: &str, directory: &Path) {
    let this = std::env::current_exe().expect("the test binary");
    let output = Command::new(this)
        .args(["--exact", test, "--ignored"])
        .env(DIRECTORY, directory)
        .output()
        .expect("a process");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{test}: {}\n{text}", output.status);
    assert!(text.contains("1 passed"), "{test} did not run:\n{text}");
}

/// The counters belong to the process, and the tests of this file run side by side in one.
fn alone_in_a_process(test: &str) {
    let directory = tempfile::tempdir().expect("a directory");
    in_another_process(test, directory.path());
}

// ---------------------------------------------------------------- options strings

#[test]
fn spellings_of_the_choice() {
    for (string, expected) in [
        (
            "memtable_factory=mountdb",
            "{id=mountdb;model=true;reuse=true;}",
        ),
        ("memtable=mountdb", "{id=mountdb;model=true;reuse=true;}"),
        (
            "memtable_factory.id=mountdb",
            "{id=mountdb;model=true;reuse=true;}",
        ),
        (
            "memtable_factory={id=mountdb;reuse=false}",
            "{id=mountdb;model=true;reuse=false;}",
        ),
        (
            "memtable_factory = { model = 0 ; id = mountdb } ;",
            "{id=mountdb;model=false;reuse=true;}",
        ),
        (
            "table_factory={id=mountdb};memtable_factory={id=mountdb;reuse=0;mountdb.model=false}",
            "{id=mountdb;model=false;reuse=false;}",
        ),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let chosen = parse(string).expect(string);
        assert_eq!(mountdb::factories(&chosen).memtable, "mountdb", "{string}");
        let db = DB::open(&chosen, directory.path()).expect("open");
        assert_eq!(mountdb::db_factories(&db).memtable, "mountdb", "{string}");
        let mut model = Model::new();
        put(&db, &mut model, shuffled(300), "memory");
        check(&db, &model);
        assert_eq!(written(directory.path()), expected, "{string}");
    }
}

#[test]
fn what_is_wrong_is_refused() {
    let fields = |field| [field, "model", "reuse"];
    must_be_refused(vec![
        refused(
            "memtable_factory={id=mountdb;nosuch=1}",
            &fields("'nosuch'"),
        ),
        refused(
            "memtable_factory={id=mountdb;reuse=true;Model=true}",
            &fields("'Model'"),
        ),
        refused(
            "memtable_factory={id=mountdb;lookahead=3}",
            &fields("'lookahead'"),
        ),
        refused("memtable={id=mountdb;nosuch=1}", &fields("'nosuch'")),
        refused(
            "memtable_factory={id=mountdb;reuse=maybe}",
            &["'reuse'", "'maybe'"],
        ),
        refused("memtable_factory={id=mountdb;model=}", &["'model'"]),
        refused("memtable_factory={id=mountdb;model=2}", &["'model'", "'2'"]),
        refused(
            "memtable_factory={id=mountdb;reuse=1x}",
            &["'reuse'", "'1x'"],
        ),
        refused("memtable_factory=mountdb:16", &["'mountdb:16'", "mountdb"]),
        refused("memtable_factory={reuse=false}", &["SkipListFactory"]),
        refused(
            "memtable_factory={id=skip_list;reuse=false}",
            &["'reuse'", "lookahead"],
        ),
        refused(
            "memtable_factory={id=mountdb;reuse=true;reuse=true}",
            &["'reuse'"],
        ),
        refused(
            "memtable_factory={id=mountdb;reuse=true;mountdb.reuse=false}",
            &["mountdb.reuse"],
        ),
        refused("memtable_factory=mountdb;memtable=vector", &["'memtable'"]),
        // RocksDB would take the value for the id of a memtable.
        refused(
            "memtable_factory.reuse=skip_list",
            &["memtable_factory.reuse", "{id=...;reuse=...}"],
        ),
        refused(
            "memtable_factory=mountdb;memtable.reuse=false",
            &["memtable", "{id=...;reuse=...}"],
        ),
    ]);
}

#[test]
fn the_base_keeps_its_memtable() {
    let base = options("memtable_factory={id=mountdb;reuse=false}");
    let directory = tempfile::tempdir().expect("a directory");
    for (string, expected) in [
        ("max_open_files=77", "{id=mountdb;model=true;reuse=false;}"),
        (
            "memtable_factory={id=mountdb;model=false}",
            "{id=mountdb;model=false;reuse=true;}",
        ),
        ("memtable_factory=skip_list", "SkipListFactory"),
    ] {
        let changed = mountdb::options_from_string(&base, string).expect(string);
        drop(DB::open(&changed, directory.path()).expect("open"));
        assert_eq!(written(directory.path()), expected, "{string}");
        drop(DB::open(&base, directory.path()).expect("open"));
        let unchanged = "{id=mountdb;model=true;reuse=false;}";
        assert_eq!(written(directory.path()), unchanged, "{string}");
    }
}

#[test]
fn the_typed_setter_is_the_string() {
    for (reuse, model) in [(true, true), (true, false), (false, true), (false, false)] {
        let directory = tempfile::tempdir().expect("a directory");
        let mut chosen = base();
        let settings = MemtableSettings { reuse, model };
        mountdb::use_learned_memtable(&mut chosen, settings).expect("this RocksDB");
        assert_eq!(mountdb::factories(&chosen).memtable, "mountdb");
        assert_eq!(mountdb::factories(&chosen).table, "BlockBasedTable");
        let db = DB::open(&chosen.clone(), directory.path()).expect("open");
        assert_eq!(mountdb::db_factories(&db).memtable, "mountdb");
        let expected = format!("{{id=mountdb;model={model};reuse={reuse};}}");
        assert_eq!(written(directory.path()), expected);
    }
    let both = MemtableSettings::default();
    assert!(both.reuse && both.model);
    // It takes the place of whatever there was.
    let mut chosen = options("memtable_factory=vector;allow_concurrent_memtable_write=false");
    mountdb::use_learned_memtable(&mut chosen, both).expect("this RocksDB");
    assert_eq!(mountdb::factories(&chosen).memtable, "mountdb");
}

// ---------------------------------------------------------------- OPTIONS file

const NOT_DEFAULT: &str = "memtable_factory={id=mountdb;reuse=false}";

#[test]
fn options_file_round_trip() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let mut model = Model::new();
    let db = DB::open(&options(NOT_DEFAULT), path).expect("open");
    put(&db, &mut model, 0..300, "first");
    drop(db);
    assert!(db::log(path).contains("Options.memtable_factory: mountdb"));
    for round in 0..2 {
        let (loaded, families) = reload(path);
        let db = DB::open_cf_descriptors(&loaded, path, families).expect("reopen");
        assert_eq!(mountdb::db_factories(&db).memtable, "mountdb", "{round}");
        check(&db, &model);
        put(&db, &mut model, 100..400, "again");
        check(&db, &model);
        drop(db);
        assert_eq!(written(path), "{id=mountdb;model=true;reuse=false;}");
    }
}

/// A process without mountdb loads the OPTIONS file, keeps RocksDB's memtable (as it does
/// for every memtable it does not know) and finds all that was written.
#[test]
fn options_file_without_registration() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    in_another_process("child_writes", path);
    in_another_process("child_reads_unregistered", path);
    let db = DB::open(&options("memtable_factory=mountdb"), path).expect("on again");
    check(&db, &both_written());
}

fn both_written() -> Model {
    let written = shuffled(500).map(|i| (key(i), value(i, "child")));
    let unregistered = (500..600).map(|i| (key(i), value(i, "unregistered")));
    written.chain(unregistered).collect()
}

#[test]
#[ignore = "runs in a process of its own"]
fn child_writes() {
    let Some(path) = std::env::var_os(DIRECTORY) else {
        return; // all ignored tests were asked for
    };
    let db = DB::open(&options(NOT_DEFAULT), path).expect("open");
    put(&db, &mut Model::new(), shuffled(500), "child");
}

#[test]
#[ignore = "runs in a process of its own"]
fn child_reads_unregistered() {
    let Some(path) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let path = Path::new(&path);
    let (loaded, families) = reload(path);
    let db = DB::open_cf_descriptors(&loaded, path, families).expect("nothing is amiss");
    assert_eq!(mountdb::db_factories(&db).memtable, "SkipListFactory");
    put(&db, &mut Model::new(), 500..600, "unregistered");
    check(&db, &both_written());
}

// ---------------------------------------------------------------- comparators

#[test]
fn other_comparators_get_a_skip_list() {
    alone_in_a_process("child_uses_other_comparators");
}

#[test]
#[ignore = "runs in a process of its own"]
fn child_uses_other_comparators() {
    if std::env::var_os(DIRECTORY).is_none() {
        return;
    }
    let mut custom = options("memtable_factory=mountdb");
    custom.set_comparator("reversed", Box::new(|a, b| b.cmp(a)));
    for reversed in [
        custom,
        options("memtable_factory=mountdb;comparator=rocksdb.ReverseBytewiseComparator"),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let mut model = Model::new();
        let before = mountdb::counters();
        let db = DB::open(&reversed, directory.path()).expect("open");
        assert_eq!(mountdb::db_factories(&db).memtable, "mountdb");
        put(&db, &mut model, shuffled(400), "memory");
        check_reversed(&db, &model);
        fill(&db, &mut model, 0..100, "file");
        put(&db, &mut model, (0..400).step_by(3), "both");
        check_reversed(&db, &model);
        let after = mountdb::counters();
        assert!(after.memtables_other_comparator >= before.memtables_other_comparator + 2);
        assert_eq!(after.memtables_learned, 0);
    }
}

// ---------------------------------------------------------------- on and off

/// An old database whose last writes are in the log only: they are replayed into the learned
/// memtable, and its own into the skip list when mountdb is left out again.
#[test]
fn on_and_off_again_with_a_log_to_replay() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let mut model = Model::new();
    let ours = "table_factory=mountdb;memtable_factory=mountdb";
    for (round, string) in ["", "memtable_factory=mountdb", ours, "", ours, ""]
        .into_iter()
        .enumerate()
    {
        let chosen = options(string);
        let db = DB::open(&chosen, path).expect("open");
        let used = mountdb::db_factories(&db).memtable;
        let expected = ["SkipListFactory", "mountdb"][usize::from(!string.is_empty())];
        assert_eq!(used, expected, "{string:?}");
        check(&db, &model);
        let from = round * 150;
        fill(&db, &mut model, from..from + 200, "flushed");
        put(&db, &mut model, from + 100..from + 400, "logged");
        for i in (from..from + 400).step_by(5) {
            db.delete(key(i)).expect("delete");
            model.remove(&key(i));
        }
        check(&db, &model);
    }
    // Recovery that keeps what it replays in the memtable.
    let db = DB::open(
        &options("memtable_factory=mountdb;avoid_flush_during_recovery=true"),
        path,
    )
    .expect("open");
    check(&db, &model);
    drop(db);
    // And without a write.
    let read_only = DB::open_for_read_only(&options("memtable_factory=mountdb"), path, false);
    check(&read_only.expect("open"), &model);
}

// ---------------------------------------------------------------- column families

#[test]
fn many_column_families_share_a_factory() {
    const FAMILIES: usize = 60;
    let name = |i: usize| format!("family{i}");
    let directory = tempfile::tempdir().expect("a directory");
    let mut general = options("memtable_factory=mountdb;create_missing_column_families=true");
    general.create_missing_column_families(true);
    let descriptors = || {
        let of = |i: usize| match i % 10 {
            9 => options("memtable_factory=skip_list"),
            8 => options("memtable_factory={id=mountdb;reuse=false}"),
            _ => general.clone(), // one factory for all of them
        };
        let families = (0..FAMILIES).map(|i| ColumnFamilyDescriptor::new(name(i), of(i)));
        let default = ColumnFamilyDescriptor::new("default", general.clone());
        families.chain([default]).collect::<Vec<_>>()
    };
    let text = |family: usize, i: usize, round: &str| value(i * family % 97, round);
    for round in ["first", "second"] {
        let db = DB::open_cf_descriptors(&general, directory.path(), descriptors()).expect("open");
        let handles: Vec<_> = (0..FAMILIES)
            .map(|i| db.cf_handle(&name(i)).expect("a family"))
            .collect();
        for (family, handle) in handles.iter().enumerate() {
            let expected = ["mountdb", "SkipListFactory"][usize::from(family % 10 == 9)];
            assert_eq!(mountdb::cf_factories(&db, handle).memtable, expected);
        }
        for i in shuffled(200) {
            let mut batch = WriteBatch::default();
            for (family, handle) in handles.iter().enumerate() {
                batch.put_cf(handle, key(i), text(family, i, round));
            }
            db.write(batch).expect("write");
            if i == 100 {
                for handle in handles.iter().step_by(2) {
                    db.flush_cf(handle).expect("flush");
                }
            }
        }
        for (family, handle) in handles.iter().enumerate() {
            let mut iter = db.raw_iterator_cf(handle);
            iter.seek_to_first();
            for i in 0..200 {
                let (k, v) = (key(i), text(family, i, round));
                let found = iter.item().expect("an entry");
                assert_eq!(found, (k.as_slice(), v.as_slice()), "family {family}");
                assert_eq!(db.get_cf(handle, &k).expect("get"), Some(v));
                iter.next();
            }
            assert!(!iter.valid());
        }
    }
}

#[test]
fn skeletons_are_counted_and_given_back() {
    alone_in_a_process("child_keeps_skeletons");
}

#[test]
#[ignore = "runs in a process of its own"]
fn child_keeps_skeletons() {
    if std::env::var_os(DIRECTORY).is_none() {
        return;
    }
    for (string, reuse) in [
        ("memtable_factory=mountdb", true),
        ("memtable_factory={id=mountdb;reuse=false}", false),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let before = mountdb::counters();
        let db = DB::open(&options(string), directory.path()).expect("open");
        let mut model = Model::new();
        for round in 0..4 {
            fill(&db, &mut model, shuffled(5000), &round.to_string());
        }
        check(&db, &model);
        let after = mountdb::counters();
        assert!(after.memtables_learned >= before.memtables_learned + 5);
        let from_skeleton = after.memtables_from_skeleton - before.memtables_from_skeleton;
        assert_eq!(from_skeleton >= 3, reuse, "{from_skeleton}");
        assert!(after.skeleton_bytes_held > 0);
        drop(db);
        assert_eq!(mountdb::counters().skeleton_bytes_held, 0, "{string}");
    }
}

// ---------------------------------------------------------------- RocksDB's memtable options

/// A merge operator that appends, so that the order of the operands shows.
fn append(_: &[u8], old: Option<&[u8]>, operands: &MergeOperands) -> Option<Vec<u8>> {
    let mut all = old.unwrap_or_default().to_vec();
    operands.iter().for_each(|operand| all.extend(operand));
    Some(all)
}

/// Puts, overwrites, deletions and merges, some in files and some in the memtable.
fn mixed_work(db: &DB, model: &mut Model) {
    for round in 0..3 {
        for i in shuffled(400) {
            match (i + round) % 5 {
                0 => {
                    db.delete(key(i)).expect("delete");
                    model.remove(&key(i));
                }
                1 | 2 => {
                    let operand = format!("+{round}");
                    db.merge(key(i), &operand).expect("merge");
                    model.entry(key(i)).or_default().extend(operand.bytes());
                }
                _ => {
                    db.put(key(i), value(i, "put")).expect("put");
                    model.insert(key(i), value(i, "put"));
                }
            }
        }
        if round == 0 {
            db.flush().expect("flush");
        }
    }
}

#[test]
fn with_the_memtable_options_of_rocksdb() {
    // (string, whether values stay where they are, which merges and Prev need)
    for (string, pinned) in [
        ("memtable_batch_lookup_optimization=true", true),
        ("paranoid_memory_checks=true", true),
        (
            "paranoid_memory_checks=true;memtable_batch_lookup_optimization=true",
            true,
        ),
        (
            "memtable_protection_bytes_per_key=8;memtable_verify_per_key_checksum_on_seek=true",
            true,
        ),
        (
            "memtable_protection_bytes_per_key=4;memtable_verify_per_key_checksum_on_seek=true;\
             paranoid_memory_checks=true;memtable_batch_lookup_optimization=true",
            true,
        ),
        (
            "memtable_prefix_bloom_size_ratio=0.1;memtable_whole_key_filtering=true",
            true,
        ),
        ("max_successive_merges=3", true),
        ("memtable_huge_page_size=2M;arena_block_size=64K", true),
        (
            "write_buffer_size=64K;min_write_buffer_number_to_merge=2",
            true,
        ),
        ("unordered_write=true", true),
        ("enable_pipelined_write=true", true),
        (
            "experimental_mempurge_threshold=5.0;write_buffer_size=32K",
            true,
        ),
        (
            "inplace_update_support=true;allow_concurrent_memtable_write=false",
            false,
        ),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let mut chosen = options(&format!("memtable_factory=mountdb;{string}"));
        chosen.set_merge_operator_associative("append", append);
        let db = DB::open(&chosen, directory.path()).expect(string);
        assert_eq!(mountdb::db_factories(&db).memtable, "mountdb", "{string}");
        let mut model = Model::new();
        if pinned {
            mixed_work(&db, &mut model);
            check(&db, &model);
        } else {
            for round in ["long, long", "short", "longer again"] {
                put(&db, &mut model, shuffled(400), round);
                db::check_gets(&db, &model);
            }
        }
        db.flush().expect("flush");
        check(&db, &model);
    }
}

/// Hints are RocksDB's way to insert runs of keys faster; the learned memtable needs none.
#[test]
fn with_insert_hints_and_a_prefix_extractor() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut chosen: Options = options("memtable_factory=mountdb;allow_concurrent_memtable_write=0");
    chosen.set_memtable_prefix_bloom_ratio(0.1);
    chosen.set_prefix_extractor(SliceTransform::create_fixed_prefix(5));
    let hinted = "memtable_insert_with_hint_prefix_extractor=rocksdb.FixedPrefix.5";
    let chosen = mountdb::options_from_string(&chosen, hinted).expect(hinted);
    let db = DB::open(&chosen, directory.path()).expect("open");
    let mut model = Model::new();
    for i in (0..500).chain(shuffled(500)) {
        db.put(key(i), value(i, "hinted")).expect("put");
        model.insert(key(i), value(i, "hinted"));
    }
    db::check_gets(&db, &model);
    let mut total = rocksdb::ReadOptions::default();
    total.set_total_order_seek(true);
    db::check_iterator(db.raw_iterator_opt(total), &model);
}
