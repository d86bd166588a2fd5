//! The entry that came last, on its way to its leaf.
//!
//! The leaf that an entry belongs to is seldom in the cache. A writer that is alone asks for
//! the leaf's memory, leaves the entry here, where readers look before they look at leaves,
//! and puts it in its place when the next entry comes. RocksDB's own work for that one goes
//! on while the memory arrives.
//!
//! What is here is newer than everything in the leaves: an entry that is not, or that comes
//! beside others, goes to its leaf at once, after the one here.

use super::entry::{Entry, Key, hash};
use super::leaf::Leaf;
use super::sync::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use Ordering::{Acquire, Relaxed, Release};
use std::ptr::NonNull;

/// Where the way to a leaf begins: at a leaf, the key's or left of it.
#[derive(Clone, Copy)]
pub(super) struct Route<'a> {
    pub leaf: &'a Leaf,
    /// The key's slot in the router of a generation, if it was asked.
    pub slot: Option<(u32, usize)>,
}

/// On a cache line of its own, which writers write.
#[repr(align(64))]
pub(super) struct Pending {
    /// Null if there is none.
    entry: AtomicPtr<u8>,
    /// Its route: for writers only.
    leaf: AtomicPtr<Leaf>,
    generation: AtomicU32,
    slot: AtomicUsize,
    /// Of the entry's user key, to notice damage.
    hash: AtomicU32,
    /// No entry of the memtable has a higher sequence number.
    newest: AtomicU64,
}

/// Higher than every sequence number: what the newest one is, nobody knows.
const UNKNOWN: u64 = u64::MAX;

impl Pending {
    pub fn new() -> Pending {
        Pending {
            entry: AtomicPtr::new(std::ptr::null_mut()),
            leaf: AtomicPtr::new(std::ptr::null_mut()),
            generation: AtomicU32::new(0),
            slot: AtomicUsize::new(0),
            hash: AtomicU32::new(0),
            newest: AtomicU64::new(0),
        }
    }

    /// The entry here. A reader must ask before it looks at leaves: if the entry is gone, it
    /// is in its leaf.
    #[inline]
    pub fn entry(&self) -> Option<Entry> {
        let entry = NonNull::new(self.entry.load(Acquire))?;
        // SAFETY: what is stored was an `Entry`.
        Some(unsafe { Entry::new(entry) })
    }

    /// The entry here if it is the first version of `key`'s user key at or after `key`.
    #[inline]
    pub fn find(&self, key: &Key) -> Option<Entry> {
        self.entry().filter(|entry| {
            let here = entry.key();
            here.sequence <= key.sequence && here.user == key.user
        })
    }

    /// Notes that an entry with this sequence number comes; whether nothing is newer, so that
    /// it may wait here. Only for a writer that is alone.
    #[inline]
    pub fn raise(&self, sequence: u64) -> bool {
        let is_newest = sequence > self.newest.load(Relaxed);
        if is_newest {
            self.newest.store(sequence, Relaxed);
        }
        is_newest
    }

    /// Whether writers have come beside each other: then nothing waits here any more.
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.newest.load(Acquire) == UNKNOWN
    }

    /// Nothing is here, and nothing is to wait here from now on.
    pub fn close(&self) {
        self.newest.store(UNKNOWN, Release);
    }

    /// Leaves an entry here. Only for a writer that is alone; the one before has got to its
    /// leaf.
    #[inline]
    pub fn set(&self, entry: Entry, leaf: &Leaf, generation: u32, slot: usize) {
        self.leaf
            .store(std::ptr::from_ref(leaf).cast_mut(), Relaxed);
        self.generation.store(generation, Relaxed);
        self.slot.store(slot, Relaxed);
        // After the entry before has gone: who sees this hash does not see that entry again.
        let hash = hash(entry.key().user);
        self.hash.store(hash.into(), Release);
        self.entry.store(entry.as_ptr().as_ptr(), Release);
    }

    /// Whether an entry that was here has the key that it came with, as far as can be told: it
    /// may have gone.
    pub fn is_as_noted(&self, entry: Entry) -> bool {
        let noted = self.hash.load(Acquire);
        self.entry() != Some(entry) || noted == u32::from(hash(entry.key().user))
    }

    /// The entry here has got to its leaf.
    pub fn clear(&self) {
        self.entry.store(std::ptr::null_mut(), Release);
    }

    /// The entry here and its route. Only for the writer that takes it to its leaf.
    #[inline]
    pub fn waiting<'a>(&self) -> Option<(Entry, Route<'a>)> {
        let entry = self.entry()?;
        // SAFETY: stored with the entry: a leaf of the memtable that the caller has.
        let leaf = unsafe { self.leaf.load(Relaxed).as_ref() }?;
        let slot = (self.generation.load(Relaxed), self.slot.load(Relaxed));
        Some((
            entry,
            Route {
                leaf,
                slot: Some(slot),
            },
        ))
    }
}
