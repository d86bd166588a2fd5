//! A data block as RocksDB writes it, searched in place.
//!
//! ```text
//! block   := entry*  restart:u32[restarts]  footer:u32
//! entry   := shared:varint  own:varint  value_len:varint  byte[own]  value
//!            the internal key is `shared` bytes of the one before and the entry's own;
//!            at a restart nothing is shared
//! key     := user key  tag:u64            tag = sequence << 8 | type
//! ```
//!
//! Order: user key ascending, tag descending. A search walks the entries behind one of the restarts,
//! that before the place where the target is guessed to be, or else one found by halving; the walk
//! knows how much of the target the entry before had in common with it, so it puts no key together.
//!
//! Bytes come from disk: all offsets and lengths are checked, and what does not fit is
//! [`Step::Corrupt`].
#![forbid(unsafe_code)]

use crate::model::projection::{WIDTH, are_equal, common_prefix, project, project_from, splice};
use crate::prefetch::{prefetch, prefetch_lines};
use crate::restarts::{Around, Restarts};
use crate::varint;
use std::cmp::Ordering;
use std::ops::{Range, RangeInclusive};

/// Bytes of the tag at the end of an internal key.
const TAG: usize = 8;

/// How far a guess may be off, as a part of the block: entries do not lie that evenly. Half of this
/// costs a Get of mapped names 5 %, twice as much gains nothing.
const MARGIN: usize = 8;

/// Lines asked for at most: 16 entries of 100 bytes, and the margins.
const MOST_LINES: usize = 40;

/// What of a block's last four bytes is the number of its restarts.
const MOST_RESTARTS: u32 = (1 << 28) - 1;

/// A version of the user key that was looked up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Version {
    /// Its tag.
    pub tag: u64,
    /// Where its value begins in the block.
    pub value: usize,
    /// Length of its value.
    pub value_len: usize,
}

impl Version {
    /// Where the entry behind it begins.
    fn end(&self) -> usize {
        self.value.saturating_add(self.value_len)
    }
}

/// Where an entry begins, and from where it has the bytes that it shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Where it begins in the block.
    pub place: usize,
    /// 0: all that it shares is its restart's. Otherwise so many entries before it is the nearest that
    /// shares less; that one's own bytes are the last that this one shares. Or less far: in between they
    /// all share as much, so that from there it goes on.
    pub source: usize,
}

/// What a search or a step comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A version of the user key.
    Version(Version),
    /// A larger user key: there are no versions in this block, nor in one behind it.
    Larger,
    /// The end of the block.
    End,
    /// Bytes that are no entries.
    Corrupt,
}

/// Where an iterator comes to in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// An entry. Its key is the first `shared` bytes of the key that the iterator has, the target
    /// of the search or the key of the entry before, and the `own` bytes in front of the value.
    Entry {
        /// Bytes of its internal key that are not its own.
        shared: usize,
        /// Bytes of its internal key that are.
        own: usize,
        /// Where its value begins in the block.
        value: usize,
        /// Length of its value.
        value_len: usize,
    },
    /// A version of the target's user key.
    Version(Version),
    /// An entry that shares bytes with one before it that are not the target's: an iterator gets
    /// to its key from entry to entry.
    Beyond {
        /// Where an entry that shares nothing begins.
        restart: usize,
        /// Where the entry itself begins.
        at: usize,
    },
    /// The end of the block.
    End,
    /// Bytes that are no entries.
    Corrupt,
}

/// The bytes of a block.
#[derive(Debug, Clone, Copy)]
pub struct DataBlock<'a> {
    bytes: &'a [u8],
    /// Where the entries end and the restarts begin.
    end: usize,
    count: usize,
    restarts: Restarts,
}

/// An entry, its own bytes in place.
#[derive(Clone, Copy)]
struct Entry<'a> {
    shared: usize,
    own: &'a [u8],
    value: usize,
    value_len: usize,
}

/// Where a walk ends.
enum Walked<'a> {
    At {
        entry: Entry<'a>,
        /// Where it begins.
        at: usize,
        /// Whether the bytes that it shares are the target's.
        shares_with_target: bool,
        /// Its tag, if it is a version of the target's user key.
        tag: Option<u64>,
    },
    End,
}

impl Walked<'_> {
    /// As a lookup takes it.
    #[inline]
    fn step(self) -> Step {
        match self {
            Walked::At {
                entry,
                tag: Some(tag),
                ..
            } => Step::Version(entry.version(tag)),
            Walked::At { tag: None, .. } => Step::Larger,
            Walked::End => Step::End,
        }
    }
}

impl Entry<'_> {
    fn version(&self, tag: u64) -> Version {
        Version {
            tag,
            value: self.value,
            value_len: self.value_len,
        }
    }

    fn place(&self) -> Place {
        Place::Entry {
            shared: self.shared,
            own: self.own.len(),
            value: self.value,
            value_len: self.value_len,
        }
    }

    /// Where the entry behind it begins.
    fn end(&self) -> usize {
        self.value.saturating_add(self.value_len)
    }
}

/// What is in front of an entry's own bytes, and eight of these, or of what follows them.
struct Header {
    shared: usize,
    own: usize,
    value_len: usize,
    /// Bytes that these three take.
    size: usize,
    head_of_own: u64,
}

impl Header {
    /// Of the entry that `bytes` begin with, if its lengths take the usual three or four bytes.
    #[inline]
    fn read(bytes: &[u8; 12]) -> Option<Header> {
        #[cfg(test)]
        tests::ENTRIES_READ.set(tests::ENTRIES_READ.get() + 1);
        let &[shared, own, value_len, high, ..] = bytes;
        let (value_len, size) = if value_len < 0x80 {
            (usize::from(value_len), 3)
        } else if high < 0x80 {
            (usize::from(value_len & 0x7f) | usize::from(high) << 7, 4)
        } else {
            return None;
        };
        if (shared | own) >= 0x80 {
            return None;
        }
        Some(Header {
            shared: shared.into(),
            own: own.into(),
            value_len,
            size,
            head_of_own: project_from(bytes, size),
        })
    }
}

/// What is known of an entry below the target.
#[derive(Clone, Copy)]
struct Below {
    /// Bytes of its internal key that are the target's user key's.
    common: usize,
    /// The byte behind those, if the internal key goes on.
    next: Option<u8>,
    /// Length of its internal key.
    len: usize,
    /// Its tag, if it is a version of the target's user key.
    tag: Option<u64>,
}

/// Asks for the lines that a search in a block of `size` bytes at `base` will read, if `guess` is
/// right: as much of the block, in 65536ths, lies before the target. Nothing is read.
#[inline]
pub fn prefetch_block(base: *const u8, size: usize, restarts: Restarts, guess: Option<u16>) {
    if !restarts.are_known() {
        // They are at the end.
        prefetch(base.wrapping_add(size.saturating_sub(1)));
    }
    if let Some(guess) = guess {
        let way = way_to(size, restarts, guess);
        prefetch_lines(base.wrapping_add(way.start), way.len(), MOST_LINES);
    }
}

/// What a search reads of a block of `size` bytes if the target is about where it is guessed to be.
#[inline]
fn way_to(size: usize, restarts: Restarts, guess: u16) -> Range<usize> {
    let end = size.saturating_sub(4 * restarts.count() + 4);
    let at = part(end, guess);
    let margin = end / MARGIN;
    let from = at.saturating_sub(margin);
    let from = match restarts.count() {
        0 => from, // there are so many that one is near
        _ => restarts.around(from, end).from,
    };
    from..(at + margin).min(end).max(from)
}

/// As much of `whole` as `guess` says, in 65536ths.
#[inline]
fn part(whole: usize, guess: u16) -> usize {
    ((whole as u64 * u64::from(guess)) >> 16) as usize
}

impl<'a> DataBlock<'a> {
    /// A block without a hash index. `restarts`: its own, as far as they are known. `None` if there
    /// is no room for them.
    #[inline]
    pub fn new(bytes: &'a [u8], restarts: Restarts) -> Option<DataBlock<'a>> {
        let count = match restarts.count() {
            0 => {
                let footer = u32::from_le_bytes(*bytes.last_chunk()?);
                (footer & MOST_RESTARTS) as usize
            }
            count => count,
        };
        let end = bytes.len().checked_sub(4 * count + 4)?;
        Some(DataBlock {
            bytes,
            end,
            count,
            restarts,
        })
    }

    /// Its restarts, for those who keep them beside the block. Their places are not known if they
    /// are not in order.
    pub fn restarts(&self) -> Restarts {
        let places: Option<Vec<usize>> = (0..self.count).map(|i| self.restart(i)).collect();
        match places {
            Some(places) if places.is_sorted_by(|a, b| a < b) => Restarts::at(&places),
            _ => Restarts::anywhere(self.count),
        }
    }

    /// The first version at or behind the internal key (`user_key`, `tag`). `guess`, where it is
    /// known, says about where in the block that is, in 65536ths: right or wrong, it only decides
    /// where the search begins.
    ///
    /// O(log restarts + entries to a restart).
    #[inline]
    pub fn seek(&self, user_key: &[u8], tag: u64, guess: Option<u16>) -> Step {
        match self.try_seek(user_key, tag, guess) {
            Some((_, walked)) => walked.step(),
            None => Step::Corrupt,
        }
    }

    /// The first entry at or behind the internal key (`user_key`, `tag`); otherwise as
    /// [`seek`](Self::seek).
    #[inline]
    pub fn place(&self, user_key: &[u8], tag: u64, guess: Option<u16>) -> Place {
        let Some((restart, walked)) = self.try_seek(user_key, tag, guess) else {
            return Place::Corrupt;
        };
        match walked {
            Walked::At {
                entry,
                tag: Some(tag),
                ..
            } => Place::Version(entry.version(tag)),
            Walked::At {
                entry,
                shares_with_target: true,
                ..
            } => entry.place(),
            Walked::At { at, .. } => Place::Beyond { restart, at },
            Walked::End => Place::End,
        }
    }

    /// The entry at `at`, which is the block's first byte or behind a value. `key_len`: length of
    /// the internal key of the entry before; 0 if it is of no matter, since the entry is at a
    /// restart.
    ///
    /// O(1).
    #[inline]
    pub fn entry_at(&self, at: usize, key_len: usize) -> Place {
        if at == self.end {
            return Place::End;
        }
        match self.entry(at) {
            Some(entry) if entry.shared <= key_len && entry.shared + entry.own.len() >= TAG => {
                entry.place()
            }
            _ => Place::Corrupt,
        }
    }

    /// The version behind `version`, which [`seek`](Self::seek) or this has found.
    pub fn next(&self, user_key: &[u8], version: &Version) -> Step {
        let below = Below {
            common: user_key.len(),
            next: version.tag.to_le_bytes().first().copied(),
            len: user_key.len() + TAG,
            tag: Some(version.tag),
        };
        match self.walk_on(version.end()..self.end, below, user_key, u64::MAX, None) {
            Some(walked) => walked.step(),
            None => Step::Corrupt,
        }
    }

    /// Of all entries, `most` of them at most, something of their user keys, and where they are; and
    /// how many there are to a restart. `None` if there are more, or if anything is not as it should be.
    pub(crate) fn slots<T>(
        &self,
        most: usize,
        of_key: impl Fn(&[u8]) -> T,
    ) -> Option<(usize, Vec<(T, Slot)>)> {
        let mut slots: Vec<(T, Slot)> = Vec::new();
        let (mut key, mut last, mut last_tag) = (Vec::new(), Vec::new(), 0);
        let (mut restarts, mut key_of_restart): (_, &[u8]) = (0, &[]);
        // Of the entries since the restart.
        let mut shared = Vec::new();
        let mut interval = None;
        let mut at = 0;
        while at < self.end {
            if slots.len() == most {
                return None;
            }
            let entry = self.entry(at)?;
            if restarts < self.count && self.restart(restarts)? == at {
                if entry.shared != 0 {
                    return None;
                }
                let is_right = match restarts {
                    0 => slots.is_empty(),
                    _ => *interval.get_or_insert(slots.len()) * restarts == slots.len(),
                };
                if !is_right {
                    return None;
                }
                key_of_restart = entry.own;
                shared.clear();
                restarts += 1;
            }
            if entry.shared > key.len() {
                return None;
            }
            let source = match common_prefix(&key, key_of_restart) >= entry.shared {
                true => 0,
                false => 1 + shared.iter().rev().position(|s| *s < entry.shared)?,
            };
            shared.push(entry.shared);
            key.truncate(entry.shared);
            key.extend_from_slice(entry.own);
            let (user_key, tag) = key.split_last_chunk::<TAG>()?;
            let tag = u64::from_le_bytes(*tag);
            if !slots.is_empty() && (last.as_slice(), !last_tag) >= (user_key, !tag) {
                return None;
            }
            last.clear();
            last.extend_from_slice(user_key);
            last_tag = tag;
            slots.push((of_key(user_key), Slot { place: at, source }));
            at = entry.end();
        }
        let interval = interval.unwrap_or(slots.len().max(1));
        // As many as are passed, else they are not in order.
        let is_right = restarts == self.count && at == self.end;
        (is_right && slots.len().div_ceil(interval) == restarts).then_some((interval, slots))
    }

    /// The entry in slot `here` behind the restart at `restart`, if it is a version of the user key: its
    /// key is put together backwards, as far as it is not the restart's. `before` tells how to get the
    /// slots of the entries before it, the nearest being number 1. The outer `None` if it is not to be
    /// told whose version it is.
    #[inline]
    pub(crate) fn version_at<B: Fn(usize) -> Option<Slot>>(
        &self,
        here: Slot,
        restart: usize,
        before: impl FnOnce() -> Option<B>,
        user_key: &[u8],
    ) -> Option<Option<Version>> {
        let (entry, head) = self.entry_and_head(here.place)?;
        let (own_user, tag) = entry.own.split_last_chunk::<TAG>()?;
        if entry.shared + own_user.len() != user_key.len()
            || !continues(head, own_user, user_key, entry.shared)
        {
            return Some(None);
        }
        // Bytes that are left to compare.
        let left = match here.source {
            0 => entry.shared,
            back => match self.left_to_restart(back, before()?, entry.shared, user_key)? {
                Some(left) => left,
                None => return Some(None),
            },
        };
        if left > 0 {
            let (restart, head) = self.entry_and_head(restart)?;
            if restart.shared != 0 {
                return None;
            }
            if !continues(head, restart.own.get(..left)?, user_key, 0) {
                return Some(None);
            }
        }
        Some(Some(entry.version(u64::from_le_bytes(*tag))))
    }

    /// Of `left` bytes that an entry shares, how many are its restart's, if what lies between is the
    /// user key's. `back`: the entry's source. `before`, outer and inner `None` as of
    /// [`version_at`](Self::version_at).
    #[inline]
    fn left_to_restart(
        &self,
        mut back: usize,
        before: impl Fn(usize) -> Option<Slot>,
        mut left: usize,
        user_key: &[u8],
    ) -> Option<Option<usize>> {
        loop {
            let slot = before(back)?;
            let (entry, head) = self.entry_and_head(slot.place)?;
            if entry.shared < left {
                let bytes = entry.own.get(..left - entry.shared)?;
                if !continues(head, bytes, user_key, entry.shared) {
                    return Some(None);
                }
                left = entry.shared;
            }
            if slot.source == 0 {
                break;
            }
            back += slot.source;
        }
        Some(Some(left))
    }

    /// Where the walk has begun, and where it ends.
    #[inline]
    fn try_seek(
        &self,
        user_key: &[u8],
        tag: u64,
        guess: Option<u16>,
    ) -> Option<(usize, Walked<'a>)> {
        let last = self.count.checked_sub(1)?;
        let Some(guess) = guess else {
            return self.halve(0..=last, None, user_key, tag);
        };
        let at = part(self.end, guess);
        let Around {
            i: mut first,
            from: mut start,
            to: mut next,
        } = self.around(at)?;
        // Asked first where it may be the next one: to go back is dearer.
        if first < last && next <= at + self.end / MARGIN && self.is_below(next, user_key, tag)? {
            first += 1;
            start = next;
            next = self.restart_or_end(first + 1)?;
        }
        // If the guess is right this is it. If not, what is left open is halved.
        match self.walk(start..next, user_key, tag)? {
            Walked::At { at, .. } if at == start && first > 0 => {
                self.halve(0..=first - 1, Some(first - 1), user_key, tag)
            }
            // Mostly it is right behind: the entry at the next restart is larger, or is it, but newer
            // versions might have been before it.
            Walked::End if first < last => {
                let (start, end) = (next, self.restart_or_end(first + 2)?);
                match self.walk(start..end, user_key, tag)? {
                    Walked::End if first + 1 < last => {
                        self.halve(first + 2..=last, None, user_key, tag)
                    }
                    walked => Some((start, walked)),
                }
            }
            walked => Some((start, walked)),
        }
    }

    /// The walk begins at the last of these restarts that is below the target, or else at the first of
    /// them. `middle`: the one that is asked first.
    #[inline(never)]
    fn halve(
        &self,
        restarts: RangeInclusive<usize>,
        mut middle: Option<usize>,
        user_key: &[u8],
        tag: u64,
    ) -> Option<(usize, Walked<'a>)> {
        let (mut low, mut high) = restarts.into_inner();
        while low < high {
            let middle = (middle.take()).unwrap_or_else(|| low + (high - low).div_ceil(2));
            if self.is_below(self.restart(middle)?, user_key, tag)? {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        let start = self.restart(low)?;
        let walked = self.walk(start..self.end, user_key, tag)?;
        Some((start, walked))
    }

    /// Whether the entry at `restart` lies below the internal key (`user_key`, `tag`).
    #[inline]
    fn is_below(&self, restart: usize, user_key: &[u8], tag: u64) -> Option<bool> {
        let entry = self.entry(restart)?;
        if entry.shared != 0 {
            return None;
        }
        let (entry_user, entry_tag) = entry.own.split_last_chunk::<TAG>()?;
        let entry_tag = u64::from_le_bytes(*entry_tag);
        let order = entry_user.cmp(user_key).then(tag.cmp(&entry_tag));
        Some(order == Ordering::Less)
    }

    /// The last restart at or before `at`, and what follows it; if restarts are not in order, another
    /// one.
    #[inline]
    fn around(&self, at: usize) -> Option<Around> {
        if self.restarts.are_known() {
            let around = self.restarts.around(at, self.end);
            return (around.to <= self.end).then_some(around);
        }
        let (mut i, mut size) = (0, self.count);
        while size > 1 {
            let half = size / 2;
            if self.restart(i + half).is_some_and(|restart| restart <= at) {
                i += half;
            }
            size -= half;
        }
        Some(Around {
            i,
            from: self.restart(i)?,
            to: self.restart_or_end(i + 1)?,
        })
    }

    /// Through the entries of `range`, which begins at a restart, to the first at or behind the
    /// target: as [`walk_on`](Self::walk_on) goes, which this leaves to it, but faster.
    ///
    /// Entries between the first one and the target begin with what these two have in common, so
    /// the eight bytes behind it mostly tell an entry from the target. They are kept in a register.
    #[inline]
    fn walk(&self, range: Range<usize>, user_key: &[u8], tag: u64) -> Option<Walked<'a>> {
        if range.start == range.end {
            return Some(Walked::End);
        }
        let mut at = range.start;
        let mut below = Below {
            common: 0,
            next: None,
            len: 0,
            tag: None,
        };
        let first = self.entry(at)?;
        let (first_user, _) = first.own.split_last_chunk::<TAG>()?;
        let skip = common_prefix(first_user, user_key);
        let target = project_from(user_key, skip);
        let mut head = u64::from_be_bytes(*first.own.get(skip..)?.first_chunk()?);
        let mut len = first.own.len();
        if first.shared == 0 && is_surely_below(user_of(head, len - TAG - skip), head, target) {
            at = first.end();
            let mut is_hit = false;
            while at < range.end
                && let Some(bytes) = self.bytes.get(at..).and_then(<[u8]>::first_chunk)
                && let Some(header) = Header::read(bytes)
            {
                let kept = header.shared.wrapping_sub(skip);
                let user_len = kept.wrapping_add(header.own).wrapping_sub(TAG);
                let end = at + header.size + header.own + header.value_len;
                // A user key that shares less than `skip` bytes is larger, and one that ends before
                // has to be. (Or they are negative numbers: nonsense.)
                if kept > len - skip || user_len.cast_signed() < 0 || end > range.end {
                    break;
                }
                let next = splice(head, kept, header.head_of_own);
                let user = user_of(next, user_len);
                if !is_surely_below(user, next, target) {
                    // What it shares is the target's: it differs from the entry before in these bytes.
                    is_hit = user == target;
                    break;
                }
                (head, len, at) = (next, header.shared + header.own, end);
            }
            let differing = (head ^ target).leading_zeros() as usize / 8;
            let common = differing.min(user_key.len() - skip);
            below = Below {
                common: skip + common,
                next: head.to_be_bytes().get(common).copied(),
                len,
                tag: None,
            };
            if is_hit
                && let entry = self.entry(at)?
                && let Some((own_user, its_tag)) = entry.own.split_last_chunk::<TAG>()
                && user_key.get(entry.shared..) == Some(own_user)
                && let its_tag = u64::from_le_bytes(*its_tag)
                && its_tag <= tag
            {
                return Some(Walked::At {
                    shares_with_target: entry.shared <= below.common,
                    entry,
                    at,
                    tag: Some(its_tag),
                });
            }
        }
        self.walk_on(at..range.end, below, user_key, tag, Some(range.start))
    }

    /// Through the entries of `range`, before which lies `below`, to the first at or behind the
    /// target. `restart`: where the walk has begun, if its first entry shares nothing.
    #[inline(never)]
    fn walk_on(
        &self,
        range: Range<usize>,
        mut below: Below,
        user_key: &[u8],
        tag: u64,
        restart: Option<usize>,
    ) -> Option<Walked<'a>> {
        let mut at = range.start;
        while at < range.end {
            let entry = self.entry(at)?;
            if entry.shared > below.len {
                return None;
            }
            let len = entry.shared + entry.own.len();
            let user_len = len.checked_sub(TAG)?;
            let (common, next) = if entry.shared > below.common {
                (below.common, below.next)
            } else {
                // Not above the user key's length, since `common` is not.
                let rest = user_key.get(entry.shared..)?;
                let common = common_prefix(entry.own, rest);
                (entry.shared + common, entry.own.get(common).copied())
            };
            let order = if user_len > common {
                match user_key.get(common) {
                    Some(byte) => next?.cmp(byte),
                    None => Ordering::Greater, // the user key goes on
                }
            } else {
                user_len.cmp(&user_key.len()) // a prefix of the target, or the same
            };
            let its_tag = match order {
                Ordering::Equal => match tag_of(&entry, user_len, below.tag) {
                    Some(tag) => Some(tag),
                    None => Some(self.tag_by_hand(restart?, at)?),
                },
                _ => None,
            };
            if order == Ordering::Greater || its_tag.is_some_and(|its| its <= tag) {
                return Some(Walked::At {
                    shares_with_target: entry.shared <= below.common,
                    entry,
                    at,
                    tag: its_tag,
                });
            }
            below = Below {
                common,
                next,
                len,
                tag: its_tag,
            };
            at = entry.end();
        }
        (at == range.end).then_some(Walked::End)
    }

    /// The tag of the entry at `at`, whose first bytes come from an entry with another user key:
    /// puts all keys together from a restart on.
    #[cold]
    fn tag_by_hand(&self, restart: usize, at: usize) -> Option<u64> {
        let mut key = Vec::new();
        let mut place = restart;
        loop {
            let entry = self.entry(place)?;
            if entry.shared > key.len() {
                return None;
            }
            key.truncate(entry.shared);
            key.extend_from_slice(entry.own);
            if place >= at {
                return key.last_chunk().map(|tag| u64::from_le_bytes(*tag));
            }
            place = entry.end();
        }
    }

    #[inline]
    fn restart(&self, i: usize) -> Option<usize> {
        if let Some(at) = self.restarts.place(i) {
            return (at <= self.end).then_some(at);
        }
        let bytes = self.bytes.get(self.end + 4 * i..)?.first_chunk()?;
        let at = u32::from_le_bytes(*bytes) as usize;
        (at <= self.end).then_some(at)
    }

    /// Where restart `i` begins, or the entries end if that is behind the last one.
    #[inline]
    fn restart_or_end(&self, i: usize) -> Option<usize> {
        match i < self.count {
            true => self.restart(i),
            false => Some(self.end),
        }
    }

    /// The entry at `at`, and the first eight bytes of its own; or all of them, and whatever follows.
    #[inline]
    fn entry_and_head(&self, at: usize) -> Option<(Entry<'a>, u64)> {
        let bytes = self.bytes.get(at..)?;
        let Some(header) = bytes.first_chunk().and_then(Header::read) else {
            return self.unusual_entry_and_head(at);
        };
        let value = header.size + header.own;
        let end = at + value + header.value_len;
        if end > self.end {
            return None;
        }
        let entry = Entry {
            shared: header.shared,
            own: bytes.get(header.size..value)?,
            value: at + value,
            value_len: header.value_len,
        };
        Some((entry, header.head_of_own))
    }

    #[cold]
    fn unusual_entry_and_head(&self, at: usize) -> Option<(Entry<'a>, u64)> {
        let entry = self.entry(at)?;
        Some((entry, project(entry.own)))
    }

    #[inline]
    fn entry(&self, at: usize) -> Option<Entry<'a>> {
        #[cfg(test)]
        tests::ENTRIES_READ.set(tests::ENTRIES_READ.get() + 1);
        let bytes = self.bytes.get(at..self.end)?;
        let (shared, own, value_len, header) = match *bytes {
            // Nearly always one byte each.
            [shared, own, value_len, ..] if (shared | own | value_len) < 0x80 => (
                usize::from(shared),
                usize::from(own),
                usize::from(value_len),
                3,
            ),
            _ => {
                let mut place = 0;
                let shared = varint(bytes, &mut place)?;
                let own = varint(bytes, &mut place)?;
                let value_len = varint(bytes, &mut place)?;
                (shared, own, value_len, place)
            }
        };
        let value = header.checked_add(own)?;
        if value.checked_add(value_len)? > bytes.len() {
            return None;
        }
        Some(Entry {
            shared,
            own: bytes.get(header..value)?,
            value: at + value,
            value_len,
        })
    }
}

/// Whether `bytes`, which `head` begins with, or which begin `head`, are those of the user key from `at`
/// on. Mostly without a branch that depends on how many these are.
#[inline]
fn continues(head: u64, bytes: &[u8], user_key: &[u8], at: usize) -> bool {
    match bytes.len() <= WIDTH {
        true => {
            let differing = head ^ project_from(user_key, at);
            splice(differing, bytes.len(), 0) == 0 && user_key.len() >= at + bytes.len()
        }
        false => match user_key.get(at..at + bytes.len()) {
            Some(key) => are_equal(bytes, key),
            None => false,
        },
    }
}

/// Those of eight bytes of an internal key that are its user key's, of which `len` are left.
#[inline]
fn user_of(head: u64, len: usize) -> u64 {
    splice(head, len, 0)
}

/// Whether it is certain that an entry is below the target, by eight bytes of its internal key, `head`,
/// those that are its user key's, `user`, and the target's user key's, zeros behind it.
#[inline]
fn is_surely_below(user: u64, head: u64, target: u64) -> bool {
    // If all are equal, tag included, it is not known how many more are.
    user < target && head != target
}

/// The tag of an entry with a user key of `user_len` bytes, if it is known without other entries'
/// keys: all of it is the entry's own, or the rest is `below`'s, a version of the same user key.
#[inline]
fn tag_of(entry: &Entry<'_>, user_len: usize, below: Option<u64>) -> Option<u64> {
    if let Some(from_below) = entry
        .shared
        .checked_sub(user_len)
        .filter(|shared| *shared > 0)
    {
        let mut tag = below?.to_le_bytes();
        tag.get_mut(from_below..)?.copy_from_slice(entry.own);
        return Some(u64::from_le_bytes(tag));
    }
    entry.own.last_chunk().map(|tag| u64::from_le_bytes(*tag))
}

/// The varint at `place`, which moves behind it.
fn varint(bytes: &[u8], place: &mut usize) -> Option<usize> {
    let (value, len) = varint::get(bytes.get(*place..)?).ok()?;
    *place += len;
    Some(value as usize)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::slots::Slots;
    use proptest::prelude::*;
    use std::sync::Arc;

    type Key = (Vec<u8>, u64);

    thread_local! {
        pub(super) static ENTRIES_READ: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }

    /// As RocksDB's BlockBuilder does. Values are numbered.
    pub(crate) fn build(
        keys: &[Key],
        interval: usize,
        value: impl Fn(usize) -> Vec<u8>,
    ) -> (Vec<u8>, usize) {
        let (mut out, mut restarts) = (Vec::new(), Vec::new());
        let mut last: Vec<u8> = Vec::new();
        for (i, (user, tag)) in keys.iter().enumerate() {
            let key = [&user[..], &tag.to_le_bytes()].concat();
            let shared = if i % interval == 0 {
                restarts.push(out.len() as u32);
                0
            } else {
                common_prefix(&last, &key)
            };
            let value = value(i);
            varint::put(&mut out, shared as u32);
            varint::put(&mut out, (key.len() - shared) as u32);
            varint::put(&mut out, value.len() as u32);
            out.extend_from_slice(&key[shared..]);
            out.extend_from_slice(&value);
            last = key;
        }
        if restarts.is_empty() {
            restarts.push(0);
        }
        for restart in &restarts {
            out.extend_from_slice(&restart.to_le_bytes());
        }
        out.extend_from_slice(&(restarts.len() as u32).to_le_bytes());
        (out, restarts.len())
    }

    fn sorted(mut keys: Vec<Key>) -> Vec<Key> {
        keys.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        keys.dedup();
        keys
    }

    /// All versions that a lookup gives, and what ends it.
    fn versions(block: &DataBlock<'_>, user: &[u8], tag: u64) -> (Vec<Version>, Step) {
        let mut found = Vec::new();
        let mut step = block.seek(user, tag, None);
        while let Step::Version(version) = step {
            found.push(version);
            step = block.next(user, &version);
        }
        (found, step)
    }

    /// As an iterator goes: all entries from the target on, keys put together.
    fn entries(block: &DataBlock<'_>, user: &[u8], tag: u64, guess: Option<u16>) -> Option<Walk> {
        let mut out = Vec::new();
        let mut key = user.to_vec();
        let mut place = block.place(user, tag, guess);
        if let Place::Beyond { restart, at } = place {
            key.clear();
            place = block.entry_at(restart, 0);
            let mut from = restart;
            while from != at {
                from = put_together(block, place, &mut key)?.1;
                place = block.entry_at(from, key.len());
            }
        }
        loop {
            place = match place {
                Place::End => return Some(out),
                Place::Version(version) => {
                    key.extend_from_slice(&version.tag.to_le_bytes());
                    let end = version.end();
                    out.push((key.clone(), version.value..end));
                    block.entry_at(end, key.len())
                }
                _ => {
                    let (value, end) = put_together(block, place, &mut key)?;
                    out.push((key.clone(), value..end));
                    block.entry_at(end, key.len())
                }
            };
        }
    }

    /// Internal keys, and where their values are.
    type Walk = Vec<(Vec<u8>, std::ops::Range<usize>)>;

    /// The entry's value, begin and end; its key comes into `key`.
    fn put_together(
        block: &DataBlock<'_>,
        place: Place,
        key: &mut Vec<u8>,
    ) -> Option<(usize, usize)> {
        let Place::Entry {
            shared,
            own,
            value,
            value_len,
        } = place
        else {
            return None;
        };
        assert!(shared <= key.len() && shared + own >= TAG);
        key.truncate(shared);
        key.extend_from_slice(&block.bytes[value - own..value]);
        Some((value, value + value_len))
    }

    fn internal_key((user, tag): &Key) -> Vec<u8> {
        [&user[..], &tag.to_le_bytes()].concat()
    }

    /// The source of entry `i`, of which `shared` are shared, as a look at all entries before finds it.
    fn source_of(i: usize, shared: &[usize], keys: &[Vec<u8>], interval: usize) -> usize {
        let restart = i - i % interval;
        if keys[restart].starts_with(&keys[i][..shared[i]]) {
            return 0;
        }
        let nearest = (restart..i).rev().find(|j| shared[*j] < shared[i]);
        i - nearest.expect("the restart shares nothing")
    }

    /// Against a scan of the sorted keys.
    fn check(keys: &[Key], interval: usize, targets: impl Iterator<Item = Key>) {
        let value = |i: usize| format!("value {i}{}", "x".repeat(i % 150)).into_bytes();
        let (bytes, restarts) = build(keys, interval, value);
        let block = block_of(&bytes, Restarts::anywhere(restarts));
        // Whether it is known where its restarts are makes no difference.
        let known = block_of(&bytes, block.restarts());
        let uncounted = block_of(&bytes, Restarts::default());
        // With more and with less room for sources.
        let slots = [1, 1 << 13, 1 << 20]
            .map(|bytes| Slots::new(1, keys.len() as u64, bytes, &Arc::default(), usize::MAX));
        for slots in &slots {
            slots.note(0, &bytes, known.restarts.word() | Restarts::SPARE_BIT);
        }
        let internal: Vec<_> = keys.iter().map(internal_key).collect();
        // Of an empty block nothing is told.
        let (_, told) = block.slots(usize::MAX, |_| ()).unwrap_or_default();
        assert_eq!(told.len(), keys.len());
        let shared: Vec<_> = (told.iter())
            .map(|(_, slot)| block.entry(slot.place).expect("entry").shared)
            .collect();
        let shares_tags = (shared.iter().zip(&internal)).any(|(s, key)| s + TAG > key.len());
        for (i, (_, slot)) in told.iter().enumerate() {
            assert_eq!(
                slot.source,
                source_of(i, &shared, &internal, interval),
                "{i}"
            );
        }
        for (user, tag) in targets {
            let plain = block.seek(&user, tag, None);
            let place = block.place(&user, tag, None);
            for guess in [0, 1000, 0x5000, 0x8000, 0xc000, 0xffff].map(Some) {
                assert_eq!(block.seek(&user, tag, guess), plain, "{guess:?}");
                assert_eq!(known.seek(&user, tag, guess), plain, "{guess:?}");
                for block in [&block, &known, &uncounted] {
                    assert_eq!(block.place(&user, tag, guess), place, "{guess:?}");
                }
            }
            // Whoever knows where entries are comes to the same one, if to any.
            for slots in &slots {
                let aim = slots.aim(0, &user);
                let sight = aim.map(|aim| aim.sight(bytes.as_ptr(), bytes.len()));
                let step = aim.and_then(|aim| aim.seek(&bytes, &user, tag));
                let at_once = slots.look_up(0, sight.unwrap_or_default(), &bytes, &user, tag);
                assert_eq!(at_once, step);
                assert!(aim.is_none() || shares_tags || step.is_some());
                match (step, plain) {
                    (None, _) => {}
                    (Some(Step::Version(_)), _) | (_, Step::Version(_)) => {
                        assert_eq!(step, Some(plain));
                    }
                    // Nothing is behind the block then.
                    (Some(Step::Larger), _) => {
                        assert_ne!(keys.last().map(|key| &key.0), Some(&user));
                    }
                    _ => assert_eq!(step, Some(Step::End)),
                }
            }
            assert_eq!(known.seek(&user, tag, None), plain);
            assert_eq!(uncounted.seek(&user, tag, None), plain);
            let behind: Vec<(Vec<u8>, Vec<u8>)> = (keys.iter().enumerate())
                .filter(|(_, (key, t))| (key, tag) >= (&user, *t))
                .map(|(i, (key, t))| ([&key[..], &t.to_le_bytes()].concat(), value(i)))
                .collect();
            for (block, guess) in [
                (&block, None),
                (&block, Some(0x6000)),
                (&known, Some(0xa000)),
            ] {
                let walk = entries(block, &user, tag, guess).expect("entries");
                let walk: Vec<_> = (walk.into_iter())
                    .map(|(key, value)| (key, bytes[value].to_vec()))
                    .collect();
                assert_eq!(walk, behind, "{user:?} {tag}");
            }
            let (found, end) = versions(&block, &user, tag);
            let expected: Vec<(u64, Vec<u8>)> = (keys.iter().enumerate())
                .filter(|(_, (key, t))| *key == user && *t <= tag)
                .map(|(i, (_, t))| (*t, value(i)))
                .collect();
            let found: Vec<_> = (found.iter())
                .map(|v| (v.tag, bytes[v.value..v.value + v.value_len].to_vec()))
                .collect();
            assert_eq!(found, expected, "{user:?} {tag}");
            let larger = keys.iter().any(|(key, _)| *key > user);
            assert_eq!(
                end,
                if larger { Step::Larger } else { Step::End },
                "{user:?} {tag}"
            );
        }
    }

    /// That the fast walk comes to what the slow one does, whatever the bytes are.
    fn walks_agree(block: &DataBlock<'_>, range: Range<usize>, user: &[u8], tag: u64) {
        let nothing = Below {
            common: 0,
            next: None,
            len: 0,
            tag: None,
        };
        let slow = block.walk_on(range.clone(), nothing, user, tag, Some(range.start));
        let fast = block.walk(range, user, tag);
        let [fast, slow] = [fast, slow].map(|walked| match walked? {
            Walked::At {
                entry,
                at,
                shares_with_target,
                tag,
            } => Some(Some((at, tag, shares_with_target, entry.place()))),
            Walked::End => Some(None),
        });
        assert_eq!(fast, slow, "{user:?} {tag}");
    }

    fn block_of(bytes: &[u8], restarts: Restarts) -> DataBlock<'_> {
        DataBlock::new(bytes, restarts).expect("room for restarts")
    }

    fn around(keys: &[Key]) -> Vec<Key> {
        let mut targets = vec![(vec![], 0), (vec![], u64::MAX), (vec![0xff; 20], 5)];
        for (user, tag) in keys {
            for tag in [
                0,
                tag.wrapping_sub(1),
                *tag,
                tag.saturating_add(1),
                u64::MAX,
            ] {
                targets.push((user.clone(), tag));
            }
            targets.push(([user, &[0][..]].concat(), u64::MAX));
            targets.push((user[..user.len() / 2].to_vec(), u64::MAX));
        }
        targets
    }

    /// An entry as it is stored.
    fn entry(shared: u8, own: &[u8], value: &[u8]) -> Vec<u8> {
        let tag = 9u64.to_le_bytes();
        let head = [shared, (own.len() + tag.len()) as u8, value.len() as u8];
        [&head, own, &tag, value].concat()
    }

    fn crafted(entries: &[Vec<u8>], restarts: &[u32]) -> Vec<u8> {
        let mut block = entries.concat();
        for word in restarts.iter().chain([&(restarts.len() as u32)]) {
            block.extend_from_slice(&word.to_le_bytes());
        }
        block
    }

    /// More shared than the entry before has, and a range that ends before it begins, as restarts out
    /// of order give one.
    #[test]
    fn walks_agree_on_nonsense() {
        let entries = [entry(0, b"aaaa", b""), entry(13, b"z", b"")];
        let bytes = crafted(&entries, &[0]);
        let block = block_of(&bytes, Restarts::default());
        assert!(block.walk(0..block.end, b"aaab", 9).is_none());
        walks_agree(&block, 0..block.end, b"aaab", 9);
        let out_of_order = Range { start: 15, end: 0 };
        assert!(block.walk(out_of_order.clone(), b"a", 9).is_none());
        walks_agree(&block, out_of_order, b"a", 9);
    }

    #[test]
    fn crafted_blocks() {
        let seek = |bytes: &[u8], key: &[u8], guess| {
            block_of(bytes, Restarts::default()).seek(key, 9, guess)
        };
        let value = [entry(0, b"a", b"value")];
        assert_eq!(
            seek(&crafted(&value, &[0, 5]), b"zz", Some(0)),
            Step::Corrupt,
            "a restart within an entry"
        );
        let bytes = crafted(&[entry(0, b"a", b"v")], &[0]);
        let too_long = Version {
            tag: 9,
            value: 12,
            value_len: 9,
        };
        let block = block_of(&bytes, Restarts::default());
        assert_eq!(block.next(b"a", &too_long), Step::Corrupt);
        // What else the last bytes hold is not a number of restarts.
        let mut flagged = bytes.clone();
        *flagged.last_mut().expect("bytes") |= 0xf0;
        assert!(matches!(seek(&flagged, b"a", None), Step::Version(_)));
        let shares = [entry(0, b"a", b""), entry(1, b"b", b"")];
        assert_eq!(
            seek(&crafted(&shares, &[0, 12]), b"ac", None),
            Step::Corrupt,
            "a restart that shares"
        );
        let first = [entry(1, b"a", b"")];
        assert_eq!(seek(&crafted(&first, &[0]), b"0", None), Step::Corrupt);
        let more = [entry(0, b"a", b""), entry(40, b"b", b"")];
        assert_eq!(
            seek(&crafted(&more, &[0]), b"b", None),
            Step::Corrupt,
            "shares more than there is"
        );
    }

    /// RocksDB counts entries from restart to restart, and so do lookups by slots.
    #[test]
    fn slots_are_told_where_restarts_are_regular() {
        let keys = [
            (0, &b"aaa"[..]),
            (0, b"bbb"),
            (1, b"c"),
            (0, b"d"),
            (0, b"e"),
            (0, b"f"),
        ];
        let entries = keys.map(|(shared, own)| entry(shared, own, b""));
        let place = |i: usize| entries[..i].iter().map(Vec::len).sum::<usize>() as u32;
        let slots = |restarts: &[u32]| {
            let bytes = crafted(&entries, restarts);
            let slots = block_of(&bytes, Restarts::default()).slots(10, |_| ());
            slots.map(|(interval, slots)| (interval, slots.len()))
        };
        assert_eq!(slots(&[0]), Some((6, 6)));
        assert_eq!(slots(&[0, place(3)]), Some((3, 6)));
        assert_eq!(slots(&[0, place(4)]), Some((4, 6)));
        for restarts in [
            &[place(1)][..],
            &[place(1), place(3)],
            &[0, place(1)],
            &[0, place(1), place(3)],
            &[0, place(3), place(4)],
        ] {
            assert_eq!(slots(restarts), None, "{restarts:?}");
        }
    }

    #[test]
    fn slots_name_sources() {
        let user = |key: &str| key.as_bytes().to_vec();
        let keys = ["a", "abc", "abcd", "abce", "abd", "abda", "abdb", "ac"].map(user);
        let versions: Vec<Key> = keys.iter().map(|key| (key.clone(), 1)).collect();
        for (interval, expected) in [
            (16, [0, 0, 1, 2, 3, 1, 2, 0]),
            (4, [0, 0, 1, 2, 0, 0, 0, 0]),
            (3, [0, 0, 1, 0, 0, 1, 0, 0]),
        ] {
            let (bytes, _) = build(&versions, interval, |_| b"v".to_vec());
            let block = block_of(&bytes, Restarts::default());
            let (_, slots) = block.slots(10, |_| ()).expect("own block");
            let sources: Vec<_> = slots.iter().map(|(_, slot)| slot.source).collect();
            assert_eq!(sources, expected, "{interval}");
        }
    }

    /// What sources are for.
    #[test]
    fn entries_that_share_as_much_are_passed() {
        let keys = (1..=9).map(|i| (format!("b{i}").into_bytes(), 1));
        let keys: Vec<Key> = [(b"a".to_vec(), 1)].into_iter().chain(keys).collect();
        let (bytes, _) = build(&keys, 16, |_| b"v".to_vec());
        let word = block_of(&bytes, Restarts::default()).restarts().word();
        let reads = |file_size: u64, key: &[u8]| {
            let slots = Slots::new(1, 10, file_size, &Arc::default(), usize::MAX);
            slots.note(0, &bytes, word | Restarts::SPARE_BIT);
            let aim = slots.aim(0, key).expect("noted");
            let sight = aim.sight(bytes.as_ptr(), bytes.len());
            let before = ENTRIES_READ.get();
            let step = slots.look_up(0, sight, &bytes, key, 1);
            assert!(matches!(step, Some(Step::Version(_))));
            ENTRIES_READ.get() - before
        };
        // The entry, that whose bytes it shares, and where slots have no room for more, those between.
        for (file_size, expected) in [(4096, [1, 2, 2, 3]), (1 << 14, [1, 2, 8, 9])] {
            let keys = [b"b1", b"b2", b"b8", b"b9"];
            assert_eq!(
                keys.map(|key| reads(file_size, key)),
                expected,
                "{file_size}"
            );
        }
    }

    /// What guesses are for.
    #[test]
    fn right_guesses_lead_straight_to_the_entry() {
        const INTERVAL: usize = 16;
        let keys: Vec<Key> = (0..150u32).map(|i| (i.to_be_bytes().to_vec(), 1)).collect();
        let (bytes, _) = build(&keys, INTERVAL, |i| vec![b'v'; 20 + i % 3]);
        let restarts = block_of(&bytes, Restarts::default()).restarts();
        assert!(restarts.are_known());
        for restarts in [restarts, Restarts::anywhere(restarts.count())] {
            let block = block_of(&bytes, restarts);
            let mut at = 0usize;
            for (i, (user, tag)) in keys.iter().enumerate() {
                let guess = (at * 65536).div_ceil(block.end) as u16;
                let way = way_to(bytes.len(), restarts, guess);
                assert!(way.contains(&at) && way.len() < MOST_LINES * 64, "{i}");
                let before = ENTRIES_READ.get();
                let Step::Version(version) = block.seek(user, *tag, Some(guess)) else {
                    panic!("entry {i} not found");
                };
                let read = ENTRIES_READ.get() - before;
                let most = match i % INTERVAL {
                    // Newer versions of a key at a restart would lie before it.
                    0 if i > 0 => INTERVAL + 6,
                    // The last one twice, and perhaps one more where the next restart is near.
                    before => before + 3,
                };
                assert!(read <= most, "{i}: {read}");
                at = version.end();
            }
        }
        // So many restarts that nobody counts them.
        let way = way_to(4096, Restarts::default(), 0xe000);
        assert!(way.contains(&3580) && way.len() < MOST_LINES * 64);
    }

    #[test]
    fn an_empty_block() {
        check(&[], 16, [(vec![], 0), (b"a".to_vec(), 1)].into_iter());
    }

    #[test]
    fn tags_that_look_like_keys() {
        // "a" with a tag whose bytes are those of longer keys: they share beyond the user key.
        let tag = u64::from_le_bytes(*b"bcdefghi");
        let mut keys = vec![(b"a".to_vec(), tag)];
        for len in 2..12 {
            let user = b"abcdefghijkl"[..len].to_vec();
            keys.push((user.clone(), tag));
            keys.push((user.clone(), u64::from_le_bytes(*b"jklmnopq")));
            keys.push((user, u64::from_le_bytes(*b"hijklmno")));
        }
        let keys = sorted(keys);
        for interval in [1, 2, 3, 16, 100] {
            check(&keys, interval, around(&keys).into_iter());
        }
    }

    proptest! {
        #[test]
        fn versions_of_a_few_keys(
            keys in prop::collection::vec(
                (prop::collection::vec(0u8..3, 0..12), prop_oneof![0u64..6, any::<u64>(),
                    prop::array::uniform8(0u8..3).prop_map(u64::from_le_bytes)]),
                0..80,
            ),
            interval in 1usize..20,
        ) {
            let keys = sorted(keys);
            check(&keys, interval, around(&keys).into_iter());
        }

        #[test]
        fn long_keys(
            keys in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..300), 0u64..9), 0..40),
            prefix in prop::collection::vec(any::<u8>(), 0..300),
            interval in 1usize..20,
        ) {
            let keys = keys.into_iter().map(|(key, tag)| ([&prefix[..], &key].concat(), tag));
            let keys = sorted(keys.collect());
            check(&keys, interval, around(&keys).into_iter());
        }

        #[test]
        fn entries_are_read_alike(
            bytes in prop::collection::vec(prop_oneof![0u8..20, any::<u8>()], 8..80), at in 0usize..80,
        ) {
            let Some(block) = DataBlock::new(&bytes, Restarts::anywhere(1)) else {
                return Ok(());
            };
            let fields = |e: Entry<'_>| (e.shared, e.own.to_vec(), e.value, e.value_len);
            let both = block.entry_and_head(at);
            prop_assert_eq!(both.map(|both| fields(both.0)), block.entry(at).map(fields));
            if let Some((entry, head)) = both {
                let len = entry.own.len().min(WIDTH);
                prop_assert_eq!(&head.to_be_bytes()[..len], &entry.own[..len]);
            }
        }

        #[test]
        fn what_continues_a_key(
            key in prop::collection::vec(0u8..2, 0..24), at in 0usize..24,
            own in prop::collection::vec(0u8..2, 0..24), behind: [u8; 8],
        ) {
            let at = at.min(key.len());
            let rest = &key[at..];
            for own in [&own[..], &rest[..own.len().min(rest.len())], &[rest, &[0]].concat()] {
                let head = project(&[own, &behind].concat());
                prop_assert_eq!(continues(head, own, &key, at), rest.starts_with(own));
            }
        }

        /// Keys that eight bytes do not tell apart, zeros like those behind a key's end, tags that look
        /// like keys, and lengths of one to three bytes.
        #[test]
        fn fast_and_slow_walks_agree(
            keys in prop::collection::vec((
                prop::collection::vec(prop::sample::select(vec![
                    &b"a"[..], b"b", b"\0", b"aaaaaaaa", b"\0\0\0\0\0\0\0\0", b"\x01\0\0",
                ]), 0..5).prop_map(|pieces| pieces.concat()),
                prop_oneof![0u64..3, Just(u64::from_le_bytes(*b"aaaaaaaa")), Just(0x6100), Just(1)],
            ), 1..50),
            interval in 1usize..20,
            values in prop::collection::vec(prop::sample::select(
                vec![0usize, 3, 100, 127, 128, 300, 16383, 16384]), 1..5),
        ) {
            let keys = sorted(keys);
            let (bytes, restarts) =
                build(&keys, interval, |i| vec![b'a'; values[i % values.len()]]);
            let block = block_of(&bytes, Restarts::anywhere(restarts));
            for (user, tag) in around(&keys) {
                for i in 0..restarts {
                    let start = block.restart(i).expect("a restart");
                    for end in [block.restart_or_end(i + 1).expect("an end"), block.end] {
                        walks_agree(&block, start..end, &user, tag);
                    }
                }
            }
        }

        #[test]
        fn any_bytes(
            bytes in prop::collection::vec(prop_oneof![0u8..12, any::<u8>()], 0..200),
            restarts in prop_oneof![
                (0usize..60).prop_map(Restarts::anywhere),
                any::<u64>().prop_map(Restarts::from_word),
                prop::collection::btree_set(0usize..200, 0..9)
                    .prop_map(|places| Restarts::at(&Vec::from_iter(places))),
            ],
            user in prop::collection::vec(0u8..12, 0..6),
            tag: u64,
            guess: Option<u16>,
        ) {
            prefetch_block(bytes.as_ptr(), bytes.len(), restarts, guess);
            if let Some(block) = DataBlock::new(&bytes, restarts) {
                let _ = (block.restarts(), block.seek(&user, tag, guess));
                let (found, _) = versions(&block, &user, tag);
                for version in found {
                    prop_assert!(version.value + version.value_len <= bytes.len());
                }
                for (key, value) in entries(&block, &user, tag, guess).unwrap_or_default() {
                    prop_assert!(key.len() >= TAG && value.end <= bytes.len());
                }
            }
        }

        #[test]
        fn damaged_blocks(
            at: prop::sample::Index, value: u8, interval in 1usize..6, guess: Option<u16>,
        ) {
            let keys: Vec<Key> = (0..40u64).map(|i| (format!("key{:03}", i / 3).into_bytes(), 99 - i)).collect();
            let (mut bytes, restarts) = build(&keys, interval, |i| vec![b'v'; i]);
            let known = block_of(&bytes, Restarts::anywhere(restarts)).restarts();
            let at = at.index(bytes.len());
            bytes[at] = value;
            for block in [Restarts::anywhere(restarts), known].map(|restarts| block_of(&bytes, restarts)) {
                for (user, tag) in around(&keys) {
                    for version in versions(&block, &user, tag).0 {
                        prop_assert!(version.value + version.value_len <= bytes.len());
                    }
                    let _ = block.seek(&user, tag, guess);
                    for (key, value) in entries(&block, &user, tag, guess).unwrap_or_default() {
                        prop_assert!(key.len() >= TAG && value.end <= bytes.len());
                    }
                    for start in (0..restarts).filter_map(|i| block.restart(i)) {
                        walks_agree(&block, start..block.end, &user, tag);
                    }
                }
            }
        }
    }
}
