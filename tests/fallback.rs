//! Every way in which a file ends up being read through its standard index: each is
//! counted, each leaves a line in the info log, and no answer changes.
#![cfg(feature = "rocksdb")]

#[path = "common/db.rs"]
mod db;

use db::{
    LearnedBlock, MAGIC, Model, TRAILER, base, check, check_reversed, compact_all, counted, fill,
    learned, log, log_to_memory, mountdb_lines, only_table, options, stock, tables,
};
use mountdb::Counters;
use mountdb::index::{BlockHandle, Builder};
use rocksdb::{DB, IngestExternalFileOptions, Options, SstFileWriter};
use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The counters belong to the process: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// (learned, fallen back) and that the reasons add up.
fn files(grown: &Counters) -> (u64, u64) {
    let reasons = grown.no_learned_block
        + grown.other_comparator
        + grown.sequence_numbers
        + grown.unknown_version
        + grown.corrupt;
    assert_eq!(reasons, grown.files_fallen_back, "{grown:?}");
    (grown.files_learned, grown.files_fallen_back)
}

fn file_name(table: &Path) -> String {
    table
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned()
}

/// The lines of the info log that say why `table` is read through the standard index.
fn reasons(log: &str, table: &Path) -> Vec<String> {
    let file = format!("{}: ", file_name(table));
    mountdb_lines(log)
        .into_iter()
        .filter(|line| line.contains("standard index for ") && line.contains(&file))
        .map(str::to_owned)
        .collect()
}

/// One reason for `table`, and it says `part`.
fn assert_reason(log: &str, table: &Path, part: &str) {
    let reasons = reasons(log, table);
    assert!(
        reasons.len() == 1 && reasons[0].contains(part),
        "{}: {part:?} in {reasons:?}",
        file_name(table)
    );
}

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

#[test]
fn parallel_compression() {
    let _alone = alone();
    for threads in [
        "compression=kLZ4Compression;compression_opts={parallel_threads=4}",
        "compression=kLZ4Compression;bottommost_compression=kLZ4Compression;\
         bottommost_compression_opts={enabled=true;parallel_threads=4}",
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path();
        let both = options(&format!(
            "{threads};table_factory={{id=mountdb;block_size=256}}"
        ));
        let mut model = Model::new();
        let (db, grown) = counted(|| {
            let db = DB::open(&both, path).expect("the user's threads come first");
            fill(&db, &mut model, 0..900, "parallel");
            db
        });
        assert_eq!(grown.files_not_built, 1, "{threads}");
        assert_eq!((files(&grown), grown.no_learned_block), ((0, 1), 1));
        check(&db, &model);
        assert_eq!(mountdb::db_factories(&db).table, "mountdb");
        assert_eq!(db::learned_blocks(&only_table(path)), 0);
        let log_text = log(path);
        let not_built = mountdb_lines(&log_text)
            .into_iter()
            .filter(|line| line.contains("no learned index") && line.contains("parallel"))
            .count();
        assert_eq!(not_built, 1, "{:?}", mountdb_lines(&log_text));

        let (_, grown) = counted(|| compact_all(&db));
        assert_eq!((grown.files_not_built, grown.no_learned_block), (1, 1));
        check(&db, &model);
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

// ---------------------------------------------------------------- damage

const KEYS: usize = 300;

fn entries(count: usize) -> Model {
    (0..count)
        .map(|i| (db::key(i), db::value(i, "victim")))
        .collect()
}

/// The last key is stored whole in the learned block: a long one makes room for others in
/// its place.
fn roomy_entries() -> Model {
    let mut model = entries(KEYS);
    model.insert(vec![b'z'; 400], b"long".to_vec());
    model
}

/// A closed database of one table file, to be damaged.
struct Victim {
    directory: tempfile::TempDir,
    model: Model,
    table: std::path::PathBuf,
    block: LearnedBlock,
}

impl Victim {
    fn new(fields: &str, count: usize) -> Victim {
        Victim::with(fields, entries(count))
    }

    fn with(fields: &str, model: Model) -> Victim {
        let directory = tempfile::tempdir().expect("a directory");
        let db = DB::open(&learned(fields), directory.path()).expect("open");
        for (key, value) in &model {
            db.put(key, value).expect("put");
        }
        db.flush().expect("flush");
        drop(db);
        Victim::of(directory, model)
    }

    fn of(directory: tempfile::TempDir, model: Model) -> Victim {
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
    fn read(&self) -> (Counters, String) {
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
    fn read_damaged(&self, file: &[u8]) -> (Counters, String) {
        fs::write(&self.table, file).expect("damage");
        let result = self.read();
        fs::write(&self.table, &self.block.file).expect("repair");
        result
    }

    /// With `file` in its place the table is read through the standard index, and the log
    /// says why.
    fn assert_corrupt(&self, file: &[u8], what: &str, reason: &str) {
        let (grown, log) = self.read_damaged(file);
        assert_eq!(files(&grown), (0, 1), "{what}");
        assert_eq!(grown.corrupt, 1, "{what}: {grown:?}");
        assert_eq!(grown.index_bytes_held, 0, "{what}");
        assert_reason(&log, &self.table, reason);
    }

    fn assert_sound(&self) {
        let (grown, log) = self.read();
        assert_eq!(files(&grown), (1, 0));
        assert_eq!(grown.index_bytes_held, self.block.len as u64);
        assert_eq!(reasons(&log, &self.table), [""; 0]);
    }
}

const NO_CHECKSUM: &str = "block_size=512;checksum=kNoChecksum";

/// Flips bits of every byte of the learned block.
fn flip_everything(fields: &str, reason: impl Fn(usize) -> &'static str) {
    let victim = Victim::new(fields, KEYS);
    victim.assert_sound();
    let mut file = victim.block.file.clone();
    for offset in 0..victim.block.len {
        for bit in [0, 7, offset % 6 + 1] {
            let at = victim.block.at + offset;
            file[at] ^= 1 << bit;
            victim.assert_corrupt(&file, &format!("byte {offset} bit {bit}"), reason(offset));
            file[at] ^= 1 << bit;
        }
    }
    victim.assert_sound();
}

#[test]
fn every_byte_of_the_learned_block_flipped() {
    let _alone = alone();
    flip_everything("block_size=512", |_| "cannot read the learned block");
}

/// RocksDB does not notice; the learned block's own checksum must.
#[test]
fn every_byte_flipped_without_rocksdb_checksums() {
    let _alone = alone();
    flip_everything(NO_CHECKSUM, |offset| match offset {
        0..8 => "not a learned index block",
        _ => "checksum mismatch",
    });
}

/// The trailer that RocksDB puts behind the block.
#[test]
fn the_trailer_flipped() {
    let _alone = alone();
    for fields in ["block_size=512", NO_CHECKSUM] {
        let victim = Victim::new(fields, KEYS);
        for offset in 0..TRAILER {
            // The checksum covers the compression type, if there is one. The field for it
            // is there in any case, and bound to the file.
            let noticed = fields != NO_CHECKSUM || offset > 0;
            for bit in 0..8 {
                let mut file = victim.block.file.clone();
                file[victim.block.at + victim.block.len + offset] ^= 1 << bit;
                let (grown, _) = victim.read_damaged(&file);
                let expected = if noticed { (0, 1) } else { (1, 0) };
                assert_eq!(files(&grown), expected, "{fields}: byte {offset} bit {bit}");
                assert_eq!(grown.corrupt, u64::from(noticed));
            }
        }
        victim.assert_sound();
    }
}

/// Damage in the directory of meta blocks, unnoticed by RocksDB: the block is somewhere
/// else, longer, shorter, or has another name.
#[test]
fn the_learned_block_is_not_where_the_file_says() {
    let _alone = alone();
    let victim = Victim::new(NO_CHECKSUM, KEYS);
    let (len_field, width) = victim.block.len_field;
    assert_eq!(width, 2, "the lengths below need two bytes");
    let len = victim.block.len;
    for other in [0, 1, 7, 8, 15, 16, 17, len - 1, len + 1, 0x3fff] {
        let mut file = victim.block.file.clone();
        file[len_field] = other as u8 & 0x7f | 0x80;
        file[len_field + 1] = (other >> 7) as u8;
        let (grown, log) = victim.read_damaged(&file);
        assert_eq!(files(&grown), (0, 1), "length {other}");
        match other {
            // An empty block stands for none.
            0 => assert_eq!(grown.no_learned_block, 1),
            _ => assert_eq!(grown.corrupt, 1, "length {other}"),
        }
        assert_eq!(reasons(&log, &victim.table).len(), 1, "length {other}");
    }
    // The offset is the varint in front of the length, the name is in front of that.
    for back in 1..=20 {
        for bit in [0, 3, 6] {
            let mut file = victim.block.file.clone();
            file[len_field - back] ^= 1 << bit;
            let (grown, _) = victim.read_damaged(&file);
            assert_eq!(files(&grown), (0, 1), "{back} bytes before the length");
        }
    }
    victim.assert_sound();
}

/// The checksum of the learned block as mountdb computes it.
fn seal(block: &mut [u8]) {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&block[8..12]);
    hasher.update(&block[16..]);
    block[12..16].copy_from_slice(&hasher.finalize().to_le_bytes());
}

#[test]
fn unknown_version() {
    let _alone = alone();
    let victim = Victim::new(NO_CHECKSUM, KEYS);
    for version in [0, 2, 3, 0x101, u16::MAX] {
        let mut block = victim.block.bytes().to_vec();
        assert_eq!(&block[8..10], &mountdb::index::VERSION.to_le_bytes());
        block[8..10].copy_from_slice(&version.to_le_bytes());
        seal(&mut block);
        let (grown, log) = victim.read_damaged(&victim.block.replaced_by(&block));
        assert_eq!(files(&grown), (0, 1), "version {version}");
        assert_eq!(grown.unknown_version, 1, "version {version}: {grown:?}");
        let reason = format!("learned index version {version}, this library reads 1");
        assert_reason(&log, &victim.table, &reason);
    }
    // The tool of this test seals as mountdb does.
    let mut same = victim.block.bytes().to_vec();
    seal(&mut same);
    assert_eq!(same, victim.block.bytes());
    // A new version in a block whose checksum is wrong is damage, not a version.
    let mut file = victim.block.file.clone();
    file[victim.block.at + 8] ^= 2;
    victim.assert_corrupt(&file, "version flipped", "checksum mismatch");
}

/// The handles of a sound learned block.
fn handles(block: &LearnedBlock) -> Vec<BlockHandle> {
    let index = block.index();
    (0..index.blocks())
        .map(|i| index.handle(i).expect("a block"))
        .collect()
}

/// A learned block with these handles and keys of its own.
fn forge(handles: &[BlockHandle], key: impl Fn(usize) -> (Vec<u8>, u64)) -> Vec<u8> {
    let mut builder = Builder::new();
    for (i, handle) in handles.iter().enumerate() {
        let (last, last_tag) = key(i);
        let (next, next_tag) = key(i + 1);
        let next = (i + 1 < handles.len()).then_some((next.as_slice(), next_tag));
        builder.add_block((&last, last_tag), next, *handle);
    }
    builder.finish().expect("keys in order")
}

fn short_keys(i: usize) -> (Vec<u8>, u64) {
    (vec![b'a', i as u8], 1)
}

/// Blocks that are sealed and well-formed, but not those of this file.
#[test]
fn sealed_nonsense() {
    let _alone = alone();
    let victim = Victim::with(NO_CHECKSUM, roomy_entries());
    let own = handles(&victim.block);
    let size = victim.block.file.len() as u64;
    let count = own.len();

    // The tool works: the right handles are taken (with keys that find nothing).
    let forged = forge(&own, short_keys);
    fs::write(&victim.table, victim.block.replaced_by(&forged)).expect("a new block");
    let (db, grown) = counted(|| {
        DB::open_for_read_only(&learned(""), victim.directory.path(), false).expect("open")
    });
    assert_eq!(files(&grown), (1, 0), "the control is accepted");
    drop(db);
    fs::write(&victim.table, &victim.block.file).expect("repair");

    let refuse = |block: &[u8], what: &str, reason: &str| {
        victim.assert_corrupt(&victim.block.replaced_by(block), what, reason);
    };
    let reason = |n: usize| format!("learned index of {n} data blocks in a file of {count}");
    for fewer in [0, 1, 2, count - 1] {
        let forged = forge(&own[..fewer], short_keys);
        refuse(&forged, &format!("{fewer} blocks"), &reason(fewer));
    }
    let mut more = own.clone();
    let last = more[count - 1];
    more.push(BlockHandle {
        offset: last.offset + last.size,
        size: 1,
    });
    refuse(
        &forge(&more, short_keys),
        "one block more",
        &reason(count + 1),
    );

    let outside = "block handle outside of the file";
    for offset in [size - last.size + 1, size, u64::from(u32::MAX), 1 << 60] {
        let mut handles = own.clone();
        handles[count - 1].offset = offset;
        refuse(
            &forge(&handles, short_keys),
            "a handle behind the end",
            outside,
        );
    }

    let mut longer = forge(&own, short_keys);
    longer.push(0);
    seal(&mut longer);
    refuse(&longer, "a byte behind the end", "bytes behind the end");
    for cut in [1, 8, longer.len() / 2, longer.len() - 17] {
        let mut shorter = longer[..longer.len() - 1 - cut].to_vec();
        seal(&mut shorter);
        refuse(&shorter, "bytes missing at the end", "learned index");
    }
    let mut flags = forge(&own, short_keys);
    flags[11] |= 0x80;
    seal(&mut flags);
    refuse(&flags, "unknown flags", "unknown flags");
    for len in 0..16 {
        let file = victim.block.replaced_by(&longer[..len]);
        let (grown, _) = victim.read_damaged(&file);
        assert_eq!(files(&grown), (0, 1), "the first {len} bytes");
        assert_eq!(grown.no_learned_block, u64::from(len == 0));
    }
    let mut zeros = vec![0; victim.block.len];
    refuse(&zeros, "zeros", "not a learned index block");
    zeros[..8].copy_from_slice(MAGIC);
    refuse(&zeros, "zeros behind the magic", "checksum mismatch");
    seal(&mut zeros);
    let (grown, _) = victim.read_damaged(&victim.block.replaced_by(&zeros));
    assert_eq!((files(&grown), grown.unknown_version), ((0, 1), 1));
    victim.assert_sound();
}

/// A learned block says nothing of the file it belongs to but its number of data blocks and
/// where they lie. What protects against another file's block is RocksDB's checksum: from
/// format_version 6 on it depends on the file and on the block's place in it.
#[test]
fn the_learned_block_of_another_file() {
    let _alone = alone();
    let victim = Victim::new(NO_CHECKSUM, KEYS);
    let count = victim.block.index().blocks();
    let shorter = Victim::new(NO_CHECKSUM, KEYS - 60);
    assert!(shorter.block.len <= victim.block.len);
    let other_count = shorter.block.index().blocks();
    assert_ne!(other_count, count);
    victim.assert_corrupt(
        &victim.block.replaced_by(shorter.block.bytes()),
        "a file with fewer data blocks",
        &format!("learned index of {other_count} data blocks in a file of {count}"),
    );

    // As many data blocks, at the same places, with other keys.
    let rename = |mut key: Vec<u8>| {
        key[2] += 1;
        key
    };
    let twin = |fields| {
        let entries = entries(KEYS).into_iter();
        Victim::with(fields, entries.map(|(k, v)| (rename(k), v)).collect())
    };
    let other = twin(NO_CHECKSUM);
    assert_eq!(other.block.len, victim.block.len);
    assert_eq!(handles(&other.block), handles(&victim.block));
    let file = victim.block.replaced_by(other.block.bytes());
    fs::write(&victim.table, &file).expect("a transplant");
    let (db, grown) = counted(|| {
        DB::open_for_read_only(&learned(""), victim.directory.path(), false).expect("open")
    });
    // Without checksums nobody can tell, as with the standard index of that file.
    assert_eq!(files(&grown), (1, 0));
    drop(db);

    // With checksums RocksDB can, although block and checksum were copied together.
    let victim = Victim::new("block_size=512", KEYS);
    let other = twin("block_size=512");
    assert_eq!(other.block.len, victim.block.len);
    assert_eq!(other.block.at, victim.block.at, "the same place");
    let mut file = victim.block.file.clone();
    let place = victim.block.at..victim.block.at + victim.block.len + TRAILER;
    file[place.clone()].copy_from_slice(&other.block.file[place]);
    victim.assert_corrupt(
        &file,
        "a twin's block with its trailer",
        "cannot read the learned block",
    );
}

/// Writing goes on after damage, and compaction repairs.
#[test]
fn a_damaged_database_is_written_and_repaired() {
    let _alone = alone();
    for fields in ["block_size=512", NO_CHECKSUM] {
        let victim = Victim::new(fields, KEYS);
        let mut file = victim.block.file.clone();
        file[victim.block.at + victim.block.len / 2] ^= 0x10;
        fs::write(&victim.table, file).expect("damage");
        let path = victim.directory.path();
        let mut model = victim.model.clone();
        let (db, grown) = counted(|| DB::open(&learned(fields), path).expect("open"));
        assert_eq!((files(&grown), grown.corrupt), ((0, 1), 1));
        assert_reason(&log(path), &victim.table, "learned");
        check(&db, &model);
        fill(&db, &mut model, 100..400, "after");
        check(&db, &model);
        let (_, grown) = counted(|| compact_all(&db));
        assert_eq!(files(&grown), (1, 0));
        check(&db, &model);
        drop(db);
        assert_ne!(only_table(path), victim.table);
        let (_, grown) = counted(|| DB::open(&learned(""), path).expect("open"));
        assert_eq!(files(&grown), (1, 0));
    }
}

// ---------------------------------------------------------------- ingested files

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
