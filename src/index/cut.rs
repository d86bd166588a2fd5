//! The cut between two neighbouring data blocks.

use super::NO_TAG;
use crate::model::projection::common_prefix;

/// A sorted list of cuts: user keys and tags, in internal-key order.
pub(super) trait Cuts {
    fn key(&self, i: usize) -> &[u8];
    /// [`NO_TAG`] where the cut is between two user keys.
    fn tag(&self, i: usize) -> u64;
}

/// Where the cut between two blocks lies, or that the keys are out of order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// The cut's user key was appended; its tag is returned.
    At(u64),
    /// `last` is not below `first`.
    OutOfOrder,
}

/// Appends to `out` a user key `c` with `last < c <= first` and returns [`NO_TAG`].
///
/// Of all such keys it takes one that ends right behind the first byte in which the two
/// differ and leaves as many low bits of that byte zero as it can: what is zero costs
/// nothing to store.
///
/// If both are versions of one user key, `c` is that key and the tag is `last_tag`: a
/// version below `last` belongs behind the cut, so that a read at a snapshot between
/// the two blocks goes straight to the second.
pub(super) fn cut(
    last: &[u8],
    last_tag: u64,
    first: &[u8],
    first_tag: u64,
    out: &mut Vec<u8>,
) -> Cut {
    let shared = common_prefix(last, first);
    let below = last.get(shared).copied();
    let Some(above) = first.get(shared).copied() else {
        // `first` is a prefix of `last`, or the same key.
        if below.is_some() || last_tag <= first_tag || last_tag == NO_TAG {
            return Cut::OutOfOrder;
        }
        out.extend_from_slice(first);
        return Cut::At(last_tag);
    };
    if below.is_some_and(|below| below >= above) {
        return Cut::OutOfOrder;
    }
    // Bits below the highest one in which the bytes differ may be cleared: what remains
    // is above `below` and not above `above`.
    let differing = below.unwrap_or(0) ^ above;
    let low_bits = match differing.checked_ilog2() {
        Some(highest) => (1u8 << highest) - 1,
        None => 0, // `last` is `first` without a trailing zero byte
    };
    out.extend_from_slice(&first[..shared]);
    out.push(above & !low_bits);
    Cut::At(NO_TAG)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key_of(last: &[u8], first: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        assert_eq!(cut(last, 9, first, 9, &mut out), Cut::At(NO_TAG));
        out
    }

    #[test]
    fn examples() {
        assert_eq!(key_of(b"", b"\0"), b"\0");
        assert_eq!(key_of(b"ab", b"ab\0x"), b"ab\0");
        assert_eq!(key_of(b"ab", b"abc"), b"ab\x40");
        assert_eq!(key_of(b"abq", b"abs"), b"abr");
        assert_eq!(key_of(b"\x0f\xff", b"\x93"), b"\x80");
    }

    #[test]
    fn versions_of_one_user_key_are_cut_by_tag() {
        let mut out = Vec::new();
        assert_eq!(cut(b"k", 20, b"k", 10, &mut out), Cut::At(20));
        assert_eq!(out, b"k");
    }

    #[test]
    fn disorder_is_noticed() {
        for (last, first) in [(&b"b"[..], &b"a"[..]), (b"ab", b"a"), (b"ab", b"aa")] {
            assert_eq!(cut(last, 9, first, 9, &mut Vec::new()), Cut::OutOfOrder);
        }
        assert_eq!(cut(b"k", 10, b"k", 10, &mut Vec::new()), Cut::OutOfOrder);
        assert_eq!(cut(b"k", 10, b"k", 20, &mut Vec::new()), Cut::OutOfOrder);
        assert_eq!(
            cut(b"k", u64::MAX, b"k", 20, &mut Vec::new()),
            Cut::OutOfOrder
        );
    }

    proptest! {
        #[test]
        fn between_its_neighbours(
            a in prop::collection::vec(0u8..4, 0..6),
            b in prop::collection::vec(0u8..4, 0..6),
        ) {
            prop_assume!(a != b);
            let (last, first) = if a < b { (a, b) } else { (b, a) };
            let c = key_of(&last, &first);
            prop_assert!(last < c && c <= first);
        }

        #[test]
        fn between_any_neighbours(a: Vec<u8>, b: Vec<u8>) {
            prop_assume!(a != b);
            let (last, first) = if a < b { (a, b) } else { (b, a) };
            let c = key_of(&last, &first);
            prop_assert!(last < c && c <= first);
        }
    }
}
