//! A leaf: the entries between two fences, in no order, and the protocol that lets readers
//! go without locks.
//!
//! ```text
//!   what a probe reads, 128 bytes   occupied | reach | newest | high | frame | epoch
//!                                   | fingerprints, 2 bytes a slot
//!   the rest, 384 bytes             entries, 8 bytes a slot | next | low fence | arrivals
//!                                   | tower | finger
//! ```
//!
//! All of it is asked for at once: a leaf costs one wait for memory.
//!
//! A fingerprint is eight bits of the key's place between the fences, and eight of a hash:
//! so entries can be passed over, and put in order, without going to them.
//!
//! Writers lock a leaf (a bit of `occupied`), unless RocksDB promises that they are alone.
//! An insert fills a free slot, then sets its bit: readers look at slots whose bit is set.
//!
//! A split moves the upper entries to a new leaf on the right:
//! 1. `epoch` becomes odd: the fields of the high fence are about to change;
//! 2. the new leaf, complete and locked, is linked (`next`), `reach` and `high` shrink;
//! 3. `epoch` becomes even, but no multiple of 4: the fences hold again, and what has been
//!    moved is still in both leaves;
//! 4. the bits of the moved entries are cleared;
//! 5. `epoch` becomes a multiple of 4: now their slots can be used again;
//! 6. the new leaf is unlocked: only now can it get entries that this one never had.
//!
//! A reader takes the epoch, makes sure that its key lies in the leaf, reads slots, and takes
//! the epoch again: unchanged, no slot was used again in between and nothing it looked for
//! was elsewhere. Changed, it starts over, which happens only when some writer has made
//! progress. Nothing read on the way can hurt: an entry, once stored, is valid for ever.

use super::entry::{Entry, Key, hash};
use super::express::Tower;
use super::sync::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence, relax};
use super::{ones, prefetch};
use crate::model::projection::project;
use Ordering::{Acquire, Relaxed, Release};
use std::cmp::Ordering::{Equal, Greater, Less};
use std::ptr::NonNull;

/// Slots of a leaf.
#[cfg(not(loom))]
pub(super) const SLOTS: usize = 40;
#[cfg(loom)]
pub(super) const SLOTS: usize = 4;

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
        // At an address that is mapped: where none is, even a comparison of no bytes takes the
        // processor a hundred cycles.
        static NOTHING: [u8; 1] = [0];
        Fence::new(Key::before_all_versions(&NOTHING[..0]), false)
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

/// How a router's slots lie to a leaf, for keys at or above its low fence: a key of a slot
/// below `slot` is in the leaf, one of a slot above is not, and in `slot` lies the boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    /// Of the router.
    pub generation: u32,
    pub slot: u32,
}

/// What maps user keys of a leaf to the range of an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    base: u64,
    /// Bytes that all keys share which can ever be in the leaf, or in the slots of the
    /// router that the leaf has when it is made.
    skip: u16,
    shift: u8,
    /// Keys of the leaf may lie behind the last place; they are taken to lie there.
    open: bool,
}

/// Places between the fences of a leaf.
const PLACES: u64 = 256;

impl Frame {
    /// For keys between `low` and `high`, which share `skip` bytes with all keys there.
    pub fn new(low: &[u8], high: Option<&[u8]>, skip: usize) -> Frame {
        let mut frame = Frame {
            base: 0,
            skip: u16::try_from(skip).unwrap_or(0),
            shift: 0,
            open: false,
        };
        frame.base = frame.project(low);
        let end = high.map_or(u64::MAX, |high| frame.project(high));
        frame.shift = shift(end.saturating_sub(frame.base));
        frame
    }

    /// The same for keys of which most will project to `span` above the base, or less; 0 is not
    /// known.
    pub fn narrowed(self, span: u64) -> Frame {
        match shift(span) {
            shift if span > 0 && shift < self.shift => Frame {
                shift,
                open: true,
                ..self
            },
            _ => self,
        }
    }

    /// Whether it tells many keys between `low` and `high` apart.
    pub fn is_fine(&self, low: &[u8], high: Option<&[u8]>) -> bool {
        let place = |user| self.project(user).saturating_sub(self.base) >> self.shift;
        high.map(|high| (place(low), place(high)))
            .is_some_and(|(low, high)| high <= PLACES && high - low >= PLACES * 3 / 8)
    }

    /// The key's eight bytes behind what all keys share.
    #[inline]
    pub fn project(&self, user: &[u8]) -> u64 {
        project(user.get(usize::from(self.skip)..).unwrap_or(&[]))
    }

    /// Whether a projection lies between those of the fences that the frame was made for:
    /// wider than the fences of the leaf, which only ever come closer.
    #[inline]
    fn spans(&self, x: u64) -> bool {
        x >= self.base && (self.open || (x - self.base) >> self.shift < PLACES)
    }

    /// The place of a projection between the fences. Monotone.
    #[inline]
    fn place(&self, x: u64) -> u16 {
        (x.saturating_sub(self.base) >> self.shift).min(PLACES - 1) as u16
    }
}

/// Of how many bits the places of a span of integers have to be shortened.
fn shift(span: u64) -> u8 {
    (64 - span.leading_zeros()).saturating_sub(PLACES.ilog2()) as u8
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
    /// No entry of the leaf is newer than this sequence number.
    newest: AtomicU64,
    /// The projection of the high fence.
    high: AtomicU64,
    /// The frame, taken apart: together it would be padded.
    base: u64,
    skip: u16,
    shift: u8,
    open: bool,
    epoch: AtomicU32,
    fingerprints: [AtomicU64; WORDS],
    entries: [AtomicPtr<u8>; SLOTS],
    next: AtomicPtr<Leaf>,
    low: Fence,
    /// The slots that have been free since the last split; they are filled in order.
    fresh: AtomicU64,
    /// The slots that were filled last before, the latest in the lowest byte.
    recent: AtomicU64,
    tower: AtomicPtr<Tower>,
    /// Where the last walk that began here ended: a sequence goes on there.
    finger: AtomicPtr<Leaf>,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Leaf>() == 512 && std::mem::offset_of!(Leaf, entries) == 128);

/// What came of putting an entry into a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    Done,
    Duplicate,
    Full,
}

impl Leaf {
    /// A leaf without entries.
    pub fn new(low: Fence, frame: Frame, high: u64) -> Leaf {
        Leaf {
            occupied: AtomicU64::new(0),
            reach: AtomicU64::new(Reach::NONE.pack()),
            newest: AtomicU64::new(0),
            high: AtomicU64::new(high),
            base: frame.base,
            skip: frame.skip,
            shift: frame.shift,
            open: frame.open,
            epoch: AtomicU32::new(0),
            fingerprints: std::array::from_fn(|_| AtomicU64::new(0)),
            entries: std::array::from_fn(|_| AtomicPtr::new(std::ptr::null_mut())),
            next: AtomicPtr::new(std::ptr::null_mut()),
            low,
            fresh: AtomicU64::new(BITS),
            recent: AtomicU64::new(u64::MAX),
            tower: AtomicPtr::new(std::ptr::null_mut()),
            finger: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    #[inline]
    pub fn frame(&self) -> Frame {
        Frame {
            base: self.base,
            skip: self.skip,
            shift: self.shift,
            open: self.open,
        }
    }

    /// The projection of the high fence. Only with the lock, or alone.
    pub fn high(&self) -> u64 {
        self.high.load(Relaxed)
    }

    /// Asks for what a probe will read.
    #[inline]
    pub fn prefetch(leaf: *const Leaf) {
        for line in (0..size_of::<Leaf>()).step_by(64) {
            prefetch(leaf.cast::<u8>().wrapping_add(line));
        }
    }

    /// On which side of the high fence `user` lies, a key at or above the low one and of the
    /// given slot of a router; `None` if that takes a look at the fence itself.
    ///
    /// Without the lock: what was read holds if the epoch is even and stays the same; and
    /// that a key is in the leaf holds as long as it stays the same.
    #[inline]
    pub fn holds(&self, user: &[u8], generation: u32, slot: usize) -> Option<bool> {
        let reach = self.reach();
        if reach.generation != generation {
            return None;
        }
        match slot.cmp(&(reach.slot as usize)) {
            Less => Some(true),
            Greater => Some(false),
            Equal => match self.frame().project(user).cmp(&self.high.load(Relaxed)) {
                Less => Some(true),
                Greater => Some(false),
                Equal => None,
            },
        }
    }

    /// Whether a key may lie between the fences, as far as can be told without going to them.
    #[inline]
    pub fn may_hold(&self, user: &[u8]) -> bool {
        let frame = self.frame();
        frame.spans(frame.project(user))
    }

    /// Eight bits of the place of a key of the leaf, and eight of a hash.
    #[inline]
    pub fn fingerprint_of(&self, user: &[u8]) -> u16 {
        self.place_of(user) << 8 | u16::from(hash(user))
    }

    /// Eight bytes of a key of the leaf, behind what all of its keys share.
    #[inline]
    pub fn project(&self, user: &[u8]) -> u64 {
        self.frame().project(user)
    }

    /// The place of a key between the fences, in eight bits. Monotone.
    #[inline]
    pub fn place_of(&self, user: &[u8]) -> u16 {
        self.frame().place(self.frame().project(user))
    }

    /// The slots that were filled last, the latest first: some of them may be free. Only with
    /// the lock, or alone.
    pub fn arrivals(&self) -> impl Iterator<Item = u8> {
        let mut fresh = self.fresh.load(Relaxed) & self.occupied();
        let since_split = std::iter::from_fn(move || {
            let slot = fresh.checked_ilog2()?;
            fresh ^= 1 << slot;
            Some(slot as u8)
        });
        since_split.chain(self.recent.load(Relaxed).to_le_bytes())
    }

    /// Where the last walk that began here ended.
    pub fn finger(&self) -> Option<&Leaf> {
        // SAFETY: null or a leaf, which lives as long as the memtable.
        unsafe { self.finger.load(Acquire).as_ref() }
    }

    pub fn set_finger(&self, leaf: &Leaf) {
        let leaf = std::ptr::from_ref(leaf).cast_mut();
        self.finger.store(leaf, Release);
    }

    /// Whether `key` lies between the fences, as far as can be seen.
    pub fn covers(&self, key: &Key) -> bool {
        self.low().key() <= *key && self.next().is_none_or(|next| *key < next.low().key())
    }

    #[inline]
    pub fn tower(&self) -> &AtomicPtr<Tower> {
        &self.tower
    }

    #[inline]
    pub fn low(&self) -> &Fence {
        &self.low
    }

    /// A multiple of 4 if no split is going on.
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

    /// The boundary lies at the beginning of the slot `reach.slot`, of a router newer than the
    /// leaf: its frame says nothing about that slot. Only with the lock, or alone.
    pub fn end_before(&self, reach: Reach) {
        let epoch = self.epoch.load(Relaxed);
        self.epoch.store(epoch.wrapping_add(1), Relaxed);
        fence(Release);
        self.high.store(0, Relaxed);
        self.set_reach(reach);
        self.epoch.store(epoch.wrapping_add(4), Release);
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
        ones(found & occupied)
    }

    /// Puts an entry into a free slot. Only with the lock, or alone; the key must lie
    /// between the leaf's fences.
    #[inline]
    pub fn put(&self, entry: Entry, key: &Key) -> Put {
        let fingerprint = self.fingerprint_of(key.user);
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
        Put::Done
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
        let same_frame = self.frame() == right.frame();
        if !same_frame {
            for slot in ones(moved) {
                prefetch(self.entry(slot).as_ptr().as_ptr());
            }
        }
        for (slot, from) in ones(moved).enumerate() {
            let entry = self.entry(from);
            let fingerprint = match same_frame {
                true => self.fingerprint(from),
                false => right.fingerprint_of(entry.key().user),
            };
            right.fill(slot, entry, fingerprint);
        }
        let filled = (1 << moved.count_ones()) - 1;
        right.occupied.store(filled | LOCK, Relaxed);
        right.newest.store(self.newest.load(Relaxed), Relaxed);
        right.fresh.store(BITS & !filled, Relaxed);
        let next = self.next.load(Relaxed);
        right.next.store(next, Relaxed);

        let before = self.occupied.load(Relaxed);
        let mut recent = [u8::MAX; 8];
        let staying = self.arrivals().filter(|&slot| {
            u32::from(slot) < u64::BITS && (before & BITS & !moved) & 1 << slot != 0
        });
        recent
            .iter_mut()
            .zip(staying)
            .for_each(|(to, slot)| *to = slot);
        self.recent.store(u64::from_le_bytes(recent), Relaxed);
        self.fresh.store(!before & BITS | moved, Relaxed);

        let epoch = self.epoch.load(Relaxed);
        self.epoch.store(epoch.wrapping_add(1), Relaxed);
        // Who sees anything of what follows sees the odd epoch too.
        fence(Release);
        let right_address = std::ptr::from_ref(right).cast_mut();
        self.next.store(right_address, Release);
        let fence = right.low().key();
        self.high.store(self.frame().project(fence.user), Relaxed);
        self.set_reach(reach);
        publish();
        self.epoch.store(epoch.wrapping_add(2), Release);
        self.occupied.store(before & !moved, Release);
        self.epoch.store(epoch.wrapping_add(4), Release);
    }
}
