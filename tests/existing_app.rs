//! The example is a promise of the README, so it runs as a test: switch mountdb on over an
//! old database, work, and switch it off again, with every key there at every step.
#![cfg(feature = "rocksdb")]

#[allow(dead_code)] // its main
#[path = "../examples/existing_app.rs"]
mod app;

#[test]
fn switching_on_and_off_loses_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    app::run(directory.path()).expect("every key at every step");
    let counters = mountdb::counters();
    assert!(
        counters.no_learned_block >= 1,
        "plain RocksDB's files were read"
    );
    assert!(counters.files_learned >= 1, "mountdb's files were learned");
}
