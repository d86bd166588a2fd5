//! Memtable entries as RocksDB encodes them, and the order they are kept in.
//!
//! ```text
//!   varint32 length of internal key | user key | tag, 8 bytes LE | varint32 length | value | ..
//!                                     \_____ internal key _____/   tag = sequence << 8 | type
//! ```
//!
//! Order: user key ascending (bytewise), then sequence number descending. As in RocksDB's
//! own memtables the type takes no part: one user key and sequence number is one entry.

use crate::model::projection::project;
use std::cmp::Ordering;
use std::ptr::NonNull;

/// Bytes of the tag at the end of an internal key.
pub(super) const TAG: usize = 8;

/// An internal key, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key<'a> {
    pub user: &'a [u8],
    pub sequence: u64,
}

impl<'a> Key<'a> {
    /// Takes an internal key apart. One shorter than its tag (RocksDB makes none) is the
    /// empty user key before all its versions.
    #[inline]
    pub fn parse(internal_key: &'a [u8]) -> Key<'a> {
        match internal_key.split_last_chunk::<TAG>() {
            Some((user, tag)) => Key {
                user,
                sequence: u64::from_le_bytes(*tag) >> 8,
            },
            None => Key::before_all_versions(&[]),
        }
    }

    /// Sorts before every version of `user`.
    #[inline]
    pub fn before_all_versions(user: &'a [u8]) -> Key<'a> {
        Key {
            user,
            sequence: u64::MAX,
        }
    }
}

impl Ord for Key<'_> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.user
            .cmp(other.user)
            .then_with(|| other.sequence.cmp(&self.sequence))
    }
}

impl PartialOrd for Key<'_> {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// An entry in RocksDB's arena. It lives, and its key never changes, for as long as the
/// memtable that it was inserted into: whoever makes one promises that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry(NonNull<u8>);

impl Entry {
    /// # Safety
    /// `entry` begins a well-formed entry whose key outlives every use of the result and
    /// of copies of it, and does not change.
    #[inline]
    pub unsafe fn new(entry: NonNull<u8>) -> Entry {
        Entry(entry)
    }

    #[inline]
    pub fn as_ptr(self) -> NonNull<u8> {
        self.0
    }

    /// Asks for the entry's key, and for the beginning of its value.
    #[inline]
    pub fn prefetch(self) {
        let address = self.0.as_ptr().cast_const();
        for line in 0..3 {
            super::prefetch(address.wrapping_add(64 * line));
        }
    }

    /// The entry's key. The lifetime is the caller's choice: at most the memtable's.
    #[inline]
    pub fn key<'a>(self) -> Key<'a> {
        // SAFETY: `new` was promised a well-formed entry, so that the varint's bytes, and
        // as many bytes behind it as it says, are there and do not change.
        let internal_key = unsafe {
            let mut at = self.0.as_ptr();
            let mut byte = *at;
            let mut length = usize::from(byte & 0x7f);
            let mut shift = 7;
            while byte & 0x80 != 0 && shift < 35 {
                at = at.add(1);
                byte = *at;
                length |= usize::from(byte & 0x7f) << shift;
                shift += 7;
            }
            std::slice::from_raw_parts(at.add(1), length)
        };
        Key::parse(internal_key)
    }
}

/// Eight bits of a user key by which a probe passes over other keys: equal keys have equal
/// ones, different keys seldom.
#[inline]
pub(super) fn hash(user: &[u8]) -> u8 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = user.len() as u64;
    let mut rest = user;
    while let Some((word, behind)) = rest.split_first_chunk::<8>() {
        hash = fold(hash ^ u64::from_le_bytes(*word), K);
        rest = behind;
    }
    if !rest.is_empty() {
        hash = fold(hash ^ project(rest), K);
    }
    (hash >> 32) as u8
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}
