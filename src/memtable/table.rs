//! The memtable: a list of leaves in key order, and a router that finds the leaf.
//!
//! The list alone is correct: from any leaf at or left of the right one, walking right
//! leads to it. Everything learned only makes the walk short.

use super::cuts::Cuts;
use super::entry::{Entry, Key};
use super::express::{Tower, walk};
use super::leaf::{Fence, Frame, Leaf, Put, Reach};
use super::model::Model;
use super::pending::{Pending, Route};
use super::router::Router;
use super::skeleton::{Families, FamilyId, Heritage, Skeleton};
use super::sorted::Sorted;
use super::sync::{AtomicBool, AtomicPtr, AtomicUsize, Mutex, Ordering, relax};
use Ordering::{Acquire, Relaxed, Release};
use std::ptr::NonNull;
use std::sync::{Arc, PoisonError};

/// Where a memtable gets memory from.
pub trait Arena: Send + Sync {
    /// `bytes` bytes, aligned to 16, that live as long as the memtable. Not zeroed.
    fn allocate(&self, bytes: usize) -> NonNull<u8>;
}

/// What can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Start from the skeleton of the memtable before.
    pub reuse: bool,
    /// Find the leaf through a model; otherwise by binary search in the boundaries, to see
    /// what the model is worth.
    pub model: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            reuse: true,
            model: true,
        }
    }
}

/// Leaves are allocated by as many as there are already, at most this many at a time.
const CHUNK: usize = 8;

/// Leaves that are looked at for an estimate before the router is relied on.
const COUNTED: usize = 4096;

/// What an arena aligns to.
const ARENA_ALIGN: usize = 16;

/// A leaf that a router is made for is expected to be split into so many: the cuts between
/// them are foretold.
const PARTS: usize = 2;

/// More cuts are not modelled: a bound of 2 to 7 MB on a skeleton.
const MAX_CUTS: usize = 1 << 17;

/// So many steps right are taken one by one before a shortcut is looked for.
const NEAR: usize = 2;

/// A router is made anew when it does not know so large a part of the leaves, ...
const UNNAMED: usize = 2;
/// ... or when writers have had to walk this many steps a leaf, ...
const STRAIN: usize = 4;
/// ... if there are at least so many that it does not know, so that the same few leaves are
/// not looked at over and over,
const LEAST_UNNAMED: usize = 4;
/// and only as long as the routers before it cost at most so many bytes a leaf.
const RETIRED_BYTES: usize = 32;

/// A concurrent sorted map from (user key, sequence number) to entries.
pub struct Memtable {
    arena: Box<dyn Arena>,
    settings: Settings,
    router: AtomicPtr<Router>,
    /// Null before the first insert.
    head: AtomicPtr<Leaf>,
    /// Someone makes the first leaf, or a new router.
    starting: AtomicBool,
    learning: AtomicBool,
    pub(super) pending: Pending,
    /// Held by a writer among several that takes care of what is pending.
    closing: Mutex<()>,
    /// Where the last walk ended, ...
    last: AtomicPtr<Leaf>,
    /// ... and where two have ended, one after the other: the next key may belong there, too.
    sequence: AtomicPtr<Leaf>,
    leaves: AtomicUsize,
    /// Steps walked since the router was made.
    strain: AtomicUsize,
    /// Leaves since then that no slot of it names.
    unnamed: AtomicUsize,
    /// Heap bytes of the routers before the present one, and of models made here.
    retired_bytes: AtomicUsize,
    started_from_skeleton: bool,
    heritage: Arc<Heritage>,
    chunk: Mutex<Chunk>,
    /// Every router, the present one last: readers may still use the older ones.
    routers: Mutex<Vec<NonNull<Router>>>,
}

// SAFETY: what the raw pointers in it point to (leaves, routers) is shared between threads
// through atomics only and lives as long as the memtable; the chunk is behind a mutex.
unsafe impl Send for Memtable {}
// SAFETY: as above.
unsafe impl Sync for Memtable {}

/// Memory for the leaves to come.
struct Chunk {
    leaf: *mut Leaf,
    left: usize,
}

/// A locked leaf, or one that needs no lock because the writer is alone.
struct Locked<'a> {
    leaf: &'a Leaf,
    locked: bool,
}

impl<'a> Locked<'a> {
    #[inline]
    fn new(leaf: &'a Leaf, concurrent: bool) -> Locked<'a> {
        if concurrent {
            leaf.lock();
        }
        Locked {
            leaf,
            locked: concurrent,
        }
    }
}

impl Drop for Locked<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.locked {
            self.leaf.unlock();
        }
    }
}

impl Memtable {
    /// An empty memtable, successor of the last one that `families` made for `id`.
    pub fn new(
        arena: Box<dyn Arena>,
        settings: Settings,
        families: &Families,
        id: FamilyId,
    ) -> Memtable {
        let heritage = Arc::new(Heritage::default());
        let inherited = match settings.reuse {
            true => families.succeed(id, &heritage),
            false => None,
        };
        let started_from_skeleton = inherited.is_some();
        let skeleton = match inherited {
            Some(skeleton) => {
                heritage.set(skeleton.clone());
                skeleton
            }
            None => Skeleton::new(Model::fit(&[], !settings.model)),
        };
        let router = NonNull::from(Box::leak(Box::new(Router::new(1, skeleton))));
        Memtable {
            arena,
            settings,
            router: AtomicPtr::new(router.as_ptr()),
            head: AtomicPtr::new(std::ptr::null_mut()),
            starting: AtomicBool::new(false),
            learning: AtomicBool::new(false),
            pending: Pending::new(),
            closing: Mutex::new(()),
            last: AtomicPtr::new(std::ptr::null_mut()),
            sequence: AtomicPtr::new(std::ptr::null_mut()),
            leaves: AtomicUsize::new(0),
            strain: AtomicUsize::new(0),
            unnamed: AtomicUsize::new(0),
            retired_bytes: AtomicUsize::new(0),
            started_from_skeleton,
            heritage,
            chunk: Mutex::new(Chunk {
                leaf: std::ptr::null_mut(),
                left: 0,
            }),
            routers: Mutex::new(vec![router]),
        }
    }

    /// Whether a memtable before has left it a skeleton.
    pub fn started_from_skeleton(&self) -> bool {
        self.started_from_skeleton
    }

    /// Heap bytes held, what comes from the arena not counted. O(1), no lock.
    pub fn memory_usage(&self) -> usize {
        size_of::<Memtable>() + self.router().memory_usage() + self.retired_bytes.load(Relaxed)
    }

    /// Number of entries; while others insert, about. O(leaves).
    pub fn len(&self) -> usize {
        let pending = usize::from(self.pending.entry().is_some());
        pending + self.leaves_from_head().map(Leaf::len).sum::<usize>()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.head().is_none()
    }

    pub(super) fn leaves_from_head(&self) -> impl Iterator<Item = &Leaf> {
        std::iter::successors(self.head(), |leaf| leaf.next())
    }

    #[inline]
    pub(super) fn head(&self) -> Option<&Leaf> {
        // SAFETY: null or a leaf in the arena, which lives as long as the memtable.
        unsafe { self.head.load(Acquire).as_ref() }
    }

    #[inline]
    pub(super) fn router(&self) -> &Router {
        // SAFETY: routers are freed with the memtable.
        unsafe { &*self.router.load(Acquire) }
    }

    /// Inserts an entry; `false` if its user key and sequence number are there already.
    ///
    /// # Safety
    /// `entry` begins a well-formed memtable entry, which lives, its key unchanged, as long
    /// as the memtable. No other insert runs at the same time.
    #[inline]
    pub unsafe fn insert(&self, entry: *const u8) -> bool {
        // SAFETY: the caller's promise; no entry is at address zero.
        let entry = unsafe { Entry::new(NonNull::new_unchecked(entry.cast_mut())) };
        let key = entry.key();
        let route = self.route(&key);
        self.settle(false);
        let is_newest = self.pending.raise(key.sequence);
        match route.slot {
            // Its leaf is on its way to the cache.
            Some((generation, slot)) if is_newest => {
                self.pending.set(entry, route.leaf, generation, slot);
                true
            }
            _ => self.put(entry, &key, route, false),
        }
    }

    /// Like [`Memtable::insert`], beside other calls of this function.
    ///
    /// # Safety
    /// The same, but other calls of this function may run at the same time.
    #[inline]
    pub unsafe fn insert_concurrently(&self, entry: *const u8) -> bool {
        // SAFETY: the caller's promise; no entry is at address zero.
        let entry = unsafe { Entry::new(NonNull::new_unchecked(entry.cast_mut())) };
        if !self.pending.is_closed() {
            self.close_pending();
        }
        let key = entry.key();
        self.put(entry, &key, self.route(&key), true)
    }

    /// Where the way to a key's leaf begins; asks for the memory of the leaf there.
    #[inline]
    fn route(&self, key: &Key) -> Route<'_> {
        if self.head.load(Acquire).is_null() {
            self.start();
        }
        if let Some(leaf) = self.in_sequence(key) {
            return Route { leaf, slot: None };
        }
        let router = self.router();
        let slot = router.slot(key.user);
        Route {
            leaf: self.slot_leaf(router, slot),
            slot: Some((router.generation(), slot)),
        }
    }

    /// Puts what is pending into its leaf. Only for a writer that is alone, or the one among
    /// several that does it.
    #[inline]
    fn settle(&self, concurrent: bool) {
        if let Some((entry, route)) = self.pending.waiting() {
            let inserted = self.put(entry, &entry.key(), route, concurrent);
            debug_assert!(inserted, "newer than all others");
            self.pending.clear();
        }
    }

    /// Puts what is pending into its leaf, for good: several writers begin.
    #[cold]
    fn close_pending(&self) {
        let _closing = self.closing.lock().unwrap_or_else(PoisonError::into_inner);
        self.settle(true);
        self.pending.close();
    }

    #[inline]
    fn put(&self, entry: Entry, key: &Key, route: Route, concurrent: bool) -> bool {
        let router = self.router();
        let first = route.leaf;
        let mut leaf = first;
        let mut steps = 0;
        let mut has_split = false;
        let inserted = loop {
            let locked = Locked::new(leaf, concurrent);
            // The next leaf, if the key lies behind this one: not to be looked at otherwise.
            let holds = route
                .slot
                .and_then(|(generation, slot)| leaf.holds(key.user, generation, slot));
            let next = match holds {
                Some(true) => None,
                Some(false) => leaf.next(),
                None => leaf.next().filter(|next| next.low().key() <= *key),
            };
            if let Some(next) = next {
                drop(locked);
                steps += 1;
                leaf = match steps {
                    0..NEAR => next,
                    _ => self.follow(first, next, key, &mut steps),
                };
                continue;
            }
            match leaf.put(entry, key) {
                Put::Done => break true,
                Put::Duplicate => break false,
                Put::Full => {
                    self.split(leaf, key, router);
                    has_split = true;
                }
            }
        };
        if steps > 0 || has_split {
            self.strained(steps, router);
        }
        inserted
    }

    /// The leaf of `key` if it is where the last keys went.
    #[inline]
    fn in_sequence(&self, key: &Key) -> Option<&Leaf> {
        // SAFETY: null or a leaf, which lives as long as the memtable.
        let leaf = unsafe { self.sequence.load(Acquire).as_ref() }?;
        if leaf.covers(key) {
            return Some(leaf);
        }
        self.sequence.store(std::ptr::null_mut(), Relaxed);
        None
    }

    /// From `leaf`, left of or at `key`'s, to `key`'s; by the finger of `first`, where the walk
    /// began, if it points there.
    fn follow<'a>(
        &'a self,
        first: &'a Leaf,
        leaf: &'a Leaf,
        key: &Key,
        steps: &mut usize,
    ) -> &'a Leaf {
        let found = match first.finger().filter(|finger| finger.covers(key)) {
            Some(finger) => finger,
            None => {
                let found = walk(leaf, key, steps);
                first.set_finger(found);
                found
            }
        };
        let address = std::ptr::from_ref(found).cast_mut();
        if self.last.load(Relaxed) == address {
            self.sequence.store(address, Release);
        } else {
            self.last.store(address, Relaxed);
        }
        found
    }

    #[inline]
    pub(super) fn slot_leaf<'a>(&'a self, router: &Router, slot: usize) -> &'a Leaf {
        let leaf = router.leaf(slot);
        Leaf::prefetch(leaf);
        // SAFETY: with a first leaf every slot of every router names a leaf, and leaves
        // live as long as the memtable.
        unsafe { &*leaf }
    }

    /// The leaf in which `key` lies, or did when its epoch was the one returned; and
    /// whether the whole of its user key's versions lie in it.
    #[inline]
    pub(super) fn locate(&self, key: &Key) -> Option<(&Leaf, u32, bool)> {
        self.head()?;
        let router = self.router();
        let slot = router.slot(key.user);
        let mut leaf = self.slot_leaf(router, slot);
        let mut steps = 0;
        loop {
            let epoch = leaf.epoch();
            let next = match leaf.holds(key.user, router.generation(), slot) {
                Some(true) => return Some((leaf, epoch, true)),
                Some(false) if epoch.is_multiple_of(2) && leaf.unchanged_since(epoch) => {
                    leaf.next()
                }
                _ => leaf.next().filter(|next| next.low().key() <= *key),
            };
            let Some(next) = next else {
                return Some((leaf, epoch, false));
            };
            steps += 1;
            leaf = match steps {
                0..NEAR => next,
                _ => walk(next, key, &mut steps),
            };
        }
    }

    /// The first entry at or after `internal_key`, if it has the same user key.
    #[inline]
    pub fn find(&self, internal_key: &[u8]) -> Option<NonNull<u8>> {
        self.find_version(&Key::parse(internal_key))
            .map(Entry::as_ptr)
    }

    #[inline]
    fn find_version(&self, key: &Key) -> Option<Entry> {
        if let Some(entry) = self.pending.find(key) {
            return Some(entry);
        }
        'again: loop {
            let (mut leaf, mut epoch, whole) = self.locate(key)?;
            loop {
                let mut newest: Option<(u64, Entry)> = None;
                let fingerprint = leaf.fingerprint_of(key.user);
                for slot in leaf.candidates(fingerprint, leaf.occupied()) {
                    let entry = leaf.entry(slot);
                    entry.prefetch();
                    let found = entry.key();
                    if found.sequence <= key.sequence
                        && newest.is_none_or(|(sequence, _)| found.sequence > sequence)
                        && found.user == key.user
                    {
                        newest = Some((found.sequence, entry));
                    }
                }
                let next = if whole { None } else { leaf.next() };
                if !leaf.unchanged_since(epoch) {
                    continue 'again;
                }
                if let Some((_, entry)) = newest {
                    return Some(entry);
                }
                // Older versions may begin in the next leaf.
                leaf = next.filter(|next| next.low().key().user == key.user)?;
                epoch = leaf.epoch();
            }
        }
    }

    /// The entry after `entry`, if it has the same user key.
    ///
    /// # Safety
    /// `entry` is an entry of this memtable.
    pub unsafe fn next_version(&self, entry: NonNull<u8>) -> Option<NonNull<u8>> {
        // SAFETY: the caller's promise.
        let key = unsafe { Entry::new(entry) }.key();
        let sequence = key.sequence.checked_sub(1)?;
        self.find_version(&Key { sequence, ..key })
            .map(Entry::as_ptr)
    }

    /// Whether there is an entry with this user key and sequence number.
    pub fn contains(&self, internal_key: &[u8]) -> bool {
        let key = Key::parse(internal_key);
        self.find_version(&key)
            .is_some_and(|entry| entry.key().sequence == key.sequence)
    }

    /// Tells that [`Memtable::find`] will be called for this key.
    #[inline]
    pub fn prefetch(&self, internal_key: &[u8]) {
        if self.head().is_some() {
            let router = self.router();
            Leaf::prefetch(router.leaf(router.slot(Key::parse(internal_key).user)));
        }
    }

    /// Nothing will be inserted any more.
    pub fn mark_read_only(&self) {
        self.close_pending();
    }

    /// How many entries lie at or after the internal key `start` and before `end`: counted
    /// in the first [`COUNTED`] leaves, then estimated from the router.
    pub fn approximate_entries(&self, start: &[u8], end: &[u8]) -> u64 {
        let (start, end) = (Key::parse(start), Key::parse(end));
        if start >= end {
            return 0;
        }
        let Some((first, ..)) = self.locate(&start) else {
            return 0;
        };
        let pending = self.pending.entry().map(Entry::key);
        let mut entries = usize::from(pending.is_some_and(|key| start <= key && key < end));
        let mut leaf = Some(first);
        for _ in 0..COUNTED {
            let Some(here) = leaf else {
                return entries as u64;
            };
            loop {
                let epoch = here.epoch();
                leaf = here.next().filter(|next| next.low().key() < end);
                let within = match leaf.is_some() && here.low().key() >= start {
                    true => here.len(),
                    false => count_within(here, &start, &end),
                };
                // Else some may have gone to a leaf behind that was not seen.
                if here.unchanged_since(epoch) {
                    entries += within;
                    break;
                }
            }
        }
        if let Some(here) = leaf {
            let router = self.router();
            let slots = router
                .slot(end.user)
                .saturating_sub(router.slot(here.low().key().user));
            let leaves = slots * self.leaves.load(Relaxed) / router.slots();
            entries += leaves * (entries / COUNTED);
        }
        entries as u64
    }

    /// Makes the first leaf.
    #[cold]
    fn start(&self) {
        let mut spins = 0;
        while self.starting.swap(true, Acquire) {
            relax(&mut spins);
        }
        if self.head.load(Acquire).is_null() {
            let leaf = self.new_leaf(Fence::lowest(), Frame::new(&[], None, 0), u64::MAX);
            let router = self.router();
            router.fill(leaf);
            leaf.set_reach(Reach {
                generation: router.generation(),
                slot: router.slots() as u32,
            });
            self.head
                .store(std::ptr::from_ref(leaf).cast_mut(), Release);
        }
        self.starting.store(false, Release);
    }

    pub(super) fn new_leaf(&self, low: Fence, frame: Frame, high: u64) -> &Leaf {
        let leaves = self.leaves.fetch_add(1, Relaxed);
        let mut chunk = self.chunk.lock().unwrap_or_else(PoisonError::into_inner);
        if chunk.left == 0 {
            let count = leaves.clamp(1, CHUNK);
            let leaf: *mut Leaf = self.allocate_aligned(count);
            *chunk = Chunk { leaf, left: count };
        }
        let leaf = chunk.leaf;
        chunk.left -= 1;
        chunk.leaf = leaf.wrapping_add(1);
        drop(chunk);
        // SAFETY: the chunk has room for `left` leaves, aligned, that nobody else has; the
        // arena's memory lives as long as the memtable.
        unsafe {
            leaf.write(Leaf::new(low, frame, high));
            &*leaf
        }
    }

    /// Memory for `count` values.
    fn allocate_aligned<T>(&self, count: usize) -> *mut T {
        let slack = align_of::<T>().saturating_sub(ARENA_ALIGN);
        let memory = self.arena.allocate(count * size_of::<T>() + slack).as_ptr();
        memory
            .wrapping_add(memory.align_offset(align_of::<T>()))
            .cast()
    }

    /// A copy of `bytes` that lives as long as the memtable.
    pub(super) fn copy(&self, bytes: &[u8]) -> &[u8] {
        let copy = self.arena.allocate(bytes.len().max(1));
        // SAFETY: fresh memory of that length, which lives as long as the memtable.
        unsafe {
            copy.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len());
            std::slice::from_raw_parts(copy.as_ptr(), bytes.len())
        }
    }

    pub(super) fn new_tower(&self) -> NonNull<Tower> {
        let tower = self.arena.allocate(size_of::<Tower>()).cast::<Tower>();
        // SAFETY: fresh memory of that size, aligned to 16.
        unsafe { tower.write(Tower::new()) };
        tower
    }

    /// Notes that the router does not know a new leaf.
    pub(super) fn unnamed_leaf(&self) {
        self.unnamed.fetch_add(1, Relaxed);
    }

    /// Notes that a writer had to walk so far, or to split a leaf; makes a new router if that
    /// has happened too often. Without any lock.
    #[cold]
    fn strained(&self, steps: usize, router: &Router) {
        let strain = self.strain.fetch_add(steps, Relaxed) + steps;
        let leaves = self.leaves.load(Relaxed);
        let unnamed = self.unnamed.load(Relaxed);
        let due = unnamed > leaves / UNNAMED || strain >= leaves * STRAIN;
        if due && unnamed >= LEAST_UNNAMED && std::ptr::eq(router, self.router()) {
            self.learn();
        }
    }

    /// Makes a router from the present leaves. O(leaves); one thread at a time.
    fn learn(&self) {
        if self.learning.swap(true, Acquire) {
            return;
        }
        self.strain.store(0, Relaxed);
        self.unnamed.store(0, Relaxed);
        let old = self.router();
        let leaves = self.leaves.load(Relaxed);
        let spent = self.retired_bytes.load(Relaxed) + old.memory_usage();
        // What was inherited has been paid for, whether it is of use or not.
        let learned = spent.saturating_sub(self.first_router_bytes());
        if learned <= leaves * RETIRED_BYTES + (1 << 14) {
            let router = self.learned_router(old.generation() + 1);
            self.retired_bytes
                .fetch_add(old.memory_usage() + router.skeleton().bytes(), Relaxed);
            self.heritage.set(router.skeleton().clone());
            let router = NonNull::from(Box::leak(Box::new(router)));
            self.routers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(router);
            self.router.store(router.as_ptr(), Release);
        }
        self.learning.store(false, Release);
    }

    fn first_router_bytes(&self) -> usize {
        let routers = self.routers.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: routers are freed with the memtable.
        unsafe { routers[0].as_ref() }.memory_usage()
    }

    fn learned_router(&self, generation: u32) -> Router {
        let leaves: Vec<&Leaf> = self.leaves_from_head().collect();
        // The leaves that a slot begins with: the first one, and those with a cut.
        let stride = leaves.len().div_ceil(MAX_CUTS);
        let parts = (MAX_CUTS / leaves.len()).clamp(1, PARTS);
        let named: Vec<usize> = (0..leaves.len())
            .filter(|&i| i == 0 || leaves[i].low().routable && i % stride == 0)
            .collect();
        let cut = |i: usize| leaves[i].low().key().user;
        let mut cuts = Cuts::default();
        let mut slots: Vec<*const Leaf> = vec![leaves[0]];
        let mut ends = Vec::with_capacity(named.len());
        for (at, &i) in named.iter().enumerate() {
            let next = named.get(at + 1).map(|&next| cut(next));
            if i > 0 {
                cuts.push(cut(i));
                slots.push(leaves[i]);
                if let Some(next) = next {
                    cuts.push_between(cut(i), next, parts);
                    slots.resize(cuts.len() + 1, leaves[i]);
                }
            }
            ends.push(slots.len() as u32);
        }
        let model = Model::fit(&cuts.all(), !self.settings.model);
        let router = Router::new(generation, Skeleton::new(model));
        router.assign_all(&slots);
        // Tell the leaves: slots lie wholly in a leaf if the next leaf begins the next one.
        for (at, &i) in named.iter().enumerate() {
            let leaf = leaves[i];
            let end = named.get(at + 1).copied().unwrap_or(leaves.len());
            let _locked = Locked::new(leaf, true);
            let next = leaf.next().map(|next| next as *const Leaf);
            let alone = end == i + 1 && next == leaves.get(end).map(|&leaf| leaf as *const Leaf);
            match alone {
                true => leaf.end_before(Reach {
                    generation,
                    slot: ends[at],
                }),
                // Its frame need not hold for all of the last slot.
                false => leaf.set_reach(Reach::NONE),
            }
        }
        router
    }
}

impl Drop for Memtable {
    fn drop(&mut self) {
        let routers = self
            .routers
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        for router in routers.drain(..) {
            // SAFETY: made by `Box::leak`, and nobody else has the memtable any more.
            drop(unsafe { Box::from_raw(router.as_ptr()) });
        }
    }
}

/// The entries of a leaf in a range that begins or ends there.
fn count_within(leaf: &Leaf, start: &Key, end: &Key) -> usize {
    let mut sorted = Sorted::new();
    sorted.read(leaf, leaf.occupied(), 0);
    let keys = sorted.items().iter().map(|item| item.entry.key());
    keys.filter(|key| start <= key && key < end).count()
}
