//! The cuts of a file: from a key to the number of cuts at or below it.
//!
//! Two forms, whichever is smaller. *Ranks*: cuts that eight bytes behind the prefix they
//! all share tell apart are numbers in a [`Sequence`]. *Front-coded* strings
//! ([`FrontCoded`]) hold any cuts.

use super::NO_TAG;
use super::cut::Cuts;
use super::format::{Cursor, Refusal, put_bytes};
use super::front::{self, FrontCoded};
use super::sequence::{self, Ranked};
use super::summary::Segment;
use crate::model::project;
use crate::model::projection::{WIDTH, common_prefix, split_prefix, unproject};
use std::cmp::Ordering;
use std::ops::Range;

const RANKS: u8 = 0;
const FRONT: u8 = 1;

#[derive(Debug)]
pub(super) struct Separators {
    prefix: Vec<u8>,
    len: usize,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Ranks(Ranked),
    Front(FrontCoded),
}

/// Appends the encoding of `cuts[range]`, of which there is at least one.
pub(super) fn encode<C: Cuts>(cuts: &C, range: Range<usize>, out: &mut Vec<u8>) {
    let (first, last) = (cuts.key(range.start), cuts.key(range.end - 1));
    let shared = common_prefix(first, last);
    put_bytes(out, &first[..shared]);

    // A cut stands for its projection if `project(last key of the block below)` is smaller:
    // that holds if the cut ends in a non-zero byte that the projection sees.
    let rest = |i: usize| &cuts.key(i)[shared..];
    let plain = |i: usize| {
        cuts.tag(i) == NO_TAG && rest(i).len() <= WIDTH && !matches!(rest(i).last(), None | Some(0))
    };
    let mut strings = vec![FRONT];
    front::encode(cuts, range.clone(), shared, &mut strings);
    if range.clone().all(plain) {
        let ranks: Vec<u64> = range.map(|i| project(rest(i))).collect();
        let mut numbers = vec![RANKS];
        sequence::encode(&ranks, &mut numbers);
        if numbers.len() <= strings.len() {
            out.extend_from_slice(&numbers);
            return;
        }
    }
    out.extend_from_slice(&strings);
}

impl Separators {
    /// Reads `len` cuts and checks that they are in order. O(size).
    pub fn parse(cursor: &mut Cursor<'_>, len: usize) -> Result<Separators, Refusal> {
        let prefix = cursor.bytes("prefix")?.to_vec();
        let form = match cursor.u8("separators")? {
            RANKS => {
                let ranks = Ranked::parse(cursor)?;
                if ranks.len() != len {
                    return Err(Refusal::Invalid("number of cuts"));
                }
                Form::Ranks(ranks)
            }
            FRONT => Form::Front(FrontCoded::parse(cursor, len)?),
            _ => return Err(Refusal::Invalid("form of the separators")),
        };
        Ok(Separators { prefix, len, form })
    }

    /// See [`LearnedIndex::quicken`](super::LearnedIndex::quicken).
    pub fn quicken(&mut self) {
        match &mut self.form {
            Form::Ranks(ranks) => ranks.quicken(),
            Form::Front(strings) => strings.quicken(),
        }
    }

    /// How many cuts are at or below the internal key (`key`, `tag`).
    ///
    /// O(1) expected for cuts that a few bytes tell apart, O(log cuts) at worst. `near` hears of a number
    /// not far off before memory is waited for, if that can be told.
    #[inline]
    pub fn rank(&self, key: &[u8], tag: u64, near: impl FnOnce(usize)) -> usize {
        match (self.rest(key), &self.form) {
            (Err(rank), _) => rank,
            (Ok(rest), Form::Ranks(ranks)) => ranks.rank(project(rest), near),
            (Ok(rest), Form::Front(strings)) => strings.rank(rest, tag, near),
        }
    }

    /// [`rank`](Self::rank), and where between its neighbours among the cuts the key lies, in
    /// 65536ths, if it has two neighbours and that can be told.
    #[inline]
    pub fn rank_and_part(
        &self,
        key: &[u8],
        tag: u64,
        near: impl FnOnce(usize),
    ) -> (usize, Option<u16>) {
        match (self.rest(key), &self.form) {
            (Err(rank), _) => (rank, None),
            (Ok(rest), Form::Ranks(ranks)) => ranks.rank_and_part(project(rest), near),
            (Ok(rest), Form::Front(strings)) => strings.rank_and_part(rest, tag, near),
        }
    }

    /// What follows the prefix of all cuts in `key`, or the rank of a key that lies before or
    /// behind all of them.
    #[inline]
    fn rest<'k>(&self, key: &'k [u8]) -> Result<&'k [u8], usize> {
        split_prefix(key, &self.prefix).map_err(|order| match order {
            Ordering::Less => 0,
            _ => self.len,
        })
    }

    /// Appends the user key of cut `i` to `out` and returns its tag.
    pub fn cut(&self, i: usize, out: &mut Vec<u8>) -> u64 {
        out.extend_from_slice(&self.prefix);
        match &self.form {
            Form::Ranks(ranks) => {
                unproject(ranks.get(i).unwrap_or(0), out);
                NO_TAG
            }
            Form::Front(strings) => strings.cut(i, out),
        }
    }

    /// The segments, in order.
    pub fn segments(&self) -> Box<dyn Iterator<Item = Segment> + '_> {
        match &self.form {
            Form::Ranks(ranks) => {
                let key = |x: u64| {
                    let mut key = self.prefix.clone();
                    unproject(x, &mut key);
                    key
                };
                Box::new(ranks.lines().map(move |line| Segment {
                    first: line.start,
                    cuts: line.len,
                    from: key(line.first),
                    to: key(line.last),
                    error: Some(line.error),
                }))
            }
            Form::Front(strings) => {
                let key = |i: usize| {
                    let mut key = self.prefix.clone();
                    strings.cut(i, &mut key);
                    key
                };
                Box::new(strings.groups().map(move |group| Segment {
                    first: group.start,
                    cuts: group.len(),
                    from: key(group.start),
                    to: key(group.end - 1),
                    error: None,
                }))
            }
        }
    }

    /// The tag of cut `i`; [`NO_TAG`] if it lies between two user keys.
    pub fn tag(&self, i: usize) -> u64 {
        match &self.form {
            Form::Ranks(_) => NO_TAG,
            Form::Front(strings) => strings.tag(i),
        }
    }

    /// Whether any cut has a tag.
    pub fn has_tags(&self) -> bool {
        match &self.form {
            Form::Ranks(_) => false,
            Form::Front(strings) => strings.has_tags(),
        }
    }

    /// Heap bytes held.
    pub fn memory_usage(&self) -> usize {
        let form = match &self.form {
            Form::Ranks(ranks) => ranks.memory_usage(),
            Form::Front(strings) => strings.memory_usage(),
        };
        self.prefix.capacity() + form
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Numbers(Vec<[u8; 2]>);
    impl Cuts for Numbers {
        fn key(&self, i: usize) -> &[u8] {
            &self.0[i]
        }
        fn tag(&self, _: usize) -> u64 {
            NO_TAG
        }
    }

    #[test]
    fn the_number_of_cuts_is_checked() {
        let cuts = Numbers((1..200u8).map(|i| [i, 1]).collect());
        let mut out = Vec::new();
        encode(&cuts, 0..199, &mut out);
        assert!(matches!(
            Separators::parse(&mut Cursor::new(&out), 199)
                .expect("own")
                .form,
            Form::Ranks(_)
        ));
        for len in [198, 200] {
            assert!(Separators::parse(&mut Cursor::new(&out), len).is_err());
        }
    }
}
