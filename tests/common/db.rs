//! Small databases with known contents, and what lies in their directories.
#![allow(dead_code)] // every test file uses its own part

use mountdb::Counters;
use mountdb::index::LearnedIndex;
use rocksdb::{DB, DBRawIterator, InfoLogger, LogLevel, Options};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a database must contain.
pub type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// Options of a database that compacts only when told to.
pub fn base() -> Options {
    let mut base = Options::default();
    base.create_if_missing(true);
    base.set_disable_auto_compactions(true);
    base
}

/// [`base`] with an options string applied.
pub fn options(string: &str) -> Options {
    mountdb::options_from_string(&base(), string).expect(string)
}

/// As [`options`], for strings that may be refused.
pub fn parse(string: &str) -> Result<Options, String> {
    mountdb::options_from_string(&base(), string).map_err(|e| e.to_string())
}

/// Options for mountdb's table with these fields.
pub fn learned(fields: &str) -> Options {
    options(&format!("table_factory={{id=mountdb;{fields}}}"))
}

/// Options for RocksDB's own table with these fields.
pub fn stock(fields: &str) -> Options {
    options(&format!("table_factory={{id=BlockBasedTable;{fields}}}"))
}

pub fn key(i: usize) -> Vec<u8> {
    format!("key{:08}", i * 3).into_bytes()
}

pub fn value(i: usize, round: &str) -> Vec<u8> {
    format!("{round}-{i}-{}", "v".repeat(i % 40)).into_bytes()
}

/// Puts keys `range` into `db` and `model`, and flushes.
pub fn fill(db: &DB, model: &mut Model, range: impl Iterator<Item = usize>, round: &str) {
    for i in range {
        db.put(key(i), value(i, round)).expect("put");
        model.insert(key(i), value(i, round));
    }
    db.flush().expect("flush");
}

/// Rewrites every file of `db`, also those on the last level.
pub fn compact_all(db: &DB) {
    let mut how = rocksdb::CompactOptions::default();
    how.set_bottommost_level_compaction(rocksdb::BottommostLevelCompaction::ForceOptimized);
    db.compact_range_opt(None::<&[u8]>, None::<&[u8]>, &how);
}

type Entry = Option<(Vec<u8>, Vec<u8>)>;

fn here(iter: &DBRawIterator<'_>) -> Entry {
    iter.status().expect("a sound iterator");
    iter.item().map(|(k, v)| (k.to_vec(), v.to_vec()))
}

fn owned(entry: Option<(&Vec<u8>, &Vec<u8>)>) -> Entry {
    entry.map(|(k, v)| (k.clone(), v.clone()))
}

/// Keys of the model and keys right around them.
fn targets(model: &Model) -> Vec<Vec<u8>> {
    let mut targets = vec![vec![], vec![0xff; 12]];
    for key in model.keys() {
        let mut below = key.clone();
        if let Some(last) = below.last_mut() {
            *last = last.wrapping_sub(1);
        }
        targets.extend([key.clone(), [key.as_slice(), b"\0"].concat(), below]);
    }
    targets
}

/// Every Get, a scan in each direction, and Seek, SeekForPrev, Next and Prev around every
/// key, against the model. Keys of the model are in bytewise order.
pub fn check(db: &DB, model: &Model) {
    check_gets(db, model);
    check_iterator(db.raw_iterator(), model);
}

/// Every Get of keys that are there and of keys that are not.
pub fn check_gets(db: &DB, model: &Model) {
    for target in targets(model) {
        let found = db.get(&target).expect("a sound read");
        assert_eq!(found.as_ref(), model.get(&target), "get {target:?}");
    }
    for batch in targets(model).chunks(37) {
        for (target, found) in batch.iter().zip(db.multi_get(batch)) {
            let found = found.expect("a sound read");
            assert_eq!(found.as_ref(), model.get(target), "multi_get {target:?}");
        }
    }
}

pub fn check_iterator(mut iter: DBRawIterator<'_>, model: &Model) {
    scan_both_ways(&mut iter, model);
    for target in targets(model) {
        let at_or_behind = || owned(model.range(target.clone()..).next());
        iter.seek(&target);
        assert_eq!(here(&iter), at_or_behind(), "seek {target:?}");
        if iter.valid() {
            iter.prev();
            let before = owned(model.range(..target.clone()).next_back());
            assert_eq!(here(&iter), before, "prev after seek {target:?}");
        }
        iter.seek_for_prev(&target);
        let at_or_before = owned(model.range(..=target.clone()).next_back());
        assert_eq!(here(&iter), at_or_before, "seek_for_prev {target:?}");
        if let Some((key, _)) = at_or_before {
            iter.next();
            let behind = (std::ops::Bound::Excluded(key), std::ops::Bound::Unbounded);
            let behind = owned(model.range::<Vec<u8>, _>(behind).next());
            assert_eq!(here(&iter), behind, "next after seek_for_prev {target:?}");
        }
    }
}

/// As [`check`], for a database in reverse bytewise order.
pub fn check_reversed(db: &DB, model: &Model) {
    check_gets(db, model);
    let mut iter = db.raw_iterator();
    iter.seek_to_first();
    for expected in model.iter().rev() {
        assert_eq!(here(&iter), owned(Some(expected)), "forwards");
        iter.next();
    }
    assert_eq!(here(&iter), None, "behind the last key");
    iter.seek_to_last();
    for expected in model.iter() {
        assert_eq!(here(&iter), owned(Some(expected)), "backwards");
        iter.prev();
    }
    assert_eq!(here(&iter), None, "before the first key");
    for target in targets(model) {
        iter.seek(&target);
        let expected = owned(model.range(..=target.clone()).next_back());
        assert_eq!(here(&iter), expected, "seek {target:?}");
        iter.seek_for_prev(&target);
        let expected = owned(model.range(target.clone()..).next());
        assert_eq!(here(&iter), expected, "seek_for_prev {target:?}");
    }
}

/// All entries forwards, then backwards.
pub fn scan_both_ways(iter: &mut DBRawIterator<'_>, model: &Model) {
    iter.seek_to_first();
    for expected in model {
        assert_eq!(here(iter), owned(Some(expected)), "forwards");
        iter.next();
    }
    assert_eq!(here(iter), None, "behind the last key");
    iter.seek_to_last();
    for expected in model.iter().rev() {
        assert_eq!(here(iter), owned(Some(expected)), "backwards");
        iter.prev();
    }
    assert_eq!(here(iter), None, "before the first key");
}

fn files(directory: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(directory)
        .expect("a database directory")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| wanted(&path.file_name().expect("a name").to_string_lossy()))
        .collect();
    paths.sort();
    paths
}

/// The table files in a database directory, oldest first.
pub fn tables(directory: &Path) -> Vec<PathBuf> {
    files(directory, |name| name.ends_with(".sst"))
}

/// The one table file in a database directory.
pub fn only_table(directory: &Path) -> PathBuf {
    let mut tables = tables(directory);
    assert_eq!(tables.len(), 1, "{tables:?}");
    tables.remove(0)
}

/// The text of the newest OPTIONS file in a database directory.
pub fn newest_options_file(directory: &Path) -> String {
    let paths = files(directory, |name| name.starts_with("OPTIONS-"));
    fs::read_to_string(paths.last().expect("an OPTIONS file")).expect("text")
}

/// The info log of the last time that a database was opened to be written.
pub fn log(directory: &Path) -> String {
    fs::read_to_string(directory.join("LOG")).expect("an info log")
}

/// The lines that mountdb wrote to an info log.
pub fn mountdb_lines(log: &str) -> Vec<&str> {
    log.lines()
        .filter(|line| line.contains("mountdb: "))
        .collect()
}

/// The entries of one section of an OPTIONS file, e.g. `TableOptions/mountdb "default"`.
pub fn section(options_file: &str, title: &str) -> Option<BTreeMap<String, String>> {
    let title = format!("[{title}]");
    let mut lines = options_file.lines().map(str::trim);
    lines.find(|line| *line == title)?;
    let entries = lines
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    Some(entries.collect())
}

/// Where `needle` begins in `bytes`.
pub fn find(bytes: &[u8], needle: &[u8]) -> Vec<usize> {
    bytes
        .windows(needle.len())
        .enumerate()
        .filter(|(_, window)| *window == needle)
        .map(|(at, _)| at)
        .collect()
}

/// What a learned block begins with.
pub const MAGIC: &[u8; 8] = b"MNTDBIDX";

/// How many learned blocks lie in a table file.
pub fn learned_blocks(table: &Path) -> usize {
    find(&fs::read(table).expect("a table file"), MAGIC).len()
}

/// A table file's learned block, and where the file says that it lies.
pub struct LearnedBlock {
    /// The whole file.
    pub file: Vec<u8>,
    /// Where the block begins.
    pub at: usize,
    /// How long it is, without RocksDB's trailer.
    pub len: usize,
    /// Where the varint of its length is in the file's directory of meta blocks, and how
    /// long that varint is.
    pub len_field: (usize, usize),
}

/// RocksDB's trailer behind every block: compression type and checksum.
pub const TRAILER: usize = 5;

impl LearnedBlock {
    /// `None` if the file has no learned block.
    pub fn find(table: &Path) -> Option<LearnedBlock> {
        let file = fs::read(table).expect("a table file");
        let name = b"rocksdb.user_defined_index.mountdb";
        let entry = *find(&file, name).last()?;
        let (at, offset_len) = varint(&file[entry + name.len()..]);
        let len_at = entry + name.len() + offset_len;
        let (len, len_len) = varint(&file[len_at..]);
        if len == 0 {
            return None;
        }
        assert_eq!(
            find(&file, MAGIC),
            [at],
            "one learned block, where it should be"
        );
        let len_field = (len_at, len_len);
        Some(LearnedBlock {
            file,
            at,
            len,
            len_field,
        })
    }

    pub fn bytes(&self) -> &[u8] {
        &self.file[self.at..self.at + self.len]
    }

    pub fn index(&self) -> LearnedIndex {
        LearnedIndex::parse(self.bytes(), self.file.len() as u64).expect("a sound block")
    }

    /// The file with `block` in this one's place. `block` must not be longer; the file must
    /// have been written with `checksum=kNoChecksum`, or RocksDB notices.
    pub fn replaced_by(&self, block: &[u8]) -> Vec<u8> {
        assert!(block.len() <= self.len, "{} > {}", block.len(), self.len);
        let mut file = self.file.clone();
        file[self.at..self.at + block.len()].copy_from_slice(block);
        // What stands in place of a checksum depends on where the block begins.
        let end = self.at + self.len;
        file.copy_within(end..end + TRAILER, self.at + block.len());
        // The new length in a varint as long as the old one.
        let (field, width) = self.len_field;
        for i in 0..width {
            let more = if i + 1 < width { 0x80 } else { 0 };
            file[field + i] = (block.len() >> (7 * i)) as u8 & 0x7f | more;
        }
        file
    }
}

fn varint(bytes: &[u8]) -> (usize, usize) {
    let len = 1 + bytes.iter().take_while(|byte| **byte >= 0x80).count();
    let value = bytes[..len].iter().rev();
    (
        value.fold(0, |v, byte| v << 7 | usize::from(byte & 0x7f)),
        len,
    )
}

/// Sends the info log of databases opened with these options to memory: databases opened
/// for reading only have no log file.
pub fn log_to_memory(options: &mut Options) -> Arc<Mutex<String>> {
    let log = Arc::new(Mutex::new(String::new()));
    let sink = Arc::clone(&log);
    options.set_info_logger(InfoLogger::new_callback_logger(
        LogLevel::Info,
        move |_, line| {
            let mut log = sink.lock().expect("no panic in a logger");
            log.push_str(line.trim_end());
            log.push('\n');
        },
    ));
    log
}

/// The counters belong to the process: one test at a time.
pub fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the counters that only grow grew by while `f` ran; the two others as they are now.
pub fn counted<T>(f: impl FnOnce() -> T) -> (T, Counters) {
    let before = mountdb::counters();
    let result = f();
    let mut grown = mountdb::counters();
    grown.files_learned -= before.files_learned;
    grown.files_fallen_back -= before.files_fallen_back;
    grown.no_learned_block -= before.no_learned_block;
    grown.other_comparator -= before.other_comparator;
    grown.sequence_numbers -= before.sequence_numbers;
    grown.unknown_version -= before.unknown_version;
    grown.corrupt -= before.corrupt;
    grown.files_not_built -= before.files_not_built;
    (result, grown)
}
