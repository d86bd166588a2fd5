//! Table files opened without a database.
#![cfg(feature = "rocksdb")]

use mountdb::{SeekTargets, TableFile};
use rocksdb::{Options, SstFileWriter};
use std::collections::BTreeMap;
use std::path::Path;

const LEARNED: &str = "table_factory={id=mountdb;block_size=300}";
const STOCK: &str = "table_factory={id=BlockBasedTable;block_size=300}";

fn options(text: &str) -> Options {
    mountdb::options_from_string(&Options::default(), text).expect("options")
}

fn write(path: &Path) -> Vec<String> {
    let keys: Vec<String> = (0..500).map(|i| format!("key{i:05}")).collect();
    let options = options(LEARNED);
    let mut writer = SstFileWriter::create(&options);
    writer.open(path).expect("open");
    for key in &keys {
        writer.put(key, "value").expect("put");
    }
    writer.finish().expect("finish");
    keys
}

#[test]
fn both_indexes_of_a_file_find_the_same_blocks() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("table.sst");
    let keys = write(&path);
    let learned = TableFile::open(&options(LEARNED), &path).expect("open");
    let stock = TableFile::open(&options(STOCK), &path).expect("open");
    let facts = learned.facts();
    assert_eq!(facts.file_bytes, path.metadata().expect("a file").len());
    assert_eq!(facts.entries, 500);
    assert!(facts.blocks > 20);
    assert_eq!(facts.blocks, stock.facts().blocks);
    assert_eq!(
        facts.standard_index_bytes,
        stock.facts().standard_index_bytes
    );
    assert!(facts.index_memory > 0 && facts.index_memory != stock.facts().index_memory);
    let mut offsets = Vec::new();
    for key in &keys {
        let mut one = SeekTargets::default();
        one.push(key.as_bytes());
        assert_eq!(one.len(), 1);
        let offset = learned.seek_all(&one).expect("seek");
        assert_eq!(offset, stock.seek_all(&one).expect("seek"), "{key}");
        offsets.push(offset);
    }
    assert!(offsets.is_sorted());
    offsets.dedup();
    assert_eq!(offsets.len() as u64, facts.blocks);
    let mut all = SeekTargets::default();
    assert!(all.is_empty());
    assert_eq!(learned.seek_all(&all), Ok(0));
    for key in ["key00000", "key00499", "a key before all"] {
        all.push(key.as_bytes());
    }
    let last = *offsets.last().expect("blocks");
    assert_eq!(learned.seek_all(&all), Ok(last));
}

#[test]
fn a_file_says_what_its_index_is_made_of() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("table.sst");
    write(&path);
    // Whoever opens it: they are properties of the file.
    for text in [LEARNED, STOCK] {
        let file = TableFile::open(&options(text), &path).expect("open");
        let index = file.learned_index().expect("sound").expect("learned");
        let summary = index.summary();
        assert_eq!(summary.blocks as u64, file.facts().blocks);
        let properties: BTreeMap<_, _> = file.learned_properties().into_iter().collect();
        assert_eq!(properties["mountdb.index"], "learned");
        let of = |field: &str| properties[&format!("mountdb.index.{field}")].clone();
        assert_eq!(of("blocks"), summary.blocks.to_string());
        assert_eq!(of("bytes"), summary.stored_bytes.to_string());
        assert_eq!(of("segments"), summary.segments.to_string());
        assert_eq!(of("bits_a_block"), format!("{:.1}", summary.bits_a_block()));
        let error = summary.largest_error.expect("numbers");
        assert_eq!(of("largest_residual_in_blocks"), format!("{error:.1}"));
        // In words, for sst_dump, which shows values in hexadecimal.
        let sentence = format!(
            "{} data blocks in {} bytes",
            summary.blocks, summary.stored_bytes
        );
        assert!(properties.keys().any(|name| name.contains(&sentence)));
    }
}

#[test]
fn a_file_without_a_learned_index_says_why() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("table.sst");
    let properties = |options: &Options| {
        let mut writer = SstFileWriter::create(options);
        writer.open(&path).expect("open");
        writer.put("a", "value").expect("put");
        writer.finish().expect("finish");
        drop(writer);
        let file = TableFile::open(options, &path).expect("open");
        assert!(file.learned_index().expect("readable").is_none());
        file.learned_properties()
    };
    assert_eq!(properties(&options(STOCK)), []);
    let off = "table_factory={id=mountdb;write_learned_index=false}";
    assert_eq!(properties(&options(off)), []);

    let mut reversed = options(LEARNED);
    reversed.set_comparator("backwards", Box::new(|a: &[u8], b: &[u8]| b.cmp(a)));
    let threads = mountdb::options_from_string(
        &options(LEARNED),
        "compression=kLZ4Compression;compression_opts={parallel_threads=2}",
    );
    let why = [
        (reversed, "the comparator is backwards"),
        (threads.expect("options"), "parallel compression"),
    ];
    for (options, why) in why {
        let said = [
            ("mountdb.index", "none"),
            ("mountdb.index.why_not", why),
            (&format!("mountdb.index: none, {why}"), ""),
        ];
        let mut said = said.map(|(name, value)| (name.to_owned(), value.to_owned()));
        said.sort();
        assert_eq!(properties(&options), said);
    }
}

#[test]
fn what_is_wrong_is_said() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("table.sst");
    let error = |options: &Options| {
        TableFile::open(options, &path)
            .err()
            .expect("an error")
            .to_string()
    };
    assert!(error(&options(LEARNED)).contains("No such file"));
    write(&path);
    let mut plain = Options::default();
    plain.set_plain_table_factory(&rocksdb::PlainTableFactoryOptions {
        user_key_length: 0,
        bloom_bits_per_key: 10,
        hash_table_ratio: 0.75,
        index_sparseness: 16,
        huge_page_tlb_size: 0,
        encoding_type: rocksdb::KeyEncodingType::Plain,
        full_scan_mode: false,
        store_index_in_file: false,
    });
    assert!(error(&plain).contains("PlainTable"), "{}", error(&plain));
    for text in [LEARNED, STOCK] {
        let file = TableFile::open(&options(text), &path).expect("open");
        let mut behind = SeekTargets::default();
        behind.push(b"key00499a");
        let error = file.seek_all(&behind).expect_err("an error").to_string();
        assert!(error.contains("behind the end"), "{error}");
    }
    std::fs::write(&path, b"no table").expect("write");
    assert!(error(&options(LEARNED)).contains("Corruption"));
}
