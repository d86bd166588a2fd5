//! The block handles of a file: where block `i` begins and how long it is.

use super::format::{Cursor, Refusal};
use super::sequence::{self, Sequence};

/// A data block's place in its file, in bytes, without the block trailer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockHandle {
    /// Offset of the block's first byte in the file.
    pub offset: u64,
    /// Length of the block as stored (compressed, if it is).
    pub size: u64,
}

impl BlockHandle {
    fn end(self) -> Option<u64> {
        self.offset.checked_add(self.size)
    }
}

/// The handles of `len` blocks in file order.
#[derive(Debug)]
pub(super) struct Handles {
    len: usize,
    offsets: Sequence,
    ends: Ends,
}

#[derive(Debug)]
enum Ends {
    /// A block ends this many bytes before the next one begins (RocksDB: the block
    /// trailer). `offsets` has one more value: where a block behind the last would begin.
    Gap(u64),
    /// Blocks are padded or interleaved with other data: ends are kept.
    Stored(Sequence),
}

/// The distance between every two neighbours, if it is the same.
fn common_gap(handles: &[BlockHandle]) -> Option<u32> {
    let mut gaps = handles
        .windows(2)
        .map(|w| w[1].offset.checked_sub(w[0].end()?));
    let gap = gaps.next().unwrap_or(Some(0))?;
    if gaps.any(|g| g != Some(gap)) {
        return None;
    }
    handles.last()?.end()?.checked_add(gap)?;
    u32::try_from(gap).ok()
}

/// Appends the encoding of `handles`, which must not overlap and be in file order.
/// Returns whether they are contiguous (format flag bit 0).
pub(super) fn encode(handles: &[BlockHandle], out: &mut Vec<u8>) -> bool {
    let mut offsets: Vec<u64> = handles.iter().map(|h| h.offset).collect();
    let end = |h: &BlockHandle| h.offset + h.size;
    match common_gap(handles) {
        Some(gap) => {
            offsets.extend(handles.last().map(|h| end(h) + u64::from(gap)));
            out.extend_from_slice(&gap.to_le_bytes());
            sequence::encode(&offsets, out);
            true
        }
        None => {
            sequence::encode(&offsets, out);
            sequence::encode(&handles.iter().map(end).collect::<Vec<_>>(), out);
            false
        }
    }
}

impl Handles {
    /// Reads the handles of `len` blocks and checks that all lie below `file_size`.
    pub fn parse(
        cursor: &mut Cursor<'_>,
        contiguous: bool,
        len: usize,
        file_size: u64,
    ) -> Result<Handles, Refusal> {
        let (offsets, ends) = if contiguous {
            let gap = u64::from(cursor.u32("handles")?);
            (Sequence::parse(cursor)?, Ends::Gap(gap))
        } else {
            (
                Sequence::parse(cursor)?,
                Ends::Stored(Sequence::parse(cursor)?),
            )
        };
        let expected = match &ends {
            Ends::Gap(_) => len + 1,
            Ends::Stored(ends) if ends.len() != len => {
                return Err(Refusal::Invalid("number of block ends"));
            }
            Ends::Stored(_) => len,
        };
        if offsets.len() != expected {
            return Err(Refusal::Invalid("number of block offsets"));
        }
        let handles = Handles { len, offsets, ends };
        let mut previous_end = 0;
        for i in 0..len {
            let (start, end) = handles.bounds(i).ok_or(Refusal::Invalid("block handle"))?;
            if start < previous_end || end < start || end > file_size {
                return Err(Refusal::Invalid("block handle outside of the file"));
            }
            previous_end = end;
        }
        Ok(handles)
    }

    #[inline]
    fn bounds(&self, i: usize) -> Option<(u64, u64)> {
        match &self.ends {
            Ends::Gap(gap) => {
                let (start, next) = self.offsets.pair(i)?;
                Some((start, next.checked_sub(*gap)?))
            }
            Ends::Stored(ends) => Some((self.offsets.get(i)?, ends.get(i)?)),
        }
    }

    /// The handle of block `i`; `None` behind the last. O(1).
    #[inline]
    pub fn get(&self, i: usize) -> Option<BlockHandle> {
        if i >= self.len {
            return None;
        }
        let (offset, end) = self.bounds(i)?;
        Some(BlockHandle {
            offset,
            size: end.wrapping_sub(offset),
        })
    }

    /// Heap bytes held.
    pub fn memory_usage(&self) -> usize {
        let ends = match &self.ends {
            Ends::Gap(_) => 0,
            Ends::Stored(ends) => ends.memory_usage(),
        };
        self.offsets.memory_usage() + ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn layout(sizes: &[u64], gap: impl Fn(usize) -> u64) -> Vec<BlockHandle> {
        let mut offset = 0;
        (sizes.iter().enumerate())
            .map(|(i, &size)| {
                let handle = BlockHandle { offset, size };
                offset += size + gap(i);
                handle
            })
            .collect()
    }

    fn check(handles: &[BlockHandle], contiguous: bool) {
        let mut out = Vec::new();
        assert_eq!(encode(handles, &mut out), contiguous);
        let end = handles.last().map_or(0, |h| h.offset + h.size);
        let parse = |size| {
            let mut cursor = Cursor::new(&out);
            Handles::parse(&mut cursor, contiguous, handles.len(), size)
        };
        let read = parse(end).expect("own encoding");
        for (i, h) in handles.iter().enumerate() {
            assert_eq!(read.get(i), Some(*h));
        }
        assert_eq!(read.get(handles.len()), None);
        if end > 0 {
            assert!(parse(end - 1).is_err(), "a handle outside of the file");
        }
    }

    #[test]
    fn one_block() {
        check(&layout(&[4096], |_| 5), true);
        check(&layout(&[0], |_| 0), true);
    }

    proptest! {
        #[test]
        fn contiguous(sizes in prop::collection::vec(0u64..9000, 1..300)) {
            check(&layout(&sizes, |_| 5), true);
        }

        #[test]
        fn padded(sizes in prop::collection::vec(0u64..9000, 3..300)) {
            check(&layout(&sizes, |i| 5 + (i as u64 % 2) * 4096), false);
        }
    }

    #[test]
    fn overlapping_and_inverted_blocks_are_refused() {
        let mut out = Vec::new();
        let overlap = [(0, 100), (50, 100)].map(|(offset, size)| BlockHandle { offset, size });
        assert!(!encode(&overlap, &mut out));
        assert!(Handles::parse(&mut Cursor::new(&out), false, 2, 1000).is_err());
        let mut out = Vec::new();
        sequence::encode(&[10], &mut out);
        sequence::encode(&[5], &mut out);
        assert!(Handles::parse(&mut Cursor::new(&out), false, 1, 1000).is_err());
    }
}
