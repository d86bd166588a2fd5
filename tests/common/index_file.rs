//! An imagined table file, and the answers that its index must give: a binary search over
//! all entries. Needs no RocksDB.
#![allow(dead_code)] // every test file uses its own part

use mountdb::index::{BlockHandle, Builder, LearnedIndex, Separator};

/// `kMaxSequenceNumber << 8 | kValueTypeForSeek`: the tag of a seek to a user key.
pub const SEEK_TAG: u64 = u64::MAX - 0xff + 0x18;

pub type Entry = (Vec<u8>, u64);

/// Put, at sequence number `seq`.
pub fn put(key: &[u8], seq: u64) -> Entry {
    (key.to_vec(), seq << 8 | 1)
}

pub fn one_version(keys: &[Vec<u8>]) -> Vec<Entry> {
    keys.iter()
        .zip(1..)
        .map(|(k, seq)| put(k, seq * 37 % 1009))
        .collect()
}

/// Entries in internal-key order, where each block ends in them, and where it lies.
pub struct File {
    entries: Vec<Entry>,
    ends: Vec<usize>,
    handles: Vec<BlockHandle>,
}

impl File {
    /// Cuts `entries` into blocks of the lengths that `next_len` gives.
    pub fn new(entries: Vec<Entry>, mut next_len: impl FnMut() -> usize) -> File {
        let mut ends = Vec::new();
        let mut end = 0;
        while end < entries.len() {
            end = (end + next_len().max(1)).min(entries.len());
            ends.push(end);
        }
        // Blocks of unequal length, five bytes apart as RocksDB's trailers make them.
        let offset = |b: u64| b * 4100 + b % 7 * 31;
        let handle = |b| BlockHandle {
            offset: offset(b),
            size: offset(b + 1) - offset(b) - 5,
        };
        let handles = (0..ends.len() as u64).map(handle).collect();
        File {
            entries,
            ends,
            handles,
        }
    }

    /// The same file, its blocks somewhere else.
    pub fn at(mut self, handle: impl FnMut(u64) -> BlockHandle) -> File {
        self.handles = (0..self.ends.len() as u64).map(handle).collect();
        self
    }

    pub fn blocks(&self) -> usize {
        self.ends.len()
    }

    /// Where the last block ends.
    pub fn size(&self) -> u64 {
        self.handles.last().map_or(0, |h| h.offset + h.size)
    }

    /// The learned block.
    pub fn learned_block(&self) -> Vec<u8> {
        let mut builder = Builder::new();
        for (&end, &handle) in self.ends.iter().zip(&self.handles) {
            let (last, tag) = &self.entries[end - 1];
            let next = self.entries.get(end);
            let next = next.map(|(key, tag)| (key.as_slice(), *tag));
            builder.add_block((last, *tag), next, handle);
        }
        builder.finish().expect("sorted entries")
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
            assert_eq!(index.handle(i), Some(self.handles[i]));
        }
        assert_eq!(index.separator(self.ends.len(), &mut separator), None);
        assert_eq!(index.handle(self.ends.len()), None);
    }

    /// Every entry, and around it everything that could fall on the wrong side.
    pub fn check(&self, index: &LearnedIndex) {
        assert_eq!(index.blocks(), self.ends.len());
        self.check_separators(index);
        let mut probe = Vec::new();
        for (key, tag) in &self.entries {
            self.check_seek(index, key, *tag);
            self.check_seek(index, key, SEEK_TAG);
            self.check_seek(index, key, 0);
            self.check_seek(index, key, tag.saturating_sub(1));
            self.check_seek(index, key, tag.saturating_add(1));
            for edit in 0..6 {
                neighbour(key, edit, &mut probe);
                self.check_seek(index, &probe, SEEK_TAG);
                self.check_seek(index, &probe, 0);
            }
        }
        for i in 0..self.ends.len() {
            // A separator that is itself the target.
            probe.clear();
            index.separator(i, &mut probe);
            self.check_seek(index, &probe, SEEK_TAG);
            self.check_seek(index, &probe, 0);
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
            self.check_seek(index, key, SEEK_TAG);
            self.check_seek(index, key, 0);
        }
    }
}

/// A key close to `key`, in one of six ways.
pub fn neighbour(key: &[u8], edit: usize, out: &mut Vec<u8>) {
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
