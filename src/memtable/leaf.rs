//! A leaf: the entries between two fences, in no order, and the protocol that lets readers
//! go without locks.
//!
//! ```text
//!   line 0, 1   occupied | reach | epoch | newest | fingerprints, 2 bytes a slot | next
//!   then        entries, 8 bytes a slot
//!   then        low fence: all keys of the leaf are at or above it; next's is the high one
//! ```
//!
//! Writers lock a leaf (a bit of `occupied`), unless RocksDB promises that they are alone.
//! An insert fills a free slot, then sets its bit: readers look at slots whose bit is set.
//!
//! A split moves the upper entries to a new leaf on the right:
//! 1. the new leaf, complete and locked, is linked (`next`), and `reach` shrinks;
//! 2. `epoch` goes up by one;
//! 3. the bits of the moved entries are cleared, so that their slots can be used again;
//! 4. the new leaf is unlocked: only now can it get entries that this one never had.
//!
//! A reader takes the epoch, makes sure that its key lies in the leaf, reads slots, and takes
//! the epoch again: unchanged, no slot was used again in between and nothing it looked for
//! was elsewhere. Changed, it starts over, which happens only when some writer has made
//! progress. Nothing read on the way can hurt: an entry, once stored, is valid for ever.

use super::entry::{Entry, Key};
use super::express::Tower;
use super::sync::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence, relax};
use Ordering::{Acquire, Relaxed, Release};
use std::ptr::NonNull;

/// Slots of a leaf.
#[cfg(not(loom))]
pub(super) const SLOTS: usize = 44;
#[cfg(loom)]
pub(super) const SLOTS: usize = 4;

/// A leaf that has so many entries is split if the router knows into what: the parts will
/// fill up, and the fewer entries there are to move the better.
const EARLY: usize = SLOTS / 2 - 2;
/// Free slots before the last of them arrives.
const LATE: usize = SLOTS - EARLY + 1;

const LANES: usize = 4;
const WORDS: usize = SLOTS / LANES;
const LOCK: u64 = 1 << 63;
/// The bits of `occupied` that stand for slots.
pub(super) const BITS: u64 = (1 << SLOTS) - 1;

/// The lower bound of a leaf: it never changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fence {
    user: NonNull<u8>,
    sequence: u64,
    len: u32,
    /// Whether a model may use it: see [`super::model`].
    pub routable: bool,
}

impl Fence {
    /// Below every key.
    pub fn lowest() -> Fence {
        Fence::new(Key::before_all_versions(&[]), false)
    }

    /// `key`'s bytes must live, unchanged, as long as every leaf that the fence is put into.
    pub fn new(key: Key, routable: bool) -> Fence {
        Fence {
            user: NonNull::from(key.user).cast(),
            sequence: key.sequence,
            len: key.user.len() as u32,
            routable,
        }
    }

    #[inline]
    pub fn key<'a>(&self) -> Key<'a> {
        // SAFETY: the bytes live as long as the leaf (`new`), whose memtable the caller has.
        let user = unsafe { std::slice::from_raw_parts(self.user.as_ptr(), self.len as usize) };
        Key {
            user,
            sequence: self.sequence,
        }
    }
}

/// How far a router's slots are known to lie within a leaf: keys at or above the leaf's low
/// fence whose slot is below `slot` are in the leaf, according to the router `generation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    pub generation: u32,
    pub slot: u32,
}

impl Reach {
    /// Promises nothing (no router has generation 0).
    pub const NONE: Reach = Reach {
        generation: 0,
        slot: 0,
    };

    fn pack(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.slot)
    }

    fn unpack(packed: u64) -> Reach {
        Reach {
            generation: (packed >> 32) as u32,
            slot: packed as u32,
        }
    }
}

#[repr(C, align(64))]
pub(super) struct Leaf {
    occupied: AtomicU64,
    reach: AtomicU64,
    epoch: AtomicU32,
    /// No entry of the leaf is newer than this sequence number.
    newest: AtomicU64,
    fingerprints: [AtomicU64; WORDS],
    next: AtomicPtr<Leaf>,
    entries: [AtomicPtr<u8>; SLOTS],
    low: Fence,
    tower: AtomicPtr<Tower>,
}

/// What came of putting an entry into a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    Done,
    /// Done, and the leaf has just got [`EARLY`] entries.
    DoneEarly,
    Duplicate,
    Full,
}

impl Leaf {
    pub fn new(low: Fence) -> Leaf {
        Leaf {
            occupied: AtomicU64::new(0),
            reach: AtomicU64::new(Reach::NONE.pack()),
            epoch: AtomicU32::new(0),
            newest: AtomicU64::new(0),
            fingerprints: std::array::from_fn(|_| AtomicU64::new(0)),
            next: AtomicPtr::new(std::ptr::null_mut()),
            entries: std::array::from_fn(|_| AtomicPtr::new(std::ptr::null_mut())),
            low,
            tower: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    #[inline]
    pub fn tower(&self) -> &AtomicPtr<Tower> {
        &self.tower
    }

    #[inline]
    pub fn low(&self) -> &Fence {
        &self.low
    }

    #[inline]
    pub fn epoch(&self) -> u32 {
        self.epoch.load(Acquire)
    }

    /// Whether the epoch is still `epoch`, so that what was read since it was taken holds.
    #[inline]
    pub fn unchanged_since(&self, epoch: u32) -> bool {
        fence(Acquire);
        self.epoch.load(Relaxed) == epoch
    }

    #[inline]
    pub fn reach(&self) -> Reach {
        Reach::unpack(self.reach.load(Acquire))
    }

    /// Only with the lock, or alone.
    pub fn set_reach(&self, reach: Reach) {
        self.reach.store(reach.pack(), Release);
    }

    #[inline]
    pub fn next(&self) -> Option<&Leaf> {
        // SAFETY: leaves live as long as the memtable, and so does every borrow of one.
        unsafe { self.next.load(Acquire).as_ref() }
    }

    /// The slots in use, as bits.
    #[inline]
    pub fn occupied(&self) -> u64 {
        self.occupied.load(Acquire) & BITS
    }

    pub fn len(&self) -> usize {
        self.occupied().count_ones() as usize
    }

    #[inline]
    pub fn lock(&self) {
        let mut spins = 0;
        loop {
            let seen = self.occupied.load(Relaxed);
            if seen & LOCK == 0
                && self
                    .occupied
                    .compare_exchange_weak(seen, seen | LOCK, Acquire, Relaxed)
                    .is_ok()
            {
                return;
            }
            relax(&mut spins);
        }
    }

    #[inline]
    pub fn unlock(&self) {
        // Nobody else writes the word while it is locked.
        let locked = self.occupied.load(Relaxed);
        self.occupied.store(locked & !LOCK, Release);
    }

    /// The entry in a slot whose bit was seen.
    #[inline]
    pub fn entry(&self, slot: usize) -> Entry {
        let entry = self.entries[slot].load(Acquire);
        debug_assert!(!entry.is_null());
        // SAFETY: a slot's bit is set after its entry is stored, never again to be null,
        // and what is stored was an `Entry`.
        unsafe { Entry::new(NonNull::new_unchecked(entry)) }
    }

    /// The slots among `occupied` with this fingerprint, one after the other.
    #[inline]
    pub fn candidates(&self, fingerprint: u16, occupied: u64) -> impl Iterator<Item = usize> {
        const LOW: u64 = 0x7fff_7fff_7fff_7fff;
        const ONES: u64 = 0x0001_0001_0001_0001;
        let wanted = u64::from(fingerprint) * ONES;
        let mut found = 0u64;
        for (i, word) in self.fingerprints.iter().enumerate() {
            let differing = word.load(Relaxed) ^ wanted;
            // The high bit of each lane: set where the lane is zero.
            let zero = !(((differing & LOW) + LOW) | differing) & !LOW;
            // Four bits, one a lane, into their place.
            let lanes = (zero >> 15).wrapping_mul(0x0001_0002_0004_0008) >> 48 & 0xf;
            found |= lanes << (i * LANES);
        }
        let mut found = found & occupied;
        std::iter::from_fn(move || {
            (found != 0).then(|| {
                let slot = found.trailing_zeros() as usize;
                found &= found - 1;
                slot
            })
        })
    }

    /// Puts an entry into a free slot. Only with the lock, or alone; the key must lie
    /// between the leaf's fences.
    #[inline]
    pub fn put(&self, entry: Entry, key: &Key, fingerprint: u16) -> Put {
        let locked = self.occupied.load(Relaxed);
        // Sequence numbers mostly go up: then the entry cannot be there already, and the
        // versions of a key that is written over and over need not be looked at.
        if key.sequence > self.newest.load(Relaxed) || locked & BITS == 0 {
            self.newest.store(key.sequence, Relaxed);
        } else {
            for slot in self.candidates(fingerprint, locked & BITS) {
                if self.entry(slot).key() == *key {
                    return Put::Duplicate;
                }
            }
        }
        let free = !locked & BITS;
        if free == 0 {
            return Put::Full;
        }
        let slot = free.trailing_zeros() as usize;
        self.fill(slot, entry, fingerprint);
        self.occupied.store(locked | 1 << slot, Release);
        match free.count_ones() as usize {
            LATE => Put::DoneEarly,
            _ => Put::Done,
        }
    }

    /// Writes a free slot without making it visible.
    ///
    /// The stores are releases because a reader of an older epoch may still look at the
    /// slot: seeing one of them, it then sees the newer epoch.
    fn fill(&self, slot: usize, entry: Entry, fingerprint: u16) {
        self.entries[slot].store(entry.as_ptr().as_ptr(), Release);
        let word = &self.fingerprints[slot / LANES];
        let shift = slot % LANES * 16;
        let others = word.load(Relaxed) & !(0xffff << shift);
        word.store(others | u64::from(fingerprint) << shift, Release);
    }

    pub fn fingerprint(&self, slot: usize) -> u16 {
        (self.fingerprints[slot / LANES].load(Relaxed) >> (slot % LANES * 16)) as u16
    }

    /// Moves the entries in the slots of `moved` to the new leaf `right`, which nobody else
    /// knows, and links it behind this one. `right` is left locked, for [`Leaf::unlock`].
    ///
    /// Only with the lock, or alone. `publish` is called when the leaf is linked and before
    /// readers are told to look again: there routers learn of it.
    pub fn split(&self, right: &Leaf, moved: u64, reach: Reach, publish: impl FnOnce()) {
        let mut slot = 0;
        let mut bits = moved;
        while bits != 0 {
            let from = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            right.fill(slot, self.entry(from), self.fingerprint(from));
            slot += 1;
        }
        right.occupied.store(((1 << slot) - 1) | LOCK, Relaxed);
        right.newest.store(self.newest.load(Relaxed), Relaxed);
        right.next.store(self.next.load(Relaxed), Relaxed);
        self.next.store(std::ptr::from_ref(right).cast_mut(), Release);
        self.set_reach(reach);
        publish();
        let epoch = self.epoch.load(Relaxed);
        self.epoch.store(epoch.wrapping_add(1), Release);
        let before = self.occupied.load(Relaxed);
        self.occupied.store(before & !moved, Release);
    }
}
