//! The learned index against a binary search over all entries of an imagined file: every
//! key family, every block length, one version of a key or many, present targets and absent
//! ones. Needs no RocksDB.

#[allow(dead_code)] // the harness uses all of it
#[path = "../bench/src/keys.rs"]
mod keys;

#[path = "common/index_file.rs"]
mod index_file;

use index_file::{Entry, File, SEEK_TAG, one_version, put};
use keys::KeySet;
use mountdb::index::{Builder, LearnedIndex};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Builds the file's index and checks it; the bytes it takes.
fn check(file: &File) -> usize {
    let block = file.learned_block();
    let mut index = LearnedIndex::parse(&block, u64::MAX).expect("own block");
    file.check(&index);
    index.quicken();
    file.check(&index);
    block.len()
}

/// Up to `most` versions of each key, newest first.
fn versions(keys: &[Vec<u8>], most: u64, rng: &mut StdRng) -> Vec<Entry> {
    keys.iter()
        .flat_map(|key| {
            let count = rng.random_range(1..=most);
            (0..count)
                .rev()
                .map(|v| put(key, 10 + v * 3))
                .collect::<Vec<_>>()
        })
        .collect()
}

const SEED: u64 = 20_260_101;

/// Debug builds and interpreters get smaller files.
fn records() -> usize {
    match (cfg!(miri), cfg!(debug_assertions)) {
        (true, _) => 60,
        (_, true) => 1_000,
        _ => 8_000,
    }
}

#[test]
fn every_family_at_every_block_length() {
    for set in KeySet::ALL {
        let keys = keys::generate(set, records(), SEED);
        for len in [1, 2, 3, 16, 33] {
            check(&File::new(one_version(&keys), || len));
        }
        let mut rng = StdRng::seed_from_u64(SEED);
        check(&File::new(one_version(&keys), || rng.random_range(1..60)));
    }
}

#[test]
fn many_versions_of_a_key_across_blocks() {
    for set in KeySet::ALL {
        let mut rng = StdRng::seed_from_u64(SEED);
        let keys = keys::generate(set, records() / 20, SEED);
        for (most, len) in [(2, 1), (3, 2), (40, 7), (200, 16)] {
            check(&File::new(versions(&keys, most, &mut rng), || len));
        }
    }
}

#[test]
fn one_key_in_all_blocks() {
    let entries: Vec<Entry> = (0..1000)
        .rev()
        .map(|seq| put(b"the only key", seq))
        .collect();
    for len in [1, 3, 999, 1000] {
        check(&File::new(entries.clone(), || len));
    }
    // Deletions and merges differ from a put only in the last byte of the tag.
    let entries = (0..200u64)
        .rev()
        .map(|s| (b"k".to_vec(), s << 8 | (s % 3)))
        .collect();
    check(&File::new(entries, || 1));
}

#[test]
fn keys_that_eight_bytes_do_not_tell_apart() {
    // Prefixes of one another, and keys that differ only in trailing zeros.
    let zeros: Vec<Vec<u8>> = (0..60).map(|n| vec![0; n]).collect();
    let tails: Vec<Vec<u8>> = (0..60)
        .map(|n| [b"tenant-1/", &vec![0; n][..]].concat())
        .collect();
    let ones: Vec<Vec<u8>> = (0..60).map(|n| vec![0xff; n]).collect();
    // Ten levels of eight equal bytes: deeper than the tree of nodes.
    let mut deep: Vec<Vec<u8>> = (0..12usize)
        .flat_map(|level| {
            (0..40u8).map(move |i| {
                let mut key = b"aaaaaaaa".repeat(level);
                key.push(b'b' + i);
                key
            })
        })
        .collect();
    deep.sort();
    for keys in [zeros, tails, ones, deep] {
        for len in [1, 2, 5] {
            check(&File::new(one_version(&keys), || len));
        }
    }
}

#[test]
fn tiny_files() {
    let empty = Builder::new().finish().expect("an empty file has an index");
    let index = LearnedIndex::parse(&empty, 0).expect("own block");
    assert_eq!((index.blocks(), index.seek(b"any", SEEK_TAG)), (0, 0));
    assert_eq!(index.handle(0), None);
    for n in 1..40 {
        let keys = keys::generate(KeySet::RandomBytes, n, SEED + n as u64);
        for len in 1..=n {
            check(&File::new(one_version(&keys), || len));
        }
    }
}

/// `../shared/data` beside the checkout, where there is one.
fn real_set(name: &str) -> Option<Vec<Vec<u8>>> {
    let path = std::path::Path::new("../shared/data").join(name);
    if cfg!(miri) || !path.exists() {
        eprintln!("skipped: no {}", path.display());
        return None;
    }
    let limit = cfg!(debug_assertions).then_some(50_000);
    Some(keys::read_file(&path, limit).expect("a readable key set"))
}

#[test]
fn real_keys() {
    for name in ["cities_morton_u64", "pypi_names.txt"] {
        let Some(keys) = real_set(name) else { continue };
        // Entries to a 4-KB block with 100-byte values.
        let file = File::new(one_version(&keys), || 34);
        let size = check(&file);
        let blocks = file.blocks();
        println!(
            "{name}: {blocks} blocks, {:.2} bytes a block",
            size as f64 / blocks as f64
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 256 },
        failure_persistence: None,
        ..Default::default()
    })]

    // Few byte values make many shared prefixes, zero tails and equal keys.
    #[test]
    fn any_entries(
        mut entries in prop::collection::vec(
            (prop::collection::vec(prop::sample::select(vec![0u8, 1, 0x7f, 0xff]), 0..14), 0u64..6),
            1..400,
        ),
        lens in prop::collection::vec(1usize..9, 1..20),
    ) {
        entries.sort_by(|a, b| (&a.0, !a.1).cmp(&(&b.0, !b.1)));
        entries.dedup();
        let entries = entries.into_iter().map(|(key, seq)| put(&key, seq)).collect();
        let mut lens = lens.into_iter().cycle();
        check(&File::new(entries, || lens.next().expect("a cycle")));
    }

    #[test]
    fn any_long_keys(
        prefix in prop::collection::vec(any::<u8>(), 0..40),
        tails in prop::collection::btree_set(prop::collection::vec(any::<u8>(), 0..30), 1..200),
        len in 1usize..5,
    ) {
        let keys: Vec<Vec<u8>> = tails.iter().map(|t| [&prefix[..], t].concat()).collect();
        check(&File::new(one_version(&keys), || len));
    }
}
