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
//! their bytes do ("19" and "20" are neighbours), so that one can interpolate between them; and 64 bits
//! tell more of such a string than its first eight bytes do.

/// Parts that the whole has.
const WHOLE: u64 = 256;

/// See the module documentation. Half a KiB.
#[derive(Debug, Clone)]
pub struct Alphabet {
    parts: [Part; 256],
    /// Whether every byte has the part that is its own number.
    is_even: bool,
}

/// The part of a byte: from `begin` on, `width` of all parts of the whole.
#[derive(Debug, Clone, Copy)]
struct Part {
    begin: u8,
    width: u8,
}

impl Alphabet {
    /// `counts`: how often each byte occurs. Bytes that do not occur get no room, but for the zeros that
    /// stand for a string's end ("1" is not "10").
    pub fn new(counts: &[u32; 256]) -> Alphabet {
        let total: u64 = counts.iter().map(|&n| u64::from(n)).sum();
        let has_room = |byte: usize| byte == 0 || counts[byte] > 0;
        let used = (0..counts.len()).filter(|&byte| has_room(byte)).count() as u64;
        // Every byte that has room gets one part, and of what remains its share. One is left over if that
        // is possible, so that no byte has the whole: numbers of eight bytes fit into 64 bits.
        let rest = (WHOLE - 1).saturating_sub(used);
        let begin_of = |seen: u64, before: u64| rest * before / total.max(1) + seen;
        let (mut seen, mut before) = (0, 0);
        let parts = std::array::from_fn(|byte| {
            let begin = begin_of(seen, before);
            before += u64::from(counts[byte]);
            seen += u64::from(has_room(byte));
            Part {
                begin: begin as u8,
                width: (begin_of(seen, before) - begin) as u8,
            }
        });
        Alphabet {
            parts,
            is_even: used == WHOLE,
        }
    }

    /// The number of a string, of which `head` is the first eight bytes as a big-endian integer,
    /// zero-padded. Never descends with the string.
    #[inline]
    pub fn number(&self, head: u64) -> u64 {
        self.part_of(head).0
    }

    /// [`number`](Self::number) of sixteen bytes, of which `next` are the second eight.
    #[inline]
    pub fn number_of_two(&self, head: u64, next: u64) -> u64 {
        let ((begin, width), (next, _)) = (self.part_of(head), self.part_of(next));
        begin + ((u128::from(width) * u128::from(next)) >> 64) as u64
    }

    /// Where the part of eight bytes begins, and how wide it is, in 2^64ths of the whole.
    #[inline]
    fn part_of(&self, head: u64) -> (u64, u64) {
        if self.is_even {
            return (head, 1);
        }
        // In pairs, so that no multiplication waits for more than two others. No part reaches beyond
        // the whole, 2^32 for four bytes, so nothing overflows.
        let part = |i: usize| {
            let Part { begin, width } = self.parts[usize::from((head >> (8 * (7 - i))) as u8)];
            (u64::from(begin), u64::from(width))
        };
        let two = |i: usize| {
            let ((begin, width), (next, width_of_next)) = (part(i), part(i + 1));
            ((begin << 8) + width * next, width * width_of_next)
        };
        let four = |i: usize| {
            let ((begin, width), (next, width_of_next)) = (two(i), two(i + 2));
            ((begin << 16) + width * next, width * width_of_next)
        };
        let ((begin, width), (next, width_of_next)) = (four(0), four(4));
        ((begin << 32) + width * next, width * width_of_next)
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
        let number = |last: u8| {
            let next = [&b"0123456"[..], &[last]].concat();
            digits.number_of_two(project(b"98765432"), project(&next))
        };
        assert!(number(b'7') < number(b'8'));
    }

    #[test]
    fn alphabets_of_none_one_and_all() {
        for alphabet in [
            of(b""),
            of(b"a"),
            of(&[0xff]),
            of(&[0]),
            of(&Vec::from_iter(0..=254)),
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
                assert!(low <= high, "{pair:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn numbers_never_descend(
            counts in prop::collection::vec(prop_oneof![Just(0u32), 1u32..100, Just(u32::MAX)], 256),
            used in 1usize..=256,
            a: u64, b: u64, next: [u64; 2],
        ) {
            let mut counts: [u32; 256] = counts.try_into().expect("256 counts");
            counts[used..].fill(0);
            let alphabet = Alphabet::new(&counts);
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(alphabet.number(low) <= alphabet.number(high));
            let [of_low, of_high] = [(low, next[0]), (high, next[1])]
                .map(|(head, next)| alphabet.number_of_two(head, next));
            prop_assert!(low == high || of_low <= of_high);
            prop_assert!(alphabet.number(low) <= of_low);
            // Neighbours: nothing behind the one reaches the other.
            for bit in 0..64 {
                if let Some(above) = a.checked_add(1 << bit) {
                    let end = alphabet.number_of_two(a, u64::MAX);
                    prop_assert!(end <= alphabet.number_of_two(above, 0));
                }
            }
            let ends = next.map(|next| alphabet.number_of_two(low, next));
            prop_assert_eq!(next[0] < next[1] && ends[0] > ends[1], false);
        }
    }
}
