//! How often each byte occurs in some strings: an order-0 model, by which a string becomes a
//! number as an arithmetic coder would make it one.
//!
//! ```text
//!   bytes     0 1 2 3 4 5 6 7 8 9    each byte gets a part of the whole as large as it is
//!           |--|-|-|--|-|-|--|-|-|-| frequent, a string the part of a part of a part ...
//!                    |||||||||||
//! ```
//!
//! Numbers of strings that use few of the bytes, such as digits or letters, lie far more evenly than
//! their bytes do ("19" and "20" are neighbours), so that one can interpolate between them.

/// Parts that the whole has.
const WHOLE: u64 = 256;

/// See the module documentation. 514 bytes.
#[derive(Debug, Clone)]
pub struct Alphabet {
    /// Where each byte's part begins; the next one's begin is its end.
    begins: [u16; 257],
}

impl Alphabet {
    /// `counts`: how often each byte occurs. Bytes that do not occur get no room.
    pub fn new(counts: &[u32; 256]) -> Alphabet {
        let total: u64 = counts.iter().map(|&n| u64::from(n)).sum();
        let used = counts.iter().filter(|&&n| n > 0).count() as u64;
        let mut begins = [0; 257];
        // Every byte that occurs gets one part, and of what remains its share.
        let (mut seen, mut before) = (0, 0);
        for (i, begin) in begins.iter_mut().enumerate() {
            *begin = ((WHOLE - used) * before / total.max(1) + seen) as u16;
            let n = counts.get(i).copied().unwrap_or(0);
            before += u64::from(n);
            seen += u64::from(n > 0);
        }
        Alphabet { begins }
    }

    /// The number of a string, of which `head` is the first eight bytes as a big-endian integer,
    /// zero-padded. Never descends with the string; 2^63 at most.
    #[inline]
    pub fn number(&self, head: u64) -> u64 {
        // In pairs, so that no multiplication waits for more than two others. No part reaches beyond
        // the whole, 2^32 for four bytes, so nothing overflows.
        let part = |i: usize| {
            let byte = usize::from((head >> (8 * (7 - i))) as u8);
            let (begin, end) = (self.begins[byte], self.begins[byte + 1]);
            (u64::from(begin), u64::from(end - begin))
        };
        let two = |i: usize| {
            let ((begin, width), (next, width_of_next)) = (part(i), part(i + 1));
            ((begin << 8) + width * next, width * width_of_next)
        };
        let four = |i: usize| {
            let ((begin, width), (next, width_of_next)) = (two(i), two(i + 2));
            ((begin << 16) + width * next, width * width_of_next)
        };
        let ((begin, width), (next, _)) = (four(0), four(4));
        (begin << 31) + width * (next >> 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::project;
    use proptest::prelude::*;

    fn of(bytes: &[u8]) -> Alphabet {
        let mut counts = [0; 256];
        bytes.iter().for_each(|&b| counts[usize::from(b)] += 1);
        Alphabet::new(&counts)
    }

    #[test]
    fn strings_of_digits_lie_evenly() {
        let digits = of(b"0123456789");
        let number = |i: u32| digits.number(project(format!("{i:05}").as_bytes()));
        let whole = number(99_999) as f64;
        for i in (0..100_000).step_by(77) {
            let part = number(i) as f64 / whole;
            // As bytes "09999" and "10000" are 6/256 apart.
            assert!((part - f64::from(i) / 1e5).abs() < 0.01, "{i} {part}");
        }
    }

    #[test]
    fn rare_bytes_and_late_ones_count() {
        let rare = of(&[&[b'a'; 10_000][..], b"bc"].concat());
        assert!(rare.number(project(b"b")) < rare.number(project(b"c")));
        let digits = of(b"0123456789");
        assert!(digits.number(project(b"00000001")) < digits.number(project(b"00000002")));
    }

    #[test]
    fn alphabets_of_none_one_and_all() {
        for alphabet in [
            of(b""),
            of(b"a"),
            of(&[0xff]),
            of(&[0]),
            of(&Vec::from_iter(0..=255)),
        ] {
            for pair in [
                &b""[..],
                b"\0\0",
                b"\0\0\0\0\x01",
                b"a",
                b"aa",
                b"ab",
                b"b",
                &[0xff; 9],
            ]
            .windows(2)
            {
                let [low, high] = [0, 1].map(|i| alphabet.number(project(pair[i])));
                assert!(low <= high && high <= 1 << 63, "{pair:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn numbers_never_descend(
            counts in prop::collection::vec(prop_oneof![Just(0u32), 1u32..100, Just(u32::MAX)], 256),
            a: u64, b: u64,
        ) {
            let counts: [u32; 256] = counts.try_into().expect("256 counts");
            let alphabet = Alphabet::new(&counts);
            let numbers = [a.min(b), a.max(b)].map(|head| alphabet.number(head));
            prop_assert!(numbers[0] <= numbers[1] && numbers[1] <= 1 << 63);
        }
    }
}
