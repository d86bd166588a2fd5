//! Everything that crosses the language border.
//!
//! Rules: no panic leaves a function that C++ calls ([`guard`]), no C++ exception leaves
//! a function that Rust calls (cxx turns it into `Err`), and no pointer outlives the call
//! it is passed to.

use super::counters::{self, Fallback};
use super::memtable::{
    Memtable, MemtableFamilies, MemtableIter, abort_on_bug, new_memtable_families,
};
use super::properties;
use crate::data_block::{DataBlock, Place, Step, Version, prefetch_block};
use crate::hints::{Addresses, Hints};
use crate::index::{BlockHandle, Builder, LearnedIndex, Refusal, Separator, Summary};
use crate::mapped_file::{MappedFile, Target};
use crate::memory::{Memory, Taken};
use crate::restarts::Restarts;
use crate::slots::{Sight, Slots};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

// The expansion of the macro is unsafe code that cxx vouches for.
#[allow(unsafe_code, missing_docs)]
#[cxx::bridge(namespace = "mountdb::ffi")]
pub(super) mod cpp {
    /// A block's number in its file and its handle; `block == blocks()` is behind the end.
    #[derive(Clone, Copy)]
    struct Position {
        block: u64,
        offset: u64,
        size: u64,
    }

    /// A position, and about where in the block the key is, in 65536ths; negative if that is not
    /// known.
    #[derive(Clone, Copy)]
    struct Guess {
        at: Position,
        part: i32,
    }

    /// A guess, and in a mapped file what is known of the entry: a `slots::Sight`'s word, or 0.
    #[derive(Clone, Copy)]
    struct Aimed {
        guess: Guess,
        word: u64,
    }

    /// What a search in a data block comes to; see `data_block::Step`.
    #[repr(u8)]
    enum BlockStepKind {
        Version,
        Larger,
        End,
        Corrupt,
        /// Of lookups that go by slots: ask the block.
        Unknown,
    }

    /// A step, and the version it has come to, if it has.
    #[derive(Clone, Copy)]
    struct BlockStep {
        kind: BlockStepKind,
        tag: u64,
        /// Where the value begins in the block.
        value: usize,
        value_len: usize,
    }

    /// An internal key of a batch.
    #[derive(Clone, Copy)]
    struct BatchKey<'a> {
        user_key: &'a [u8],
        tag: u64,
    }

    /// What became of it.
    #[derive(Clone, Copy)]
    struct BatchFound {
        guess: Guess,
        step: BlockStep,
    }

    /// Where an iterator comes to in a data block; see `data_block::Place`.
    #[repr(u8)]
    enum BlockPlaceKind {
        Entry,
        Version,
        Beyond,
        End,
        Corrupt,
    }

    /// A place, and what its kind has of the rest.
    #[derive(Clone, Copy)]
    struct BlockPlace {
        kind: BlockPlaceKind,
        /// Of [`Entry`](BlockPlaceKind::Entry); its own bytes end where the value begins.
        shared: usize,
        own: usize,
        /// Of [`Version`](BlockPlaceKind::Version).
        tag: u64,
        /// Of both.
        value: usize,
        value_len: usize,
        /// Of [`Beyond`](BlockPlaceKind::Beyond).
        restart: usize,
        at: usize,
    }

    /// What else RocksDB knows of a file whose learned index is to be opened.
    #[derive(Clone, Copy)]
    struct Expected {
        /// Data blocks according to the file's properties, if `known`.
        blocks: u64,
        known: bool,
        /// Readers see other sequence numbers than the file stores (ingested files).
        translated_seqnos: bool,
    }

    /// The factories an Options or a DB uses, by `Name()`.
    struct FactoryNames {
        memtable: String,
        table: String,
    }

    /// What can be chosen in an options string.
    struct Available {
        memtable_ids: Vec<String>,
        memtable_fields: Vec<String>,
        table_ids: Vec<String>,
        table_fields: Vec<String>,
    }

    /// The fields of `memtable_factory={id=mountdb;...}`.
    #[derive(Clone, Copy)]
    struct MemtableSettings {
        reuse: bool,
        model: bool,
    }

    /// A table property.
    struct Property {
        name: String,
        value: String,
    }

    /// What a table file and its open index say of themselves.
    struct FileFacts {
        file_bytes: u64,
        entries: u64,
        blocks: u64,
        data_bytes: u64,
        filter_bytes: u64,
        standard_index_bytes: u64,
        index_memory: u64,
    }

    /// Why a file is read through the standard index although it might have been learned.
    #[repr(u8)]
    enum NotLearned {
        NoLearnedBlock,
        Comparator,
        Unreadable,
    }

    extern "Rust" {
        type IndexBuilder;
        fn new_index_builder() -> Box<IndexBuilder>;
        fn add_block(
            self: &mut IndexBuilder,
            last_key: &[u8],
            last_tag: u64,
            has_next: bool,
            first_key: &[u8],
            first_tag: u64,
            position: Position,
        );
        fn estimated_size(self: &IndexBuilder) -> usize;
        fn finish(self: &mut IndexBuilder) -> Result<()>;
        fn bytes(self: &IndexBuilder) -> &[u8];
        fn properties(self: &IndexBuilder) -> Vec<Property>;
        fn not_learned_properties(why: &str) -> Vec<Property>;

        type Index;
        /// In the quick form, if that does not take more than `limit` bytes of `memory`.
        fn open_index(
            block: &[u8],
            file_size: u64,
            expected: Expected,
            memory: &SlotMemory,
            limit: usize,
        ) -> Result<Box<Index>>;
        fn blocks(self: &Index) -> u64;
        fn memory_usage(self: &Index) -> usize;
        fn seek(self: &Index, user_key: &[u8], tag: u64) -> Position;
        fn seek_and_guess(self: &Index, user_key: &[u8], tag: u64) -> Guess;
        fn position(self: &Index, block: u64) -> Position;
        fn splits_a_user_key(self: &Index, block: u64) -> bool;
        fn separator(self: &Index, block: u64, before: u64, key: &mut Vec<u8>);

        /// `part`: as in [`Guess`]. `restarts`: of the block, here and below, a word of
        /// `restarts::Restarts`.
        fn seek_in_block(
            block: &[u8],
            restarts: u64,
            user_key: &[u8],
            tag: u64,
            part: i32,
        ) -> BlockStep;
        /// `address` and `size`: of a block, of which nothing is read.
        fn prefetch_in_block(address: usize, size: usize, restarts: u64, part: i32);
        /// So many restarts, anywhere.
        fn count_of_restarts(count: u32) -> u64;
        /// Of a block of which nothing is known; 0 if it is none. The highest bit is not set.
        fn restarts_of_block(block: &[u8]) -> u64;
        /// `from` is a version that one of these two has found in the block.
        fn next_in_block(
            block: &[u8],
            restarts: u64,
            user_key: &[u8],
            from: BlockStep,
        ) -> BlockStep;

        type SlotMemory;
        fn new_slot_memory() -> Box<SlotMemory>;
        type BlockHints;
        /// `limit`: bytes that all with this memory may take.
        fn new_block_hints(blocks: u64, memory: &SlotMemory, limit: usize) -> Box<BlockHints>;
        fn memory_usage(self: &BlockHints) -> usize;
        /// Seeks in the index, and asks for what a lookup of the block in the cache reads, and a search
        /// of it.
        fn aim(self: &BlockHints, index: &Index, user_key: &[u8], tag: u64) -> Guess;
        /// The same for many keys, without what searches read; of steps nothing is known.
        fn aim_all(self: &BlockHints, index: &Index, keys: &[BatchKey], found: &mut [BatchFound]);
        /// Asks for the same of a block that is known.
        fn prefetch(self: &BlockHints, guess: Guess);
        /// Where a block is: the cache's entry, the block's object and its bytes. Whether that was known.
        fn note(
            self: &BlockHints,
            block: u64,
            entry: usize,
            object: usize,
            bytes: usize,
            restarts: u64,
        ) -> bool;
        type BlockSlots;
        /// `limit`: bytes that all with this memory may take.
        fn new_block_slots(
            blocks: u64,
            entries: u64,
            bytes: u64,
            memory: &SlotMemory,
            limit: usize,
        ) -> Box<BlockSlots>;
        fn memory_usage(self: &BlockSlots) -> usize;
        fn word(self: &BlockSlots, block: u64) -> u64;
        fn prefetch_word(self: &BlockSlots, block: u64);
        /// A `word` with the highest bit set is that of a block whose bytes are right.
        fn note(self: &BlockSlots, block: u64, bytes: &[u8], word: u64);
        /// Seeks in the index and in the slots, and asks for what `look_up` reads. `file`: all its
        /// bytes.
        fn aim(self: &BlockSlots, index: &Index, file: &[u8], user_key: &[u8], tag: u64) -> Aimed;
        /// `Unknown` if the block, of which these are the bytes, is to be searched. `aimed`: the word
        /// of an `Aimed` of this block and key, or 0.
        fn look_up(
            self: &BlockSlots,
            block: u64,
            aimed: u64,
            bytes: &[u8],
            user_key: &[u8],
            tag: u64,
        ) -> BlockStep;
        /// Both for many keys.
        fn look_up_all(
            self: &BlockSlots,
            index: &Index,
            file: &[u8],
            keys: &[BatchKey],
            found: &mut [BatchFound],
        );

        /// `part`: as in [`Guess`].
        fn place_in_block(
            block: &[u8],
            restarts: u64,
            user_key: &[u8],
            tag: u64,
            part: i32,
        ) -> BlockPlace;
        fn entry_in_block(block: &[u8], restarts: u64, at: usize, key_len: usize) -> BlockPlace;

        type MemtableFamilies;
        fn new_memtable_families() -> Box<MemtableFamilies>;
        unsafe fn new_memtable(
            self: &MemtableFamilies,
            allocator: *mut Allocator,
            settings: MemtableSettings,
            database: usize,
            family: u32,
        ) -> Result<Box<Memtable>>;

        type Memtable;
        unsafe fn insert(self: &Memtable, entry: *const u8) -> bool;
        unsafe fn insert_concurrently(self: &Memtable, entry: *const u8) -> bool;
        fn find(self: &Memtable, internal_key: &[u8]) -> *const u8;
        unsafe fn next_version(self: &Memtable, entry: *const u8) -> *const u8;
        fn contains(self: &Memtable, internal_key: &[u8]) -> bool;
        fn prefetch(self: &Memtable, internal_key: &[u8]);
        fn memory_usage(self: &Memtable) -> usize;
        fn approximate_entries(self: &Memtable, start: &[u8], end: &[u8]) -> u64;
        fn mark_read_only(self: &Memtable);
        unsafe fn iter<'a>(self: &'a Memtable) -> Box<MemtableIter<'a>>;

        type MemtableIter<'a>;
        fn seek(self: &mut MemtableIter<'_>, internal_key: &[u8]) -> *const u8;
        fn seek_for_prev(self: &mut MemtableIter<'_>, internal_key: &[u8]) -> *const u8;
        fn seek_to_first(self: &mut MemtableIter<'_>) -> *const u8;
        fn seek_to_last(self: &mut MemtableIter<'_>) -> *const u8;
        fn seek_to_random(self: &mut MemtableIter<'_>, random: u64) -> *const u8;
        fn next(self: &mut MemtableIter<'_>) -> *const u8;
        fn prev(self: &mut MemtableIter<'_>) -> *const u8;
        fn failed(self: &MemtableIter<'_>) -> bool;
        fn check_reads(self: &mut MemtableIter<'_>);
        fn is_sound(self: &mut MemtableIter<'_>) -> bool;
        fn visited(self: &MemtableIter<'_>) -> Vec<usize>;
        fn abort_on_bug();

        fn count_not_learned(reason: NotLearned);
        fn count_not_built();
        fn count_memtable_delegated();
        fn forget_probe_table();
        fn forget_probe_memtable();
        fn counters_for_c(out: &mut [u64; 13]);
    }

    #[namespace = "rocksdb"]
    unsafe extern "C++" {
        include!("rocksdb/db.h");
        type Options;
        type DB;
        type ColumnFamilyHandle;
        include!("memory/allocator.h");
        type Allocator;
    }

    unsafe extern "C++" {
        include!("mountdb/cpp/registration.h");
        include!("mountdb/cpp/options.h");
        include!("mountdb/cpp/memtable_rep.h");
        include!("mountdb/cpp/table_file.h");

        fn register_factories() -> Result<()>;
        /// `out` becomes `base` with `text` applied.
        fn options_from_string(base: &Options, text: &str, out: Pin<&mut Options>) -> Result<()>;
        fn use_learned_table(options: Pin<&mut Options>) -> Result<()>;
        fn use_learned_memtable(
            options: Pin<&mut Options>,
            settings: MemtableSettings,
        ) -> Result<()>;
        fn factory_names(options: &Options) -> FactoryNames;
        /// # Safety
        /// `db` is open, `family` is null (the default column family) or a handle of it,
        /// and both outlive the call.
        unsafe fn db_factory_names(db: *mut DB, family: *mut ColumnFamilyHandle) -> FactoryNames;
        fn available_factories() -> Available;

        type TableFile;
        fn open_table_file(options: &Options, path: &str) -> Result<UniquePtr<TableFile>>;
        fn facts(self: &TableFile) -> FileFacts;
        fn properties(self: &TableFile, prefix: &str) -> Vec<Property>;
        fn learned_block(self: &TableFile) -> Result<Vec<u8>>;
        fn seek_all(self: &TableFile, keys: &[u8], ends: &[usize]) -> Result<u64>;
        fn seek_tag() -> u64;

        /// `bytes` bytes aligned to 16.
        /// # Safety
        /// `allocator` is alive; if others use it at this moment, a `ConcurrentArena`.
        unsafe fn allocate_aligned(allocator: *mut Allocator, bytes: usize) -> *mut u8;
    }
}

/// Runs `f`; a panic becomes `None`. Panics in here are bugs, but they must not tear down
/// the process: a file is then written, or opened, without its learned index, and a seek
/// that has begun fails with an error status. (Where `panic=abort` is set this is no help.)
pub(super) fn guard<T>(f: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(f)).ok()
}

/// The `block` of a [`cpp::Position`] if the index panicked.
const FAILED: u64 = u64::MAX;

/// Builds one file's learned block on behalf of C++.
pub(super) struct IndexBuilder {
    builder: Option<Builder>,
    block: Vec<u8>,
    summary: Option<Summary>,
}

fn new_index_builder() -> Box<IndexBuilder> {
    Box::new(IndexBuilder {
        builder: Some(Builder::new()),
        block: Vec::new(),
        summary: None,
    })
}

impl IndexBuilder {
    fn add_block(
        &mut self,
        last_key: &[u8],
        last_tag: u64,
        has_next: bool,
        first_key: &[u8],
        first_tag: u64,
        position: cpp::Position,
    ) {
        // In its place: a builder is 25 words to move, for every block.
        let Some(builder) = &mut self.builder else {
            return;
        };
        let handle = BlockHandle {
            offset: position.offset,
            size: position.size,
        };
        let next = has_next.then_some((first_key, first_tag));
        if guard(|| builder.add_block((last_key, last_tag), next, handle)).is_none() {
            self.builder = None;
        }
    }

    fn estimated_size(&self) -> usize {
        self.builder.as_ref().map_or(0, Builder::estimated_size)
    }

    fn finish(&mut self) -> Result<(), String> {
        let builder = self.builder.take().ok_or(PANICKED)?;
        let (block, summary) = guard(|| finished(builder)).ok_or(PANICKED)??;
        self.block = block;
        self.summary = Some(summary);
        Ok(())
    }

    fn bytes(&self) -> &[u8] {
        &self.block
    }

    /// What the properties of the file say of the finished block.
    fn properties(&self) -> Vec<cpp::Property> {
        self.summary.as_ref().map_or_else(Vec::new, |summary| {
            into_properties(properties::index_properties(summary))
        })
    }
}

/// The block, which is read once before anybody relies on it.
fn finished(builder: Builder) -> Result<(Vec<u8>, Summary), String> {
    let block = builder.finish().map_err(|e| e.to_string())?;
    let index = LearnedIndex::parse(&block, u64::MAX).map_err(|e| e.to_string())?;
    let summary = index.summary();
    Ok((block, summary))
}

fn not_learned_properties(why: &str) -> Vec<cpp::Property> {
    into_properties(properties::not_learned(why))
}

fn into_properties(properties: Vec<(String, String)>) -> Vec<cpp::Property> {
    let properties = properties.into_iter();
    properties
        .map(|(name, value)| cpp::Property { name, value })
        .collect()
}

pub(super) const PANICKED: &str = "internal error in the learned index (a bug in mountdb)";

/// One open file's learned index on behalf of C++.
pub(super) struct Index {
    index: LearnedIndex,
    held: counters::Held,
    /// What its quick form takes.
    _quick: Option<Taken>,
}

/// Why a learned block is not used: for the counter, and for the log.
type NotUsed = (Fallback, String);

fn open_index(
    block: &[u8],
    file_size: u64,
    expected: cpp::Expected,
    memory: &SlotMemory,
    limit: usize,
) -> Result<Box<Index>, String> {
    let open = || {
        let mut index = try_open(block, file_size, expected)?;
        let bytes = LearnedIndex::QUICK_BYTES * index.blocks();
        let taken = Taken::new(&memory.0, bytes, limit);
        if taken.is_some() {
            index.quicken();
        }
        Ok((index, taken))
    };
    let opened = guard(open).unwrap_or_else(|| Err((Fallback::Corrupt, PANICKED.to_owned())));
    match opened {
        Ok((index, taken)) => {
            let held = counters::Held::new(index.stored_bytes(), index.blocks());
            Ok(Box::new(Index {
                index,
                held,
                _quick: taken,
            }))
        }
        Err((fallback, reason)) => {
            counters::fell_back(fallback);
            Err(reason)
        }
    }
}

fn try_open(
    block: &[u8],
    file_size: u64,
    expected: cpp::Expected,
) -> Result<LearnedIndex, NotUsed> {
    let index = LearnedIndex::parse(block, file_size).map_err(|refusal| {
        let fallback = match refusal {
            Refusal::UnknownVersion(_) => Fallback::UnknownVersion,
            _ => Fallback::Corrupt,
        };
        (fallback, refusal.to_string())
    })?;
    let blocks = index.blocks() as u64;
    if expected.known && blocks != expected.blocks {
        let reason = format!(
            "learned index of {blocks} data blocks in a file of {}",
            expected.blocks
        );
        return Err((Fallback::Corrupt, reason));
    }
    if expected.translated_seqnos && index.has_tags() {
        let reason = "ingested file with versions of one key in several blocks".to_owned();
        return Err((Fallback::SequenceNumbers, reason));
    }
    Ok(index)
}

impl Index {
    fn blocks(&self) -> u64 {
        self.index.blocks() as u64
    }

    fn memory_usage(&self) -> usize {
        self.index.memory_usage() + size_of_val(&self.held)
    }

    fn seek(&self, user_key: &[u8], tag: u64) -> cpp::Position {
        guard(|| self.place(self.index.seek(user_key, tag))).unwrap_or_else(failed)
    }

    fn seek_and_guess(&self, user_key: &[u8], tag: u64) -> cpp::Guess {
        let found = guard(|| {
            let (block, part) = self.index.seek_and_guess(user_key, tag);
            (self.place(block), part)
        });
        let (at, part) = found.unwrap_or_else(|| (failed(), None));
        guess_of(at, part)
    }

    fn position(&self, block: u64) -> cpp::Position {
        guard(|| self.place(block as usize)).unwrap_or_else(failed)
    }

    fn place(&self, block: usize) -> cpp::Position {
        self.position_of(block, self.index.handle(block))
    }

    #[inline]
    fn position_of(&self, block: usize, handle: Option<BlockHandle>) -> cpp::Position {
        match handle {
            Some(handle) => cpp::Position {
                block: block as u64,
                offset: handle.offset,
                size: handle.size,
            },
            None => cpp::Position {
                block: self.index.blocks() as u64,
                offset: 0,
                size: 0,
            },
        }
    }

    /// Whether the last user key of block `block` may go on in the next one; if the index
    /// panicked, it may.
    fn splits_a_user_key(&self, block: u64) -> bool {
        guard(|| self.index.splits_a_user_key(block as usize)).unwrap_or(true)
    }

    /// Puts the internal key of block `block`'s separator into `key`, in place of what is
    /// there. `before` is the tag that sorts before every version of a user key.
    fn separator(&self, block: u64, before: u64, key: &mut Vec<u8>) {
        key.clear();
        let separator = guard(|| self.index.separator(block as usize, key)).flatten();
        let tag = match separator {
            Some(Separator::At(tag)) => tag,
            Some(Separator::Before) | None => before,
        };
        key.extend_from_slice(&tag.to_le_bytes());
    }
}

fn failed() -> cpp::Position {
    cpp::Position {
        block: FAILED,
        offset: 0,
        size: 0,
    }
}

fn seek_in_block(
    block: &[u8],
    restarts: u64,
    user_key: &[u8],
    tag: u64,
    part: i32,
) -> cpp::BlockStep {
    let guess = u16::try_from(part).ok();
    let seek = |block: DataBlock<'_>| block.seek(user_key, tag, guess);
    block_step(in_block(block, restarts, Step::Corrupt, seek))
}

fn prefetch_in_block(address: usize, size: usize, restarts: u64, part: i32) {
    let guess = u16::try_from(part).ok();
    let restarts = Restarts::from_word(restarts);
    prefetch_block(address as *const u8, size, restarts, guess);
}

fn count_of_restarts(count: u32) -> u64 {
    Restarts::anywhere(count as usize).word()
}

fn restarts_of_block(block: &[u8]) -> u64 {
    let unknown = Restarts::default();
    in_block(block, unknown.word(), unknown, |block| block.restarts()).word()
}

fn next_in_block(
    block: &[u8],
    restarts: u64,
    user_key: &[u8],
    from: cpp::BlockStep,
) -> cpp::BlockStep {
    let from = Version {
        tag: from.tag,
        value: from.value,
        value_len: from.value_len,
    };
    let next = |block: DataBlock<'_>| block.next(user_key, &from);
    block_step(in_block(block, restarts, Step::Corrupt, next))
}

/// What the slots, the hints and the quick indexes of the files of a table factory take.
pub(super) struct SlotMemory(Arc<Memory>);

fn new_slot_memory() -> Box<SlotMemory> {
    Box::new(SlotMemory(Arc::default()))
}

/// Where blocks were found in the block cache.
pub(super) struct BlockHints(Hints);

fn new_block_hints(blocks: u64, memory: &SlotMemory, limit: usize) -> Box<BlockHints> {
    let hints = guard(|| Hints::new(blocks as usize, &memory.0, limit));
    Box::new(BlockHints(hints.unwrap_or_default()))
}

impl BlockHints {
    fn memory_usage(&self) -> usize {
        self.0.memory_usage()
    }

    #[inline]
    fn aim(&self, index: &Index, user_key: &[u8], tag: u64) -> cpp::Guess {
        let guess = index.seek_and_guess(user_key, tag);
        self.prefetch(guess);
        guess
    }

    fn aim_all(&self, index: &Index, keys: &[cpp::BatchKey<'_>], found: &mut [cpp::BatchFound]) {
        for (key, found) in keys.iter().zip(found.iter_mut()) {
            found.guess = index.seek_and_guess(key.user_key, key.tag);
            found.step = step_or_unknown(None);
        }
        // Nothing between them, so that the processor is at several at a time.
        for found in found {
            self.0.prefetch_object(found.guess.at.block as usize);
        }
    }

    #[inline]
    fn prefetch(&self, guess: cpp::Guess) {
        let cpp::Guess { at, part } = guess;
        let part = u16::try_from(part).ok();
        self.0.prefetch(at.block as usize, at.size as usize, part);
    }

    fn note(&self, block: u64, entry: usize, object: usize, bytes: usize, restarts: u64) -> bool {
        let at = Addresses {
            entry,
            object,
            bytes,
        };
        let restarts = Restarts::from_word(restarts);
        self.0.note(block as usize, at, restarts)
    }
}

/// What is known of the blocks of a mapped file.
pub(super) struct BlockSlots(Slots);

fn new_block_slots(
    blocks: u64,
    entries: u64,
    bytes: u64,
    memory: &SlotMemory,
    limit: usize,
) -> Box<BlockSlots> {
    let slots = Slots::new(blocks as usize, entries, bytes, &memory.0, limit);
    Box::new(BlockSlots(slots))
}

impl BlockSlots {
    fn memory_usage(&self) -> usize {
        self.0.memory_usage()
    }

    fn word(&self, block: u64) -> u64 {
        self.0.word(block as usize)
    }

    fn prefetch_word(&self, block: u64) {
        self.0.prefetch_word(block as usize);
    }

    fn note(&self, block: u64, bytes: &[u8], word: u64) {
        // If it panics the block is one of which nothing is known.
        guard(|| self.0.note(block as usize, bytes, word));
    }

    #[inline]
    fn of<'a>(&'a self, index: &'a Index, file: &'a [u8]) -> MappedFile<'a> {
        MappedFile {
            bytes: file,
            index: &index.index,
            slots: &self.0,
        }
    }

    fn aim(&self, index: &Index, file: &[u8], user_key: &[u8], tag: u64) -> cpp::Aimed {
        let file = self.of(index, file);
        let found = guard(|| {
            let (place, sight) = file.aim_at(Target { user_key, tag });
            let at = index.position_of(place.block, place.handle);
            let guess = guess_of(at, place.guess);
            let word = sight.word();
            cpp::Aimed { guess, word }
        });
        found.unwrap_or_else(|| cpp::Aimed {
            guess: guess_of(failed(), None),
            word: 0,
        })
    }

    fn look_up(
        &self,
        block: u64,
        aimed: u64,
        bytes: &[u8],
        user_key: &[u8],
        tag: u64,
    ) -> cpp::BlockStep {
        let sight = Sight::from_word(aimed);
        let look_up = || (self.0).look_up(block as usize, sight, bytes, user_key, tag);
        step_or_unknown(guard(look_up).flatten())
    }

    fn look_up_all(
        &self,
        index: &Index,
        file: &[u8],
        keys: &[cpp::BatchKey<'_>],
        found: &mut [cpp::BatchFound],
    ) {
        let file = self.of(index, file);
        let targets = keys.iter().map(|key| Target {
            user_key: key.user_key,
            tag: key.tag,
        });
        let done = guard(|| {
            file.look_up_all(targets, |i, place, step| {
                if let Some(found) = found.get_mut(i) {
                    found.guess =
                        guess_of(index.position_of(place.block, place.handle), place.guess);
                    found.step = step_or_unknown(step);
                }
            });
        });
        if done.is_none() {
            found.fill(cpp::BatchFound {
                guess: guess_of(failed(), None),
                step: step_or_unknown(None),
            });
        }
    }
}

#[inline]
fn guess_of(at: cpp::Position, part: Option<u16>) -> cpp::Guess {
    let part = part.map_or(-1, i32::from);
    cpp::Guess { at, part }
}

#[inline]
fn step_or_unknown(step: Option<Step>) -> cpp::BlockStep {
    match step {
        Some(step) => block_step(step),
        None => cpp::BlockStep {
            kind: cpp::BlockStepKind::Unknown,
            tag: 0,
            value: 0,
            value_len: 0,
        },
    }
}

fn place_in_block(
    block: &[u8],
    restarts: u64,
    user_key: &[u8],
    tag: u64,
    part: i32,
) -> cpp::BlockPlace {
    let guess = u16::try_from(part).ok();
    let place = |block: DataBlock<'_>| block.place(user_key, tag, guess);
    block_place(in_block(block, restarts, Place::Corrupt, place))
}

fn entry_in_block(block: &[u8], restarts: u64, at: usize, key_len: usize) -> cpp::BlockPlace {
    let entry = |block: DataBlock<'_>| block.entry_at(at, key_len);
    block_place(in_block(block, restarts, Place::Corrupt, entry))
}

#[inline]
fn in_block<T: Copy>(
    block: &[u8],
    restarts: u64,
    corrupt: T,
    work: impl FnOnce(DataBlock<'_>) -> T,
) -> T {
    let done = guard(|| DataBlock::new(block, Restarts::from_word(restarts)).map_or(corrupt, work));
    done.unwrap_or(corrupt)
}

#[inline]
fn block_step(step: Step) -> cpp::BlockStep {
    let (kind, version) = match step {
        Step::Version(version) => (cpp::BlockStepKind::Version, version),
        Step::Larger => (cpp::BlockStepKind::Larger, Version::default()),
        Step::End => (cpp::BlockStepKind::End, Version::default()),
        Step::Corrupt => (cpp::BlockStepKind::Corrupt, Version::default()),
    };
    cpp::BlockStep {
        kind,
        tag: version.tag,
        value: version.value,
        value_len: version.value_len,
    }
}

#[inline]
fn block_place(place: Place) -> cpp::BlockPlace {
    let mut out = cpp::BlockPlace {
        kind: cpp::BlockPlaceKind::Corrupt,
        shared: 0,
        own: 0,
        tag: 0,
        value: 0,
        value_len: 0,
        restart: 0,
        at: 0,
    };
    match place {
        Place::Entry {
            shared,
            own,
            value,
            value_len,
        } => {
            out.kind = cpp::BlockPlaceKind::Entry;
            (out.shared, out.own) = (shared, own);
            (out.value, out.value_len) = (value, value_len);
        }
        Place::Version(version) => {
            out.kind = cpp::BlockPlaceKind::Version;
            out.tag = version.tag;
            (out.value, out.value_len) = (version.value, version.value_len);
        }
        Place::Beyond { restart, at } => {
            out.kind = cpp::BlockPlaceKind::Beyond;
            (out.restart, out.at) = (restart, at);
        }
        Place::End => out.kind = cpp::BlockPlaceKind::End,
        Place::Corrupt => {}
    }
    out
}

fn count_not_learned(reason: cpp::NotLearned) {
    counters::fell_back(match reason {
        cpp::NotLearned::NoLearnedBlock => Fallback::NoLearnedBlock,
        cpp::NotLearned::Comparator => Fallback::Comparator,
        _ => Fallback::Corrupt,
    });
}

fn count_not_built() {
    counters::not_built();
}

fn count_memtable_delegated() {
    counters::memtable_delegated();
}

/// The file that registration opens to check the library is nobody's file.
fn forget_probe_table() {
    counters::forget_one_file();
}

/// Nor is the memtable that it fills anybody's.
fn forget_probe_memtable() {
    counters::forget_one_memtable();
}

fn counters_for_c(out: &mut [u64; 13]) {
    *out = counters::snapshot().as_array();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_of(keys: &[(&[u8], u64)]) -> Vec<u8> {
        let mut builder = Builder::new();
        for (i, (key, tag)) in keys.iter().enumerate() {
            let handle = BlockHandle {
                offset: i as u64 * 10,
                size: 5,
            };
            builder.add_block((key, *tag), keys.get(i + 1).copied(), handle);
        }
        builder.finish().expect("sorted keys")
    }

    #[test]
    fn what_rocksdb_knows_of_the_file_is_checked() {
        let plain = block_of(&[(b"a", 1), (b"b", 1)]);
        let versions = block_of(&[(b"a", 2), (b"a", 1)]);
        let open = |block: &[u8], blocks, known, translated_seqnos| {
            let expected = cpp::Expected {
                blocks,
                known,
                translated_seqnos,
            };
            try_open(block, 100, expected).map_err(|(fallback, _)| fallback)
        };
        assert!(open(&plain, 2, true, true).is_ok());
        assert!(open(&plain, 3, false, false).is_ok());
        assert!(matches!(
            open(&plain, 3, true, false),
            Err(Fallback::Corrupt)
        ));
        assert!(open(&versions, 2, true, false).is_ok());
        assert!(matches!(
            open(&versions, 2, true, true),
            Err(Fallback::SequenceNumbers)
        ));
    }
}
