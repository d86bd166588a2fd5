//! A compressed non-decreasing sequence of `u64` with random access and rank.
//!
//! Groups of 64 values; in a group each value is a point above one line, kept as its
//! distance from the line in as few bits as the group needs, in units of the largest
//! power of two that divides the group's values.
//!
//! ```text
//!  value                      .  '      residual = value - line, `width` bits
//!    ^                . ' |
//!    |         . '   |    |             the line is the lower tangent through the
//!    |     '  _|_.-'------------        group's first value, so no residual is
//!    |  .-'                             negative and the first is zero
//!    +-----------------------------> j
//! ```
//!
//! For ranks ([`Ranked`]) a histogram over the groups' first values finds the group, in which the
//! search halves; or, quicker and for more memory, a line from its first value to its last says which of
//! its four [`Node`]s to look into first.

use super::format::{Cursor, Refusal};
use super::quick::{Groups, Place};
use crate::bits::low;
use crate::model::histogram::{Histograms, count_on, pad};
use std::ops::Range;

/// Values to a group: the paper estimate behind it is in the design of the format; a
/// longer group saves header bytes and pays in wider residuals.
pub(super) const GROUP: usize = 64;

/// Fraction bits of a slope, where its integer part leaves room.
const FRACTION: u32 = 16;

/// Bytes that a residual load may touch behind the last residual.
const SLACK: usize = 16;

#[derive(Debug, Clone, Copy)]
struct Head {
    slope: u64,
    /// Where the group's residuals begin, in bytes.
    residuals: u32,
    frac: u8,
    shift: u8,
    width: u8,
}

/// See the module documentation. Built by [`encode`], read back by [`Sequence::parse`].
#[derive(Debug)]
pub(super) struct Sequence {
    len: usize,
    firsts: Vec<u64>,
    heads: Vec<Head>,
    residuals: Vec<u8>,
}

/// A group and its line, for people.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Line {
    /// The group's first value, in the sequence.
    pub start: usize,
    pub len: usize,
    pub first: u64,
    /// The line at the group's last value.
    pub last: u64,
    /// How far a value is from where the line has its size, in places within the group.
    pub error: f64,
}

/// An ascending sequence that can tell ranks.
#[derive(Debug)]
pub(super) struct Ranked {
    sequence: Sequence,
    /// Over the groups' first values.
    histogram: Histograms,
    quick: Option<Groups>,
}

/// Appends the encoding of `values`, which must be non-decreasing.
pub(super) fn encode(values: &[u64], out: &mut Vec<u8>) {
    out.extend_from_slice(&(values.len() as u32).to_le_bytes());
    for group in values.chunks(GROUP) {
        out.extend_from_slice(&group[0].to_le_bytes());
    }
    let mut residuals = Vec::new();
    for group in values.chunks(GROUP) {
        let head = encode_group(group, &mut residuals);
        out.extend_from_slice(&head.slope.to_le_bytes());
        out.extend_from_slice(&[head.frac, head.shift, head.width]);
    }
    out.extend_from_slice(&residuals);
}

fn encode_group(group: &[u64], residuals: &mut Vec<u8>) -> Head {
    // Zero is divisible by everything; a group of zeros needs no shift.
    let shift = group.iter().fold(64, |s, v| s.min(v.trailing_zeros())) % 64;
    let first = group[0] >> shift;
    let rise = |j: usize| (group[j] >> shift) - first;
    let span = rise(group.len() - 1);
    let frac = FRACTION.min(span.leading_zeros());
    let slope = (1..group.len())
        .map(|j| (rise(j) << frac) / j as u64)
        .min()
        .unwrap_or(0);
    let head = Head {
        slope,
        residuals: 0,
        frac: frac as u8,
        shift: shift as u8,
        width: 0,
    };
    let residual = |j: usize| rise(j) - line(&head, j);
    let largest = (0..group.len()).map(residual).max().unwrap_or(0);
    let width = 64 - largest.leading_zeros();

    let (mut word, mut used) = (0u128, 0);
    for j in 0..group.len() {
        word |= u128::from(residual(j)) << used;
        used += width;
        while used >= 8 {
            residuals.push(word as u8);
            word >>= 8;
            used -= 8;
        }
    }
    if used > 0 {
        residuals.push(word as u8);
    }
    Head {
        width: width as u8,
        ..head
    }
}

/// The line of a group at position `j`. Never overflows in a valid sequence, because the
/// line lies below the group's values; [`Sequence::parse`] refuses others.
#[inline]
fn line(head: &Head, j: usize) -> u64 {
    ((j as u128 * u128::from(head.slope)) >> (u32::from(head.frac) % u64::BITS)) as u64
}

impl Sequence {
    /// Reads a sequence and checks that it never decreases. O(len).
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Sequence, Refusal> {
        Sequence::parse_as(cursor, false)
    }

    fn parse_as(cursor: &mut Cursor<'_>, ascending: bool) -> Result<Sequence, Refusal> {
        let len = cursor.u32("sequence")? as usize;
        let groups = len.div_ceil(GROUP);
        // Bounds the allocations below by the bytes that are really there.
        if cursor.remaining() / 19 < groups {
            return Err(Refusal::Truncated("sequence"));
        }
        let firsts = (0..groups)
            .map(|_| cursor.u64("sequence"))
            .collect::<Result<Vec<_>, _>>()?;
        let mut heads = Vec::with_capacity(groups);
        let mut total = 0usize;
        for g in 0..groups {
            let head = Head {
                slope: cursor.u64("sequence")?,
                residuals: u32::try_from(total).map_err(|_| Refusal::Invalid("sequence size"))?,
                frac: cursor.u8("sequence")?,
                shift: cursor.u8("sequence")?,
                width: cursor.u8("sequence")?,
            };
            if u32::from(head.frac) > FRACTION || head.shift > 63 || head.width > 64 {
                return Err(Refusal::Invalid("sequence group"));
            }
            let count = GROUP.min(len - g * GROUP);
            total += (count * usize::from(head.width)).div_ceil(8);
            heads.push(head);
        }
        let stored = cursor.take(total, "residuals")?;
        let mut residuals = Vec::with_capacity(total + SLACK);
        residuals.extend_from_slice(stored);
        residuals.resize(total + SLACK, 0);
        let sequence = Sequence {
            len,
            firsts,
            heads,
            residuals,
        };
        sequence.check(ascending)?;
        Ok(sequence)
    }

    fn check(&self, ascending: bool) -> Result<(), Refusal> {
        let mut previous = 0;
        let mut twice = false;
        for (g, (&first, head)) in self.firsts.iter().zip(&self.heads).enumerate() {
            if first >> head.shift << head.shift != first {
                return Err(Refusal::Invalid("first value of a group is off its unit"));
            }
            let group = self.group(g).ok_or(Refusal::Invalid("sequence group"))?;
            for j in 0..GROUP.min(self.len - g * GROUP) {
                let rise = ((j as u128 * u128::from(head.slope)) >> head.frac)
                    + u128::from(group.residual(j));
                let units = u128::from(first >> head.shift) + rise;
                let value = u64::try_from(units << head.shift)
                    .map_err(|_| Refusal::Invalid("sequence leaves 64 bits"))?;
                if value < previous || (j == 0 && value != first) {
                    return Err(Refusal::Invalid("sequence decreases"));
                }
                twice |= value == previous && (g, j) != (0, 0);
                previous = value;
            }
        }
        match twice && ascending {
            true => Err(Refusal::Invalid("sequence has a value twice")),
            false => Ok(()),
        }
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Heap bytes held.
    pub fn memory_usage(&self) -> usize {
        self.firsts.capacity() * size_of::<u64>()
            + self.heads.capacity() * size_of::<Head>()
            + self.residuals.capacity()
    }

    #[inline]
    fn group(&self, g: usize) -> Option<Group<'_>> {
        let head = self.heads.get(g)?;
        Some(Group {
            first: *self.firsts.get(g)?,
            head,
            residuals: (self.residuals.get(head.residuals as usize..)).unwrap_or(&[]),
            widest: low(u32::from(head.width)),
        })
    }

    /// Value `i`; `None` behind the end. O(1).
    #[inline]
    pub fn get(&self, i: usize) -> Option<u64> {
        if i >= self.len {
            return None;
        }
        Some(self.group(i / GROUP)?.value(i % GROUP))
    }

    /// Values `i` and `i + 1`; `None` if one is behind the end. O(1).
    #[inline]
    pub fn pair(&self, i: usize) -> Option<(u64, u64)> {
        let j = i % GROUP;
        if j + 1 == GROUP {
            return Some((self.get(i)?, self.get(i + 1)?));
        }
        if i + 1 >= self.len {
            return None;
        }
        let group = self.group(i / GROUP)?;
        Some((group.value(j), group.value(j + 1)))
    }
}

/// The values of a group.
#[derive(Clone, Copy)]
struct Group<'a> {
    first: u64,
    head: &'a Head,
    /// Its residuals, and what follows them.
    residuals: &'a [u8],
    /// The largest number that a residual has room for.
    widest: u64,
}

impl Group<'_> {
    /// Value `j`.
    #[inline]
    fn value(&self, j: usize) -> u64 {
        let shift = u32::from(self.head.shift) % u64::BITS;
        self.first.wrapping_add(self.rise(j) << shift)
    }

    /// How far value `j` is above the group's first one, in units of the group.
    #[inline]
    fn rise(&self, j: usize) -> u64 {
        line(self.head, j).wrapping_add(self.residual(j))
    }

    #[inline]
    fn residual(&self, j: usize) -> u64 {
        let width = usize::from(self.head.width);
        let bit = j * width;
        let (at, skip) = (bit / 8, bit as u32 % 8);
        // In range: SLACK bytes follow the last residual.
        let bytes = self.residuals.get(at..).unwrap_or(&[]);
        // A word holds all of it, wherever in its first byte it begins.
        let word = match width <= 56 {
            true => bytes.first_chunk().map_or(0, |b| u64::from_le_bytes(*b)) >> skip,
            false => (bytes.first_chunk().map_or(0, |b| u128::from_le_bytes(*b)) >> skip) as u64,
        };
        word & self.widest
    }
}

impl Ranked {
    /// Reads a sequence and checks that it ascends. O(len).
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Ranked, Refusal> {
        let mut sequence = Sequence::parse_as(cursor, true)?;
        let firsts = &mut sequence.firsts;
        let mut histogram = Histograms::default();
        histogram.add(firsts, 0, firsts.len());
        histogram.shrink_to_fit();
        pad(firsts);
        firsts.shrink_to_fit();
        Ok(Ranked {
            sequence,
            histogram,
            quick: None,
        })
    }

    /// From here on ranks take a third of the time. O(len).
    pub fn quicken(&mut self) {
        let values = (0..self.len()).map_while(|i| self.sequence.get(i));
        self.quick = Some(Groups::new(values));
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.sequence.len()
    }

    /// Value `i`; `None` behind the end. O(1).
    pub fn get(&self, i: usize) -> Option<u64> {
        self.sequence.get(i)
    }

    /// The lines, one a group.
    pub fn lines(&self) -> impl Iterator<Item = Line> {
        let Sequence {
            len, firsts, heads, ..
        } = &self.sequence;
        (firsts.iter().zip(heads).enumerate()).map(move |(g, (&first, head))| {
            let start = g * GROUP;
            let len = GROUP.min(*len - start);
            // Where the line has the size of a value, which lies above it.
            let group = self.sequence.group(g);
            let steepness = (1u64 << head.frac) as f64 / head.slope as f64;
            let guess = |j: usize| {
                let rise = group.map_or(0, |group| group.rise(j));
                (rise as f64 * steepness).min((len - 1) as f64)
            };
            let error = (1..len).map(|j| (guess(j) - j as f64).max(0.0));
            let error = error.fold(0.0, f64::max);
            Line {
                start,
                len,
                first,
                last: first + (line(head, len - 1) << head.shift),
                error,
            }
        })
    }

    /// Heap bytes held.
    pub fn memory_usage(&self) -> usize {
        self.sequence.memory_usage()
            + self.histogram.memory_usage()
            + self.quick.as_ref().map_or(0, Groups::memory_usage)
    }

    /// How many values are `<= x`. O(1) expected, O(log len) at worst. `near` hears of a place not far
    /// off before memory is waited for, if that can be told.
    #[inline]
    pub fn rank(&self, x: u64, near: impl FnOnce(usize)) -> usize {
        self.place(x, near).0
    }

    /// [`rank`](Self::rank), and where `x` lies between the value in front of that place and the one
    /// there, in 65536ths; `None` if there are no such two.
    #[inline]
    pub fn rank_and_part(&self, x: u64, near: impl FnOnce(usize)) -> (usize, Option<u16>) {
        let (rank, place) = self.place(x, near);
        if rank == 0 || rank >= self.len() {
            return (rank, None);
        }
        let quick = self.quick.as_ref().zip(place);
        let part = quick.and_then(|(groups, place)| groups.part(&place, rank));
        let part = part.or_else(|| {
            let (below, above) = self.sequence.pair(rank - 1)?;
            Some(part_between(below, x, above))
        });
        (rank, part)
    }

    /// [`rank`](Self::rank), and where that is in the quick form.
    #[inline]
    fn place(&self, x: u64, near: impl FnOnce(usize)) -> (usize, Option<Place>) {
        let Sequence { firsts, heads, .. } = &self.sequence;
        let place = self.histogram.place(0, x);
        let Some(g) = count_on(firsts, place, x).min(heads.len()).checked_sub(1) else {
            return (0, None);
        };
        let quick = self.quick.as_ref();
        let place = quick.and_then(|groups| groups.place(g, x - firsts[g], near));
        let rank = match place.and_then(|place| place.rank) {
            Some(rank) => rank,
            None => self.rank_in(g * GROUP..(g + 1) * GROUP, x),
        };
        (rank, place)
    }

    /// [`rank`](Self::rank) of an `x` that is not below the first value of `range`, but below the first
    /// one behind it.
    #[inline(never)]
    fn rank_in(&self, range: Range<usize>, x: u64) -> usize {
        let mut low = range.start;
        let mut size = range.end.min(self.len()) - low;
        while size > 1 {
            let half = size / 2;
            let is_below = self.get(low + half).is_some_and(|value| value <= x);
            low += if is_below { half } else { 0 };
            size -= half;
        }
        low + 1
    }
}

/// Where `x` lies between `below` and `above`, in 65536ths; 0 if all three are one.
#[inline]
pub(super) fn part_between(below: u64, x: u64, above: u64) -> u16 {
    let part = x.saturating_sub(below) as f32 / above.saturating_sub(below) as f32;
    (part * 65536.0) as u16 // saturates
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(values: &[u64]) -> Sequence {
        let mut out = Vec::new();
        encode(values, &mut out);
        let mut cursor = Cursor::new(&out);
        let sequence = Sequence::parse(&mut cursor).expect("own encoding");
        assert!(cursor.is_empty());
        sequence
    }

    fn check(values: &[u64]) {
        check_ranks(values);
        let sequence = round_trip(values);
        for (i, &v) in values.iter().enumerate() {
            assert_eq!(sequence.get(i), Some(v), "value {i}");
            let pair = values.get(i + 1).map(|&next| (v, next));
            assert_eq!(sequence.pair(i), pair, "values from {i}");
        }
        assert_eq!(sequence.get(values.len()), None);
    }

    fn check_ranks(values: &[u64]) {
        let mut values = values.to_vec();
        values.dedup();
        let mut out = Vec::new();
        encode(&values, &mut out);
        let mut ranked = Ranked::parse(&mut Cursor::new(&out)).expect("own encoding");
        check_ranks_of(&ranked, &values);
        ranked.quicken();
        check_ranks_of(&ranked, &values);
    }

    fn check_ranks_of(ranked: &Ranked, values: &[u64]) {
        for x in values
            .iter()
            .flat_map(|&v| [v.saturating_sub(1), v, v.saturating_add(1)])
            .chain([0, u64::MAX])
        {
            let oracle = values.partition_point(|&v| v <= x);
            assert_eq!(ranked.rank(x, |_| {}), oracle, "rank of {x}");
            let (rank, part) = ranked.rank_and_part(x, |_| {});
            assert_eq!(rank, oracle, "rank of {x}");
            assert_eq!(part.is_some(), (1..values.len()).contains(&oracle));
            if let Some(part) = part {
                let (below, above) = (values[oracle - 1], values[oracle]);
                let off = part.abs_diff(part_between(below, x, above));
                assert!(
                    u32::from(off) <= 2 * 65536 / super::super::node::LEAST_APART,
                    "part of {x}"
                );
            }
        }
    }

    #[test]
    fn parts_between_neighbours() {
        assert_eq!(part_between(63_000, 63_000, 64_000), 0);
        assert_eq!(part_between(63_000, 63_500, 64_000), 0x8000);
        assert!(part_between(63_000, 63_999, 64_000) > 0xff00);
        // What is not between them is taken for an end.
        assert_eq!(part_between(5000, 0, 6000), 0);
        assert_eq!(part_between(5000, u64::MAX, 6000), u16::MAX);
        assert_eq!(part_between(5, 5, 5), 0);
    }

    #[test]
    fn lines_tell_how_far_they_are_off() {
        let mut values: Vec<u64> = (0..130).map(|i| 1000 + 10 * i).collect();
        values[100] += 9;
        let mut out = Vec::new();
        encode(&values, &mut out);
        let ranked = Ranked::parse(&mut Cursor::new(&out)).expect("own encoding");
        let lines: Vec<Line> = ranked.lines().collect();
        let ends = lines.iter().map(|l| (l.start, l.len, l.first, l.last));
        let ends: Vec<_> = ends.collect();
        assert_eq!(
            ends,
            [
                (0, 64, 1000, 1630),
                (64, 64, 1640, 2270),
                (128, 2, 2280, 2290)
            ]
        );
        for (line, error) in lines.iter().zip([0.0, 0.9, 0.0]) {
            assert!((line.error - error).abs() < 1e-3, "{line:?}");
        }
    }

    #[test]
    fn values_twice_have_no_ranks() {
        let mut out = Vec::new();
        encode(&[1, 2, 2, 3], &mut out);
        assert!(Sequence::parse(&mut Cursor::new(&out)).is_ok());
        assert!(Ranked::parse(&mut Cursor::new(&out)).is_err());
    }

    #[test]
    fn extremes() {
        check(&[]);
        check(&[0]);
        check(&[u64::MAX]);
        check(&[0; 200]);
        check(&[u64::MAX; 200]);
        check(&[0, u64::MAX]);
        check(&[0, 1, u64::MAX - 1, u64::MAX]);
        let mut jump = vec![0; 70];
        jump.extend([u64::MAX; 70]);
        check(&jump);
        // What is shifted out decides.
        let values = (0..50).map(|i| (i % 7) << 40 | i | (i / 7) << 60);
        let mut values: Vec<u64> = values.chain([3, 5, 1 << 62 | 1, 1 << 62 | 3]).collect();
        values.sort_unstable();
        check(&values);
        // Residuals of 57 to 64 bits that begin inside a byte.
        for bits in 56..64 {
            let far = (1u64 << bits) | 1;
            check(&[0, 1, 2, 3, far, far + 1, far + 2, far + 5]);
            check(&[0, far, far, far + 1]);
        }
    }

    #[test]
    fn a_dense_sequence_costs_no_residuals() {
        let values: Vec<u64> = (0..6400).map(|i| 1 << 40 | (i * 40)).collect();
        check(&values);
        let mut out = Vec::new();
        encode(&values, &mut out);
        assert!(out.len() <= 4 + 100 * 19 + 100 * 8, "{} bytes", out.len());
    }

    #[test]
    fn decreasing_sequences_are_refused() {
        let mut out = Vec::new();
        encode(&(0..130).map(|i| i * 7).collect::<Vec<u64>>(), &mut out);
        // Swap the first values of two groups.
        let (a, b) = (4, 4 + 8);
        for k in 0..8 {
            out.swap(a + k, b + k);
        }
        assert!(matches!(
            Sequence::parse(&mut Cursor::new(&out)),
            Err(Refusal::Invalid(_))
        ));
    }

    #[test]
    fn every_truncation_is_refused() {
        let mut out = Vec::new();
        encode(&(0..130).map(|i| i * i * 7).collect::<Vec<u64>>(), &mut out);
        for len in 0..out.len() {
            assert!(Sequence::parse(&mut Cursor::new(&out[..len])).is_err());
        }
    }

    proptest! {
        #[test]
        fn uniform(mut values in prop::collection::vec(any::<u64>(), 0..300)) {
            values.sort_unstable();
            check(&values);
        }

        #[test]
        fn clustered(
            starts in prop::collection::vec(any::<u64>(), 1..8),
            steps in prop::collection::vec(0u64..1000, 1..300),
        ) {
            let mut values: Vec<u64> = steps
                .iter()
                .enumerate()
                .map(|(i, s)| starts[i % starts.len()].saturating_add(s << (i % 13)))
                .collect();
            values.sort_unstable();
            check(&values);
        }

        // Whatever the bytes: an error, or a sequence whose operations stay in bounds.
        #[test]
        fn hostile_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400), len in 0u32..200) {
            let mut block = len.to_le_bytes().to_vec();
            block.extend(bytes);
            if let Ok(mut ranked) = Ranked::parse(&mut Cursor::new(&block)) {
                let targets = [0, 1, u64::MAX / 3, u64::MAX];
                let ranks = targets.map(|x| ranked.rank(x, |_| {}));
                prop_assert!(ranks.iter().all(|&rank| rank <= ranked.len()));
                ranked.quicken();
                prop_assert_eq!(targets.map(|x| ranked.rank(x, |_| {})), ranks);
            }
        }
    }

    #[test]
    fn first_values_must_be_those_of_their_groups() {
        let block = |first: u64, shift: u8, width: u8, residuals: &[u8]| {
            let mut out = 1u32.to_le_bytes().to_vec();
            out.extend_from_slice(&first.to_le_bytes());
            out.extend_from_slice(&0u64.to_le_bytes());
            out.extend_from_slice(&[0, shift, width]);
            out.extend_from_slice(residuals);
            out
        };
        let parse = |bytes: &[u8]| Sequence::parse(&mut Cursor::new(bytes)).map(|s| s.len());
        assert_eq!(parse(&block(4, 1, 0, &[])), Ok(1));
        assert!(parse(&block(3, 1, 0, &[])).is_err());
        assert!(parse(&block(0, 0, 8, &[5])).is_err());
    }
}
