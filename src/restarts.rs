//! Where the restarts of a data block are, in one word beside the block.
//!
//! RocksDB keeps them at the block's end, a cache line, and mostly a page, of its own that a search
//! waits for before it knows where to begin. Entries are of about one size, so restarts lie near a
//! line through the first of them, which is the block's first byte; the word holds the line and what
//! the others are off it. A word must be of the very block it is used for: of another it leads to
//! wrong places, and places in the middle of an entry may look like one.
//!
//! ```text
//!   word := count:9  step:14  width:4  residual:width[count - 1]  0:1
//!   place(i) = i * step + residual(i) - 2^(width - 1)
//!   width 15: the places are not known       count 0: nor is their number
//! ```
#![forbid(unsafe_code)]

use crate::bits::low;

const COUNT_BITS: u32 = 9;
const STEP_BITS: u32 = 14;
const WIDTH_BITS: u32 = 4;
const HEAD_BITS: u32 = COUNT_BITS + STEP_BITS + WIDTH_BITS;
/// The last bit is the caller's.
const RESIDUAL_BITS: u32 = 64 - HEAD_BITS - 1;

/// The width that says that places are not known.
const UNKNOWN: u64 = 15;

/// See the module documentation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restarts(u64);

impl Restarts {
    /// A bit of a [`word`](Self::word) that is not used: callers may keep something in it.
    pub const SPARE_BIT: u64 = 1 << 63;

    /// So many, anywhere.
    pub fn anywhere(count: usize) -> Restarts {
        Restarts(fits(count, COUNT_BITS) | UNKNOWN << (COUNT_BITS + STEP_BITS))
    }

    /// Those at `places`, ascending from 0. Where they do not fit into a word it says less.
    pub fn at(places: &[usize]) -> Restarts {
        Restarts::try_at(places).unwrap_or(Restarts::anywhere(places.len()))
    }

    fn try_at(places: &[usize]) -> Option<Restarts> {
        let (&first, &last) = (places.first()?, places.last()?);
        let count = fits(places.len(), COUNT_BITS);
        let gaps = places.len() - 1;
        let step = last.checked_div(gaps).unwrap_or(0);
        if first != 0 || count == 0 || step >> STEP_BITS != 0 {
            return None;
        }
        let off = |(i, &place): (usize, &usize)| place as i64 - (i * step) as i64;
        let widest = places.iter().enumerate().map(|place| {
            let off = off(place);
            // As a number of two's complement.
            65 - if off < 0 { !off } else { off }.leading_zeros()
        });
        let width = match widest.max()? {
            1 if places.iter().enumerate().all(|place| off(place) == 0) => 0,
            width => width,
        };
        if u64::from(width) >= UNKNOWN || width as usize * gaps > RESIDUAL_BITS as usize {
            return None;
        }
        let mut word = count | (step as u64) << COUNT_BITS;
        word |= u64::from(width) << (COUNT_BITS + STEP_BITS);
        for (i, place) in places.iter().enumerate().skip(1) {
            let residual = (off((i, place)) + bias(width)) as u64;
            word |= residual << (HEAD_BITS + (i as u32 - 1) * width);
        }
        Some(Restarts(word))
    }

    /// As a word. 0 only for [`default`](Self::default), by which nothing is known.
    pub fn word(self) -> u64 {
        self.0
    }

    /// From [`word`](Self::word), whatever the spare bit is.
    #[inline]
    pub fn from_word(word: u64) -> Restarts {
        Restarts(word & !Restarts::SPARE_BIT)
    }

    /// How many there are; 0 if that is not known.
    #[inline]
    pub fn count(self) -> usize {
        (self.0 & low(COUNT_BITS)) as usize
    }

    #[inline]
    fn width(self) -> u32 {
        (self.0 >> (COUNT_BITS + STEP_BITS) & low(WIDTH_BITS)) as u32
    }

    /// Whether [`place`](Self::place) knows.
    #[inline]
    pub fn are_known(self) -> bool {
        u64::from(self.width()) != UNKNOWN && self.count() > 0
    }

    /// Where restart `i`, below [`count`](Self::count), begins; if that is known, and the word is
    /// of this block. O(1).
    #[inline]
    pub fn place(self, i: usize) -> Option<usize> {
        if !self.are_known() {
            return None;
        }
        if i == 0 {
            return Some(0);
        }
        let width = self.width();
        let at = HEAD_BITS + (i as u32 - 1).wrapping_mul(width);
        let residual = self.0.checked_shr(at).unwrap_or(0) & low(width);
        let step = (self.0 >> COUNT_BITS & low(STEP_BITS)) as usize;
        (i * step).checked_add_signed((residual as i64 - bias(width)) as isize)
    }

    /// The restart at or before `at` of entries that end at `end`, and about where that and the next
    /// one begin: exactly so where places are known.
    #[inline]
    pub fn around(self, at: usize, end: usize) -> Around {
        let count = self.count().max(1);
        let step = match self.are_known() {
            true => (self.0 >> COUNT_BITS & low(STEP_BITS)) as usize,
            false => end / count,
        };
        let mut i = at.checked_div(step).unwrap_or(0).min(count - 1);
        let place = |i: usize| match i < count {
            true => self.place(i).unwrap_or(i * step),
            false => end,
        };
        let (mut from, mut to) = (place(i), place(i + 1));
        // The line may be a residual off.
        while from > at && i > 0 {
            i -= 1;
            (to, from) = (from, place(i));
        }
        while to <= at && i + 1 < count {
            i += 1;
            (from, to) = (to, place(i + 1));
        }
        Around { i, from, to }
    }
}

/// See [`Restarts::around`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Around {
    /// The number of the restart.
    pub i: usize,
    /// Where it begins.
    pub from: usize,
    /// Where the next one begins, or the entries end.
    pub to: usize,
}

/// `n` if it fits into so many bits, or 0.
fn fits(n: usize, bits: u32) -> u64 {
    match n as u64 {
        n if n >> bits == 0 => n,
        _ => 0,
    }
}

#[inline]
fn bias(width: u32) -> i64 {
    (1i64 << width) >> 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(places: &[usize], end: usize) -> Restarts {
        let restarts = Restarts::at(places);
        assert_eq!(restarts.word() & Restarts::SPARE_BIT, 0);
        let marked = Restarts::from_word(restarts.word() | Restarts::SPARE_BIT);
        assert_eq!(marked, restarts);
        if places.len() < 512 {
            assert_eq!(restarts.count(), places.len());
        } else {
            assert_eq!(restarts.count(), 0);
        }
        if restarts.are_known() {
            for (i, place) in places.iter().enumerate() {
                assert_eq!(restarts.place(i), Some(*place));
            }
            for at in (0..end).step_by(end / 50 + 1) {
                let i = places.partition_point(|&place| place <= at) - 1;
                let to = places.get(i + 1).copied().unwrap_or(end);
                let from = places[i];
                assert_eq!(restarts.around(at, end), Around { i, from, to });
            }
        } else {
            assert!((0..places.len()).all(|i| restarts.place(i).is_none()));
        }
        restarts
    }

    #[test]
    fn blocks_as_rocksdb_makes_them() {
        // 100-byte values, 16 entries to a restart, of about one size.
        assert!(check(&[0, 1856, 3712], 4000).are_known());
        assert!(check(&[0, 1851, 3720], 4000).are_known());
        // 16-byte values.
        let places: Vec<usize> = (0..10).map(|i| i * 448 + [0, 3, 1, 2][i % 4]).collect();
        assert!(check(&places, 4090).are_known());
        // One restart; none.
        assert!(check(&[0], 4000).are_known());
        assert_eq!(Restarts::at(&[]).count(), 0);
        // Values of any size.
        assert!(check(&[0, 3000, 3100], 4000).are_known());
        assert!(!check(&[0, 3000, 3100, 3110, 3990], 4000).are_known());
        // Even ones, as many as can be counted.
        assert!(check(&(0..511).map(|i| i * 20).collect::<Vec<_>>(), 10_220).are_known());
        // More than a word holds, which is not nothing.
        let many = check(&(0..600).collect::<Vec<_>>(), 600);
        assert_eq!(many, Restarts::anywhere(600));
        assert_ne!(many.word(), 0);
        assert!(!Restarts::default().are_known());
        assert!(!check(&[0, 1 << 20, 2 << 20], 3 << 20).are_known());
        // No block begins so.
        assert!(!check(&[1, 2, 3], 4).are_known());
    }

    #[test]
    fn residuals_use_all_bits_but_the_spare_one() {
        for width in [1u32, 2, 3, 4, 6, 9, 12, 14] {
            let gaps = RESIDUAL_BITS / width;
            for (gaps, fits) in [(gaps, true), (gaps + 1, false)] {
                // As far off the line, on both sides, as the width allows.
                let off = [-bias(width), bias(width) - 1];
                let step = 16_000i64.min((1 << STEP_BITS) - 1);
                let places: Vec<usize> = (0..=gaps as usize)
                    .map(|i| {
                        let off = match i {
                            0 => 0,
                            i if i == gaps as usize => 0,
                            i => off[i % 2],
                        };
                        (i as i64 * step + off) as usize
                    })
                    .collect();
                // Between two there is none that is off.
                if gaps >= 3 {
                    assert_eq!(check(&places, 700_000).are_known(), fits, "{width} {gaps}");
                }
            }
        }
    }

    #[test]
    fn where_places_are_not_known_they_are_taken_to_be_even() {
        let restarts = Restarts::anywhere(4);
        let around = restarts.around(2100, 4000);
        let (from, to) = (2000, 3000);
        assert_eq!(around, Around { i: 2, from, to });
        assert_eq!(restarts.around(usize::MAX, 4000).i, 3);
        assert_eq!(Restarts::default().around(17, 4000).i, 0);
        assert_eq!(Restarts::anywhere(600), Restarts::anywhere(0));
    }

    proptest! {
        #[test]
        fn places_come_back(
            mut places in proptest::collection::vec(1usize..20_000, 0..20),
            end in 20_000usize..40_000,
        ) {
            places.push(0);
            places.sort();
            places.dedup();
            check(&places, end);
        }

        #[test]
        fn even_places_with_noise_come_back(step in 100usize..2000, noise in proptest::collection::vec(0usize..8, 1..12)) {
            let places: Vec<usize> = (noise.iter().enumerate())
                .map(|(i, off)| if i == 0 { 0 } else { i * step + off }).collect();
            check(&places, step * 13);
        }

        #[test]
        fn any_word_is_harmless(word: u64, i in 0usize..512, at: usize, end in 0usize..1 << 32) {
            let restarts = Restarts::from_word(word);
            let _ = restarts.place(i);
            let around = restarts.around(at, end);
            prop_assert!(around.i < restarts.count().max(1));
        }
    }
}
