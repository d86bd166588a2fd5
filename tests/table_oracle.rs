//! The learned index against the standard index of the very same files: a database written
//! and read with mountdb, and read at the same time by plain RocksDB.
#![cfg(feature = "rocksdb")]

#[path = "common/agree.rs"]
mod agree;
#[allow(dead_code)] // the harness uses all of it
#[path = "../bench/src/keys.rs"]
mod keys;

use keys::KeySet;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rocksdb::{DB, FlushOptions, Options, ReadOptions, SliceTransform};

const SEED: u64 = 7;

fn base(compression: &str, mapped: bool) -> Options {
    let mut base = Options::default();
    base.create_if_missing(true);
    base.set_prefix_extractor(SliceTransform::create_fixed_prefix(3));
    let general = format!(
        "disable_auto_compactions=true;target_file_size_base=65536;compression={compression};\
         allow_mmap_reads={mapped}"
    );
    mountdb::options_from_string(&base, &general).expect("plain options")
}

/// Keys of the file, keys around them, and keys anywhere.
fn targets(keys: &[Vec<u8>], count: usize) -> Vec<Vec<u8>> {
    let mut rng = StdRng::seed_from_u64(SEED);
    let mut targets = vec![vec![], vec![0], vec![0xff; 30], vec![0x80]];
    for key in keys.choose_multiple(&mut rng, count) {
        targets.push(key.clone());
        targets.push([key, &[0u8][..]].concat());
        targets.push([key, &[0xffu8][..]].concat());
        if let Some((&last, rest)) = key.split_last() {
            targets.push(rest.to_vec());
            targets.push([rest, &[last.wrapping_add(1)]].concat());
            targets.push([rest, &[last.wrapping_sub(1), 0xff]].concat());
        }
        let random: [u8; 9] = rng.random();
        targets.push(random[..rng.random_range(0..9)].to_vec());
    }
    targets
}

/// Writes `keys` in two overlapping halves through mountdb, with a full compaction in
/// between, so that files lie on two levels.
fn fill(db: &DB, keys: &[Vec<u8>]) {
    let mut rng = StdRng::seed_from_u64(SEED);
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.shuffle(&mut rng);
    let put = |i: &usize| {
        let value = format!("{i}-{}", "v".repeat(i % 60));
        db.put(&keys[*i], value).expect("put");
    };
    order[..order.len() * 3 / 4].iter().for_each(put);
    db.flush().expect("flush");
    db.compact_range(None::<&[u8]>, None::<&[u8]>);
    order[order.len() / 2..].iter().for_each(put);
    for i in order.iter().step_by(29) {
        db.delete(&keys[*i]).expect("delete");
    }
    db.flush_opt(&FlushOptions::default()).expect("flush");
}

/// Fills a database with `keys` and compares every kind of read, with files mapped and not; returns
/// the number of entries that both sides found.
fn compare(table_fields: &str, compression: &str, keys: &[Vec<u8>], sample: usize) -> usize {
    let found =
        [false, true].map(|mapped| compare_as(table_fields, compression, mapped, keys, sample));
    assert_eq!(found[0], found[1], "{table_fields}");
    found[0]
}

fn compare_as(
    table_fields: &str,
    compression: &str,
    mapped: bool,
    keys: &[Vec<u8>],
    sample: usize,
) -> usize {
    let directory = tempfile::tempdir().expect("a directory");
    let base = base(compression, mapped);
    let string = format!("table_factory={{id=mountdb;{table_fields}}}");
    let learned = mountdb::options_from_string(&base, &string).expect(&string);
    let ours = DB::open(&learned, directory.path()).expect("open");
    fill(&ours, keys);

    // The stock table with the same fields, because readers depend on some of them.
    let string = format!("table_factory={{id=BlockBasedTable;{table_fields}}}");
    let plain = mountdb::options_from_string(&base, &string).expect(&string);
    let stock = DB::open_for_read_only(&plain, directory.path(), false).expect("open stock");
    assert_eq!(mountdb::db_factories(&ours).table, "mountdb");
    assert_eq!(mountdb::db_factories(&stock).table, "BlockBasedTable");

    let targets = targets(keys, sample);
    let total_order = || {
        let mut options = ReadOptions::default();
        options.set_total_order_seek(true);
        options
    };
    let readahead = || {
        let mut options = total_order();
        options.set_readahead_size(16 << 10);
        options.set_pin_data(true);
        options.fill_cache(false);
        options
    };
    agree::check_bounds(&ours, &stock, &targets[..targets.len().min(40)]);
    agree::check_reads(
        &ours,
        &stock,
        &targets[..targets.len().min(60)],
        [&readahead; 2],
    );
    // Once more: of mapped files it is then known where entries are.
    agree::check_reads(&ours, &stock, &targets, [&total_order; 2]);
    agree::check_reads(&ours, &stock, &targets, [&total_order; 2])
}

fn family(set: KeySet, count: usize) -> Vec<Vec<u8>> {
    keys::generate(set, count, SEED)
}

#[test]
fn every_family() {
    let before = mountdb::counters();
    for set in KeySet::ALL {
        for (fields, compression) in [
            ("block_size=128", "kNoCompression"),
            (
                "block_size=1024;filter_policy=bloomfilter:10",
                "kLZ4Compression",
            ),
        ] {
            let keys = family(set, 1500);
            let found = compare(fields, compression, &keys, 60);
            assert!(
                found * 10 > keys.len() * 9,
                "{set}: {found} of {}",
                keys.len()
            );
        }
    }
    let after = mountdb::counters();
    assert!(after.files_learned > before.files_learned + 40);
    assert_eq!(after.files_fallen_back, before.files_fallen_back);
}

#[test]
fn every_kind_of_table() {
    // Prefixes of three bytes stay together in all of these, for the hash index.
    let keys: Vec<Vec<u8>> = [family(KeySet::Paths, 700), family(KeySet::User, 700)].concat();
    for fields in [
        "",
        "no_block_cache=true",
        "cache_index_and_filter_blocks=true",
        "cache_index_and_filter_blocks=true;pin_l0_filter_and_index_blocks_in_cache=true",
        "metadata_cache_options={unpartitioned_pinning=kAll};cache_index_and_filter_blocks=true",
        "index_type=kTwoLevelIndexSearch;metadata_block_size=128",
        "index_type=kTwoLevelIndexSearch;metadata_block_size=128;partition_filters=true;\
         filter_policy=bloomfilter:10;cache_index_and_filter_blocks=true",
        "index_type=kHashSearch",
        "index_type=kBinarySearchWithFirstKey",
        "index_block_search_type=kInterpolation",
        "index_block_search_type=kAuto;uniform_cv_threshold=0.2",
        "index_shortening=kNoShortening",
        "index_shortening=kShortenSeparatorsAndSuccessor",
        "data_block_index_type=kDataBlockBinaryAndHash",
        "block_align=true;block_size=512",
        "super_block_alignment_size=4096;super_block_alignment_space_overhead_ratio=4",
        "separate_key_value_in_data_block=true",
        "use_delta_encoding=false",
        "checksum=kNoChecksum",
        "checksum=kCRC32c;format_version=5",
        "format_version=2",
        "block_restart_interval=1;index_block_restart_interval=8",
        "prepopulate_block_cache=kFlushAndCompaction",
        "whole_key_filtering=false;filter_policy=ribbonfilter:10",
        "max_auto_readahead_size=0",
    ] {
        let fields = match fields.contains("block_size=") && !fields.contains("metadata") {
            true => fields.to_owned(),
            false => format!("block_size=200;{fields}"),
        };
        // Process-wide: sound because no test of this file expects a fallback.
        let before = mountdb::counters();
        let found = compare(&fields, "kNoCompression", &keys, 40);
        let after = mountdb::counters();
        assert!(
            after.files_learned > before.files_learned,
            "{fields}: nothing learned"
        );
        assert_eq!(
            after.files_fallen_back, before.files_fallen_back,
            "{fields}"
        );
        assert!(
            found * 10 > keys.len() * 9,
            "{fields}: {found} of {}",
            keys.len()
        );
    }
}

#[test]
fn real_keys() {
    for name in ["cities_morton_u64", "pypi_names.txt"] {
        let path = std::path::Path::new("../shared/data").join(name);
        if !path.exists() {
            eprintln!("skipped: no {}", path.display());
            continue;
        }
        let keys = keys::read_file(&path, Some(60_000)).expect("a readable key set");
        let found = compare("block_size=512", "kNoCompression", &keys, 3_000);
        assert!(
            found * 10 > keys.len() * 9,
            "{name}: {found} of {}",
            keys.len()
        );
    }
}

#[test]
fn tiny_tables() {
    for count in [0, 1, 2, 3, 17] {
        let keys = family(KeySet::RandomBytes, count);
        compare("block_size=1", "kNoCompression", &keys, 17);
    }
}
