//! Registration from Rust and from C, from many threads and not at all, and the counters
//! that C sees: each in a process of its own.
#![cfg(feature = "rocksdb")]

#[path = "common/db.rs"]
mod db;
#[path = "common/options_file.rs"]
mod options_file;

use db::{Model, base, fill, learned, options, parse, stock};
use options_file::{NOT_DEFAULT, reload};
use rocksdb::DB;
use std::collections::BTreeSet;
use std::ffi::{CStr, c_char, c_int};
use std::process::Command;

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
    memtables_learned: u64,
    memtables_other_comparator: u64,
    memtables_from_skeleton: u64,
    skeleton_bytes_held: u64,
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
                    let chosen = parse("table_factory={id=mountdb};memtable_factory=mountdb");
                    let chosen = mountdb::factories(&chosen.expect("registered"));
                    assert_eq!((&*chosen.table, &*chosen.memtable), ("mountdb", "mountdb"));
                }
            });
        }
    });
    // Registration opens a probe file of its own; nobody else's counters show it.
    assert_eq!(mountdb::counters(), mountdb::Counters::default());
    assert_eq!(c_counters(), CCounters::default());
    let available = mountdb::available_factories().expect("registered");
    for ids in [available.table_ids, available.memtable_ids] {
        assert_eq!(ids.iter().filter(|id| *id == "mountdb").count(), 1);
    }
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
        .get_options_from_string(
            "table_factory={id=mountdb;block_size=512};memtable_factory={id=mountdb;model=false}",
        )
        .expect("registered");
    let chosen = mountdb::factories(&chosen);
    assert_eq!((&*chosen.table, &*chosen.memtable), ("mountdb", "mountdb"));
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

    // Memtables: more learned than begun with a skeleton, and skip lists.
    let fifth = tempfile::tempdir().expect("a directory");
    let remembering = DB::open(&options("memtable_factory=mountdb"), fifth.path()).expect("open");
    for _ in 0..12 {
        let shuffled = (0..5000).map(|i| i * 7919 % 5000);
        fill(&remembering, &mut model, shuffled, "remembered");
    }
    let sixth = tempfile::tempdir().expect("a directory");
    let mut reversed = options("memtable_factory=mountdb");
    reversed.set_comparator("reversed", Box::new(|a, b| b.cmp(a)));
    let mut skip_lists = DB::open(&reversed, sixth.path()).expect("open");
    for i in 0..20 {
        let name = format!("family{i}");
        skip_lists.create_cf(name, &reversed).expect("a family");
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
        memtables_learned: rust.memtables_learned,
        memtables_other_comparator: rust.memtables_other_comparator,
        memtables_from_skeleton: rust.memtables_from_skeleton,
        skeleton_bytes_held: rust.skeleton_bytes_held,
    };
    assert_eq!(c, expected);
    let moved = [
        c.files_learned,
        c.no_learned_block,
        c.other_comparator,
        c.files_not_built,
        c.index_bytes_held,
        c.index_blocks_held,
        c.memtables_learned,
        c.memtables_other_comparator,
        c.memtables_from_skeleton,
        c.skeleton_bytes_held,
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
