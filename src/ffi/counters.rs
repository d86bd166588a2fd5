//! Process-wide counters of what the learned structures do.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

static LEARNED: AtomicU64 = AtomicU64::new(0);
static BYTES_HELD: AtomicU64 = AtomicU64::new(0);
static BLOCKS_HELD: AtomicU64 = AtomicU64::new(0);
static NOT_BUILT: AtomicU64 = AtomicU64::new(0);
static MEMTABLES_LEARNED: AtomicU64 = AtomicU64::new(0);
static MEMTABLES_DELEGATED: AtomicU64 = AtomicU64::new(0);
static MEMTABLES_FROM_SKELETON: AtomicU64 = AtomicU64::new(0);
static FALLBACKS: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];

/// Why a file is read through its standard index.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fallback {
    NoLearnedBlock,
    Comparator,
    SequenceNumbers,
    UnknownVersion,
    Corrupt,
}

/// What the learned structures have done since the process began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Files opened with their learned index.
    pub files_learned: u64,
    /// Files opened through their standard index; the sum of the reasons below.
    pub files_fallen_back: u64,
    /// ... because the file has no learned block (written by plain RocksDB).
    pub no_learned_block: u64,
    /// ... because the column family does not use the bytewise comparator.
    pub other_comparator: u64,
    /// ... because sequence numbers in the file are not those readers see.
    pub sequence_numbers: u64,
    /// ... because the learned block has a version this library does not know.
    pub unknown_version: u64,
    /// ... because the learned block is unreadable or damaged.
    pub corrupt: u64,
    /// Files written without a learned block although one was asked for.
    pub files_not_built: u64,
    /// Stored size of the learned indexes of the files open now, in bytes.
    pub index_bytes_held: u64,
    /// Data blocks of the files open now with a learned index.
    pub index_blocks_held: u64,
    /// Learned memtables made.
    pub memtables_learned: u64,
    /// Memtables made as RocksDB's skip list because the column family does not use the
    /// bytewise comparator.
    pub memtables_other_comparator: u64,
    /// Learned memtables that began with the skeleton of the one before them.
    pub memtables_from_skeleton: u64,
    /// Size of the skeletons of the memtables there are now, in bytes.
    pub skeleton_bytes_held: u64,
}

impl Counters {
    /// In the order of `struct mountdb_counters` in cpp/mountdb.h.
    pub(super) fn as_array(&self) -> [u64; 13] {
        [
            self.files_learned,
            self.no_learned_block,
            self.other_comparator,
            self.sequence_numbers,
            self.unknown_version,
            self.corrupt,
            self.files_not_built,
            self.index_bytes_held,
            self.index_blocks_held,
            self.memtables_learned,
            self.memtables_other_comparator,
            self.memtables_from_skeleton,
            self.skeleton_bytes_held,
        ]
    }
}

pub(super) fn snapshot() -> Counters {
    let fallback = |reason: Fallback| FALLBACKS[reason as usize].load(Relaxed);
    Counters {
        files_learned: LEARNED.load(Relaxed),
        files_fallen_back: FALLBACKS.iter().map(|c| c.load(Relaxed)).sum(),
        no_learned_block: fallback(Fallback::NoLearnedBlock),
        other_comparator: fallback(Fallback::Comparator),
        sequence_numbers: fallback(Fallback::SequenceNumbers),
        unknown_version: fallback(Fallback::UnknownVersion),
        corrupt: fallback(Fallback::Corrupt),
        files_not_built: NOT_BUILT.load(Relaxed),
        index_bytes_held: BYTES_HELD.load(Relaxed),
        index_blocks_held: BLOCKS_HELD.load(Relaxed),
        memtables_learned: MEMTABLES_LEARNED.load(Relaxed),
        memtables_other_comparator: MEMTABLES_DELEGATED.load(Relaxed),
        memtables_from_skeleton: MEMTABLES_FROM_SKELETON.load(Relaxed),
        skeleton_bytes_held: crate::memtable::skeleton_bytes_held() as u64,
    }
}

pub(super) fn fell_back(reason: Fallback) {
    FALLBACKS[reason as usize].fetch_add(1, Relaxed);
}

pub(super) fn not_built() {
    NOT_BUILT.fetch_add(1, Relaxed);
}

pub(super) fn forget_one_file() {
    LEARNED.fetch_sub(1, Relaxed);
}

pub(super) fn memtable_learned(from_skeleton: bool) {
    MEMTABLES_LEARNED.fetch_add(1, Relaxed);
    MEMTABLES_FROM_SKELETON.fetch_add(u64::from(from_skeleton), Relaxed);
}

pub(super) fn memtable_delegated() {
    MEMTABLES_DELEGATED.fetch_add(1, Relaxed);
}

pub(super) fn forget_one_memtable() {
    MEMTABLES_LEARNED.fetch_sub(1, Relaxed);
}

/// Counts an open learned index for as long as it lives.
#[derive(Debug)]
pub(super) struct Held {
    bytes: u64,
    blocks: u64,
}

impl Held {
    pub fn new(bytes: usize, blocks: usize) -> Held {
        let held = Held {
            bytes: bytes as u64,
            blocks: blocks as u64,
        };
        LEARNED.fetch_add(1, Relaxed);
        BYTES_HELD.fetch_add(held.bytes, Relaxed);
        BLOCKS_HELD.fetch_add(held.blocks, Relaxed);
        held
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        BYTES_HELD.fetch_sub(self.bytes, Relaxed);
        BLOCKS_HELD.fetch_sub(self.blocks, Relaxed);
    }
}
