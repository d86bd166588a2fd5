//! Bytes to integers, order kept.

/// Number of key bytes a projection sees.
pub const WIDTH: usize = 8;

/// The first eight bytes of `bytes` as a big-endian integer, zero-padded.
///
/// Monotone: `a <= b` implies `project(a) <= project(b)`. Not injective: keys that
/// agree in eight bytes, or differ only in trailing zero bytes, fall together.
#[inline]
pub fn project(bytes: &[u8]) -> u64 {
    match bytes.first_chunk::<WIDTH>() {
        Some(head) => u64::from_be_bytes(*head),
        None => project_short(bytes),
    }
}

/// [`project`] of the first eight bytes and of those behind them. With eight bytes or more, however many
/// these are, without a branch on that.
#[inline]
pub fn project_two(bytes: &[u8]) -> (u64, u64) {
    let end = bytes.len().min(2 * WIDTH);
    let Some(last) = bytes[..end].last_chunk::<WIDTH>() else {
        return (project_short(bytes), 0);
    };
    // In two steps: together that may be all 64 bits.
    let half = 4 * (2 * WIDTH - end) as u32 % u64::BITS;
    let next = u64::from_be_bytes(*last) << half << half;
    (project(bytes), next)
}

/// [`project`] of what follows the first `at` bytes, quicker if there are eight of both together.
#[inline]
pub fn project_from(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or(&[]);
    match (rest.first_chunk::<WIDTH>(), bytes.last_chunk::<WIDTH>()) {
        (Some(head), _) => u64::from_be_bytes(*head),
        (None, Some(last)) => {
            let before = 8 * (WIDTH - rest.len()) as u32;
            u64::from_be_bytes(*last).checked_shl(before).unwrap_or(0)
        }
        (None, None) => project_short(rest),
    }
}

/// [`project`] for fewer than eight bytes, without a loop or a call: two words that overlap.
#[inline]
fn project_short(bytes: &[u8]) -> u64 {
    let behind = 8 * WIDTH.saturating_sub(bytes.len());
    match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_be_bytes(*first)) << 32
                | u64::from(u32::from_be_bytes(*last)) << behind
        }
        _ => match *bytes {
            [] => 0,
            [a] => u64::from(a) << 56,
            [a, b, ..] => {
                let last = bytes
                    .last_chunk()
                    .map_or(0, |last| u16::from_be_bytes(*last));
                u64::from(u16::from_be_bytes([a, b])) << 48 | u64::from(last) << behind
            }
        },
    }
}

/// The shortest byte string that projects to `x`: its big-endian bytes without
/// trailing zeros, appended to `out`.
pub fn unproject(x: u64, out: &mut Vec<u8>) {
    let len = WIDTH - (x.trailing_zeros() as usize / 8).min(WIDTH);
    out.extend_from_slice(&x.to_be_bytes()[..len]);
}

/// The first `bytes` bytes of one projection, then those of another.
#[inline]
pub fn splice(a: u64, bytes: usize, b: u64) -> u64 {
    let bytes = bytes.min(WIDTH);
    let kept = FIRST[bytes];
    a & kept | b >> (8 * bytes as u32 % u64::BITS) & !kept
}

/// Masks of the first bytes of a projection, by their number: quicker than shifts, of which one by
/// all 64 bits is a case of its own.
const FIRST: [u64; WIDTH + 1] = {
    let mut masks = [u64::MAX; WIDTH + 1];
    let mut bytes = 0;
    while bytes < WIDTH {
        masks[bytes] = !(u64::MAX >> (8 * bytes));
        bytes += 1;
    }
    masks
};

/// Whether two strings, mostly short ones, are equal, without a call where they have 16 bytes at most.
#[inline]
pub fn are_equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match (a.first_chunk::<WIDTH>(), b.first_chunk::<WIDTH>()) {
        (Some(x), Some(y)) => {
            x == y
                && match a.len() <= 2 * WIDTH {
                    true => a.last_chunk::<WIDTH>() == b.last_chunk::<WIDTH>(),
                    false => a == b,
                }
        }
        _ => project_short(a) == project_short(b),
    }
}

/// Length of the longest common prefix of `a` and `b`.
#[inline]
pub fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let (mut a, mut b) = (a, b);
    let mut equal = 0;
    while let (Some((x, rest_a)), Some((y, rest_b))) = (
        a.split_first_chunk::<WIDTH>(),
        b.split_first_chunk::<WIDTH>(),
    ) {
        let differing = u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
        if differing != 0 {
            return equal + differing.trailing_zeros() as usize / 8;
        }
        equal += WIDTH;
        (a, b) = (rest_a, rest_b);
    }
    equal + a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

/// `key` behind `prefix`, or on which side of all keys with that prefix it lies.
#[inline]
pub fn split_prefix<'a>(key: &'a [u8], prefix: &[u8]) -> Result<&'a [u8], std::cmp::Ordering> {
    if prefix.is_empty() {
        return Ok(key);
    }
    match key.strip_prefix(prefix) {
        Some(behind) => Ok(behind),
        None => Err(key.cmp(prefix)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        assert_eq!(project(b""), 0);
        assert_eq!(project(b"\x01"), 1 << 56);
        assert_eq!(project(b"12345678rest"), u64::from_be_bytes(*b"12345678"));
        for len in 0..8 {
            let mut padded = [0; 8];
            padded[..len].copy_from_slice(&b"abcdefg"[..len]);
            assert_eq!(project(&b"abcdefg"[..len]), u64::from_be_bytes(padded));
        }
        let mut out = Vec::new();
        unproject(0, &mut out);
        assert_eq!(out, b"");
        unproject(u64::from_be_bytes(*b"ab\0c\0\0\0\0"), &mut out);
        assert_eq!(out, b"ab\0c");
        assert_eq!(common_prefix(b"abc", b"abd"), 2);
        assert_eq!(common_prefix(b"ab", b"abd"), 2);
    }

    proptest! {
        #[test]
        fn common_prefix_counts_equal_bytes(
            shared: Vec<u8>,
            a in prop::collection::vec(0u8..3, 0..20),
            b in prop::collection::vec(0u8..3, 0..20),
        ) {
            let (a, b) = ([&shared[..], &a].concat(), [&shared[..], &b].concat());
            let oracle = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
            prop_assert_eq!(common_prefix(&a, &b), oracle);
        }

        #[test]
        fn equal_strings(
            a in prop::collection::vec(0u8..2, 0..20),
            b in prop::collection::vec(0u8..2, 0..20),
        ) {
            prop_assert_eq!(are_equal(&a, &b), a == b);
            // The same but for one byte, wherever it is.
            for at in 0..a.len() {
                let mut other = [&a[..], &a].concat();
                other[at] ^= 1;
                prop_assert!(!are_equal(&other, &[&a[..], &a].concat()));
                prop_assert!(!are_equal(&other[..a.len()], &a));
            }
            prop_assert!(are_equal(&a, &a.clone()));
        }

        #[test]
        fn of_what_follows(bytes in prop::collection::vec(any::<u8>(), 0..20), at in 0usize..25) {
            let rest = bytes.get(at..).unwrap_or(&[]);
            prop_assert_eq!(project_from(&bytes, at), project(rest));
            let behind = bytes.get(WIDTH..).unwrap_or(&[]);
            prop_assert_eq!(project_two(&bytes), (project(&bytes), project(behind)));
        }

        #[test]
        fn spliced_as_bytes_are(a: [u8; 8], b: [u8; 8], bytes in 0usize..12) {
            let head = bytes.min(8);
            let both = [&a[..head], &b[..8 - head]].concat();
            let spliced = splice(u64::from_be_bytes(a), bytes, u64::from_be_bytes(b));
            prop_assert_eq!(spliced, project(&both));
        }

        #[test]
        fn monotone(a: Vec<u8>, b: Vec<u8>) {
            let (a, b) = if a <= b { (a, b) } else { (b, a) };
            prop_assert!(project(&a) <= project(&b));
        }

        #[test]
        fn unproject_is_the_shortest_inverse(x: u64) {
            let mut out = Vec::new();
            unproject(x, &mut out);
            prop_assert_eq!(project(&out), x);
            prop_assert!(out.last() != Some(&0));
        }
    }
}
