//! Cuts as front-coded strings: each keeps what it does not share with the one before it.
//!
//! Every 16th cut is kept whole (a restart). A [`Directory`] over the restarts finds the
//! group; in it a search walks the cuts without putting any of them together. In the quick form cuts are
//! numbers, too, by an [`Alphabet`], and only where those do not settle it is there a walk: [`Codes`] of
//! their first sixteen bytes, if these tell nearly all cuts apart, or else numbers of 32 bits of what
//! follows the bytes that all of a group share.

use super::NO_TAG;
use super::codes::{Codes, Place};
use super::cut::Cuts;
use super::format::{Cursor, Refusal};
use super::node::{self, Node};
use super::sequence::part_between;
use crate::model::projection::{WIDTH, are_equal, common_prefix, project_two, splice};
use crate::model::{Alphabet, Directory, project};
use crate::varint;
use std::cmp::Ordering;
use std::ops::Range;

/// Cuts to a restart: with 3 to 6 bytes a cut a group is one or two cache lines.
const INTERVAL: usize = node::CUTS;

/// Cuts for which [`Numbers`] take no more than a byte each.
const LEAST_FOR_NUMBERS: usize = size_of::<Numbers>();

/// The same in the quick form: no more than four bytes each.
const LEAST_TO_QUICKEN: usize = LEAST_FOR_NUMBERS / 4;

/// A length that does not fit into its half of the control byte.
const ESCAPE: u8 = 15;

/// See the module documentation. Built by [`encode`], read back by [`FrontCoded::parse`].
#[derive(Debug)]
pub(super) struct FrontCoded {
    len: usize,
    entries: Vec<u8>,
    groups: Vec<Group>,
    directory: Directory,
    /// None for few cuts: see [`LEAST_FOR_NUMBERS`].
    numbers: Option<Box<Numbers>>,
    /// (cut, tag), sorted: the cuts that have one.
    tags: Vec<(u32, u64)>,
}

/// A restart and the cuts up to the next one.
#[derive(Debug, Clone, Copy)]
struct Group {
    /// Where the restart's control byte is in `entries`.
    at: u32,
    /// Bytes that all of them share.
    shared: u32,
}

/// Cuts as numbers.
#[derive(Debug)]
struct Numbers {
    /// Of the bytes in `entries`.
    alphabet: Alphabet,
    /// Whether any cut has more than eight bytes.
    is_wide: bool,
    quick: Quick,
}

/// The numbers of the quick form.
#[derive(Debug)]
enum Quick {
    None,
    /// Of all cuts.
    Codes(Codes),
    /// One node a group, of what follows the bytes that its cuts share.
    Nodes(Vec<Node>),
}

impl Numbers {
    /// `entries`: as of [`FrontCoded`].
    fn new(entries: &[u8]) -> Numbers {
        let mut counts = [0; 256];
        let mut rest = Cursor::new(entries);
        while let Ok(entry) = read_entry(&mut rest) {
            for &byte in entry.suffix {
                counts[usize::from(byte)] += 1; // no more than `entries` has bytes
            }
        }
        Numbers {
            alphabet: Alphabet::new(&counts),
            is_wide: false,
            quick: Quick::None,
        }
    }

    fn memory_usage(&self) -> usize {
        let quick = match &self.quick {
            Quick::None => 0,
            Quick::Codes(codes) => codes.memory_usage(),
            Quick::Nodes(nodes) => nodes.capacity() * size_of::<Node>(),
        };
        size_of::<Self>() + quick
    }

    /// The number of a string in [`Codes`].
    #[inline]
    fn code(&self, key: &[u8]) -> u64 {
        match self.is_wide {
            true => {
                let (head, next) = project_two(key);
                self.alphabet.number_of_two(head, next)
            }
            false => self.alphabet.number(project(key)),
        }
    }

    /// The number of what follows a group's shared bytes in its [`Node`].
    #[inline]
    fn number(&self, rest: &[u8]) -> u32 {
        let number = self.alphabet.number(project(rest)) >> 32;
        number.min(node::HIGHEST.into()) as u32
    }
}

/// One front-coded cut.
struct Entry<'a> {
    shared: usize,
    suffix: &'a [u8],
}

/// What is known of a cut below the target of a search.
#[derive(Clone, Copy)]
struct Below<'a> {
    /// Bytes it has in common with the target.
    equal: usize,
    /// What follows those.
    rest: &'a [u8],
    /// The first eight bytes of what takes the place of the rest, if something does.
    head: Option<u64>,
}

impl Below<'_> {
    /// The first eight bytes of what follows those in common.
    #[inline]
    fn head(&self) -> u64 {
        self.head.unwrap_or_else(|| project(self.rest))
    }
}

/// The neighbours of a target among the cuts.
struct Between<'a> {
    /// The number of the upper one.
    rank: usize,
    below: Below<'a>,
    /// Bytes that all three have in common.
    shared: usize,
    /// What follows those in the upper one.
    above: &'a [u8],
}

/// Appends the encoding of `cuts[range]` without the first `skip` bytes of each.
pub(super) fn encode<C: Cuts>(cuts: &C, range: Range<usize>, skip: usize, out: &mut Vec<u8>) {
    let tagged: Vec<usize> = range.clone().filter(|&i| cuts.tag(i) != NO_TAG).collect();
    varint::put(out, tagged.len() as u32);
    let mut next = range.start;
    for i in tagged {
        varint::put(out, (i - next) as u32);
        out.extend_from_slice(&cuts.tag(i).to_le_bytes());
        next = i + 1;
    }
    let mut entries = Vec::new();
    let mut previous: &[u8] = &[];
    for (n, i) in range.enumerate() {
        let cut = &cuts.key(i)[skip..];
        let shared = match n % INTERVAL {
            0 => 0,
            _ => common_prefix(previous, cut),
        };
        put_entry(&mut entries, shared, &cut[shared..]);
        previous = cut;
    }
    out.extend_from_slice(&(entries.len() as u32).to_le_bytes());
    out.extend_from_slice(&entries);
}

fn put_entry(out: &mut Vec<u8>, shared: usize, suffix: &[u8]) {
    let half = |len: usize| len.min(ESCAPE as usize) as u8;
    out.push(half(shared) << 4 | half(suffix.len()));
    for len in [shared, suffix.len()] {
        if half(len) == ESCAPE {
            varint::put(out, (len - ESCAPE as usize) as u32);
        }
    }
    out.extend_from_slice(suffix);
}

#[inline]
fn read_entry<'a>(cursor: &mut Cursor<'a>) -> Result<Entry<'a>, Refusal> {
    let control = cursor.u8("cut")?;
    let mut len = |half: u8| -> Result<usize, Refusal> {
        match half {
            ESCAPE => Ok(ESCAPE as usize + cursor.varint("cut")? as usize),
            _ => Ok(half as usize),
        }
    };
    let (shared, suffix) = (len(control >> 4)?, len(control & 15)?);
    Ok(Entry {
        shared,
        suffix: cursor.take(suffix, "cut")?,
    })
}

impl FrontCoded {
    /// Reads `len` cuts and checks that they are in order. O(size).
    pub fn parse(cursor: &mut Cursor<'_>, len: usize) -> Result<FrontCoded, Refusal> {
        let tags = FrontCoded::parse_tags(cursor, len)?;
        let size = cursor.u32("cuts")? as usize;
        let entries = cursor.take(size, "cuts")?.to_vec();
        if len > entries.len() {
            return Err(Refusal::Truncated("cuts"));
        }
        let mut groups: Vec<Group> = Vec::with_capacity(len.div_ceil(INTERVAL));
        let mut rest = Cursor::new(&entries);
        let mut previous: Vec<u8> = Vec::new();
        let mut cut: Vec<u8> = Vec::new();
        let tag = |i: usize| tag_of(&tags, i);
        for i in 0..len {
            let at = (entries.len() - rest.remaining()) as u32;
            let entry = read_entry(&mut rest)?;
            match groups.last_mut() {
                Some(group) if i % INTERVAL != 0 => {
                    group.shared = group.shared.min(entry.shared as u32);
                }
                _ => groups.push(Group {
                    at,
                    shared: entry.suffix.len() as u32,
                }),
            }
            if entry.shared > previous.len() || (i % INTERVAL == 0 && entry.shared > 0) {
                return Err(Refusal::Invalid("shared bytes of a cut"));
            }
            cut.truncate(entry.shared);
            cut.extend_from_slice(entry.suffix);
            // Versions of one user key go from the newest to the oldest.
            if i > 0 && (&previous, !tag(i - 1)) >= (&cut, !tag(i)) {
                return Err(Refusal::Invalid("cuts out of order"));
            }
            // The search takes it that no more could have been shared.
            if i % INTERVAL != 0
                && previous
                    .get(entry.shared)
                    .is_some_and(|b| Some(b) == entry.suffix.first())
            {
                return Err(Refusal::Invalid("shared bytes of a cut"));
            }
            previous.clone_from(&cut);
        }
        if !rest.is_empty() {
            return Err(Refusal::Invalid("bytes behind the cuts"));
        }
        let directory = Directory::fit(groups.len(), |g| restart(&entries, groups[g].at));
        let numbers = (len >= LEAST_FOR_NUMBERS).then(|| Box::new(Numbers::new(&entries)));
        Ok(FrontCoded {
            len,
            entries,
            groups,
            directory,
            numbers,
            tags,
        })
    }

    /// From here on, if there are cuts enough, ranks take half of the time. O(size).
    pub fn quicken(&mut self) {
        let numbers = match self.numbers.take() {
            None if self.len >= LEAST_TO_QUICKEN => Some(Box::new(Numbers::new(&self.entries))),
            numbers => numbers,
        };
        if let Some(mut numbers) = numbers {
            self.each_cut(|_, cut| numbers.is_wide |= cut.len() > WIDTH);
            let mut codes = Vec::with_capacity(self.len);
            self.each_cut(|_, cut| codes.push(numbers.code(cut)));
            let found = Codes::new(&codes);
            drop(codes); // before more is allocated
            numbers.quick = match found {
                Some(codes) => Quick::Codes(codes),
                None => Quick::Nodes(self.nodes(&numbers)),
            };
            self.numbers = Some(numbers);
        }
    }

    fn nodes(&self, numbers: &Numbers) -> Vec<Node> {
        let mut small = Vec::with_capacity(self.len);
        self.each_cut(|group, cut| {
            let rest = cut.get(group.shared as usize..);
            small.push(numbers.number(rest.unwrap_or(&[]))); // checked by `parse`
        });
        let nodes = small.chunks(INTERVAL);
        nodes
            .map(|small| Node::new(small.iter().copied()))
            .collect()
    }

    /// Tells `f` of every cut and its group.
    fn each_cut(&self, mut f: impl FnMut(&Group, &[u8])) {
        let mut cut = Vec::new();
        let mut cursor = self.group(0);
        for group in self
            .groups()
            .zip(&self.groups)
            .flat_map(|(cuts, group)| cuts.map(move |_| group))
        {
            let Ok(entry) = read_entry(&mut cursor) else {
                return; // checked by `parse`
            };
            cut.truncate(entry.shared);
            cut.extend_from_slice(entry.suffix);
            f(group, &cut);
        }
    }

    fn parse_tags(cursor: &mut Cursor<'_>, len: usize) -> Result<Vec<(u32, u64)>, Refusal> {
        let count = cursor.varint("tags")? as usize;
        // A tag takes nine bytes at least.
        if count > len || count > cursor.remaining() / 9 {
            return Err(Refusal::Invalid("number of tags"));
        }
        let mut tags = Vec::with_capacity(count);
        let mut next = 0u32;
        for _ in 0..count {
            let i = next.checked_add(cursor.varint("tags")?);
            let i = i.filter(|&i| (i as usize) < len);
            let i = i.ok_or(Refusal::Invalid("cut of a tag"))?;
            tags.push((i, cursor.u64("tags")?));
            next = i + 1;
        }
        Ok(tags)
    }

    /// The cuts from the restart of group `g` on.
    fn group(&self, g: usize) -> Cursor<'_> {
        let at = self
            .groups
            .get(g)
            .map_or(self.entries.len(), |group| group.at as usize);
        Cursor::new(self.entries.get(at..).unwrap_or(&[]))
    }

    /// How many cuts are at or below (`key`, `tag`). `near` hears of a rank not far off before memory is
    /// waited for, if that can be told.
    pub fn rank(&self, key: &[u8], tag: u64, near: impl FnOnce(usize)) -> usize {
        let place = self.place(key, near);
        if let Some(rank) = place.and_then(|(_, place)| place.rank) {
            return rank;
        }
        let Some(g) = self.group_at(place, key, tag) else {
            return 0;
        };
        if let Some((rank, _)) = self.count::<false>(g, key) {
            return rank;
        }
        self.walk::<false>(g, key, tag)
            .map_or_else(|rank| rank, |found| found.rank)
    }

    /// [`rank`](Self::rank), and about where between its neighbours among the cuts the key lies, in
    /// 65536ths, if it has two.
    pub fn rank_and_part(
        &self,
        key: &[u8],
        tag: u64,
        near: impl FnOnce(usize),
    ) -> (usize, Option<u16>) {
        let place = self.place(key, near);
        if let Some((codes, place)) = place
            && let Some(rank) = place.rank
        {
            let part = codes.part(&place, rank);
            if part.is_some() || rank == self.len {
                return (rank, part);
            }
        }
        let Some(g) = self.group_at(place, key, tag) else {
            return (0, None);
        };
        match self.count::<true>(g, key) {
            Some((rank, Some(part))) => return (rank, Some(part)),
            Some((rank, None)) if rank == self.len => return (rank, None),
            _ => {}
        }
        match self.walk::<true>(g, key, tag) {
            Ok(found) => (found.rank, self.part(key, &found)),
            Err(rank) => (rank, None),
        }
    }

    /// What the codes of all cuts tell of a key.
    #[inline]
    fn place(&self, key: &[u8], near: impl FnOnce(usize)) -> Option<(&Codes, Place)> {
        let numbers = self.numbers.as_ref()?;
        let Quick::Codes(codes) = &numbers.quick else {
            return None;
        };
        Some((codes, codes.place(numbers.code(key), near)?))
    }

    /// [`group_of`](Self::group_of), which codes may have told.
    #[inline]
    fn group_at(&self, place: Option<(&Codes, Place)>, key: &[u8], tag: u64) -> Option<usize> {
        match place {
            Some((_, place)) => Some(place.node),
            None => self.group_of(key, tag),
        }
    }

    /// The group of the last restart at or below (`key`, `tag`).
    #[inline]
    fn group_of(&self, key: &[u8], tag: u64) -> Option<usize> {
        let groups = self.directory.rank(key, |g| {
            match restart(&self.entries, self.groups[g].at).cmp(key) {
                Ordering::Less => true,
                Ordering::Equal => self.is_behind(tag, g * INTERVAL),
                Ordering::Greater => false,
            }
        });
        groups.checked_sub(1)
    }

    /// What [`rank_and_part`](Self::rank_and_part) says of a key of group `g`, as far as that one's
    /// numbers tell; unless it is for a guess, only the rank.
    #[inline]
    fn count<const GUESS: bool>(&self, g: usize, key: &[u8]) -> Option<(usize, Option<u16>)> {
        let numbers = self.numbers.as_ref()?;
        let Quick::Nodes(nodes) = &numbers.quick else {
            return None;
        };
        let group = self.groups.get(g)?;
        let first = g * INTERVAL;
        let end = (first + INTERVAL).min(self.len);
        let (shared, rest) = key.split_at_checked(group.shared as usize).unzip();
        let of_cuts = restart(&self.entries, group.at).get(..group.shared as usize)?;
        match shared {
            Some(shared) if are_equal(shared, of_cuts) => {}
            // Above the restart, and so above all cuts that share this with it.
            _ => return Some((end, None)),
        }
        let (node, x) = (nodes.get(g)?, numbers.number(rest?));
        let count = node.count(x, false)?;
        match first + count {
            rank if GUESS && rank < end => Some((rank, node.part(x.into(), count, false, None))),
            rank => Some((rank, None)),
        }
    }

    /// Between which cuts (`key`, `tag`), which is of group `g`, lies, or its rank if that is the first
    /// or the last. Unless it is for a guess, only the rank is right.
    #[inline]
    fn walk<const GUESS: bool>(
        &self,
        g: usize,
        key: &[u8],
        tag: u64,
    ) -> Result<Between<'_>, usize> {
        let mut cursor = self.group(g);
        let first = g * INTERVAL;
        let Ok(whole) = read_entry(&mut cursor) else {
            return Err(first); // checked by `parse`
        };
        let equal = common_prefix(whole.suffix, key);
        let mut below = Below {
            equal,
            rest: whole.suffix.get(equal..).unwrap_or(&[]),
            head: None,
        };
        for i in first + 1..(first + INTERVAL).min(self.len) {
            let Ok(entry) = read_entry(&mut cursor) else {
                return Err(i);
            };
            let equal = below.equal;
            // The cut before is at or below the key and has `equal` bytes in common with it.
            match entry.shared.cmp(&equal) {
                // ... this one too, up to the byte in which the cut before was smaller.
                Ordering::Greater => {
                    if !GUESS {
                        continue;
                    }
                    let before = below.head();
                    below.head = Some(splice(before, entry.shared - equal, project(entry.suffix)));
                    continue;
                }
                // It is larger than the cut before in a byte that equals the key's.
                Ordering::Less => {
                    return Ok(Between {
                        rank: i,
                        below,
                        shared: entry.shared,
                        above: entry.suffix,
                    });
                }
                Ordering::Equal => {}
            }
            let rest = key.get(equal..).unwrap_or(&[]);
            let more = common_prefix(entry.suffix, rest);
            let is_below = match (entry.suffix.get(more), rest.get(more)) {
                (Some(ours), Some(theirs)) => ours < theirs,
                (Some(_), None) => false,
                (None, Some(_)) => true,
                (None, None) => self.is_behind(tag, i),
            };
            if !is_below {
                return Ok(Between {
                    rank: i,
                    below,
                    shared: equal,
                    above: entry.suffix,
                });
            }
            below = Below {
                equal: equal + more,
                rest: entry.suffix.get(more..).unwrap_or(&[]),
                head: None,
            };
        }
        let rank = (first + INTERVAL).min(self.len);
        if !GUESS {
            return Err(rank);
        }
        // The next restart.
        match read_entry(&mut cursor) {
            Ok(whole) => {
                let shared = common_prefix(whole.suffix, key).min(below.equal);
                Ok(Between {
                    rank,
                    below,
                    shared,
                    above: whole.suffix.get(shared..).unwrap_or(&[]),
                })
            }
            Err(_) => Err(rank),
        }
    }

    /// Where between its neighbours `key` lies, in 65536ths.
    #[inline]
    fn part(&self, key: &[u8], found: &Between<'_>) -> Option<u16> {
        let alphabet = &self.numbers.as_ref()?.alphabet;
        let Between {
            below,
            shared,
            above,
            ..
        } = found;
        // From where the neighbours differ.
        let rest = project(key.get(*shared..)?);
        let equal = below.equal.checked_sub(*shared)?;
        let below = alphabet.number(splice(rest, equal, below.head()));
        let above = alphabet.number(project(above));
        let number = alphabet.number(rest);
        Some(part_between(below, number, above))
    }

    /// Whether the version `tag` of cut `i`'s very user key is behind the cut: the cut is the
    /// last version before it, so only older ones are.
    fn is_behind(&self, tag: u64, i: usize) -> bool {
        tag < self.tag(i)
    }

    /// Appends cut `i` to `out` and returns its tag.
    pub fn cut(&self, i: usize, out: &mut Vec<u8>) -> u64 {
        let start = out.len();
        let mut cursor = self.group(i / INTERVAL);
        for _ in 0..=i % INTERVAL {
            let Ok(entry) = read_entry(&mut cursor) else {
                break; // checked by `parse`
            };
            out.truncate(start + entry.shared);
            out.extend_from_slice(entry.suffix);
        }
        self.tag(i)
    }

    /// The cuts to each restart.
    pub fn groups(&self) -> impl Iterator<Item = Range<usize>> {
        let starts = (0..self.len).step_by(INTERVAL);
        starts.map(|start| start..(start + INTERVAL).min(self.len))
    }

    /// The tag of cut `i`, [`NO_TAG`] if it has none.
    pub fn tag(&self, i: usize) -> u64 {
        tag_of(&self.tags, i)
    }

    /// Whether any cut has a tag.
    pub fn has_tags(&self) -> bool {
        !self.tags.is_empty()
    }

    /// Heap bytes held.
    pub fn memory_usage(&self) -> usize {
        self.entries.capacity()
            + self.groups.capacity() * size_of::<Group>()
            + self.directory.memory_usage()
            + self.numbers.as_deref().map_or(0, Numbers::memory_usage)
            + self.tags.capacity() * size_of::<(u32, u64)>()
    }
}

fn tag_of(tags: &[(u32, u64)], i: usize) -> u64 {
    match tags.binary_search_by_key(&i, |&(cut, _)| cut as usize) {
        Ok(at) => tags[at].1,
        Err(_) => NO_TAG,
    }
}

/// The whole cut whose control byte is at `at`.
fn restart(entries: &[u8], at: u32) -> &[u8] {
    let mut cursor = Cursor::new(entries.get(at as usize..).unwrap_or(&[]));
    read_entry(&mut cursor).map_or(&[], |entry| entry.suffix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(len: usize, tags: &[u64], entries: &[u8]) -> Result<usize, Refusal> {
        let mut block = vec![tags.len() as u8];
        for tag in tags {
            block.push(0);
            block.extend_from_slice(&tag.to_le_bytes());
        }
        block.extend_from_slice(&(entries.len() as u32).to_le_bytes());
        block.extend_from_slice(entries);
        FrontCoded::parse(&mut Cursor::new(&block), len).map(|f| f.len)
    }

    struct Tagged(Vec<(Vec<u8>, u64)>);
    impl Cuts for Tagged {
        fn key(&self, i: usize) -> &[u8] {
            &self.0[i].0
        }
        fn tag(&self, i: usize) -> u64 {
            self.0[i].1
        }
    }

    fn cuts_of(cuts: &Tagged) -> FrontCoded {
        let mut block = Vec::new();
        encode(cuts, 0..cuts.0.len(), 0, &mut block);
        let parsed = FrontCoded::parse(&mut Cursor::new(&block), cuts.0.len());
        let mut strings = parsed.expect("own cuts");
        strings.quicken();
        strings
    }

    /// As if codes did not tell the cuts apart.
    fn number_by_group(mut strings: FrontCoded) -> FrontCoded {
        let mut numbers = strings.numbers.take().expect("enough cuts");
        numbers.quick = Quick::Nodes(strings.nodes(&numbers));
        strings.numbers = Some(numbers);
        strings
    }

    /// Cuts between user keys.
    fn cuts_at(keys: &[&[u8]]) -> FrontCoded {
        let cuts = keys.iter().map(|key| (key.to_vec(), NO_TAG));
        cuts_of(&Tagged(cuts.collect()))
    }

    /// Sorted keys in blocks of 32: how far off the guesses are on average, in blocks.
    fn error_of_guesses(keys: &[Vec<u8>]) -> f64 {
        const BLOCK: usize = 32;
        let cuts: Vec<_> = (keys.iter().step_by(BLOCK).skip(1).map(Vec::as_slice)).collect();
        let strings = cuts_at(&cuts);
        let (mut sum, mut count) = (0.0, 0);
        for (i, key) in keys.iter().enumerate() {
            let (rank, part) = strings.rank_and_part(key, 9, |_| {});
            assert_eq!(rank, i / BLOCK);
            if rank > 0 && rank < cuts.len() {
                let part = part.expect("two neighbours");
                let place = (i % BLOCK) as f64 / BLOCK as f64;
                sum += (f64::from(part) / 65536.0 - place).abs();
                count += 1;
            }
        }
        sum / f64::from(count)
    }

    /// Always the same numbers.
    fn random_numbers() -> impl FnMut() -> usize {
        let mut x = 1u64;
        move || {
            x = x
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (x >> 33) as usize
        }
    }

    /// Parts are those of the whole neighbours, which the walk never puts together, and of which numbers
    /// are a few bytes.
    #[test]
    fn parts_are_those_of_whole_keys() {
        let mut random = random_numbers();
        let kinds: [&dyn Fn(usize) -> String; 6] = [
            &|n| format!("user{:010}", n % 10_000_000_000),
            &|n| format!("{:06}", n % 3000 * 37),
            &|n| format!("{:x}", 0x100000 + n % 3000 * 300),
            &|n| format!("{:x}/{}", n % 40, n / 40 % 100),
            &|n| format!("{}", n % 3001),
            &|n| format!("host{}/path/{}/{}", n % 9, n / 9 % 30, n / 270 % 40),
        ];
        let ways = kinds.iter().enumerate();
        for ((kind, key_of), by_group) in ways.flat_map(|kind| [(kind, false), (kind, true)]) {
            let mut keys: Vec<_> = (0..6000).map(|_| key_of(random()).into_bytes()).collect();
            keys.sort();
            keys.dedup();
            let mut strings = cuts_at(&keys.iter().map(Vec::as_slice).collect::<Vec<_>>());
            if by_group {
                strings = number_by_group(strings);
            }
            let numbers = strings.numbers.as_ref().expect("enough cuts");
            let has_codes = matches!(numbers.quick, Quick::Codes(_));
            // The last kind's sixteen bytes have more than 64 bits to them.
            assert_eq!(has_codes, !by_group && kind < 5);
            let mut settled = 0;
            for _ in 0..4000 {
                let mut key = keys[random() % keys.len()].clone();
                let at = key.len() - 1 - random() % key.len().min(3);
                key[at] = b"0123456789af/"[random() % 13];
                if random().is_multiple_of(2) {
                    key.extend_from_slice(b"55");
                }
                let (rank, part) = strings.rank_and_part(&key, 9, |_| {});
                assert_eq!(rank, keys.partition_point(|cut| *cut <= key));
                if rank == 0 || rank == keys.len() {
                    continue;
                }
                let (below, above) = (&keys[rank - 1], &keys[rank]);
                let shared = common_prefix(below, above);
                let [low, high, number] = [below, above, &key]
                    .map(|key| numbers.alphabet.number(project(&key[shared..])));
                let expected = number.saturating_sub(low) as f32 / high.saturating_sub(low) as f32;
                let expected = (expected * 65536.0) as u16;
                let g = strings.group_of(&key, 9).expect("not the first");
                let walked = strings.walk::<true>(g, &key, 9).expect("not the last");
                assert_eq!(walked.rank, rank);
                assert_eq!(
                    strings.part(&key, &walked),
                    Some(expected),
                    "kind {kind}, {key:?}"
                );
                let part = part.expect("two neighbours");
                let error = f64::from(part.abs_diff(expected)) / 65536.0;
                assert!(
                    error < 2.5 / f64::from(node::LEAST_APART),
                    "{error}, kind {kind}, {key:?}"
                );
                let part = match strings.place(&key, |_| {}) {
                    Some((codes, place)) => place.rank.and_then(|rank| codes.part(&place, rank)),
                    None => strings.count::<true>(g, &key).and_then(|(_, part)| part),
                };
                settled += usize::from(part.is_some());
            }
            assert!(
                settled > 1500,
                "kind {kind}, by group: {by_group}: {settled}"
            );
        }
    }

    proptest! {
        /// Numbers count what a walk counts, also for cuts that they do not tell apart.
        #[test]
        fn numbers_and_walks(
            cuts in prop::collection::btree_set(
                (prop::collection::vec(0u8..3, 0..14), prop_oneof![Just(NO_TAG), 0..4u64]), 1..120),
            keys in prop::collection::vec((prop::collection::vec(0u8..3, 0..16), 0..5u64), 1..60),
            shared in prop::collection::vec(0u8..3, 0..20),
            by_group: bool,
        ) {
            let whole = |key: &[u8]| [&shared, key].concat();
            let mut cuts: Vec<_> = cuts.iter().map(|(key, tag)| (whole(key), *tag)).collect();
            cuts.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
            let mut strings = cuts_of(&Tagged(cuts.clone()));
            prop_assert!(strings.numbers.is_none());
            strings.numbers = Some(Box::new(Numbers::new(&strings.entries)));
            strings.quicken();
            if by_group {
                strings = number_by_group(strings);
            }
            let keys = keys.iter().map(|(key, tag)| (whole(key), *tag));
            for (key, tag) in keys.chain(cuts.iter().cloned()) {
                let rank = cuts.partition_point(|cut| (&cut.0, !cut.1) < (&key, !tag));
                // A cut with the very tag is the last version before it.
                prop_assert_eq!(strings.rank(&key, tag, |_| {}), rank, "{:?} {}", &key, tag);
                let (same, part) = strings.rank_and_part(&key, tag, |_| {});
                prop_assert_eq!(same, rank);
                prop_assert_eq!(part.is_some(), (1..cuts.len()).contains(&rank));
            }
        }

        /// The same for cuts that codes nearly always tell apart, of several groups and alphabets.
        #[test]
        fn codes_and_walks(
            letters in prop::sample::select(vec![
                &b"0123456789"[..], b"\0\x01a\xff", b"abcdefghijklmnopqrstuvwxyz-_.",
            ]),
            picks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 200..400),
            more in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..60),
        ) {
            let spell = |picks: &Vec<u8>| -> Vec<u8> {
                picks.iter().map(|&pick| letters[usize::from(pick) % letters.len()]).collect()
            };
            let mut cuts: Vec<Vec<u8>> = picks.iter().map(spell).collect();
            cuts.sort();
            cuts.dedup();
            let strings = cuts_at(&cuts.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let beside = cuts.iter().flat_map(|cut| {
                [&cut[..cut.len() / 2], cut, &[cut, &b"\0"[..]].concat(), &[cut, &b"5"[..]].concat()]
                    .map(<[u8]>::to_vec)
            });
            for key in beside.chain(more.iter().map(spell)).chain(more.clone()) {
                let rank = cuts.partition_point(|cut| *cut <= key);
                prop_assert_eq!(strings.rank(&key, 9, |_| {}), rank, "{:?}", &key);
                let (same, part) = strings.rank_and_part(&key, 9, |_| {});
                prop_assert_eq!(same, rank);
                prop_assert_eq!(part.is_some(), (1..cuts.len()).contains(&rank), "{:?}", &key);
            }
        }
    }

    /// A few blocks' worth of bytes is too much for an alphabet.
    #[test]
    fn who_has_numbers() {
        let has_numbers = |len: usize| {
            let cuts: Vec<_> = (0..len).map(|i| format!("{i:05}").into_bytes()).collect();
            let mut strings = cuts_at(&cuts.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let quick = matches!(
                strings.numbers.as_deref(),
                Some(Numbers {
                    quick: Quick::Codes(_),
                    ..
                })
            );
            let mut block = Vec::new();
            let cuts = Tagged(cuts.into_iter().map(|cut| (cut, NO_TAG)).collect());
            encode(&cuts, 0..len, 0, &mut block);
            strings = FrontCoded::parse(&mut Cursor::new(&block), len).expect("own cuts");
            (strings.numbers.is_some(), quick)
        };
        assert_eq!(has_numbers(LEAST_TO_QUICKEN - 1), (false, false));
        assert_eq!(has_numbers(LEAST_TO_QUICKEN), (false, true));
        assert_eq!(has_numbers(LEAST_FOR_NUMBERS - 1), (false, true));
        assert_eq!(has_numbers(LEAST_FOR_NUMBERS), (true, true));
    }

    #[test]
    fn guesses_are_about_right() {
        let mut random = random_numbers();
        let mut keys: Vec<Vec<u8>> = (0..100_000)
            .map(|_| format!("user{:010}{:010}", random(), random()).into_bytes())
            .collect();
        keys.sort();
        keys.dedup();
        // Of 32 keys at random the median lies 0.09 off; where nothing is known it is 0.33.
        let error = error_of_guesses(&keys);
        assert!(error < 0.08, "{error}");
    }

    #[test]
    fn crafted_entries() {
        assert_eq!(parse(2, &[], b"\x01a\x11b"), Ok(2));
        assert!(
            parse(2, &[], b"\x01a\x02ab").is_err(),
            "more could be shared"
        );
        assert!(parse(1, &[], b"\x01a\0").is_err(), "bytes behind the cuts");
        let mut long = Vec::new();
        for byte in b'a'..b'q' {
            long.extend_from_slice(&[1, byte]);
        }
        long.extend_from_slice(b"\x11x");
        assert!(parse(17, &[], &long).is_err(), "a restart that shares");
        assert_eq!(parse(2, &[9, 5], b"\x01a\x10"), Ok(2));
        assert!(
            parse(2, &[5, 9], b"\x01a\x10").is_err(),
            "versions out of order"
        );
        assert!(
            parse(2, &[5, 5], b"\x01a\x10").is_err(),
            "one version twice"
        );
        assert!(parse(2, &[], b"\x01a\x10").is_err(), "one key twice");
    }
}
