//! Values, and whether what is read is what was written.
//!
//! A value is the number of its operation, its *mark*, and bytes that never change: eight
//! bytes to write in the timed loop, and every read can be checked in full.

use crate::flat::FlatKeys;

/// Bytes of a value.
pub const VALUE_BYTES: usize = 100;

const MARK_BYTES: usize = 8;
const TAIL: [u8; VALUE_BYTES - MARK_BYTES] = *b"\
    what is written here is the same for every key, so that the timed loop need not spend time i";

/// A value, to be [marked](set_mark).
pub fn value() -> [u8; VALUE_BYTES] {
    let mut value = [0; VALUE_BYTES];
    value[MARK_BYTES..].copy_from_slice(&TAIL);
    value
}

/// Makes a value that of operation `mark`.
#[inline]
pub fn set_mark(value: &mut [u8; VALUE_BYTES], mark: u64) {
    value[..MARK_BYTES].copy_from_slice(&mark.to_le_bytes());
}

/// The operation that a value comes from, or `None` if it comes from none.
#[inline]
pub fn mark(value: &[u8]) -> Option<u64> {
    let (mark, tail) = value.split_first_chunk::<MARK_BYTES>()?;
    (*tail == TAIL).then(|| u64::from_le_bytes(*mark))
}

/// Entries in the order in which they were read, in a few bytes. Two differ if their
/// entries do, or the order of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// The number of entries.
    pub entries: u64,
    /// Those of them whose value nobody wrote.
    pub garbled: u64,
    sum: u64,
}

impl Digest {
    /// Adds an entry that was read.
    #[inline]
    pub fn read(&mut self, key: &[u8], value: &[u8]) {
        match mark(value) {
            Some(mark) => self.expect(key, mark),
            None => {
                self.garbled += 1;
                self.entries += 1;
            }
        }
    }

    /// Adds an entry that should be read: the key, and the operation that wrote it last.
    #[inline]
    pub fn expect(&mut self, key: &[u8], mark: u64) {
        let (words, tail) = key.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        if !tail.is_empty() {
            let mut word = [0; 8];
            word[..tail.len()].copy_from_slice(tail);
            self.mix(u64::from_le_bytes(word));
        }
        self.mix(mark ^ (key.len() as u64) << 48);
        self.entries += 1;
    }

    #[inline]
    fn mix(&mut self, word: u64) {
        self.sum = (self.sum.rotate_left(23) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    /// What is wrong with this, if it should be `expected`.
    pub fn complaint(&self, expected: &Digest) -> Option<String> {
        if self == expected {
            return None;
        }
        let (read, written) = (self.entries, expected.entries);
        Some(match self.garbled {
            0 if read == written => "other keys or values than were written".to_owned(),
            0 => format!("{read} entries where {written} were written"),
            garbled => format!("{garbled} values that nobody wrote"),
        })
    }
}

/// What remains of keys that were written one after the other: each once, in key order,
/// with the number of the last operation that wrote it.
pub fn survivors(keys: &FlatKeys) -> Vec<usize> {
    let mut order: Vec<usize> = (0..keys.len()).collect();
    // The last write of a key comes first, and the others go.
    order.sort_unstable_by(|a, b| keys.get(*a).cmp(keys.get(*b)).then(b.cmp(a)));
    order.dedup_by(|later, earlier| keys.get(*later) == keys.get(*earlier));
    order
}

/// The digest of a full scan over `keys` after all of them were written.
pub fn digest(keys: &FlatKeys, survivors: &[usize]) -> Digest {
    let mut digest = Digest::default();
    for i in survivors {
        digest.expect(keys.get(*i), *i as u64);
    }
    digest
}
