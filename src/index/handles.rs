//! The block handles of a file: where block `i` begins and how long it is.

use super::format::{Cursor, Refusal};
use super::offsets::Offsets;
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
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// A block ends this many bytes before the next one begins (RocksDB: the block
    /// trailer). There is one offset more: where a block behind the last would begin.
    Contiguous(u64, Sequence),
    /// The same in the quick form, which blocks have that do not differ much in size.
    Quick(u64, Offsets),
    /// Blocks are padded or interleaved with other data: offsets and ends are kept.
    Stored(Sequence, Sequence),
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
        let gap = match contiguous {
            true => u64::from(cursor.u32("handles")?),
            false => 0,
        };
        let offsets = Sequence::parse(cursor)?;
        let ends = match contiguous {
            true => None,
            false => Some(Sequence::parse(cursor)?),
        };
        if ends.as_ref().is_some_and(|ends| ends.len() != len) {
            return Err(Refusal::Invalid("number of block ends"));
        }
        if offsets.len() != len + usize::from(contiguous) {
            return Err(Refusal::Invalid("number of block offsets"));
        }
        let form = match ends {
            Some(ends) => Form::Stored(offsets, ends),
            None => Form::Contiguous(gap, offsets),
        };
        let handles = Handles { len, form };
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

    /// See [`LearnedIndex::quicken`](super::LearnedIndex::quicken).
    pub fn quicken(&mut self) {
        if let Form::Contiguous(gap, offsets) = &self.form
            && let Some(offsets) = Offsets::new(offsets)
        {
            self.form = Form::Quick(*gap, offsets);
        }
    }

    /// Asks for what [`get`](Self::get) reads, in the quick form.
    #[inline]
    pub fn prefetch(&self, i: usize) {
        if let Form::Quick(_, offsets) = &self.form {
            offsets.prefetch(i);
        }
    }

    #[inline]
    fn bounds(&self, i: usize) -> Option<(u64, u64)> {
        let (gap, (start, next)) = match &self.form {
            Form::Contiguous(gap, offsets) => (gap, offsets.pair(i)?),
            Form::Quick(gap, offsets) => (gap, offsets.pair(i)?),
            Form::Stored(offsets, ends) => return Some((offsets.get(i)?, ends.get(i)?)),
        };
        Some((start, next.checked_sub(*gap)?))
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
        match &self.form {
            Form::Contiguous(_, offsets) => offsets.memory_usage(),
            Form::Quick(_, offsets) => offsets.memory_usage(),
            Form::Stored(offsets, ends) => offsets.memory_usage() + ends.memory_usage(),
        }
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
        let mut read = parse(end).expect("own encoding");
        for _ in 0..2 {
            for (i, h) in handles.iter().enumerate() {
                assert_eq!(read.get(i), Some(*h));
            }
            assert_eq!(read.get(handles.len()), None);
            read.quicken();
        }
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
        fn uneven(sizes in prop::collection::vec(
            prop_oneof![0u64..9000, 0u64..1 << 34], 1..300)) {
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
