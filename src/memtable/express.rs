//! Shortcuts over leaves that no slot of the router names: a skip list without its lowest
//! level, which is the list of leaves itself.
//!
//! They keep a walk logarithmic where the model is wrong, until there is a better one. A
//! link only ever points to a leaf further right, so that following one is always safe, and
//! one that is missing costs time and nothing else.

use super::entry::Key;
use super::leaf::Leaf;
use super::sync::{AtomicPtr, Ordering};
use Ordering::{Acquire, Release};
use std::ptr::NonNull;

/// Levels above the list. A leaf has level n with probability 4^-n.
pub(super) const LEVELS: usize = 8;

/// The links of one leaf.
pub(super) struct Tower {
    links: [AtomicPtr<Leaf>; LEVELS],
}

impl Tower {
    pub fn new() -> Tower {
        Tower {
            links: std::array::from_fn(|_| AtomicPtr::new(std::ptr::null_mut())),
        }
    }
}

/// The leaf that `leaf` links to on a level.
#[inline]
fn link(leaf: &Leaf, level: usize) -> Option<&Leaf> {
    // SAFETY: towers and leaves live as long as the memtable, which the caller has.
    unsafe {
        let tower = leaf.tower().load(Acquire).as_ref()?;
        tower.links[level].load(Acquire).as_ref()
    }
}

/// From a leaf at or left of `key`'s to `key`'s, as far as can be seen; counts the steps.
///
/// O(log distance) expected.
pub(super) fn walk<'a>(leaf: &'a Leaf, key: &Key, steps: &mut usize) -> &'a Leaf {
    walk_while(leaf, steps, |right| right.low().key() <= *key)
}

/// From a leaf that begins before `low` to the last one that does.
pub(super) fn walk_before<'a>(leaf: &'a Leaf, low: &Key) -> &'a Leaf {
    walk_while(leaf, &mut 0, |right| right.low().key() < *low)
}

fn walk_while<'a>(leaf: &'a Leaf, steps: &mut usize, go: impl Fn(&Leaf) -> bool) -> &'a Leaf {
    let mut leaf = leaf;
    loop {
        let right = (0..LEVELS)
            .rev()
            .take_while(|_| !leaf.tower().load(Acquire).is_null())
            .find_map(|level| link(leaf, level).filter(|right| go(right)))
            .or_else(|| leaf.next().filter(|next| go(next)));
        match right {
            Some(right) => leaf = right,
            None => return leaf,
        }
        *steps += 1;
    }
}

/// Gives `leaf` links on `levels` levels, reachable from `from`, a leaf left of it.
/// `tower` is memory for a tower that lives as long as the memtable.
pub(super) fn raise(leaf: &Leaf, levels: usize, from: &Leaf, tower: impl Fn() -> NonNull<Tower>) {
    build(from, &tower);
    build(leaf, &tower);
    let low = leaf.low().key();
    let mut before = from;
    for level in (0..LEVELS).rev() {
        loop {
            let after = link(before, level);
            if let Some(after) = after
                && after.low().key() < low
            {
                before = after;
                continue;
            }
            if level >= levels || set_link(before, level, after, leaf) {
                break;
            }
        }
    }
}

fn build(leaf: &Leaf, tower: impl Fn() -> NonNull<Tower>) {
    if leaf.tower().load(Acquire).is_null() {
        // If somebody else has built one meanwhile, this one is never used.
        let _ =
            leaf.tower()
                .compare_exchange(std::ptr::null_mut(), tower().as_ptr(), Release, Acquire);
    }
}

/// Puts `leaf` between `before` and `after`; `false` if something else lies there now.
fn set_link(before: &Leaf, level: usize, after: Option<&Leaf>, leaf: &Leaf) -> bool {
    let after = after.map_or(std::ptr::null_mut(), |a| std::ptr::from_ref(a).cast_mut());
    // SAFETY: as in `link`.
    let towers = unsafe {
        (
            before.tower().load(Acquire).as_ref(),
            leaf.tower().load(Acquire).as_ref(),
        )
    };
    let (Some(before), Some(own)) = towers else {
        return true;
    };
    own.links[level].store(after, Release);
    before.links[level]
        .compare_exchange(after, std::ptr::from_ref(leaf).cast_mut(), Release, Acquire)
        .is_ok()
}
