//! Where to split a leaf.
//!
//! At a cut of the router's model if the leaf holds one: then the router stays exact. Else
//! between two user keys near the middle, and only between two versions of a key if there
//! is nothing else. Where entries arrive in a sequence, so that one side stays full.

use super::entry::Key;
use super::express::{self, LEVELS};
use super::leaf::{Fence, Leaf, Reach, SLOTS};
use super::model::MAX_CUT;
use super::router::Router;
use super::sorted::{Item, Sorted, count_below, gather, shared_by};
use super::table::Memtable;
use crate::model::projection::common_prefix;
use arrayvec::ArrayVec;

/// So many arrivals in a row, and the next one beside them, are a sequence.
const RECENT: usize = 8;

/// The entries among which a pivot is chosen.
const SAMPLE: usize = 9;

/// Fewer than one in so many entries, where half were to be expected, is no chance.
const CHANCE: usize = 8;

/// A leaf's entries in two, and the boundary between them.
struct Division {
    /// The slots of the upper entries.
    upper: u64,
    /// At or below all upper entries, above all lower ones.
    fence: Fence,
    /// Slots of the router from here on belong to the right leaf ...
    right_from: usize,
    /// ... and slots before this one wholly to the left one.
    left_until: usize,
}

impl Memtable {
    /// Splits a full leaf that `key` is to go to. Only with the leaf's lock, or alone.
    #[cold]
    pub(super) fn split(&self, leaf: &Leaf, key: &Key, router: &Router) {
        let shared = shared_by(leaf, leaf.next());
        let mut items = Sorted::new();
        gather(leaf, leaf.occupied(), shared, &mut items);
        let arrives = count_below(&items, shared, key);
        let division = match goes_on(&items, arrives) {
            true => divide_in_order(&mut items, Some(arrives), router),
            false => self
                .divide_at_cut(leaf, &items, shared, router)
                .or_else(|| divide_at_pivot(&items, router))
                .unwrap_or_else(|| divide_in_order(&mut items, None, router)),
        };
        self.split_at(leaf, division, router);
    }

    /// Splits a leaf that is not full if it has several slots. Only with its lock, or alone.
    #[cold]
    pub(super) fn split_early(&self, leaf: &Leaf, router: &Router) {
        let shared = shared_by(leaf, leaf.next());
        let mut items = Sorted::new();
        gather(leaf, leaf.occupied(), shared, &mut items);
        if let Some(division) = self.divide_at_cut(leaf, &items, shared, router) {
            self.split_at(leaf, division, router);
        }
    }

    fn split_at(&self, leaf: &Leaf, division: Division, router: &Router) {
        let right = self.new_leaf(division.fence);
        let before = match leaf.reach() {
            reach if reach.generation == router.generation() => reach,
            _ => Reach::NONE,
        };
        right.set_reach(before);
        let reach = Reach {
            slot: before.slot.min(division.left_until as u32),
            ..before
        };
        leaf.split(right, division.upper, reach, || {
            router.reassign(division.right_from, leaf, right);
        });
        let origin = self.slot_leaf(router, division.left_until);
        let crowded = !std::ptr::eq(origin, leaf) || before.slot as usize <= division.left_until;
        let levels = levels(right);
        if crowded && levels > 0 && right.low().key() > origin.low().key() {
            // Not the first to share the slot: there may be long walks.
            express::raise(right, levels, origin, || self.new_tower());
        }
        right.unlock();
        if division.right_from > division.left_until {
            self.unnamed_leaf();
        }
    }

    /// A division at a cut of the router's model that has a quarter of the entries, at
    /// least, on either side.
    fn divide_at_cut(
        &self,
        leaf: &Leaf,
        items: &Sorted,
        shared: usize,
        router: &Router,
    ) -> Option<Division> {
        let reach = leaf.reach();
        if reach.generation != router.generation() {
            return None;
        }
        // Slots whose lower bound lies in the leaf, above its own.
        let mut slots = router.slot(leaf.low().key().user) + 1..reach.slot as usize;
        let mut user = Vec::new();
        while !slots.is_empty() {
            let slot = slots.start + slots.len() / 2;
            user.clear();
            router.skeleton().model().cut(slot - 1, &mut user);
            let cut = Key::before_all_versions(&user);
            let upper = above(items, shared, &cut);
            let right = upper.count_ones() as usize;
            if right < items.len() / 4 {
                slots.end = slot;
            } else if right > items.len() - items.len() / 4 {
                slots.start = slot + 1;
            } else {
                return Some(Division {
                    upper,
                    fence: Fence::new(Key::before_all_versions(self.copy(&user)), true),
                    right_from: slot,
                    left_until: slot,
                });
            }
        }
        None
    }
}

/// A division at an entry that lies somewhere in the middle, if it is not between versions.
fn divide_at_pivot(items: &Sorted, router: &Router) -> Option<Division> {
    let mut sample: ArrayVec<&Item, SAMPLE> = 
        items.iter().step_by(items.len() / SAMPLE).take(SAMPLE).collect();
    sample.sort_unstable_by(|a, b| a.cmp(b));
    let pivot = sample[sample.len() / 2];
    let (mut upper, mut last) = (0u64, None::<&Item>);
    for item in items {
        if item.cmp(pivot).is_ge() {
            upper |= 1 << item.slot;
        } else if last.is_none_or(|last| item.cmp(last).is_gt()) {
            last = Some(item);
        }
    }
    let (last, here) = (last?.entry.key(), pivot.entry.key());
    let right = upper.count_ones() as usize;
    let balanced = (items.len() / 4..=items.len() - items.len() / 4).contains(&right);
    (balanced && last.user != here.user && trend(items, upper) == Trend::None)
        .then(|| divide_between(upper, &last, &here, router))
}

/// Whether entries come in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trend {
    Rising,
    Falling,
    None,
}

/// Where the younger entries lie: by chance, about half of them among the upper ones.
fn trend(items: &Sorted, upper: u64) -> Trend {
    let age = |item: &Item| item.entry.key().sequence;
    let mut ages: ArrayVec<u64, SLOTS> = items.iter().map(age).collect();
    let (_, &mut younger, _) = ages.select_nth_unstable(items.len() / 2);
    let (mut below, mut above) = (0, 0);
    for item in items.iter().filter(|item| age(item) >= younger) {
        match upper & 1 << item.slot {
            0 => below += 1,
            _ => above += 1,
        }
    }
    if below < items.len() / CHANCE && above > items.len() / 4 {
        Trend::Rising
    } else if above < items.len() / CHANCE && below > items.len() / 4 {
        Trend::Falling
    } else {
        Trend::None
    }
}

/// A division by the order of all entries: before the rank `sequence` if that is where a
/// sequence goes on, so that what it has filled stays full; else near the middle.
fn divide_in_order(items: &mut Sorted, sequence: Option<usize>, router: &Router) -> Division {
    items.sort_unstable_by(Item::cmp);
    let (len, middle) = (items.len(), items.len() / 2);
    let at = match (sequence, trend(items, slots(&items[middle..]))) {
        (Some(rank), _) => rank.clamp(1, len - 1),
        (None, Trend::Rising) => len - len / 8,
        (None, Trend::Falling) => len / 8,
        (None, Trend::None) => middle,
    };
    let key = |i: usize| items[i].entry.key();
    let first = (0..len / 4)
        .flat_map(|away| [at.saturating_sub(away), at + away])
        .filter(|first| (1..len).contains(first))
        .find(|&first| key(first - 1).user != key(first).user)
        .unwrap_or(at);
    divide_between(slots(&items[first..]), &key(first - 1), &key(first), router)
}

fn slots(items: &[Item]) -> u64 {
    items.iter().fold(0, |bits, item| bits | 1 << item.slot)
}

/// The slots of the items at or above `key`.
fn above(items: &Sorted, shared: usize, key: &Key) -> u64 {
    let head = super::sorted::head(key.user, shared);
    items
        .iter()
        .filter(|item| !item.is_before(head, key))
        .fold(0, |bits, item| bits | 1 << item.slot)
}

/// A division between two neighbours: at the shortest cut between their user keys, or
/// between two versions of one.
fn divide_between(upper: u64, last: &Key, here: &Key, router: &Router) -> Division {
    let fence = match last.user == here.user {
        true => Fence::new(*here, false),
        false => {
            let mut len = common_prefix(last.user, here.user) + 1;
            // A model's cuts do not end in a zero byte.
            while len < here.user.len() && here.user[len - 1] == 0 {
                len += 1;
            }
            let cut = &here.user[..len];
            let routable = len <= MAX_CUT && cut[len - 1] != 0;
            Fence::new(Key::before_all_versions(cut), routable)
        }
    };
    let slot = router.slot(fence.key().user);
    Division {
        upper,
        fence,
        right_from: slot + 1,
        left_until: slot,
    }
}

/// Whether the entries that came last are neighbours, and the one to come, whose rank will
/// be `arrives`, is the next.
fn goes_on(items: &Sorted, arrives: usize) -> bool {
    let mut by_age: ArrayVec<(u64, &Item), SLOTS> = items
        .iter()
        .map(|item| (item.entry.key().sequence, item))
        .collect();
    let Some(older) = by_age.len().checked_sub(RECENT).filter(|&older| older > 0) else {
        return false;
    };
    by_age.select_nth_unstable_by_key(older, |&(age, _)| age);
    let recent = by_age[older..].iter().map(|&(_, item)| item);
    let (Some(lowest), Some(highest)) = (
        recent.clone().min_by(|a, b| a.cmp(b)),
        recent.max_by(|a, b| a.cmp(b)),
    ) else {
        return false;
    };
    let below = items.iter().filter(|item| item.cmp(lowest).is_lt()).count();
    let above = items.iter().filter(|item| item.cmp(highest).is_gt()).count();
    below + RECENT + above == items.len() && (arrives == below || arrives == below + RECENT)
}

/// How many levels of links a new leaf gets: n with probability 4^-n, by its address.
fn levels(leaf: &Leaf) -> usize {
    let number = (std::ptr::from_ref(leaf).addr() / size_of::<Leaf>()) as u64;
    let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    (hash.trailing_ones() as usize / 2).min(LEVELS)
}
