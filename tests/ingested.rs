//! Ingested files, whose sequence numbers RocksDB translates: learned, unless cuts of their
//! index are sequence numbers.
#![cfg(feature = "rocksdb")]

#[path = "common/db.rs"]
mod db;
#[path = "common/reasons.rs"]
mod reasons;
#[path = "common/victim.rs"]
mod victim;

use db::{Model, alone, check, counted, fill, learned};
use reasons::{assert_reason, files};
use rocksdb::{DB, IngestExternalFileOptions, SstFileWriter};
use std::path::Path;
use victim::{KEYS, NO_CHECKSUM, Victim, forge, handles};

/// Makes a table file outside of the database and takes it in above older versions of its
/// keys, so that its sequence numbers are translated. A long last key is added.
fn ingest(db: &DB, model: &mut Model, outside: &Path, keys: std::ops::Range<usize>) {
    let options = learned(NO_CHECKSUM);
    let mut writer = SstFileWriter::create(&options);
    let path = outside.join("outside.sst");
    writer.open(&path).expect("a new file");
    let long = (KEYS, vec![b'z'; 400]);
    for (i, key) in keys.map(|i| (i, db::key(i))).chain([long]) {
        let value = db::value(i, "ingested");
        writer.put(&key, &value).expect("in order");
        model.insert(key, value);
    }
    writer.finish().expect("finish");
    let mut how = IngestExternalFileOptions::default();
    how.set_move_files(true);
    db.ingest_external_file_opts(&how, vec![path])
        .expect("ingest");
}

#[test]
fn ingested_files_are_learned() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let outside = tempfile::tempdir().expect("a directory");
    let mut model = Model::new();
    let db = DB::open(&learned(NO_CHECKSUM), path).expect("open");
    fill(&db, &mut model, 0..KEYS, "before");
    let older = model.clone();
    let snapshot = db.snapshot();
    let (_, grown) = counted(|| ingest(&db, &mut model, outside.path(), 50..250));
    assert_eq!(grown.files_fallen_back, 0);
    assert!(grown.files_learned >= 1);
    check(&db, &model);
    for (key, value) in &older {
        assert_eq!(snapshot.get(key).expect("a read").as_ref(), Some(value));
    }
    drop(snapshot);
    drop(db);
    let (db, grown) = counted(|| DB::open(&learned(""), path).expect("open"));
    assert_eq!(files(&grown), (2, 0));
    check(&db, &model);
}

/// RocksDB's writer of such files takes every key once, so no file of its making has cuts
/// between versions of a key; one that had them would be cut by the wrong numbers.
#[test]
fn ingested_file_with_cuts_between_versions() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let outside = tempfile::tempdir().expect("a directory");
    let mut model = Model::new();
    let db = DB::open(&learned(NO_CHECKSUM), path).expect("open");
    ingest(&db, &mut model, outside.path(), 0..KEYS);
    drop(db);
    let victim = Victim::of(directory, model);
    victim.assert_sound();
    let own = handles(&victim.block);
    // All cuts are versions of one key but the last, which bounds the file.
    let forged = forge(&own, |i| (b"k".to_vec(), 1_000_000 - i as u64));
    let (grown, log) = victim.read_damaged(&victim.block.replaced_by(&forged));
    assert_eq!(files(&grown), (0, 1));
    assert_eq!(grown.sequence_numbers, 1, "{grown:?}");
    assert_reason(&log, &victim.table, "ingested file with versions");
    victim.assert_sound();
}
