//! The entries of a leaf in order.

use super::entry::{Entry, Key};
use super::leaf::{Leaf, SLOTS};
use crate::model::projection::{common_prefix, project};
use arrayvec::ArrayVec;
use std::cmp::Ordering;

/// An entry of a leaf with what orders it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    /// Eight bytes of the user key, behind what the leaf's keys surely share.
    head: u64,
    pub entry: Entry,
    pub slot: u32,
}

pub(super) type Sorted = ArrayVec<Item, SLOTS>;

/// Puts the entries of the slots `occupied` into `out`, in no order. All of them start with
/// the same `shared` bytes.
pub(super) fn gather(leaf: &Leaf, occupied: u64, shared: usize, out: &mut Sorted) {
    out.clear();
    let mut bits = occupied;
    while bits != 0 {
        let slot = bits.trailing_zeros();
        bits &= bits - 1;
        let entry = leaf.entry(slot as usize);
        out.push(Item {
            head: head(entry.key().user, shared),
            entry,
            slot,
        });
    }
}

/// Like [`gather`], in order.
pub(super) fn sort(leaf: &Leaf, occupied: u64, shared: usize, out: &mut Sorted) {
    gather(leaf, occupied, shared, out);
    out.sort_unstable_by(Item::cmp);
}

/// How many of `sorted` lie before `key`, which starts with the same `shared` bytes.
pub(super) fn lower_bound(sorted: &Sorted, shared: usize, key: &Key) -> usize {
    let head = head(key.user, shared);
    sorted.partition_point(|item| item.is_before(head, key))
}

/// Like [`lower_bound`], for items in no order.
pub(super) fn count_below(items: &Sorted, shared: usize, key: &Key) -> usize {
    let head = head(key.user, shared);
    items.iter().filter(|item| item.is_before(head, key)).count()
}

/// How many bytes all user keys of a leaf share, judging by its fences.
pub(super) fn shared_by(leaf: &Leaf, next: Option<&Leaf>) -> usize {
    next.map_or(0, |next| {
        common_prefix(leaf.low().key().user, next.low().key().user)
    })
}

#[inline]
pub(super) fn head(user: &[u8], shared: usize) -> u64 {
    project(user.get(shared..).unwrap_or(&[]))
}

impl Item {
    #[inline]
    pub fn cmp(&self, other: &Item) -> Ordering {
        self.head
            .cmp(&other.head)
            .then_with(|| self.entry.key().cmp(&other.entry.key()))
    }

    #[inline]
    pub fn is_before(&self, head: u64, key: &Key) -> bool {
        self.head < head || self.head == head && self.entry.key() < *key
    }
}
