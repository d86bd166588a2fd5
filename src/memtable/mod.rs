//! A learned memtable: entries in key order, found through a model of where keys lie.
//!
//! ```text
//!   key --> Router: Model (rank among cuts) --> slot --> Leaf
//!
//!   leaves    [ ..40 entries.. ]-->[ .. ]-->[ .. ]-->[ .. ]     a list in key order
//!   express         o------------------------->o                shortcuts where the model errs
//! ```
//!
//! - [`leaf`]: up to 40 entries between two fences, in no order; the lock-free protocol.
//! - [`table`]: the list of leaves. It alone is correct: from any leaf at or left of the
//!   right one, walking right leads there. [`split`] decides where a leaf is split.
//! - [`router`]: a [`model`] of the cuts between leaves sends a key to its leaf in one step.
//!   It is made anew from the leaves there are, and foretells those to come ([`cuts`]), when
//!   half of them are unknown to it or writers have to walk too far: so it follows a
//!   distribution that moves, and an append-only one.
//! - [`pending`]: the entry that came last, until its leaf is in the cache.
//! - [`express`]: shortcuts that keep walks logarithmic until then.
//! - [`skeleton`]: what the next memtable of the column family starts from: the model, no
//!   data. A leaf that is split is split where the model says the next leaf begins.
//! - [`iter`]: a leaf at a time, sorted when the iterator gets there.
//!
//! Costs: an insert or lookup O(1) expected where the model is right, O(log n) expected
//! otherwise, amortised over the routers' making, which takes O(leaves) now and then. Memory
//! beside the entries: 13 to 24 bytes an entry.
#![expect(
    unsafe_code,
    reason = "leaves and entries lie in an arena that outlives every reader, at addresses"
)]

mod cuts;
mod entry;
mod express;
mod iter;
mod leaf;
mod model;
mod pending;
mod router;
mod skeleton;
mod sorted;
mod split;
mod sync;
mod table;

use crate::prefetch::prefetch;
pub use iter::Iter;
pub use skeleton::{Families, FamilyId, skeleton_bytes_held};
pub use table::{Arena, Memtable, Settings};

/// The places of the bits that are set, ascending.
#[inline]
fn ones(bits: u64) -> impl Iterator<Item = usize> {
    let mut left = bits;
    std::iter::from_fn(move || {
        (left != 0).then(|| {
            let place = left.trailing_zeros() as usize;
            left &= left - 1;
            place
        })
    })
}

#[cfg(test)]
mod tests;
