//! Keys in the order of their use, one after the other in memory.

use std::ops::{Index, Range};

/// Keys in one buffer: the timed loops walk through it from front to back, so that they
/// measure the engine and not the way to its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlatKeys {
    bytes: Vec<u8>,
    /// Where each key begins, and where the last one ends.
    bounds: Vec<usize>,
}

impl Default for FlatKeys {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            bounds: vec![0],
        }
    }
}

impl FlatKeys {
    /// Adds a key at the end.
    pub fn push(&mut self, key: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.bounds.push(self.bytes.len());
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.bounds.len() - 1
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of all keys together.
    pub fn total_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Key `i`.
    pub fn get(&self, i: usize) -> &[u8] {
        &self.bytes[self.bounds[i]..self.bounds[i + 1]]
    }

    /// Some keys in a row.
    pub fn range(&self, range: Range<usize>) -> impl Iterator<Item = &[u8]> {
        self.bounds[range.start..=range.end]
            .windows(2)
            .map(|bounds| &self.bytes[bounds[0]..bounds[1]])
    }

    /// All keys.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.range(0..self.len())
    }
}

impl Index<usize> for FlatKeys {
    type Output = [u8];

    fn index(&self, i: usize) -> &[u8] {
        self.get(i)
    }
}

impl<K: AsRef<[u8]>> FromIterator<K> for FlatKeys {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        let mut flat = Self::default();
        for key in keys {
            flat.push(key.as_ref());
        }
        flat
    }
}
