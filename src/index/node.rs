//! Sixteen neighbouring cuts as numbers of 32 bits, in one cache line: how many are at or below a
//! target is counted at once, without a branch that depends on it.

use super::sequence::part_between;

/// Cuts to a node.
pub(super) const CUTS: usize = 16;

/// The highest number of a cut; [`Node`] has use for the two above it.
pub(super) const HIGHEST: u32 = u32::MAX - 2;

/// Numbers that lie less apart than this are too coarse to interpolate between.
pub(super) const LEAST_APART: u32 = 32;

/// Numbers that never descend with what they stand for; behind the last the highest there is.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Node([i32; CUTS]);

/// Order kept: vector instructions compare signed numbers.
#[inline]
fn signed(x: u32) -> i32 {
    (x ^ 1 << 31) as i32
}

#[inline]
fn unsigned(x: i32) -> u32 {
    x as u32 ^ 1 << 31
}

impl Node {
    /// Of the first [`CUTS`] of `numbers`, none of them above [`HIGHEST`].
    pub fn new(numbers: impl IntoIterator<Item = u32>) -> Node {
        let mut node = [i32::MAX; CUTS];
        for (place, number) in node.iter_mut().zip(numbers) {
            *place = signed(number.min(HIGHEST));
        }
        Node(node)
    }

    /// How many cuts are at or below a target that is not below the first one; `x` is its number,
    /// which may be above [`HIGHEST`]. `None` if one of the others has the same: then numbers do not
    /// settle it, unless they are `exact`.
    #[inline]
    pub fn count(&self, x: u32, exact: bool) -> Option<usize> {
        let x = signed(x.min(HIGHEST + 1));
        let below: i32 = self.0.iter().map(|&cut| i32::from(cut < x)).sum();
        // Of the first it is known.
        let below = below.max(1) as usize;
        match self.0.get(below) == Some(&x) {
            false => Some(below),
            true if exact => {
                Some(below + self.0[below..].iter().take_while(|&&cut| cut == x).count())
            }
            true => None,
        }
    }

    /// Whether the first number is below `x`.
    #[inline]
    pub fn begins_below(&self, x: u32) -> bool {
        self.0[0] < signed(x.min(HIGHEST + 1))
    }

    /// Whether the first number is `x`.
    #[inline]
    pub fn begins_with(&self, x: u32) -> bool {
        self.0[0] == signed(x.min(HIGHEST + 1))
    }

    /// The first number.
    #[inline]
    pub fn first(&self) -> u32 {
        unsigned(self.0[0])
    }

    /// Where a target with number `x`, which may be behind the node, lies between the `count` cuts at or
    /// below it and the next, in 65536ths; `behind`: the number of that if it is in the next node. `None`
    /// if it cannot be told.
    #[inline]
    pub fn part(&self, x: u64, count: usize, exact: bool, behind: Option<u64>) -> Option<u16> {
        let below = u64::from(unsigned(*self.0.get(count.checked_sub(1)?)?));
        let above = match self.0.get(count) {
            Some(&above) => u64::from(unsigned(above)),
            None => behind?,
        };
        if !exact && above.saturating_sub(below) < u64::from(LEAST_APART) {
            return None;
        }
        Some(part_between(below, x, above))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_node_is_a_cache_line() {
        assert_eq!((size_of::<Node>(), align_of::<Node>()), (64, 64));
    }

    proptest! {
        #[test]
        fn counts_are_right_or_open(
            mut numbers in prop::collection::vec(
                prop_oneof![0..40u32, HIGHEST - 9..=HIGHEST, any::<u32>()], 1..=CUTS),
            x in prop_oneof![0..40u32, HIGHEST - 9..=u32::MAX, any::<u32>()],
            exact: bool,
            behind: Option<u64>,
        ) {
            for number in &mut numbers {
                *number = (*number).min(HIGHEST);
            }
            numbers.sort_unstable();
            let node = Node::new(numbers.iter().copied());
            prop_assume!(x >= numbers[0]);
            let count = numbers.partition_point(|&number| number <= x);
            let is_open = !exact && numbers[1..].contains(&x);
            prop_assert_eq!(node.count(x, exact), (!is_open).then_some(count));
            if is_open {
                return Ok(());
            }
            let part = node.part(x.into(), count, exact, behind);
            let above = match count == CUTS {
                true => behind,
                false => numbers.get(count).map(|&above| above.into()),
            };
            if let Some(above) = above {
                let below = u64::from(numbers[count - 1]);
                let expected = part_between(below, x.into(), above);
                let can_tell = exact || above.saturating_sub(below) >= LEAST_APART.into();
                prop_assert_eq!(part, can_tell.then_some(expected));
            } else if count == CUTS {
                prop_assert_eq!(part, None);
            }
        }
    }
}
