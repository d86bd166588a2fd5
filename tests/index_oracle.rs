//! The learned index against a binary search over all entries of an imagined file: every
//! key family, every block length, one version of a key or many, present targets and absent
//! ones. Needs no RocksDB.

#[allow(dead_code)] // the harness uses all of it
#[path = "../bench/src/keys.rs"]
mod keys;

use keys::KeySet;
use mountdb::index::{BlockHandle, Builder, LearnedIndex, Separator};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// `kMaxSequenceNumber << 8 | kValueTypeForSeek`: the tag of a seek to a user key.
const SEEK_TAG: u64 = u64::MAX - 0xff + 0x18;

type Entry = (Vec<u8>, u64);

/// Entries in internal-key order, and where each block ends.
struct File {
    entries: Vec<Entry>,
    ends: Vec<usize>,
}

impl File {
    /// Cuts `entries` into blocks of the lengths that `next_len` gives.
    fn new(entries: Vec<Entry>, mut next_len: impl FnMut() -> usize) -> File {
        let mut ends = Vec::new();
        let mut end = 0;
        while end < entries.len() {
            end = (end + next_len().max(1)).min(entries.len());
            ends.push(end);
        }
        File { entries, ends }
    }

    fn handle(&self, block: usize) -> BlockHandle {
        // Blocks of unequal length, five bytes apart as RocksDB's trailers make them.
        let offset = |b: usize| (b as u64) * 4100 + (b as u64 % 7) * 31;
        BlockHandle {
            offset: offset(block),
            size: offset(block + 1) - offset(block) - 5,
        }
    }

    fn index(&self) -> (LearnedIndex, usize) {
        let mut builder = Builder::new();
        for i in 0..self.ends.len() {
            let (last, tag) = &self.entries[self.ends[i] - 1];
            let next = self.entries.get(self.ends[i]);
            let next = next.map(|(key, tag)| (key.as_slice(), *tag));
            builder.add_block((last, *tag), next, self.handle(i));
        }
        let block = builder.finish().expect("sorted entries");
        let index = LearnedIndex::parse(&block, u64::MAX).expect("own block");
        (index, block.len())
    }

    /// Number of entries before the internal key: those that sort below it.
    fn rank(&self, key: &[u8], tag: u64) -> usize {
        self.entries
            .partition_point(|(k, t)| (k.as_slice(), !*t) < (key, !tag))
    }

    /// The block of the first entry at or behind the target; the number of blocks if
    /// there is none.
    fn block_of(&self, key: &[u8], tag: u64) -> usize {
        let entry = self.rank(key, tag);
        self.ends.partition_point(|&end| end <= entry)
    }

    fn check_seek(&self, index: &LearnedIndex, key: &[u8], tag: u64) {
        let oracle = self.block_of(key, tag);
        let found = index.seek(key, tag);
        if found == oracle {
            return;
        }
        // In the gap between two blocks the first is as good: a reader finds nothing at or
        // behind the target in it and goes on. Never for a key of the file, never further.
        let in_gap = found + 1 == oracle
            && oracle < self.ends.len()
            && self.rank(key, tag) == self.ends[found];
        let entry = self.entries.get(self.rank(key, tag));
        let present = entry.is_some_and(|(k, t)| k == key && *t == tag);
        assert!(
            in_gap && !present,
            "seek({key:?}, {tag:#x}) names block {found}, the entry is in {oracle}"
        );
    }

    fn check_separators(&self, index: &LearnedIndex) {
        let mut separator = Vec::new();
        for i in 0..self.ends.len() {
            separator.clear();
            let kind = index.separator(i, &mut separator).expect("a block");
            let tag = match kind {
                Separator::Before => SEEK_TAG,
                Separator::At(tag) => tag,
            };
            // As the standard index promises: last of block <= separator < first of next.
            let at = (separator.as_slice(), !tag);
            let (last, last_tag) = &self.entries[self.ends[i] - 1];
            assert!(
                (last.as_slice(), !*last_tag) <= at,
                "separator {i} is too low"
            );
            if let Some((first, first_tag)) = self.entries.get(self.ends[i]) {
                assert!(
                    at < (first.as_slice(), !*first_tag),
                    "separator {i} is too high"
                );
            }
            assert_eq!(index.handle(i), Some(self.handle(i)));
        }
        assert_eq!(index.separator(self.ends.len(), &mut separator), None);
        assert_eq!(index.handle(self.ends.len()), None);
    }

    /// Every entry, and around it everything that could fall on the wrong side.
    fn check(&self) -> usize {
        let (index, size) = self.index();
        assert_eq!(index.blocks(), self.ends.len());
        self.check_separators(&index);
        let mut probe = Vec::new();
        for (key, tag) in &self.entries {
            self.check_seek(&index, key, *tag);
            self.check_seek(&index, key, SEEK_TAG);
            self.check_seek(&index, key, 0);
            self.check_seek(&index, key, tag.saturating_sub(1));
            self.check_seek(&index, key, tag.saturating_add(1));
            for edit in 0..6 {
                neighbour(key, edit, &mut probe);
                self.check_seek(&index, &probe, SEEK_TAG);
                self.check_seek(&index, &probe, 0);
            }
        }
        for i in 0..self.ends.len() {
            // A separator that is itself the target.
            probe.clear();
            index.separator(i, &mut probe);
            self.check_seek(&index, &probe, SEEK_TAG);
            self.check_seek(&index, &probe, 0);
        }
        for key in [
            &b""[..],
            b"\0",
            b"\xff",
            &[0xff; 40],
            &[0; 40],
            b"user",
            b"\x80",
        ] {
            self.check_seek(&index, key, SEEK_TAG);
            self.check_seek(&index, key, 0);
        }
        size
    }
}

/// A key close to `key`, in one of six ways.
fn neighbour(key: &[u8], edit: usize, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(key);
    match (edit, out.len()) {
        (0, _) => out.push(0),
        (1, _) => out.push(0xff),
        (2, 1..) => {
            out.pop();
        }
        (3, 1..) => *out.last_mut().expect("not empty") = key[key.len() - 1].wrapping_sub(1),
        (4, 1..) => *out.last_mut().expect("not empty") = key[key.len() - 1].wrapping_add(1),
        (5, n @ 1..) => out.truncate(n / 2),
        _ => {}
    }
}

/// Put, at sequence number `seq`.
fn put(key: &[u8], seq: u64) -> Entry {
    (key.to_vec(), seq << 8 | 1)
}

fn one_version(keys: &[Vec<u8>]) -> Vec<Entry> {
    keys.iter()
        .zip(1..)
        .map(|(k, seq)| put(k, seq * 37 % 1009))
        .collect()
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
            File::new(one_version(&keys), || len).check();
        }
        let mut rng = StdRng::seed_from_u64(SEED);
        File::new(one_version(&keys), || rng.random_range(1..60)).check();
    }
}

#[test]
fn many_versions_of_a_key_across_blocks() {
    for set in KeySet::ALL {
        let mut rng = StdRng::seed_from_u64(SEED);
        let keys = keys::generate(set, records() / 20, SEED);
        for (most, len) in [(2, 1), (3, 2), (40, 7), (200, 16)] {
            File::new(versions(&keys, most, &mut rng), || len).check();
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
        File::new(entries.clone(), || len).check();
    }
    // Deletions and merges differ from a put only in the last byte of the tag.
    let entries = (0..200u64)
        .rev()
        .map(|s| (b"k".to_vec(), s << 8 | (s % 3)))
        .collect();
    File::new(entries, || 1).check();
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
            File::new(one_version(&keys), || len).check();
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
            File::new(one_version(&keys), || len).check();
        }
    }
}

/// `../shared/data` beside the checkout, where there is one.
fn real_set(name: &str) -> Option<Vec<Vec<u8>>> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data")
        .join(name);
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
        let size = file.check();
        let blocks = file.ends.len();
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
        File::new(entries, || lens.next().expect("a cycle")).check();
    }

    #[test]
    fn any_long_keys(
        prefix in prop::collection::vec(any::<u8>(), 0..40),
        tails in prop::collection::btree_set(prop::collection::vec(any::<u8>(), 0..30), 1..200),
        len in 1usize..5,
    ) {
        let keys: Vec<Vec<u8>> = tails.iter().map(|t| [&prefix[..], t].concat()).collect();
        File::new(one_version(&keys), || len).check();
    }
}
