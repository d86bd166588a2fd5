//! The entries of a leaf in order.
//!
//! Their places, which the leaf knows, are sorted at once. Entries at one place are a run:
//! putting it in order means going to the entries, so that this waits until one is asked for.

use super::entry::{Entry, Key};
use super::leaf::{Leaf, SLOTS};
use super::{ones, prefetch};
use arrayvec::ArrayVec;

/// An entry of a leaf.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    /// Its place between the leaf's fences.
    place: u8,
    pub slot: u8,
    pub entry: Entry,
}

/// Of an entry that is pending.
const NO_SLOT: u8 = u8::MAX;

impl Item {
    /// Whether the key is the one whose fingerprint the leaf has noted, if it has one.
    pub fn is_as_noted(&self, leaf: &Leaf) -> bool {
        self.slot == NO_SLOT
            || leaf.fingerprint(usize::from(self.slot))
                == leaf.fingerprint_of(self.entry.key().user)
    }
}

/// Entries of one leaf, the one that is handed in everywhere.
pub(super) struct Sorted {
    /// With room for one that has no slot yet.
    items: ArrayVec<Item, { SLOTS + 1 }>,
    /// No item lies at a place before this one.
    from: u16,
    /// Which items lie at the place of the one before, in runs that are in no order yet.
    ties: u64,
}

impl Sorted {
    pub fn new() -> Sorted {
        Sorted {
            items: ArrayVec::new(),
            from: 0,
            ties: 0,
        }
    }

    /// Takes the entries in the slots `occupied` whose place is `from` or behind it.
    pub fn read(&mut self, leaf: &Leaf, occupied: u64, from: u16) {
        let mut order: ArrayVec<u16, SLOTS> = ones(occupied)
            .map(|slot| leaf.fingerprint(slot) & 0xff00 | slot as u16)
            .filter(|&place_and_slot| place_and_slot >> 8 >= from)
            .collect();
        order.sort_unstable();
        self.items.clear();
        self.from = from;
        self.ties = 0;
        let mut before = None;
        for (at, &place_and_slot) in order.iter().enumerate() {
            let [place, slot] = place_and_slot.to_be_bytes();
            self.ties |= u64::from(before == Some(place)) << at;
            before = Some(place);
            self.items.push(Item {
                place,
                slot,
                entry: leaf.entry(usize::from(slot)),
            });
        }
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// All of them; within a run in any order.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The entry at a place of the order.
    #[inline]
    pub fn get(&mut self, leaf: &Leaf, at: usize) -> Option<Entry> {
        if (self.ties | self.ties >> 1) >> at & 1 != 0 {
            self.order_run(leaf, at);
        }
        self.about(at)
    }

    /// About the entry at a place of the order, to ask for it.
    #[inline]
    pub fn about(&self, at: usize) -> Option<Entry> {
        self.items.get(at).map(|item| item.entry)
    }

    /// All of them, in order.
    pub fn ordered(&mut self, leaf: &Leaf) -> &[Item] {
        for at in ones(self.ties | self.ties >> 1) {
            prefetch(self.items[at].entry.as_ptr().as_ptr());
        }
        while self.ties != 0 {
            self.order_run(leaf, self.ties.trailing_zeros() as usize);
        }
        &self.items
    }

    /// Puts the run in order that the item `at` belongs to.
    fn order_run(&mut self, leaf: &Leaf, at: usize) {
        let before = (self.ties << (63 - at)).leading_ones() as usize;
        let begin = at - before;
        let others = (self.ties >> (begin + 1)).trailing_ones() as usize;
        self.ties &= !(((1 << others) - 1) << (begin + 1));
        match &mut self.items[begin..=begin + others] {
            [a, b] => {
                if a.entry.key() > b.entry.key() {
                    std::mem::swap(a, b);
                }
            }
            run => sort_run(leaf, run),
        }
    }

    /// How many lie before `key`.
    pub fn lower_bound(&mut self, leaf: &Leaf, key: &Key) -> usize {
        let place = leaf.place_of(key.user);
        let first = (self.items).partition_point(|item| u16::from(item.place) < place);
        self.get(leaf, first);
        first + lower_bound(leaf, &self.items[first..], key)
    }

    /// Leaves out what does not lie before `key`.
    pub fn cut(&mut self, leaf: &Leaf, key: &Key) {
        self.ordered(leaf);
        let staying = lower_bound(leaf, &self.items, key);
        self.items.truncate(staying);
    }

    /// Adds an entry that has no slot, unless it is there or lies before what has been read;
    /// its key lies between the leaf's fences. Tells whether it has been added.
    pub fn add(&mut self, leaf: &Leaf, entry: Entry) -> bool {
        let key = entry.key();
        let place = leaf.place_of(key.user);
        let at = self.lower_bound(leaf, &key);
        if place < self.from || self.about(at) == Some(entry) {
            return false;
        }
        self.ordered(leaf);
        let item = Item {
            place: place as u8,
            slot: NO_SLOT,
            entry,
        };
        self.items.insert(at, item);
        true
    }
}

/// How many of some items of a leaf lie before `key`; those at its place are in order.
pub(super) fn lower_bound(leaf: &Leaf, items: &[Item], key: &Key) -> usize {
    let place = leaf.place_of(key.user);
    items.partition_point(|item| {
        let here = u16::from(item.place);
        here < place || here == place && item.entry.key() < *key
    })
}

/// Sorts items of one place by more of their keys, which are gone to once, all at a time.
fn sort_run(leaf: &Leaf, run: &mut [Item]) {
    let mut heads: ArrayVec<(u64, Item), SLOTS> = run
        .iter()
        .map(|item| (leaf.project(item.entry.key().user), *item))
        .collect();
    heads.sort_unstable_by(|(x, a), (y, b)| {
        x.cmp(y).then_with(|| a.entry.key().cmp(&b.entry.key()))
    });
    for (item, (_, sorted)) in run.iter_mut().zip(heads) {
        *item = sorted;
    }
}
