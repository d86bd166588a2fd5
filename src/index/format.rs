//! The on-disk format of the learned block, version 1.
//!
//! All integers are little-endian; `varint` is LEB128 of a u32. The block is stored
//! uncompressed as the meta block `rocksdb.user_defined_index.mountdb`.
//!
//! ```text
//! block      := magic[8]="MNTDBIDX"  version:u16  flags:u16  crc:u32  body
//!               crc is CRC-32 (IEEE) of version, flags and body
//! body       := blocks:u32
//!               last_tag:u64  last_key:bytes          (if blocks > 0; not below the last cut)
//!               handles                               (if blocks > 0)
//!               separators                            (if blocks > 1; blocks-1 cuts)
//! bytes      := len:varint  byte[len]
//! handles    := flags bit 0 set:   gap:u32  sequence of blocks+1 offsets; block i is
//!                                  [offset(i), offset(i+1)-gap)
//!               flags bit 0 clear: sequence of offsets, sequence of ends
//!
//! sequence   := count:u32
//!               first:u64 [groups]                    groups = ceil(count / 64)
//!               slope:u64 frac:u8 shift:u8 width:u8 [groups]
//!               residuals[groups]
//!   value j of a group, all in units of 2^shift:
//!               (first >> shift) + (j*slope >> frac) + residual(j)
//!   residuals of a group: `width` bits each, least significant first, padded to a byte
//!
//! separators := prefix:bytes  form:u8  (ranks | front)
//!   the prefix is stripped from every cut
//! ranks (0)  := sequence of the cuts, each its bytes as a big-endian number, zero-padded
//!               to eight; cuts have at most eight bytes, end in a non-zero byte and have
//!               no tag
//! front (1)  := tags:varint  { cuts skipped:varint  tag:u64 }[tags]
//!               size:u32  entry[cuts]                 size is that of all entries
//! entry      := control:u8  shared:varint?  len:varint?  byte[len]
//!   a cut is `shared` bytes of the cut before it and the entry's own bytes; every 16th
//!   begins anew and shares nothing. The control byte holds `shared` in its upper half and
//!   `len` in its lower; 15 stands for 15 and a varint that is added
//! ```
//!
//! A reader refuses a version it does not know, a block whose checksum does not match,
//! and anything that would make a value run backwards or a handle leave the file.

use crate::varint::{self, Bad};
use std::fmt;

pub(super) const MAGIC: &[u8; 8] = b"MNTDBIDX";

/// The version this code writes and the only one it reads.
pub const VERSION: u16 = 1;

/// Flag bit 0: blocks follow one another at a constant distance.
pub(super) const CONTIGUOUS: u16 = 1;

/// Bytes before `body`.
pub(super) const HEADER: usize = 16;

/// Why a learned block is not used. The file is then read through the standard index.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The bytes do not begin as a learned block does.
    NotALearnedBlock,
    /// Written by another version of this library.
    UnknownVersion(u16),
    /// The block's own checksum does not match its bytes.
    Checksum {
        /// The checksum stored in the block.
        stored: u32,
        /// The checksum of the bytes found.
        computed: u32,
    },
    /// The block ends before this part.
    Truncated(&'static str),
    /// A part of the block contradicts the format.
    Invalid(&'static str),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NotALearnedBlock => f.write_str("not a learned index block"),
            Refusal::UnknownVersion(v) => {
                write!(
                    f,
                    "learned index version {v}, this library reads {VERSION}; compact the file to rewrite it"
                )
            }
            Refusal::Checksum { stored, computed } => write!(
                f,
                "learned index checksum mismatch: stored {stored:#010x}, computed {computed:#010x}"
            ),
            Refusal::Truncated(what) => write!(f, "learned index ends inside {what}"),
            Refusal::Invalid(what) => write!(f, "learned index invalid: {what}"),
        }
    }
}

impl std::error::Error for Refusal {}

/// Reads the format's primitives; every length is checked before use.
pub(super) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Cursor(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn remaining(&self) -> usize {
        self.0.len()
    }

    #[inline]
    pub fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], Refusal> {
        let (head, rest) = self
            .0
            .split_at_checked(len)
            .ok_or(Refusal::Truncated(what))?;
        self.0 = rest;
        Ok(head)
    }

    #[inline]
    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Refusal> {
        let (head, rest) = self
            .0
            .split_first_chunk::<N>()
            .ok_or(Refusal::Truncated(what))?;
        self.0 = rest;
        Ok(*head)
    }

    #[inline]
    pub fn u8(&mut self, what: &'static str) -> Result<u8, Refusal> {
        Ok(u8::from_le_bytes(self.array(what)?))
    }

    pub fn u16(&mut self, what: &'static str) -> Result<u16, Refusal> {
        Ok(u16::from_le_bytes(self.array(what)?))
    }

    pub fn u32(&mut self, what: &'static str) -> Result<u32, Refusal> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub fn u64(&mut self, what: &'static str) -> Result<u64, Refusal> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    pub fn varint(&mut self, what: &'static str) -> Result<u32, Refusal> {
        let (value, len) = varint::get(self.0).map_err(|bad| match bad {
            Bad::Short => Refusal::Truncated(what),
            Bad::Long => Refusal::Invalid(what),
        })?;
        self.take(len, what)?;
        Ok(value)
    }

    pub fn bytes(&mut self, what: &'static str) -> Result<&'a [u8], Refusal> {
        let len = self.varint(what)? as usize;
        self.take(len, what)
    }
}

/// Writes `bytes` with its length. Keys come from RocksDB, whose lengths are 32-bit.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    varint::put(out, bytes.len() as u32);
    out.extend_from_slice(bytes);
}

/// Puts the header before `body` (which already follows `HEADER` reserved bytes).
pub(super) fn seal(block: &mut [u8], flags: u16) {
    block[..8].copy_from_slice(MAGIC);
    block[8..10].copy_from_slice(&VERSION.to_le_bytes());
    block[10..12].copy_from_slice(&flags.to_le_bytes());
    let crc = checksum(block);
    block[12..16].copy_from_slice(&crc.to_le_bytes());
}

/// CRC-32 of a block's version, flags and body.
pub(super) fn checksum(block: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&block[8..12]);
    hasher.update(&block[HEADER..]);
    hasher.finalize()
}

/// Checks header and checksum; returns the flags and a cursor over the body.
pub(super) fn unseal(block: &[u8]) -> Result<(u16, Cursor<'_>), Refusal> {
    let mut cursor = Cursor::new(block);
    if cursor.take(8, "header").ok() != Some(MAGIC) {
        return Err(Refusal::NotALearnedBlock);
    }
    let version = cursor.u16("header")?;
    let flags = cursor.u16("header")?;
    let stored = cursor.u32("header")?;
    // The checksum covers the version, so a flipped bit is not taken for a new version.
    let computed = checksum(block);
    if stored != computed {
        return Err(Refusal::Checksum { stored, computed });
    }
    if version != VERSION {
        return Err(Refusal::UnknownVersion(version));
    }
    if flags & !CONTIGUOUS != 0 {
        return Err(Refusal::Invalid("unknown flags"));
    }
    Ok((flags, cursor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn varint_round_trip(value: u32) {
            let mut out = Vec::new();
            varint::put(&mut out, value);
            let mut cursor = Cursor::new(&out);
            prop_assert_eq!(cursor.varint("v"), Ok(value));
            prop_assert!(cursor.is_empty());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let mut cursor = Cursor::new(&bytes);
            while cursor.bytes("b").is_ok() && !cursor.is_empty() {}
            let _ = unseal(&bytes);
        }
    }

    #[test]
    fn overlong_varint_is_refused() {
        for bytes in [&[0xff, 0xff, 0xff, 0xff, 0x10][..], &[0x80; 6]] {
            assert_eq!(
                Cursor::new(bytes).varint("v"),
                Err(Refusal::Invalid("v")),
                "{bytes:?}"
            );
        }
    }
}
