//! Collects a file's block boundaries and writes the learned block.

use super::NO_TAG;
use super::cut::{Cut, Cuts, cut};
use super::format::{HEADER, put_bytes, seal};
use super::handles::{self, BlockHandle};
use super::separators;
use std::fmt;

/// Why no learned block was built. The file is complete without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// The last key of this block is not below the first key of the next.
    KeysOutOfOrder(u32),
    /// This block does not lie behind the one before it.
    BlocksOutOfOrder(u32),
    /// This block follows one that was said to be the last.
    BehindTheLast(u32),
    /// The last block was never added.
    NoLastBlock,
    /// More blocks, or longer keys, than the format has room for.
    TooLarge,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::KeysOutOfOrder(i) => {
                write!(f, "keys out of order between data blocks {i} and {}", i + 1)
            }
            BuildError::BlocksOutOfOrder(i) => {
                write!(f, "data block {i} overlaps the block before it")
            }
            BuildError::BehindTheLast(i) => write!(f, "data block {i} follows the last one"),
            BuildError::NoLastBlock => f.write_str("the last data block was never added"),
            BuildError::TooLarge => {
                f.write_str("more data blocks, or longer keys, than the format has room for")
            }
        }
    }
}

impl std::error::Error for BuildError {}

/// Builds the learned block of one file, one data block at a time in file order.
///
/// Memory until [`finish`](Builder::finish): 16 bytes a block and the cuts, which are as
/// long as the standard index's separators.
#[derive(Debug, Default)]
pub struct Builder {
    handles: Vec<BlockHandle>,
    cuts: CutList,
    last_key: Vec<u8>,
    last_tag: u64,
    error: Option<BuildError>,
}

/// Cuts in the order they came, which is their sorted order.
#[derive(Debug, Default)]
struct CutList {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Few cuts have one: (cut, tag), sorted.
    tags: Vec<(usize, u64)>,
}

impl Cuts for CutList {
    fn key(&self, i: usize) -> &[u8] {
        let start = i.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[i]]
    }

    fn tag(&self, i: usize) -> u64 {
        match self.tags.binary_search_by_key(&i, |&(cut, _)| cut) {
            Ok(at) => self.tags[at].1,
            Err(_) => NO_TAG,
        }
    }
}

impl Builder {
    /// An empty builder.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Adds the next data block: its last internal key, its handle, and the first
    /// internal key of the block that follows, if there is one. Keys are user keys in
    /// bytewise order; tags are `sequence << 8 | type`.
    ///
    /// Errors are kept and returned by [`finish`](Builder::finish).
    pub fn add_block(
        &mut self,
        last: (&[u8], u64),
        next_first: Option<(&[u8], u64)>,
        handle: BlockHandle,
    ) {
        if self.error.is_none() {
            self.error = self.try_add(last, next_first, handle).err();
        }
    }

    fn try_add(
        &mut self,
        (last_key, last_tag): (&[u8], u64),
        next_first: Option<(&[u8], u64)>,
        handle: BlockHandle,
    ) -> Result<(), BuildError> {
        let block = u32::try_from(self.handles.len()).map_err(|_| BuildError::TooLarge)?;
        let free_from = self.handles.last().map_or(0, |h| h.offset + h.size);
        let end = handle.offset.checked_add(handle.size);
        if handle.offset < free_from || end.is_none() {
            return Err(BuildError::BlocksOutOfOrder(block));
        }
        // Blocks 0 .. n-2 have a successor, block n-1 has none.
        if self.cuts.ends.len() < self.handles.len() {
            return Err(BuildError::BehindTheLast(block));
        }
        // The format's lengths are 32-bit; an entry adds at most 16 bytes to its cut.
        let entries = self.cuts.bytes.len() + 16 * self.handles.len();
        if entries.max(last_key.len()) > u32::MAX as usize / 2 {
            return Err(BuildError::TooLarge);
        }
        self.handles.push(handle);
        match next_first {
            Some((first_key, first_tag)) => {
                match cut(
                    last_key,
                    last_tag,
                    first_key,
                    first_tag,
                    &mut self.cuts.bytes,
                ) {
                    Cut::At(NO_TAG) => {}
                    Cut::At(tag) => self.cuts.tags.push((self.cuts.ends.len(), tag)),
                    Cut::OutOfOrder => return Err(BuildError::KeysOutOfOrder(block)),
                }
                self.cuts.ends.push(self.cuts.bytes.len());
            }
            None => {
                self.last_key = last_key.to_vec();
                self.last_tag = last_tag;
            }
        }
        Ok(())
    }

    /// Bytes the block would have at most if it were finished now, roughly. O(1).
    pub fn estimated_size(&self) -> usize {
        let cuts = self.cuts.bytes.len() + 16 * self.cuts.tags.len();
        HEADER + self.handles.len() * 16 + cuts + self.last_key.len()
    }

    /// The learned block.
    pub fn finish(self) -> Result<Vec<u8>, BuildError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let blocks = self.handles.len();
        if self.cuts.ends.len() + 1 != blocks && blocks > 0 {
            return Err(BuildError::NoLastBlock);
        }
        let mut out = vec![0; HEADER];
        out.extend_from_slice(&(blocks as u32).to_le_bytes());
        let mut flags = 0;
        if blocks > 0 {
            out.extend_from_slice(&self.last_tag.to_le_bytes());
            put_bytes(&mut out, &self.last_key);
            if handles::encode(&self.handles, &mut out) {
                flags |= super::format::CONTIGUOUS;
            }
        }
        if blocks > 1 {
            separators::encode(&self.cuts, 0..blocks - 1, &mut out);
        }
        seal(&mut out, flags);
        Ok(out)
    }
}
