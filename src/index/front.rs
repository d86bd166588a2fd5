//! Cuts as front-coded strings: each keeps what it does not share with the one before it.
//!
//! Every 16th cut is kept whole (a restart). A [`Directory`] over the restarts finds the
//! group; in it a search walks the cuts without putting any of them together.

use super::NO_TAG;
use super::cut::Cuts;
use super::format::{Cursor, Refusal};
use crate::model::Directory;
use crate::model::projection::common_prefix;
use crate::varint;
use std::cmp::Ordering;
use std::ops::Range;

/// Cuts to a restart: with 3 to 6 bytes a cut a group is one or two cache lines.
const INTERVAL: usize = 16;

/// A length that does not fit into its half of the control byte.
const ESCAPE: u8 = 15;

/// See the module documentation. Built by [`encode`], read back by [`FrontCoded::parse`].
#[derive(Debug)]
pub(super) struct FrontCoded {
    len: usize,
    entries: Vec<u8>,
    /// Where each restart's control byte is in `entries`.
    restarts: Vec<u32>,
    directory: Directory,
    /// (cut, tag), sorted: the cuts that have one.
    tags: Vec<(u32, u64)>,
}

/// One front-coded cut.
struct Entry<'a> {
    shared: usize,
    suffix: &'a [u8],
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
        let mut restarts = Vec::with_capacity(len.div_ceil(INTERVAL));
        let mut rest = Cursor::new(&entries);
        let mut previous: Vec<u8> = Vec::new();
        let mut cut: Vec<u8> = Vec::new();
        let tag = |i: usize| tag_of(&tags, i);
        for i in 0..len {
            if i % INTERVAL == 0 {
                restarts.push((entries.len() - rest.remaining()) as u32);
            }
            let entry = read_entry(&mut rest)?;
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
        let directory = Directory::fit(restarts.len(), |i| restart(&entries, restarts[i]));
        Ok(FrontCoded {
            len,
            entries,
            restarts,
            directory,
            tags,
        })
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
            .restarts
            .get(g)
            .map_or(self.entries.len(), |&at| at as usize);
        Cursor::new(self.entries.get(at..).unwrap_or(&[]))
    }

    /// How many cuts are at or below (`key`, `tag`).
    pub fn rank(&self, key: &[u8], tag: u64) -> usize {
        let groups = self.directory.rank(key, |g| {
            match restart(&self.entries, self.restarts[g]).cmp(key) {
                Ordering::Less => true,
                Ordering::Equal => self.is_behind(tag, g * INTERVAL),
                Ordering::Greater => false,
            }
        });
        let Some(g) = groups.checked_sub(1) else {
            return 0;
        };
        let mut cursor = self.group(g);
        let first = g * INTERVAL;
        let Ok(whole) = read_entry(&mut cursor) else {
            return first; // checked by `parse`
        };
        let mut equal = common_prefix(whole.suffix, key);
        for i in first + 1..(first + INTERVAL).min(self.len) {
            let Ok(entry) = read_entry(&mut cursor) else {
                return i;
            };
            // The cut before is at or below the key and has `equal` bytes in common with it.
            match entry.shared.cmp(&equal) {
                // ... this one too, up to the byte in which the cut before was smaller.
                Ordering::Greater => continue,
                // It is larger than the cut before in a byte that equals the key's.
                Ordering::Less => return i,
                Ordering::Equal => {}
            }
            let rest = key.get(equal..).unwrap_or(&[]);
            let more = common_prefix(entry.suffix, rest);
            let below = match (entry.suffix.get(more), rest.get(more)) {
                (Some(ours), Some(theirs)) => ours < theirs,
                (Some(_), None) => false,
                (None, Some(_)) => true,
                (None, None) => self.is_behind(tag, i),
            };
            if !below {
                return i;
            }
            equal += more;
        }
        (first + INTERVAL).min(self.len)
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
            + self.restarts.capacity() * size_of::<u32>()
            + self.directory.memory_usage()
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
