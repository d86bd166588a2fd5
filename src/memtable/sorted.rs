//! The entries of a leaf in order.

use super::entry::{Entry, Key};
use super::leaf::{Leaf, SLOTS};
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
    /// An entry that has no slot in the leaf yet; its key lies between the leaf's fences.
    pub fn pending(leaf: &Leaf, entry: Entry) -> Item {
        let place = leaf.place_of(entry.key().user) as u8;
        Item {
            place,
            slot: NO_SLOT,
            entry,
        }
    }

    /// Whether the key is the one whose fingerprint the leaf has noted, if it has one.
    pub fn is_as_noted(&self, leaf: &Leaf) -> bool {
        self.slot == NO_SLOT
            || leaf.fingerprint(usize::from(self.slot))
                == leaf.fingerprint_of(self.entry.key().user)
    }
}

/// With room for one that has no slot yet.
pub(super) type Sorted = ArrayVec<Item, { SLOTS + 1 }>;

/// Entries are asked for so many steps before they are needed.
pub(super) const AHEAD: usize = 8;

/// Behind the place of every key.
pub(super) const NOWHERE: u16 = 256;

/// Puts the entries of the slots `occupied` into `out`, in order. Only entries that lie at
/// one place are gone to; what an iterator at the place `from` needs next is asked for.
pub(super) fn sort(leaf: &Leaf, occupied: u64, from: u16, out: &mut Sorted) {
    let mut order = ArrayVec::<u16, SLOTS>::new();
    let mut bits = occupied;
    while bits != 0 {
        let slot = bits.trailing_zeros() as u16;
        bits &= bits - 1;
        order.push(leaf.fingerprint(usize::from(slot)) & 0xff00 | slot);
    }
    order.sort_unstable();
    out.clear();
    let mut asked = 0;
    let mut ties = 0u64;
    let mut before = NOWHERE;
    for (i, &place_and_slot) in order.iter().enumerate() {
        let [place, slot] = place_and_slot.to_be_bytes();
        let entry = leaf.entry(usize::from(slot));
        if u16::from(place) >= from && asked <= AHEAD {
            entry.prefetch();
            asked += 1;
        }
        ties |= u64::from(u16::from(place) == before) << i;
        before = u16::from(place);
        out.push(Item { place, slot, entry });
    }
    // A run of entries at one place: the first one's bit is clear, those of the others are set.
    let runs = ties | ties >> 1;
    let mut bits = runs;
    while bits != 0 {
        super::prefetch(out[bits.trailing_zeros() as usize].entry.as_ptr().as_ptr());
        bits &= bits - 1;
    }
    let mut bits = ties;
    while bits != 0 {
        let begin = bits.trailing_zeros() as usize - 1;
        let others = (bits >> (begin + 1)).trailing_ones() as usize;
        bits &= !(((1 << others) - 1) << (begin + 1));
        match &mut out[begin..=begin + others] {
            [a, b] => {
                if a.entry.key() > b.entry.key() {
                    std::mem::swap(a, b);
                }
            }
            run => sort_run(leaf, run),
        }
    }
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

/// How many of `sorted`, entries of `leaf`, lie before `key`, which lies between its fences.
pub(super) fn lower_bound(leaf: &Leaf, sorted: &Sorted, key: &Key) -> usize {
    let place = leaf.place_of(key.user);
    sorted.partition_point(|item| {
        let here = u16::from(item.place);
        here < place || here == place && item.entry.key() < *key
    })
}
