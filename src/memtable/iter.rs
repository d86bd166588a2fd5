//! Iteration in key order, while others insert.
//!
//! An iterator holds the entries of one leaf, sorted, as they were when it got there. Each
//! step makes sure that the leaf is still as it was; if not, it looks for the neighbour of
//! its present entry afresh. So it sees what was inserted ahead of it, and never an entry
//! twice or out of order.

use super::entry::{Entry, Key};
use super::express::walk_before;
use super::leaf::Leaf;
use super::sorted::Sorted;
use super::table::Memtable;
use std::ptr::NonNull;

/// Entries are asked for so many steps before they are needed.
const AHEAD: usize = 4;

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
    /// All entries of the leaf, or all from some place before `at` on.
    sorted: Sorted,
    at: usize,
    current: Option<Entry>,
    checked: Option<Checked>,
}

/// What to read of a leaf.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    /// From the place of a key on.
    Behind,
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
        self.current = None;
        let key = Key::parse(internal_key);
        if let Some(at) = self.read_leaf_of(&key, Part::Whole) {
            let is_there = (self.entry_at(at)).is_some_and(|entry| entry.key() == key);
            self.stand_before(at + usize::from(is_there));
        }
    }

    /// To the first entry.
    pub fn seek_to_first(&mut self) {
        self.begin();
        self.current = None;
        if let Some(head) = self.table.head() {
            self.read(head, 0);
            self.stand_at(0);
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
            self.read(leaf, 0);
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
        self.read(in_slot().nth(chosen).unwrap_or(first), 0);
        if self.sorted.len() > 0 {
            self.at = (random & 0xffff) as usize % self.sorted.len();
            self.current = self.entry_at(self.at);
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
        self.stand_at(self.at + 1);
    }

    /// To the entry before. Does nothing at no entry.
    pub fn prev(&mut self) {
        self.begin();
        let (Some(current), Some(leaf)) = (self.current, self.leaf) else {
            return;
        };
        if self.is_fresh(leaf) && self.at > 0 {
            self.stand_before(self.at);
            return;
        }
        self.current = None;
        if let Some(at) = self.read_leaf_of(&current.key(), Part::Whole) {
            // Entries are never removed: it is there.
            let is_there = self.entry_at(at) == Some(current);
            self.expect(is_there);
            self.stand_before(at);
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
        let items = self.sorted.items();
        let sound = items.iter().all(|item| {
            let key = item.entry.key();
            low <= key && high.is_none_or(|high| key < high) && item.is_as_noted(leaf)
        });
        // The fingerprints were those of these entries if no slot has been used again.
        let unchanged = leaf.unchanged_since(self.epoch);
        if unchanged {
            checked.damaged |= !sound;
            checked
                .visited
                .extend(items.iter().map(|item| item.entry.as_ptr()));
        }
        unchanged
    }

    /// Whether the leaf is as it was read, and nothing is pending that belongs there.
    #[inline]
    fn is_fresh(&mut self, leaf: &Leaf) -> bool {
        let pending = self.table.pending.entry();
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

    /// Reads a leaf as it is at one moment, or what of it lies at a place and behind it.
    fn read(&mut self, leaf: &'a Leaf, from: u16) {
        self.leaf = Some(leaf);
        // What is checked is checked as a whole.
        let from = if self.checked.is_some() { 0 } else { from };
        loop {
            // First: if it has gone from there, it is found in the leaf.
            self.pending = self.table.pending.entry();
            self.epoch = leaf.epoch();
            self.occupied = leaf.occupied();
            self.next = leaf.next();
            self.sorted.read(leaf, self.occupied, from);
            if !self.epoch.is_multiple_of(4)
                && let Some(next) = self.next
            {
                // In the middle of a split: what has been moved is in the next leaf as well.
                self.sorted.cut(leaf, &next.low().key());
            }
            if leaf.unchanged_since(self.epoch) && self.check(leaf) {
                self.add_pending(leaf);
                return;
            }
        }
    }

    /// Adds what was pending to what was read of `leaf`, if it belongs there.
    #[inline]
    fn add_pending(&mut self, leaf: &Leaf) {
        let Some(entry) = self.pending else {
            return;
        };
        // Wherever its key says that it belongs.
        self.expect(self.checked.is_none() || self.table.pending.is_as_noted(entry));
        if self.lies_here(entry)
            && self.sorted.add(leaf, entry)
            && let Some(checked) = &mut self.checked
        {
            checked.visited.push(entry.as_ptr());
        }
    }

    /// The entry at a place of the leaf that was read.
    #[inline]
    fn entry_at(&mut self, at: usize) -> Option<Entry> {
        self.sorted.get(self.leaf?, at)
    }

    /// To the entry at a place of the leaf that was read or, if there is none, to the first
    /// one behind it.
    #[inline]
    fn stand_at(&mut self, at: usize) {
        self.at = at;
        self.current = self.entry_at(at);
        while self.current.is_none()
            && let Some(next) = self.next
        {
            self.read(next, 0);
            self.ask_first();
            self.at = 0;
            self.current = self.entry_at(0);
        }
        match self.sorted.about(self.at + AHEAD) {
            Some(entry) => entry.prefetch(),
            None if self.at + AHEAD == self.sorted.len() => self.ask_next(),
            None => {}
        }
    }

    /// Asks for the entries that a forward iteration comes to first.
    #[inline]
    fn ask_first(&self) {
        for at in 0..AHEAD {
            match self.sorted.about(at) {
                Some(entry) => entry.prefetch(),
                None => return self.ask_next(),
            }
        }
    }

    fn ask_next(&self) {
        if let Some(next) = self.next {
            Leaf::prefetch(next);
        }
    }

    /// Reads the leaf of `key`; how many of its entries, as far as they have been read, sort
    /// before it. `None` without any leaf.
    fn read_leaf_of(&mut self, key: &Key, part: Part) -> Option<usize> {
        let from = |leaf: &Leaf| match part {
            Part::Behind => leaf.place_of(key.user),
            Part::Whole => 0,
        };
        loop {
            let (mut leaf, epoch, _) = self.table.locate(key)?;
            self.read(leaf, from(leaf));
            if self.epoch != epoch {
                continue;
            }
            if !epoch.is_multiple_of(4) {
                // In the middle of a split: what has been moved was left out.
                while let Some(next) = self.next.filter(|next| next.low().key() <= *key) {
                    leaf = next;
                    self.read(leaf, from(leaf));
                }
            }
            if part == Part::Behind {
                self.ask_first();
            }
            return Some(self.sorted.lower_bound(leaf, key));
        }
    }

    fn seek_key(&mut self, key: &Key) {
        self.current = None;
        if let Some(at) = self.read_leaf_of(key, Part::Behind) {
            self.stand_at(at);
        }
    }

    fn seek_after(&mut self, entry: Entry) {
        self.seek_key(&entry.key());
        // Entries are never removed: it is there.
        let is_there = self.current == Some(entry);
        self.expect(is_there);
        if is_there {
            self.stand_at(self.at + 1);
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
        self.current = self.entry_at(self.at);
        if let Some(entry) = self
            .at
            .checked_sub(AHEAD)
            .and_then(|at| self.sorted.about(at))
        {
            entry.prefetch();
        }
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
            self.read(leaf, 0);
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
