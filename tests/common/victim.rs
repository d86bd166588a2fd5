//! A database of one table file, to be damaged, and learned blocks forged for it.
#![allow(dead_code)] // every test file uses its own part

use crate::db::{self, LearnedBlock, Model, counted, learned, log_to_memory, only_table};
use crate::reasons::{assert_reason, files, reasons};
use mountdb::Counters;
use mountdb::index::{BlockHandle, Builder};
use rocksdb::DB;
use std::fs;

pub const KEYS: usize = 300;

pub const NO_CHECKSUM: &str = "block_size=512;checksum=kNoChecksum";

pub fn entries(count: usize) -> Model {
    (0..count)
        .map(|i| (db::key(i), db::value(i, "victim")))
        .collect()
}

/// A closed database of one table file, to be damaged.
pub struct Victim {
    pub directory: tempfile::TempDir,
    pub model: Model,
    pub table: std::path::PathBuf,
    pub block: LearnedBlock,
}

impl Victim {
    pub fn new(fields: &str, count: usize) -> Victim {
        Victim::with(fields, entries(count))
    }

    pub fn with(fields: &str, model: Model) -> Victim {
        let directory = tempfile::tempdir().expect("a directory");
        let db = DB::open(&learned(fields), directory.path()).expect("open");
        for (key, value) in &model {
            db.put(key, value).expect("put");
        }
        db.flush().expect("flush");
        drop(db);
        Victim::of(directory, model)
    }

    pub fn of(directory: tempfile::TempDir, model: Model) -> Victim {
        let table = only_table(directory.path());
        let block = LearnedBlock::find(&table).expect("learned");
        Victim {
            directory,
            model,
            table,
            block,
        }
    }

    /// Opens the database for reading only and compares every Get and a scan; returns what
    /// the counters did and the info log.
    pub fn read(&self) -> (Counters, String) {
        let mut options = learned("no_block_cache=true");
        let log = log_to_memory(&mut options);
        let (db, grown) = counted(|| {
            DB::open_for_read_only(&options, self.directory.path(), false)
                .expect("damage in the learned block is no reason to fail")
        });
        for (key, value) in &self.model {
            let found = db.get(key).expect("a sound read");
            assert_eq!(found.as_ref(), Some(value), "get {key:?}");
            let behind = [key.as_slice(), b"\0"].concat();
            assert_eq!(db.get(&behind).expect("a sound read"), None);
        }
        let mut iter = db.raw_iterator();
        db::scan_both_ways(&mut iter, &self.model);
        drop(iter);
        drop(db);
        let text = log.lock().expect("no panic in a logger").clone();
        (grown, text)
    }

    /// Reads with `file` in the table's place, then puts the table back.
    pub fn read_damaged(&self, file: &[u8]) -> (Counters, String) {
        fs::write(&self.table, file).expect("damage");
        let result = self.read();
        fs::write(&self.table, &self.block.file).expect("repair");
        result
    }

    /// With `file` in its place the table is read through the standard index, and the log
    /// says why.
    pub fn assert_corrupt(&self, file: &[u8], what: &str, reason: &str) {
        let (grown, log) = self.read_damaged(file);
        assert_eq!(files(&grown), (0, 1), "{what}");
        assert_eq!(grown.corrupt, 1, "{what}: {grown:?}");
        assert_eq!(grown.index_bytes_held, 0, "{what}");
        assert_reason(&log, &self.table, reason);
    }

    pub fn assert_sound(&self) {
        let (grown, log) = self.read();
        assert_eq!(files(&grown), (1, 0));
        assert_eq!(grown.index_bytes_held, self.block.len as u64);
        assert_eq!(reasons(&log, &self.table), [""; 0]);
    }
}

/// The handles of a sound learned block.
pub fn handles(block: &LearnedBlock) -> Vec<BlockHandle> {
    let index = block.index();
    (0..index.blocks())
        .map(|i| index.handle(i).expect("a block"))
        .collect()
}

/// A learned block with these handles and keys of its own.
pub fn forge(handles: &[BlockHandle], key: impl Fn(usize) -> (Vec<u8>, u64)) -> Vec<u8> {
    let mut builder = Builder::new();
    for (i, handle) in handles.iter().enumerate() {
        let (last, last_tag) = key(i);
        let (next, next_tag) = key(i + 1);
        let next = (i + 1 < handles.len()).then_some((next.as_slice(), next_tag));
        builder.add_block((&last, last_tag), next, *handle);
    }
    builder.finish().expect("keys in order")
}
