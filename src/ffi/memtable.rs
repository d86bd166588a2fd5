//! The learned memtable behind the bridge.
//!
//! A panic in here is a bug, and what follows is the least harm: a write fails, a read that
//! can report an error does ([`MemtableIter::failed`]), and a read that cannot ends the
//! process, because "not found" would be a wrong answer that nobody notices.
#![expect(
    unsafe_code,
    reason = "memtable entries are pointers into RocksDB's arena"
)]

use super::bridge::{PANICKED, cpp, guard};
use super::counters;
use crate::memtable::{self, Arena, Families, FamilyId, Settings};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The allocator that RocksDB gave a memtable.
struct RocksArena(*mut cpp::Allocator);

// SAFETY: a memtable that takes inserts from several threads gets RocksDB's
// `ConcurrentArena`, whose methods may be called from any thread at the same time.
unsafe impl Send for RocksArena {}
// SAFETY: as above.
unsafe impl Sync for RocksArena {}

impl Arena for RocksArena {
    fn allocate(&self, bytes: usize) -> NonNull<u8> {
        // SAFETY: `Families::new_memtable` demands an allocator that outlives the memtable,
        // which owns this arena.
        let memory = unsafe { cpp::allocate_aligned(self.0, bytes) };
        NonNull::new(memory).expect("RocksDB's allocator throws when memory runs out")
    }
}

/// What the memtables of a factory leave to the next ones.
pub(super) struct MemtableFamilies(Families);

pub(super) fn new_memtable_families() -> Box<MemtableFamilies> {
    Box::new(MemtableFamilies(Families::new()))
}

impl MemtableFamilies {
    /// # Safety
    /// `allocator` outlives the result, and so does what it allocates. It is a
    /// `ConcurrentArena` if inserts will come from several threads at the same time.
    pub(super) unsafe fn new_memtable(
        &self,
        allocator: *mut cpp::Allocator,
        settings: cpp::MemtableSettings,
        database: usize,
        family: u32,
    ) -> Result<Box<Memtable>, String> {
        let settings = Settings {
            reuse: settings.reuse,
            model: settings.model,
        };
        let id = FamilyId { database, family };
        let arena = Box::new(RocksArena(allocator));
        let table = guard(|| memtable::Memtable::new(arena, settings, &self.0, id));
        let table = table.ok_or(PANICKED)?;
        counters::memtable_learned(table.started_from_skeleton());
        Ok(Box::new(Memtable {
            table,
            broken: AtomicBool::new(false),
        }))
    }
}

/// One memtable on behalf of C++.
pub(super) struct Memtable {
    table: memtable::Memtable,
    /// An insert panicked. RocksDB repeats a refused insert once, and must not succeed then.
    broken: AtomicBool,
}

impl Memtable {
    /// # Safety
    /// As `memtable::Memtable::insert` demands.
    pub(super) unsafe fn insert(&self, entry: *const u8) -> bool {
        // SAFETY: as the caller's.
        self.guarded_insert(|| unsafe { self.table.insert(entry) })
    }

    /// # Safety
    /// As `memtable::Memtable::insert_concurrently` demands.
    pub(super) unsafe fn insert_concurrently(&self, entry: *const u8) -> bool {
        // SAFETY: as the caller's.
        self.guarded_insert(|| unsafe { self.table.insert_concurrently(entry) })
    }

    /// `false` for what is there already and after a panic: RocksDB then fails the write
    /// and stops writing to the database.
    fn guarded_insert(&self, insert: impl FnOnce() -> bool) -> bool {
        if self.broken.load(Relaxed) {
            return false;
        }
        guard(insert).unwrap_or_else(|| {
            self.broken.store(true, Relaxed);
            false
        })
    }

    /// Null if there is no entry of this user key at or after `internal_key`.
    pub(super) fn find(&self, internal_key: &[u8]) -> *const u8 {
        address(guard_or_abort(|| self.table.find(internal_key)))
    }

    /// Null if `entry` is its user key's last.
    ///
    /// # Safety
    /// `entry` is an entry of this memtable.
    pub(super) unsafe fn next_version(&self, entry: *const u8) -> *const u8 {
        let next = |entry| {
            // SAFETY: as the caller's.
            unsafe { self.table.next_version(entry) }
        };
        address(guard_or_abort(|| {
            NonNull::new(entry.cast_mut()).and_then(next)
        }))
    }

    pub(super) fn contains(&self, internal_key: &[u8]) -> bool {
        guard_or_abort(|| self.table.contains(internal_key))
    }

    pub(super) fn prefetch(&self, internal_key: &[u8]) {
        // A hint: nothing depends on it.
        let _ = guard(|| self.table.prefetch(internal_key));
    }

    pub(super) fn memory_usage(&self) -> usize {
        self.table.memory_usage()
    }

    /// An estimate, so zero is an answer too.
    pub(super) fn approximate_entries(&self, start: &[u8], end: &[u8]) -> u64 {
        guard(|| self.table.approximate_entries(start, end)).unwrap_or(0)
    }

    pub(super) fn mark_read_only(&self) {
        // If it fails, the entry that came last stays where it is, where readers find it.
        let _ = guard(|| self.table.mark_read_only());
    }

    pub(super) fn iter<'a>(&'a self) -> Box<MemtableIter<'a>> {
        Box::new(MemtableIter {
            iter: guard_or_abort(|| self.table.iter()),
            failed: false,
        })
    }
}

/// An iterator on behalf of C++. Each step returns the entry it came to; null behind either
/// end, and after a panic.
pub(super) struct MemtableIter<'a> {
    iter: memtable::Iter<'a>,
    failed: bool,
}

impl<'a> MemtableIter<'a> {
    pub(super) fn seek(&mut self, internal_key: &[u8]) -> *const u8 {
        self.step(|iter| iter.seek(internal_key))
    }

    pub(super) fn seek_for_prev(&mut self, internal_key: &[u8]) -> *const u8 {
        self.step(|iter| iter.seek_for_prev(internal_key))
    }

    pub(super) fn seek_to_first(&mut self) -> *const u8 {
        self.step(memtable::Iter::seek_to_first)
    }

    pub(super) fn seek_to_last(&mut self) -> *const u8 {
        self.step(memtable::Iter::seek_to_last)
    }

    pub(super) fn seek_to_random(&mut self, random: u64) -> *const u8 {
        self.step(|iter| iter.seek_to_random(random))
    }

    pub(super) fn next(&mut self) -> *const u8 {
        self.step(memtable::Iter::next)
    }

    pub(super) fn prev(&mut self) -> *const u8 {
        self.step(memtable::Iter::prev)
    }

    fn step(&mut self, move_it: impl FnOnce(&mut memtable::Iter<'a>)) -> *const u8 {
        if self.failed {
            return ptr::null();
        }
        let entry = guard(|| {
            move_it(&mut self.iter);
            self.iter.entry()
        });
        self.failed = entry.is_none();
        address(entry.flatten())
    }

    /// Whether a step panicked; what it returned is then no answer.
    pub(super) fn failed(&self) -> bool {
        self.failed
    }

    /// From now on checks what it reads.
    pub(super) fn check_reads(&mut self) {
        let on = guard(|| self.iter.check_reads());
        self.failed |= on.is_none();
    }

    /// Whether what has been read since the last time is what was inserted.
    pub(super) fn is_sound(&mut self) -> bool {
        self.iter.is_sound()
    }

    /// The addresses of the entries that the last step read.
    pub(super) fn visited(&self) -> Vec<usize> {
        let entries = self.iter.visited().iter();
        entries.map(|entry| entry.addr().get()).collect()
    }
}

fn address(entry: Option<NonNull<u8>>) -> *const u8 {
    entry.map_or(ptr::null(), |entry| entry.as_ptr().cast_const())
}

/// For calls that cannot fail and whose answer must not be wrong.
fn guard_or_abort<T>(f: impl FnOnce() -> T) -> T {
    guard(f).unwrap_or_else(|| abort_on_bug())
}

/// Ends the process: a read of the memtable has no answer and cannot say so.
pub(super) fn abort_on_bug() -> ! {
    eprintln!("mountdb: a read of the memtable has no answer: {PANICKED}");
    std::process::abort()
}
