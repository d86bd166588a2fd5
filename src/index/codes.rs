//! Strings as numbers of 64 bits, most of which no two have in common: how many strings are at or below
//! another one the numbers tell, unless it has that of a string.

use super::node::{self, Node};
use crate::model::histogram::{Histograms, MOST_EQUAL, PADDING, count_on, pad};

/// One string in so many, at most, may have the number of the one before it.
const FEW: usize = 16;

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Codes {
    len: usize,
    /// The numbers that nodes begin with, padded.
    firsts: Vec<u64>,
    histogram: Histograms,
    /// By node: by which its numbers, less the first one, are shifted to the right.
    shifts: Vec<u8>,
    nodes: Vec<Node>,
}

/// Where a string is among them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The node: its first string is below this one, that of the next one above it.
    pub node: usize,
    /// How many are at or below it; `None` if one of the node may have its number.
    pub rank: Option<usize>,
    /// How far above the node's first number it is, on the node's scale.
    rise: u64,
}

impl Codes {
    /// Of numbers that never descend; `None` if too many are the same. O(numbers).
    pub fn new(numbers: &[u64]) -> Option<Codes> {
        let equal = numbers.windows(2).filter(|pair| pair[0] == pair[1]).count();
        let groups = numbers.chunks(node::CUTS);
        let mut firsts: Vec<u64> = groups.clone().map(|group| group[0]).collect();
        let mut runs = firsts.windows(MOST_EQUAL + 1);
        if equal > numbers.len() / FEW || runs.any(|run| run[0] == run[MOST_EQUAL]) {
            return None;
        }
        let shift_of = |group: &[u64]| {
            let span = group[group.len() - 1] - group[0];
            (0..)
                .find(|shift| span >> shift <= u64::from(node::HIGHEST))
                .unwrap_or(0)
        };
        let shifts: Vec<u8> = groups.clone().map(shift_of).collect();
        let nodes = groups.zip(&shifts).map(|(group, shift)| {
            Node::new(
                group
                    .iter()
                    .map(|number| ((number - group[0]) >> shift) as u32),
            )
        });
        let nodes = nodes.collect();
        let mut histogram = Histograms::default();
        histogram.add(&firsts, 0, firsts.len());
        histogram.shrink_to_fit();
        pad(&mut firsts);
        firsts.shrink_to_fit();
        Some(Codes {
            len: numbers.len(),
            firsts,
            histogram,
            shifts,
            nodes,
        })
    }

    /// Where a string with number `x` is; `None` if a node begins with that, or it is below all. `near`
    /// hears of a rank not far off before memory is waited for.
    #[inline]
    pub fn place(&self, x: u64, near: impl FnOnce(usize)) -> Option<Place> {
        let place = self.histogram.place(0, x);
        let groups = self.firsts.len() - PADDING;
        let g = count_on(&self.firsts, place, x)
            .min(groups)
            .checked_sub(1)?;
        near(g * node::CUTS + node::CUTS / 2);
        let rise = x - self.firsts[g];
        if rise == 0 {
            return None;
        }
        let shift = u32::from(*self.shifts.get(g)?);
        let rise = rise >> (shift % u64::BITS);
        let count = (self.nodes.get(g)?).count(rise.min(u32::MAX.into()) as u32, false);
        Some(Place {
            node: g,
            rank: count.map(|count| g * node::CUTS + count),
            rise,
        })
    }

    /// Where the string of `place`, whose rank is `rank`, lies between its neighbours, in 65536ths;
    /// `None` if it has not two, or that cannot be told.
    #[inline]
    pub fn part(&self, place: &Place, rank: usize) -> Option<u16> {
        let node = self.nodes.get(place.node)?;
        if rank >= self.len {
            return None;
        }
        let [first, next] = self.firsts.get(place.node..place.node + 2)? else {
            return None;
        };
        let behind = (next - first) >> (u32::from(*self.shifts.get(place.node)?) % u64::BITS);
        let count = rank - place.node * node::CUTS;
        node.part(place.rise, count, false, Some(behind))
    }

    /// Heap bytes held.
    pub fn memory_usage(&self) -> usize {
        self.firsts.capacity() * size_of::<u64>()
            + self.histogram.memory_usage()
            + self.shifts.capacity()
            + self.nodes.capacity() * size_of::<Node>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranks_are_right_or_open(
            mut numbers in prop::collection::vec(
                prop_oneof![0..99u64, 0..99u64, any::<u64>(), u64::MAX - 9..=u64::MAX], 0..400),
            more: [u64; 20],
        ) {
            numbers.sort_unstable();
            let Some(codes) = Codes::new(&numbers) else {
                let equal = numbers.windows(2).filter(|pair| pair[0] == pair[1]).count();
                prop_assert!(equal > 0);
                return Ok(());
            };
            let beside = numbers.iter().flat_map(|&x| [x.saturating_sub(1), x.saturating_add(1)]);
            for x in beside.chain(more) {
                let Some(place) = codes.place(x, |_| {}) else {
                    continue;
                };
                let expected = numbers.partition_point(|&y| y <= x);
                prop_assert_eq!(place.node, (expected - 1) / node::CUTS);
                if let Some(rank) = place.rank {
                    prop_assert!(!numbers.contains(&x));
                    prop_assert_eq!(rank, expected);
                }
            }
            for &x in &numbers {
                let place = codes.place(x, |_| {});
                prop_assert!(place.is_none_or(|place| place.rank.is_none()));
            }
        }
    }

    #[test]
    fn most_targets_are_settled() {
        let numbers: Vec<u64> = (0..10_000u64).map(|i| (i * i) << 30).collect();
        let codes = Codes::new(&numbers).expect("each once");
        for (i, x) in numbers.iter().enumerate().skip(1) {
            let place = codes.place(x + (1 << 20), |_| {}).expect("not the first");
            assert_eq!(place.rank, Some(i + 1));
            let part = codes.part(&place, i + 1);
            if i + 1 < numbers.len() {
                assert!(part.is_some_and(|part| part < 300), "{part:?}");
            }
        }
        assert!(codes.place(0, |_| {}).is_none());
    }

    #[test]
    fn numbers_that_are_the_same() {
        const FIRST: usize = 6 * node::CUTS;
        let numbers = |run: usize| {
            let mut numbers: Vec<u64> = (0..4000).map(|i| i << 40).collect();
            numbers[FIRST..][..run].fill((FIRST as u64) << 40);
            numbers
        };
        // So many nodes begin with the same number.
        let nodes = |count: usize| numbers((count - 1) * node::CUTS + 1);
        let codes = Codes::new(&nodes(MOST_EQUAL)).expect("few");
        let x = (FIRST as u64) << 40;
        assert!(codes.place(x, |_| {}).is_none());
        let place = codes.place(x + 1, |_| {}).expect("above the run");
        assert_eq!(place.node, FIRST / node::CUTS + MOST_EQUAL - 1);
        // Few of all, but a search would go through all of them.
        assert!(Codes::new(&nodes(MOST_EQUAL + 1)).is_none());
        // Many, but never so that a node begins with that of another one.
        let pairs = |equal: u64| -> Vec<u64> {
            let number = |i: u64| {
                if i % 2 == 1 && i / 2 < equal {
                    i - 1
                } else {
                    i
                }
            };
            (0..4000).map(|i| number(i) << 40).collect()
        };
        assert!(Codes::new(&pairs(4000 / FEW as u64)).is_some());
        assert!(Codes::new(&pairs(4000 / FEW as u64 + 1)).is_none());
    }
}
