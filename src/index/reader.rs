//! The learned index of one open file.

use super::NO_TAG;
use super::format::{CONTIGUOUS, Refusal, unseal};
use super::handles::{BlockHandle, Handles};
use super::separators::Separators;
use super::summary::{Segment, Summary};

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
    separators: Option<Separators>,
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
            separators: None,
            stored_bytes: block.len(),
        };
        if blocks > 0 {
            index.last_tag = cursor.u64("last key")?;
            index.last_key = cursor.bytes("last key")?.to_vec();
            let contiguous = flags & CONTIGUOUS != 0;
            index.handles = Some(Handles::parse(&mut cursor, contiguous, blocks, file_size)?);
        }
        if blocks > 1 {
            let separators = Separators::parse(&mut cursor, blocks - 1)?;
            // The last key is a separator too, the highest.
            let mut cut = Vec::new();
            let tag = separators.cut(blocks - 2, &mut cut);
            if (&cut, !tag) > (&index.last_key, !index.last_tag) {
                return Err(Refusal::Invalid("last key below the last cut"));
            }
            index.separators = Some(separators);
        }
        if !cursor.is_empty() {
            return Err(Refusal::Invalid("bytes behind the end"));
        }
        Ok(index)
    }

    /// Bytes a block that [`quicken`](Self::quicken) takes, about.
    pub const QUICK_BYTES: usize = 7;

    /// Keeps cuts also, and places of blocks instead, in forms that are quicker to read: a seek takes a
    /// third to two thirds of the time. O(size).
    pub fn quicken(&mut self) {
        if let Some(separators) = &mut self.separators {
            separators.quicken();
        }
        if let Some(handles) = &mut self.handles {
            handles.quicken();
        }
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
        let block = match &self.separators {
            Some(separators) => separators.rank(user_key, tag, |near| self.prefetch_handle(near)),
            None => 0,
        };
        self.block_of(block, user_key, tag)
    }

    /// [`seek`](Self::seek), and about where in the block the target is, in 65536ths, where that
    /// can be told at no cost to speak of.
    #[inline]
    pub fn seek_and_guess(&self, user_key: &[u8], tag: u64) -> (usize, Option<u16>) {
        let (block, guess) = match &self.separators {
            Some(separators) => {
                separators.rank_and_part(user_key, tag, |near| self.prefetch_handle(near))
            }
            None => (0, None),
        };
        (self.block_of(block, user_key, tag), guess)
    }

    #[inline]
    fn block_of(&self, block: usize, user_key: &[u8], tag: u64) -> usize {
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

    /// Whoever seeks a block will want to know where it lies.
    #[inline]
    fn prefetch_handle(&self, block: usize) {
        if let Some(handles) = &self.handles {
            handles.prefetch(block);
        }
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
        match self.separators.as_ref()?.cut(block, out) {
            NO_TAG => Some(Separator::Before),
            tag => Some(Separator::At(tag)),
        }
    }

    /// Whether block `block` and the one behind it hold versions of one user key. If not, all
    /// user keys behind the block are above those that [`seek`](Self::seek) sends to it.
    pub fn splits_a_user_key(&self, block: usize) -> bool {
        block < self.blocks.saturating_sub(1)
            && (self.separators.as_ref()).is_some_and(|separators| separators.tag(block) != NO_TAG)
    }

    /// Whether versions of one user key lie in more than one block, so that cuts depend on
    /// sequence numbers.
    pub fn has_tags(&self) -> bool {
        self.separators.as_ref().is_some_and(Separators::has_tags)
    }

    /// The segments of the model over the cuts, in order; none for fewer than two blocks.
    pub fn segments(&self) -> impl Iterator<Item = Segment> + '_ {
        self.separators.iter().flat_map(Separators::segments)
    }

    /// The index in figures. O(blocks).
    pub fn summary(&self) -> Summary {
        let (mut segments, mut largest_error) = (0, None::<f64>);
        for segment in self.segments() {
            segments += 1;
            if let Some(error) = segment.error {
                largest_error = Some(largest_error.unwrap_or(0.0).max(error));
            }
        }
        Summary {
            blocks: self.blocks,
            stored_bytes: self.stored_bytes,
            segments,
            largest_error,
        }
    }

    /// Heap bytes held.
    pub fn memory_usage(&self) -> usize {
        size_of::<Self>()
            + self.last_key.capacity()
            + self.handles.as_ref().map_or(0, Handles::memory_usage)
            + self.separators.as_ref().map_or(0, Separators::memory_usage)
    }

    /// Bytes of the block it was read from.
    pub fn stored_bytes(&self) -> usize {
        self.stored_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::super::Builder;
    use super::*;

    /// A block with front-coded cuts, short and long, with and without tags.
    fn sample_of_strings() -> Vec<u8> {
        let mut keys: Vec<(Vec<u8>, u64)> = Vec::new();
        for i in 0..30u8 {
            keys.push((vec![i, 1, 2], 9));
            keys.push(([&b"shared prefix "[..], &[i, i]].concat(), 9));
            keys.push(([&b"shared prefix and more "[..], &[i, 0]].concat(), 9));
        }
        keys.extend((0..25).map(|version| (b"one key".to_vec(), 1000 + version)));
        keys.sort_by_key(|(key, tag)| (key.clone(), !*tag));
        let mut builder = Builder::new();
        let mut offset = 0;
        for (i, (key, tag)) in keys.iter().enumerate() {
            let next = keys.get(i + 1).map(|(key, tag)| (key.as_slice(), *tag));
            let size = 100 + (i as u64 * 7) % 13;
            builder.add_block((key, *tag), next, BlockHandle { offset, size });
            offset += size + 5;
        }
        builder.finish().expect("sorted keys")
    }

    /// Cuts as numbers, which the other never has.
    fn sample_of_numbers() -> Vec<u8> {
        let mut builder = Builder::new();
        for i in 0..200u64 {
            let key = |i: u64| (i * i * 1000).to_be_bytes();
            let next = (i < 199).then(|| key(i + 1));
            let handle = BlockHandle {
                offset: i * 105,
                size: 100,
            };
            builder.add_block((&key(i), 9), next.as_ref().map(|k| (&k[..], 9)), handle);
        }
        builder.finish().expect("sorted keys")
    }

    #[test]
    fn what_it_is_made_of() {
        let block = sample_of_numbers();
        let index = LearnedIndex::parse(&block, u64::MAX).expect("own block");
        let segments: Vec<Segment> = index.segments().collect();
        assert_eq!(
            segments.iter().map(|s| s.cuts).collect::<Vec<_>>(),
            [64, 64, 64, 7]
        );
        let mut key = Vec::new();
        for segment in &segments {
            key.clear();
            index.separator(segment.first, &mut key);
            assert_eq!(
                segment.from.strip_suffix(b"\0").unwrap_or(&segment.from),
                key
            );
            assert!(segment.from < segment.to);
        }
        let summary = index.summary();
        assert_eq!((summary.blocks, summary.segments), (200, 4));
        assert_eq!(summary.stored_bytes, block.len());
        let worst = segments.iter().filter_map(|s| s.error).fold(0.0, f64::max);
        assert_eq!(summary.largest_error, Some(worst));
        // A parabola under its tangents.
        assert!(worst > 10.0 && worst < 63.0, "{worst}");
        let bits = summary.bits_a_block();
        assert!((bits * 200.0 / 8.0 - block.len() as f64).abs() < 1e-6);

        let block = sample_of_strings();
        let index = LearnedIndex::parse(&block, u64::MAX).expect("own block");
        let summary = index.summary();
        assert_eq!(summary.segments, (index.blocks() - 1).div_ceil(16));
        assert_eq!(summary.largest_error, None);
        let cuts: usize = index.segments().map(|segment| segment.cuts).sum();
        assert_eq!(cuts, index.blocks() - 1);

        let empty = Builder::new().finish().expect("no keys");
        let index = LearnedIndex::parse(&empty, 0).expect("own block");
        assert_eq!(index.summary().segments, 0);
        assert_eq!(index.summary().bits_a_block(), 0.0);
    }

    #[test]
    fn user_keys_go_on_only_where_a_cut_has_a_tag() {
        let mut builder = Builder::new();
        let keys = [(&b"a"[..], 9), (b"b", 9), (b"b", 5), (b"c", 7), (b"c", 1)];
        for (i, key) in keys.iter().enumerate() {
            let handle = BlockHandle {
                offset: i as u64 * 10,
                size: 5,
            };
            builder.add_block(*key, keys.get(i + 1).copied(), handle);
        }
        let block = builder.finish().expect("sorted keys");
        let index = LearnedIndex::parse(&block, u64::MAX).expect("own block");
        let splits: Vec<bool> = (0..6).map(|i| index.splits_a_user_key(i)).collect();
        assert_eq!(splits, [false, true, false, true, false, false]);
        let numbers = sample_of_numbers();
        let index = LearnedIndex::parse(&numbers, u64::MAX).expect("own block");
        assert!((0..201).all(|i| !index.splits_a_user_key(i)));
    }
}
