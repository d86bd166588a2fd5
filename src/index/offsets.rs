//! The offsets of the blocks of a file in memory: 25 blocks to a cache line, so that where a block
//! begins and where the next one does is read together.
//!
//! ```text
//!   line := base:u64  slope:u32  off:i16[26]        offset of block j = base + j slope + off[j]
//! ```

use super::sequence::Sequence;
use crate::prefetch::prefetch;

/// Blocks to a line; it knows where the one behind them begins, too.
const BLOCKS: usize = 25;

#[derive(Debug)]
#[repr(align(64))]
struct Line {
    /// The offset of its first block.
    base: u64,
    /// From the first offset to the last, in bytes a block.
    slope: u32,
    off: [i16; BLOCKS + 1],
}

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Offsets {
    lines: Vec<Line>,
}

impl Line {
    /// Of ascending offsets, [`BLOCKS`] + 1 at most; `None` if they lie too far from a line.
    fn new(offsets: &[u64]) -> Option<Line> {
        let base = *offsets.first()?;
        let rise = |offset: u64| offset - base;
        let blocks = (offsets.len() - 1).max(1) as u64;
        let slope = u32::try_from(rise(*offsets.last()?) / blocks).ok()?;
        let mut off = [0; BLOCKS + 1];
        for ((off, j), &offset) in off.iter_mut().zip(0..).zip(offsets) {
            *off =
                i16::try_from(i128::from(rise(offset)) - i128::from(j * u64::from(slope))).ok()?;
        }
        Some(Line { base, slope, off })
    }

    /// Offsets `j` and `j + 1`.
    #[inline]
    fn pair(&self, j: usize) -> Option<(u64, u64)> {
        let [off, next] = self.off.get(j..j + 2)? else {
            return None;
        };
        let slope = u64::from(self.slope);
        let on_line = self.base.wrapping_add(j as u64 * slope);
        Some((
            on_line.wrapping_add_signed((*off).into()),
            on_line
                .wrapping_add(slope)
                .wrapping_add_signed((*next).into()),
        ))
    }
}

impl Offsets {
    /// Of a sequence of offsets; `None` if blocks differ too much in size.
    pub fn new(sequence: &Sequence) -> Option<Offsets> {
        let last = sequence.len().saturating_sub(1);
        let lines = (0..last).step_by(BLOCKS).map(|start| {
            let end = (start + BLOCKS).min(last);
            let offsets: Option<Vec<u64>> = (start..=end).map(|i| sequence.get(i)).collect();
            Line::new(&offsets?)
        });
        let lines = lines.collect::<Option<_>>()?;
        Some(Offsets { lines })
    }

    /// Asks for what [`pair`](Self::pair) reads.
    #[inline]
    pub fn prefetch(&self, i: usize) {
        if let Some(line) = self.lines.get(i / BLOCKS) {
            prefetch(std::ptr::from_ref(line).cast());
        }
    }

    /// Offsets `i` and `i + 1`; behind the last something, or `None`. O(1).
    #[inline]
    pub fn pair(&self, i: usize) -> Option<(u64, u64)> {
        self.lines.get(i / BLOCKS)?.pair(i % BLOCKS)
    }

    /// Heap bytes held.
    pub fn memory_usage(&self) -> usize {
        self.lines.capacity() * size_of::<Line>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::format::Cursor;
    use super::super::sequence::encode;
    use super::*;
    use proptest::prelude::*;

    fn offsets_of(values: &[u64]) -> (Sequence, Option<Offsets>) {
        let mut out = Vec::new();
        encode(values, &mut out);
        let sequence = Sequence::parse(&mut Cursor::new(&out)).expect("own encoding");
        let offsets = Offsets::new(&sequence);
        (sequence, offsets)
    }

    #[test]
    fn lines_are_cache_lines() {
        assert_eq!((size_of::<Line>(), align_of::<Line>()), (64, 64));
    }

    #[test]
    fn what_a_line_has_room_for() {
        let fits = |values: &[u64]| offsets_of(values).1.is_some();
        assert!(fits(&[]));
        assert!(fits(&[7]));
        assert!(fits(&[7, u64::from(u32::MAX) + 7]));
        assert!(!fits(&[7, u64::from(u32::MAX) + 8]));
        assert!(fits(&[7, 7, 7 + 65536]) && fits(&[7, 7 + 65534, 7 + 65534]));
        assert!(!fits(&[7, 7, 7 + 65538]) && !fits(&[7, 7 + 65536, 7 + 65536]));
        assert!(fits(&[u64::MAX - 1, u64::MAX]));
    }

    proptest! {
        #[test]
        fn pairs_are_those_of_the_sequence(
            first in prop_oneof![Just(0), any::<u64>()],
            sizes in prop::collection::vec(prop_oneof![4000u64..4200, 0u64..9000], 0..300),
        ) {
            let mut values = vec![first];
            for size in sizes {
                values.push(values.last().map_or(0, |last| last.saturating_add(size)));
            }
            let (sequence, offsets) = offsets_of(&values);
            let offsets = offsets.expect("blocks of about one size");
            for i in 0..values.len() - 1 {
                prop_assert_eq!(offsets.pair(i), sequence.pair(i), "from {}", i);
            }
        }
    }
}
