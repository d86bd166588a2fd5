//! Iteration in key order, while others insert.
//!
//! An iterator holds the entries of one leaf, sorted, as they were when it got there. Each
//! step makes sure that the leaf is still as it was; if not, it looks for the neighbour of
//! its present entry afresh. So it sees what was inserted ahead of it, and never an entry
//! twice or out of order.

use super::entry::{Entry, Key};
use super::express::walk_before;
use super::leaf::Leaf;
use super::sorted::{AHEAD, Item, NOWHERE, Sorted, lower_bound, sort};
use super::table::Memtable;
use std::ptr::NonNull;

/// So many leaves of one slot take part in a random seek.
const LONGEST: usize = 1024;

/// A position in a memtable.
pub struct Iter<'a> {
    table: &'a Memtable,
    leaf: Option<&'a Leaf>,
    /// The leaf behind, when the leaf was read.
    next: Option<&'a Leaf>,
    epoch: u32,
    occupied: u64,
    /// What was pending then.
    pending: Option<Entry>,
    sorted: Sorted,
    at: usize,
    current: Option<Entry>,
    checked: Option<Checked>,
}

/// What an iterator knows of what it has read.
#[derive(Default)]
struct Checked {
    /// What the last step has read.
    visited: Vec<NonNull<u8>>,
    /// Something was not what had been written; until that is asked for.
    damaged: bool,
}

impl Memtable {
    /// An iterator, not yet at an entry.
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            table: self,
            leaf: None,
            next: None,
            epoch: 0,
            occupied: 0,
            pending: None,
            sorted: Sorted::new(),
            at: 0,
            current: None,
            checked: None,
        }
    }
}

impl<'a> Iter<'a> {
    /// The present entry; `None` before the first seek and past either end.
    #[inline]
    pub fn entry(&self) -> Option<NonNull<u8>> {
        self.current.map(Entry::as_ptr)
    }

    /// To the first entry at or after an internal key.
    pub fn seek(&mut self, internal_key: &[u8]) {
        self.begin();
        self.seek_key(&Key::parse(internal_key));
    }

    /// To the last entry at or before an internal key.
    pub fn seek_for_prev(&mut self, internal_key: &[u8]) {
        self.begin();
        let key = Key::parse(internal_key);
        self.seek_key(&key);
        match self.current {
            Some(entry) if entry.key() == key => {}
            _ => self.seek_before(&key),
        }
    }

    /// To the first entry.
    pub fn seek_to_first(&mut self) {
        self.begin();
        match self.table.head() {
            Some(head) => self.enter(head),
            None => self.current = None,
        }
    }

    /// To the last entry.
    pub fn seek_to_last(&mut self) {
        self.begin();
        let router = self.table.router();
        let Some(_) = self.table.head() else {
            self.current = None;
            return;
        };
        let mut leaf = self.table.slot_leaf(router, router.slots() - 1);
        loop {
            while let Some(next) = leaf.next() {
                leaf = next;
            }
            self.read(leaf, NOWHERE);
            match self.next {
                Some(next) => leaf = next,
                None => break,
            }
        }
        self.stand_before(self.sorted.len());
    }

    /// To an entry that the number chooses; each is about equally likely where the router
    /// knows most leaves.
    pub fn seek_to_random(&mut self, random: u64) {
        self.begin();
        self.current = None;
        if self.table.head().is_none() {
            return;
        }
        let router = self.table.router();
        let slot = (random >> 32) as usize % router.slots();
        let first = self.table.slot_leaf(router, slot);
        let end = match slot + 1 < router.slots() {
            true => router.leaf(slot + 1),
            false => std::ptr::null(),
        };
        // The leaves of the slot that the router does not know are as likely as the first.
        let in_slot = || {
            std::iter::successors(Some(first), |leaf| {
                leaf.next().filter(|next| !std::ptr::eq(*next, end))
            })
            .take(LONGEST)
        };
        let chosen = (random >> 16 & 0xffff) as usize % in_slot().count();
        self.read(in_slot().nth(chosen).unwrap_or(first), NOWHERE);
        if !self.sorted.is_empty() {
            self.at = (random & 0xffff) as usize % self.sorted.len();
            self.current = Some(self.sorted[self.at].entry);
        }
    }

    /// To the next entry. Does nothing at no entry.
    #[inline]
    pub fn next(&mut self) {
        self.begin();
        let (Some(current), Some(leaf)) = (self.current, self.leaf) else {
            return;
        };
        if !self.is_fresh(leaf) {
            return self.seek_after(current);
        }
        self.advance();
    }

    /// One entry on in what was read, or to the leaf behind it.
    #[inline]
    fn advance(&mut self) {
        self.at += 1;
        match self.sorted.get(self.at) {
            Some(item) => {
                self.current = Some(item.entry);
                match self.sorted.get(self.at + AHEAD) {
                    Some(item) => item.entry.prefetch(),
                    None => self.prefetch_next(),
                }
            }
            None => match self.next {
                Some(next) => self.enter(next),
                None => self.current = None,
            },
        }
    }

    /// To the entry before. Does nothing at no entry.
    pub fn prev(&mut self) {
        self.begin();
        let (Some(current), Some(leaf)) = (self.current, self.leaf) else {
            return;
        };
        if self.is_fresh(leaf) && self.at > 0 {
            self.at -= 1;
            self.current = Some(self.sorted[self.at].entry);
        } else {
            self.current = None;
            if let Some(at) = self.read_leaf_of(&current.key()) {
                // Entries are never removed: it is there.
                self.expect(
                    self.sorted
                        .get(at)
                        .is_some_and(|item| item.entry == current),
                );
                self.stand_before(at);
            }
        }
    }

    /// From now on checks what it reads, for [`Iter::is_sound`] and [`Iter::visited`].
    pub fn check_reads(&mut self) {
        if self.checked.is_none() {
            self.checked = Some(Checked::default());
            if let Some(leaf) = self.leaf {
                self.check(leaf);
            }
        }
    }

    /// Whether all that has been read since this was asked last is what was written: each
    /// entry lies between the fences of its leaf and has the fingerprint that was noted of it.
    /// If not, memory has been damaged. Always true without [`Iter::check_reads`].
    pub fn is_sound(&mut self) -> bool {
        self.checked
            .as_mut()
            .is_none_or(|checked| !std::mem::take(&mut checked.damaged))
    }

    /// The entries that the last step read, the present one included; none without
    /// [`Iter::check_reads`].
    pub fn visited(&self) -> &[NonNull<u8>] {
        self.checked
            .as_ref()
            .map_or(&[], |checked| &checked.visited)
    }

    /// Before each step.
    #[inline]
    fn begin(&mut self) {
        if let Some(checked) = &mut self.checked {
            checked.visited.clear();
        }
    }

    /// Checks the leaf that was read; `false` if it has changed meanwhile.
    fn check(&mut self, leaf: &Leaf) -> bool {
        let Some(checked) = &mut self.checked else {
            return true;
        };
        let low = leaf.low().key();
        let high = self.next.map(|next| next.low().key());
        let sound = self.sorted.iter().all(|item| {
            let key = item.entry.key();
            low <= key && high.is_none_or(|high| key < high) && item.is_as_noted(leaf)
        });
        // The fingerprints were those of these entries if no slot has been used again.
        let unchanged = leaf.unchanged_since(self.epoch);
        if unchanged {
            checked.damaged |= !sound;
            checked
                .visited
                .extend(self.sorted.iter().map(|item| item.entry.as_ptr()));
        }
        unchanged
    }

    /// Asks for the leaf behind if few entries remain here.
    fn prefetch_next(&self) {
        if self.sorted.len() <= self.at + AHEAD
            && let Some(next) = self.next
        {
            Leaf::prefetch(next);
        }
    }

    /// Whether the leaf is as it was read, and nothing is pending that belongs there.
    #[inline]
    fn is_fresh(&mut self, leaf: &Leaf) -> bool {
        let pending = self.table.pending();
        if pending != self.pending {
            if pending.is_some_and(|entry| self.lies_here(entry)) {
                return false;
            }
            self.pending = pending;
        }
        leaf.occupied() == self.occupied && leaf.unchanged_since(self.epoch)
    }

    /// Whether an entry lies between the fences of the leaf that was read.
    fn lies_here(&self, entry: Entry) -> bool {
        let key = entry.key();
        self.leaf
            .is_some_and(|leaf| leaf.may_hold(key.user) && leaf.low().key() <= key)
            && self.next.is_none_or(|next| key < next.low().key())
    }

    /// Reads a leaf as it is at one moment; asks for entries from a place on.
    fn read(&mut self, leaf: &'a Leaf, from: u16) {
        self.leaf = Some(leaf);
        loop {
            // First: if it has gone from there, it is found in the leaf.
            self.pending = self.table.pending();
            self.epoch = leaf.epoch();
            self.occupied = leaf.occupied();
            self.next = leaf.next();
            sort(leaf, self.occupied, from, &mut self.sorted);
            if !self.epoch.is_multiple_of(4)
                && let Some(next) = self.next
            {
                // In the middle of a split: what has been moved is in the next leaf as well.
                let low = next.low().key();
                let staying = self.sorted.partition_point(|item| item.entry.key() < low);
                self.sorted.truncate(staying);
            }
            if leaf.unchanged_since(self.epoch) && self.check(leaf) {
                self.add_pending();
                return;
            }
        }
    }

    /// Adds what was pending to what was read, if it belongs there.
    fn add_pending(&mut self) {
        if self.checked.is_some()
            && let Some(entry) = self.pending
        {
            // Wherever its key says that it belongs.
            self.expect(self.table.pending_is_as_noted(entry));
        }
        let (Some(entry), Some(leaf)) = (
            self.pending.filter(|entry| self.lies_here(*entry)),
            self.leaf,
        ) else {
            return;
        };
        let key = entry.key();
        let at = self.sorted.partition_point(|item| item.entry.key() < key);
        if self.sorted.get(at).is_none_or(|item| item.entry != entry) {
            self.sorted.insert(at, Item::pending(leaf, entry));
            if let Some(checked) = &mut self.checked {
                checked.visited.push(entry.as_ptr());
            }
        }
    }

    /// To the first entry of a leaf or, if it is empty, of the leaves behind.
    fn enter(&mut self, leaf: &'a Leaf) {
        let mut leaf = leaf;
        loop {
            self.read(leaf, 0);
            if let Some(item) = self.sorted.first() {
                self.at = 0;
                self.current = Some(item.entry);
                self.prefetch_next();
                return;
            }
            match self.next {
                Some(next) => leaf = next,
                None => {
                    self.current = None;
                    return;
                }
            }
        }
    }

    /// Reads the leaf of `key`; how many of its entries sort before it. `None` without any
    /// leaf.
    fn read_leaf_of(&mut self, key: &Key) -> Option<usize> {
        loop {
            let (mut leaf, epoch, _) = self.table.locate(key)?;
            self.read(leaf, leaf.place_of(key.user));
            if self.epoch != epoch {
                continue;
            }
            if !epoch.is_multiple_of(4) {
                // In the middle of a split: what has been moved was left out.
                while let Some(next) = self.next.filter(|next| next.low().key() <= *key) {
                    leaf = next;
                    self.read(leaf, leaf.place_of(key.user));
                }
            }
            return Some(lower_bound(leaf, &self.sorted, key));
        }
    }

    fn seek_key(&mut self, key: &Key) {
        self.current = None;
        let Some(at) = self.read_leaf_of(key) else {
            return;
        };
        match (self.sorted.get(at), self.next) {
            (Some(item), _) => {
                self.at = at;
                self.current = Some(item.entry);
                self.prefetch_next();
            }
            (None, Some(next)) => self.enter(next),
            (None, None) => {}
        }
    }

    fn seek_after(&mut self, entry: Entry) {
        self.seek_key(&entry.key());
        // Entries are never removed: it is there.
        let is_there = self.current == Some(entry);
        self.expect(is_there);
        if is_there {
            self.advance();
        }
    }

    /// To the last entry before `key`.
    fn seek_before(&mut self, key: &Key) {
        self.current = None;
        if let Some(at) = self.read_leaf_of(key) {
            self.stand_before(at);
        }
    }

    /// To the entry before the given place in the leaf that was read.
    fn stand_before(&mut self, at: usize) {
        let mut at = at;
        while at == 0 {
            // The entries before end where this leaf begins.
            match self.leaf.and_then(|leaf| self.read_leaf_before(leaf)) {
                Some(end) => at = end,
                None => {
                    self.current = None;
                    return;
                }
            }
        }
        self.at = at - 1;
        self.current = Some(self.sorted[self.at].entry);
    }

    /// Reads the leaf left of `right`; how many entries it has.
    fn read_leaf_before(&mut self, right: &Leaf) -> Option<usize> {
        let low = right.low().key();
        let router = self.table.router();
        let slot = router.slot(low.user).saturating_sub(1);
        let mut leaf = self.table.slot_leaf(router, slot);
        if leaf.low().key() >= low {
            self.expect(std::ptr::eq(leaf, right));
            return None;
        }
        loop {
            leaf = walk_before(leaf, &low);
            self.read(leaf, NOWHERE);
            match self.next.filter(|next| next.low().key() < low) {
                Some(next) => leaf = next,
                None => {
                    self.expect(std::ptr::eq(self.next.unwrap_or(leaf), right));
                    return Some(self.sorted.len());
                }
            }
        }
    }

    /// Notes damage unless something is as it must be.
    #[inline]
    fn expect(&mut self, is_so: bool) {
        if let Some(checked) = &mut self.checked {
            checked.damaged |= !is_so;
        }
    }
}
