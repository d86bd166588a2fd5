//! The learned index of one open file.

use super::NO_TAG;
use super::format::{CONTIGUOUS, Refusal, unseal};
use super::handles::{BlockHandle, Handles};
use super::node::Node;

/// The upper end of a block, as a separator of the standard index would give it: every
/// key of the block is at or below it, every key behind the block above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    /// Below every version of this user key: the block's user keys are smaller, those
    /// behind the block are not.
    Before,
    /// At the version with this tag.
    At(u64),
}

/// A read-only learned index: exact, immutable, safe to share between threads.
#[derive(Debug)]
pub struct LearnedIndex {
    blocks: usize,
    last_key: Vec<u8>,
    last_tag: u64,
    handles: Option<Handles>,
    /// `None` for fewer than two blocks.
    root: Option<Node>,
    stored_bytes: usize,
}

impl LearnedIndex {
    /// Reads and checks the learned block of a file of `file_size` bytes. O(size).
    pub fn parse(block: &[u8], file_size: u64) -> Result<LearnedIndex, Refusal> {
        let (flags, mut cursor) = unseal(block)?;
        let blocks = cursor.u32("body")? as usize;
        let mut index = LearnedIndex {
            blocks,
            last_key: Vec::new(),
            last_tag: 0,
            handles: None,
            root: None,
            stored_bytes: block.len(),
        };
        if blocks > 0 {
            index.last_tag = cursor.u64("last key")?;
            index.last_key = cursor.bytes("last key")?.to_vec();
            let contiguous = flags & CONTIGUOUS != 0;
            index.handles = Some(Handles::parse(&mut cursor, contiguous, blocks, file_size)?);
        }
        if blocks > 1 {
            index.root = Some(Node::parse(&mut cursor, blocks - 1)?);
        }
        if !cursor.is_empty() {
            return Err(Refusal::Invalid("bytes behind the end"));
        }
        Ok(index)
    }

    /// Number of data blocks.
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// The block that holds the first entry at or behind the internal key (`user_key`,
    /// `tag`), if the entry is in this file and not in the gap in front of the block;
    /// then it may be the block before. [`blocks`](Self::blocks) if the target lies
    /// behind the file's last key.
    ///
    /// Exact for every key of the file. Allocates nothing; O(1) expected.
    #[inline]
    pub fn seek(&self, user_key: &[u8], tag: u64) -> usize {
        let block = match &self.root {
            Some(root) => root.rank(user_key, tag),
            None => 0,
        };
        if block + 1 >= self.blocks && self.behind_the_end(user_key, tag) {
            return self.blocks;
        }
        block
    }

    #[cold]
    fn behind_the_end(&self, user_key: &[u8], tag: u64) -> bool {
        // A smaller tag sorts later.
        (user_key, !tag) > (self.last_key.as_slice(), !self.last_tag)
    }

    /// Where block `block` lies in the file. O(1).
    #[inline]
    pub fn handle(&self, block: usize) -> Option<BlockHandle> {
        self.handles.as_ref()?.get(block)
    }

    /// Appends the user key of block `block`'s upper end to `out`. `None`, and nothing
    /// appended, if there is no such block.
    pub fn separator(&self, block: usize, out: &mut Vec<u8>) -> Option<Separator> {
        if block >= self.blocks {
            return None;
        }
        if block + 1 == self.blocks {
            out.extend_from_slice(&self.last_key);
            return Some(Separator::At(self.last_tag));
        }
        match self.root.as_ref()?.cut(block, out) {
            NO_TAG => Some(Separator::Before),
            tag => Some(Separator::At(tag)),
        }
    }

    /// Whether versions of one user key lie in more than one block, so that cuts depend on
    /// sequence numbers. O(nodes).
    pub fn has_tags(&self) -> bool {
        self.root.as_ref().is_some_and(Node::has_tags)
    }

    /// Heap bytes held. O(nodes).
    pub fn memory_usage(&self) -> usize {
        size_of::<Self>()
            + self.last_key.capacity()
            + self.handles.as_ref().map_or(0, Handles::memory_usage)
            + self.root.as_ref().map_or(0, Node::memory_usage)
    }

    /// Bytes of the block it was read from.
    pub fn stored_bytes(&self) -> usize {
        self.stored_bytes
    }
}
