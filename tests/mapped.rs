//! Mapped files (`allow_mmap_reads`), whose blocks are read in place: damage is found as RocksDB
//! finds it, and every block's checksum is verified once.
#![cfg(feature = "rocksdb")]

#[allow(dead_code)] // other tests need the rest
#[path = "common/same_files.rs"]
mod same_files;

#[path = "common/db.rs"]
mod db;

use db::LearnedBlock;
use rocksdb::{DB, DBCompressionType, Error, Options, ReadOptions};
use same_files::{Set, counted, key, options};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const KEYS: usize = 1500;

const IN_MAP: Set = |options, _| options.set_allow_mmap_reads(true);

fn mapped(learned: bool) -> Options {
    options(IN_MAP, learned)
}

fn value(i: usize) -> Vec<u8> {
    format!("value {i} {}", "v".repeat(i % 70)).into_bytes()
}

/// A database with one table file; the file, and how many of its bytes are data blocks'.
fn written(directory: &Path) -> (PathBuf, usize) {
    let db = DB::open(&mapped(true), directory).expect("open");
    for i in 0..KEYS {
        db.put(key(i), value(i)).expect("put");
    }
    db.flush().expect("flush");
    let files = db.live_files().expect("files");
    let [file] = &files[..] else {
        panic!("one file: {files:?}");
    };
    let path = directory.join(file.name.trim_start_matches('/'));
    let options = mapped(true);
    let facts = mountdb::TableFile::open(&options, &path)
        .expect("open")
        .facts();
    (path, facts.data_bytes as usize)
}

fn open(directory: &Path, learned: bool) -> DB {
    DB::open_for_read_only(&mapped(learned), directory, false).expect("open")
}

type Answer = Result<Option<Vec<u8>>, String>;

/// Where a message of RocksDB's says what it is about: the file and the place in it.
fn told(error: Error) -> String {
    let text = error.into_string();
    let about = text.find(" in ").map_or(&text[..], |at| &text[at..]);
    format!("{} {about}", text.contains("checksum mismatch"))
}

/// Gets, then MultiGets, then one scan to its end.
fn answers(db: &DB) -> (Vec<Answer>, Vec<Answer>, Answer) {
    let keys: Vec<_> = (0..KEYS).step_by(7).map(key).collect();
    let gets = keys.iter().map(|key| db.get(key).map_err(told)).collect();
    let batches = keys.chunks(32).flat_map(|keys| db.multi_get(keys));
    let batches = batches.map(|answer| answer.map_err(told)).collect();
    let mut iter = db.raw_iterator();
    iter.seek(key(0));
    let mut scanned = Vec::new();
    while iter.valid() {
        scanned.extend_from_slice(iter.value().expect("valid"));
        iter.next();
    }
    let scan = iter.status().map(|()| Some(scanned)).map_err(told);
    (gets, batches, scan)
}

/// Open for writing, since values of tables that are there to stay are not copied; with a handle, as
/// batches need it.
fn with_family(options: &Options, directory: &Path) -> DB {
    DB::open_cf_with_opts(options, directory, [("default", options.clone())]).expect("open")
}

/// The values of a batch share memory, which is not the file's: some are kept, others dropped, in
/// other threads too, and the file goes.
#[test]
fn values_of_a_batch_outlive_the_file_and_each_other() {
    let directory = tempfile::tempdir().expect("a directory");
    let db = with_family(&mapped(true), directory.path());
    let value = |i: usize| vec![i as u8; [0, 1, 90, 999, 1000, 1001, 5000][i % 7]];
    for i in 0..KEYS {
        db.put(key(i), value(i)).expect("put");
    }
    db.flush().expect("flush");
    let family = db.cf_handle("default").expect("there");
    let batch = |first: usize| {
        let keys: Vec<_> = (first..first + 32).map(key).collect();
        let found = db.batched_multi_get_cf(family, &keys, false).into_iter();
        found.map(|value| value.expect("no error").expect("there"))
    };
    let mut kept = Vec::new();
    for first in (0..KEYS - 32).step_by(13) {
        for (i, found) in batch(first).enumerate() {
            assert_eq!(&*found, value(first + i));
            // One of many, and now and then all of them.
            if i == first % 32 || first % 5 == 0 {
                kept.push((first + i, found));
            }
        }
    }
    let files = || db.live_files().expect("files").len();
    db.delete_range_cf(family, key(0), key(KEYS))
        .expect("deleted");
    db.flush().expect("flush");
    db.compact_range(None::<&[u8]>, None::<&[u8]>);
    assert_eq!(files(), 0);
    for (i, found) in &kept {
        assert_eq!(&**found, value(*i));
    }
    std::thread::scope(|scope| {
        for part in [0, 1, 2] {
            let half = kept.len() / 2;
            let part: Vec<_> = kept.drain(half * usize::from(part < 2)..).collect();
            scope.spawn(move || {
                for (i, found) in part {
                    assert_eq!(&*found, value(i));
                }
            });
        }
    });
}

/// Merges, deletions and range deletions among the values of a batch, which are copied.
#[test]
fn batches_of_all_kinds_of_entries() {
    let directory = tempfile::tempdir().expect("a directory");
    same_files::write(directory.path(), IN_MAP);
    let answers = |learned| {
        let db = with_family(&options(IN_MAP, learned), directory.path());
        let family = db.cf_handle("default").expect("there");
        let keys: Vec<_> = (0..700).map(key).collect();
        // Together, so that all are kept until the last is read; a batch of RocksDB's is 32 keys.
        let batch = || {
            let found = db.batched_multi_get_cf(family, &keys, false).into_iter();
            let found = found.map(|value| value.expect("no error").map(|value| value.to_vec()));
            found.collect::<Vec<_>>()
        };
        // From the second time on it is known where entries are.
        let batches = [batch(), batch()].concat();
        let gets = keys.iter().map(|key| db.get(key).expect("no error"));
        [batches, gets.collect()].concat()
    };
    let stock = answers(false);
    assert!(stock.iter().flatten().count() > 600 && stock.iter().any(Option::is_none));
    assert_eq!(answers(true), stock, "ours on the left");
}

/// Keys that are not there, beside keys with versions in many blocks: where it is known where entries
/// are, no more blocks are read than before.
#[test]
fn known_entries_take_no_more_blocks() {
    let directory = tempfile::tempdir().expect("a directory");
    same_files::write(directory.path(), IN_MAP);
    let options = options(IN_MAP, true);
    let db = DB::open_for_read_only(&options, directory.path(), false).expect("open");
    let reads = || {
        let counts = counted(&options, || {
            for i in 0..700 {
                let key = key(i);
                for end in ["", "0", "00", "1", "5", "x", "xx", "y", "z", "zz"] {
                    let key = [&key[..], end.as_bytes()].concat();
                    std::hint::black_box(db.get(key).expect("get"));
                }
            }
        });
        counts["block_read_count"]
    };
    let first = reads();
    assert!(first > 1000);
    assert_eq!(reads(), first);
}

/// Two bits of a block, or all from some byte of it to its end, as what a file lost in a crash reads; mapped
/// and in the block cache.
#[test]
fn damage_is_found_as_rocksdb_finds_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let (file, data_bytes) = written(directory.path());
    let sound = fs::read(&file).expect("readable");
    let index = LearnedBlock::find(&file).expect("learned").index();
    let end_of_block = |at: usize| {
        let handles = (0..index.blocks()).map(|i| index.handle(i).expect("a block"));
        let ends = handles.map(|handle| (handle.offset + handle.size) as usize + db::TRAILER);
        ends.into_iter().find(|end| *end > at).expect("in a block")
    };
    for set in [IN_MAP, |_: &mut _, _: &mut _| ()] {
        let open = |learned| {
            DB::open_for_read_only(&options(set, learned), directory.path(), false).expect("open")
        };
        let before = answers(&open(true));
        assert!(before.0.iter().all(Result::is_ok) && before.2.is_ok());
        let mut failures = 0;
        for at in (0..data_bytes).step_by(data_bytes / 60) {
            for lost in [false, true] {
                let mut damaged = sound.clone();
                match lost {
                    false => damaged[at] ^= 0x14,
                    true => damaged[at..end_of_block(at)].fill(0),
                }
                fs::write(&file, damaged).expect("written");
                let ours = answers(&open(true));
                assert_eq!(ours, answers(&open(false)), "byte {at}: ours on the left");
                failures += ours.0.iter().filter(|answer| answer.is_err()).count();
                let scan = ours.2.expect_err("one block is damaged");
                assert!(
                    scan.contains("true") && scan.contains(".sst") && scan.contains("offset"),
                    "{scan}"
                );
            }
        }
        assert!(failures > 60, "{failures}");
        fs::write(&file, &sound).expect("repair");
    }
}

/// A file that ends early is refused when it is opened, by RocksDB's own code.
#[test]
fn a_file_cut_before_it_is_opened() {
    let directory = tempfile::tempdir().expect("a directory");
    let (file, data_bytes) = written(directory.path());
    let sound = fs::read(&file).expect("readable");
    let cuts = [
        0,
        1,
        data_bytes / 2,
        data_bytes,
        sound.len() - 60,
        sound.len() - 1,
    ];
    for cut in cuts {
        fs::write(&file, &sound[..cut]).expect("written");
        let [ours, stock] = [true, false].map(|learned| {
            let opened = DB::open_for_read_only(&mapped(learned), directory.path(), false);
            opened
                .map(|_| ())
                .expect_err("a file that is cut")
                .into_string()
        });
        assert_eq!(ours, stock, "{cut} bytes: ours on the left");
        assert!(ours.contains(".sst"), "{ours}");
    }
}

const CUT_IN: &str = "MOUNTDB_TEST_CUT_IN";

/// Without a filter, which RocksDB reads in the map at every lookup, as it does its index.
fn without_filter(learned: bool) -> Options {
    let fields = "block_size=400";
    let table = if learned { db::learned } else { db::stock };
    let mut options = table(fields);
    options.set_allow_mmap_reads(true);
    options.set_compression_type(DBCompressionType::None);
    options
}

/// A file that is cut while it is open, and read through the block cache: what is left is found, and what
/// is not is an error, as it is with RocksDB's.
#[test]
fn a_file_cut_while_it_is_open() {
    let [ours, stock] = [true, false].map(|learned| {
        let directory = tempfile::tempdir().expect("a directory");
        let (file, data_bytes) = written(directory.path());
        let options = options(|_, _| (), learned);
        let db = DB::open_for_read_only(&options, directory.path(), false).expect("open");
        let file = fs::File::options().write(true).open(file);
        let cut = file.and_then(|file| file.set_len(data_bytes as u64 / 2));
        cut.expect("cut");
        answers(&db)
    });
    let without_directories = |answers: (Vec<Answer>, Vec<Answer>, Answer)| {
        let all = [answers.0, answers.1, vec![answers.2]].concat();
        let told = |text: String| text.rsplit('/').next().map(str::to_owned);
        all.into_iter()
            .map(move |answer| answer.map_err(told))
            .collect::<Vec<_>>()
    };
    let [ours, stock] = [ours, stock].map(without_directories);
    assert_eq!(ours, stock, "ours on the left");
    let found = ours.iter().flatten().count();
    assert!(
        (ours.len() / 3..ours.len() * 2 / 3).contains(&found),
        "{found}"
    );
}

/// A file that is cut while it is mapped: what is left is found as before, and behind it the operating
/// system ends the process, as it does with RocksDB's own mapped files (sooner, since their index is at the
/// end of the file); nothing is made up.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))] // its number of SIGBUS, its pages of 4 KiB
fn a_file_cut_while_it_is_mapped() {
    for learned in [true, false] {
        let directory = tempfile::tempdir().expect("a directory");
        let test = std::env::current_exe().expect("this test");
        let child = Command::new(test)
            .args([
                "--ignored",
                "--exact",
                "child_that_cuts_its_file",
                "--nocapture",
            ])
            .env(CUT_IN, directory.path().join(learned.to_string()))
            .output()
            .expect("run");
        let told = String::from_utf8_lossy(&child.stdout) + String::from_utf8_lossy(&child.stderr);
        assert!(told.contains("all is right, and cut"), "{told}");
        assert_eq!(told.contains("what is left is right"), learned, "{told}");
        assert!(!told.contains("behind the end"), "{learned}: {told}");
        assert_eq!(child.status.signal(), Some(7), "SIGBUS: {told}");
    }
}

#[test]
#[ignore = "a part of the one above, which ends its process"]
fn child_that_cuts_its_file() {
    let Some(directory) = std::env::var_os(CUT_IN).map(PathBuf::from) else {
        return;
    };
    let options = without_filter(directory.ends_with("true"));
    let db = DB::open(&options, directory.parent().expect("a directory")).expect("open");
    let keys = || (0..KEYS).map(|i| (i, key(i)));
    for (i, key) in keys() {
        db.put(key, value(i)).expect("put");
    }
    db.flush().expect("flush");
    // Of some of the blocks it is known then where their entries are.
    for (i, key) in keys().filter(|(i, _)| i / 20 % 2 == 0) {
        assert_eq!(db.get(key).expect("get"), Some(value(i)));
    }
    let file = db::only_table(db.path());
    let pages = fs::metadata(&file).expect("there").len() / 4096;
    let file = fs::File::options().write(true).open(&file).expect("there");
    file.set_len(pages / 2 * 4096).expect("cut");
    println!("all is right, and cut");
    // Less than half of the file.
    for (i, key) in keys().take(KEYS / 3) {
        assert_eq!(db.get(&key).expect("get"), Some(value(i)));
        assert_eq!(db.multi_get([key])[0], Ok(Some(value(i))));
    }
    println!("what is left is right");
    for (i, key) in keys() {
        assert_eq!(db.get(key).expect("get"), Some(value(i)));
    }
    println!("all is right, behind the end, too");
}

/// Whatever the bytes of blocks are, if nobody verifies them: no answer is promised, only that there
/// is one. (Behind a block lies how it is compressed: RocksDB does not survive damage of that.)
#[test]
fn unverified_damage_is_survived() {
    let directory = tempfile::tempdir().expect("a directory");
    let (file, _) = written(directory.path());
    let sound = fs::read(&file).expect("readable");
    let index = LearnedBlock::find(&file).expect("learned").index();
    for i in 0..200 {
        let block = index.handle(i * index.blocks() / 200).expect("a block");
        let end_first = block.size - 1 - (i as u64 * 37) % block.size;
        let at = (block.offset + end_first) as usize;
        let mut damaged = sound.clone();
        damaged[at] = damaged[at].wrapping_add(0x81);
        fs::write(&file, damaged).expect("written");
        let db = open(directory.path(), true);
        let read = || {
            let mut read = ReadOptions::default();
            read.set_verify_checksums(false);
            read
        };
        for i in (0..KEYS).step_by(5) {
            let _ = db.get_opt(key(i), &read());
        }
        let mut iter = db.raw_iterator_opt(read());
        for i in (0..KEYS).step_by(50) {
            iter.seek(key(i));
            for _ in 0..60 {
                if !iter.valid() {
                    break;
                }
                std::hint::black_box((iter.key(), iter.value()));
                iter.next();
            }
        }
    }
}

/// Memory for the places of entries is taken by what is read, up to a limit for all files together.
#[test]
fn places_of_entries_take_the_memory_that_they_may() {
    // Two times 64 blocks, two lines each.
    for (limit, expected) in [("0", 0..1), ("10k", 8192..8193), ("64M", 16384..16385)] {
        let directory = tempfile::tempdir().expect("a directory");
        let mut options = db::learned(&format!("block_size=400;entry_slots_memory={limit}"));
        options.set_allow_mmap_reads(true);
        options.set_compression_type(DBCompressionType::None);
        options.set_disable_auto_compactions(true);
        let db = DB::open(&options, directory.path()).expect("open");
        for _file in 0..2 {
            for i in 0..KEYS {
                db.put(key(i), b"value").expect("put");
            }
            db.flush().expect("flush");
        }
        let memory = || {
            let property = "rocksdb.estimate-table-readers-mem";
            db.property_int_value(property)
                .expect("known")
                .expect("some")
        };
        let before = memory();
        for i in 0..KEYS {
            assert_eq!(db.get(key(i)).expect("get").as_deref(), Some(&b"value"[..]));
        }
        let once = memory() - before;
        for i in 0..KEYS {
            assert_eq!(db.get(key(i)).expect("get").as_deref(), Some(&b"value"[..]));
        }
        assert_eq!(memory() - before, once, "nothing is learned twice");
        // Of the newer file; of the other one nothing was read.
        assert!(
            expected.contains(&once),
            "{once} bytes with a limit of {limit}"
        );
    }
}

#[test]
fn a_checksum_is_verified_once() {
    let directory = tempfile::tempdir().expect("a directory");
    written(directory.path());
    let options = mapped(true);
    let db = DB::open_for_read_only(&options, directory.path(), false).expect("open");
    let mut unverified = ReadOptions::default();
    unverified.set_verify_checksums(false);
    let computed = |read: &ReadOptions| {
        let counts = counted(&options, || {
            for i in 0..KEYS {
                assert_eq!(db.get_opt(key(i), read).expect("get"), Some(value(i)));
            }
        });
        // Whoever counts blocks sees every one of them.
        assert_eq!(counts["block_read_count"], KEYS as u64);
        counts["rocksdb.block.checksum.compute.count"]
    };
    assert_eq!(computed(&unverified), 0);
    let verified = computed(&ReadOptions::default());
    assert!((100..KEYS as u64 / 2).contains(&verified), "{verified}");
    assert_eq!(computed(&ReadOptions::default()), 0);
}
