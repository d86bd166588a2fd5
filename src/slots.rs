//! Where the entries of data blocks are: for each a fingerprint of its user key and its place, so
//! that a lookup goes to the entry, past all that lies before it.
//!
//! A block's keys are stored as what they do not share with the key before, so a search reads every
//! entry from a restart on, a cache line or two each. Here a block is gone through once, when it is
//! first asked for; after that a lookup reads the slots of the block (two lines for 33 entries), the
//! entry, and what its key shares with others: mostly all of that is the restart's.
//!
//! ```text
//!   block   := n:u8  interval:u8  fingerprint:u8[..]  slot:u16[..]     whole cache lines
//!   n       := entries; 0: nothing is known
//!   slot    := place | source << place bits      12 to 15 place bits, by the size of the file's blocks
//! ```
//!
//! The source says how to get to the bytes that an entry shares ([`Slot::source`]). A distance for which
//! there is no room is stored as the largest there is, and the way is longer: in blocks of 4 KiB it leads
//! up to seven entries back at once, in those of 16 KiB and more one.
//!
//! Fingerprints say where to look: a version is one whose whole key has been compared. On them alone
//! depends only that an entry with another fingerprint is not asked.
//!
//! Slots take three bytes an entry and what is left of the last cache line: 128 bytes for 33 entries.
//! They are allocated for 64 blocks together when the first of these is noted, as long as all files
//! together stay within a limit. What is noted first, by whatever read, stays until its file is
//! closed.
#![forbid(unsafe_code)]

use crate::bits::low;
use crate::data_block::{DataBlock, Slot, Step, Version};
use crate::memory::{Memory, Taken};
use crate::model::project;
use crate::prefetch::{LINE, prefetch, prefetch_lines};
use crate::restarts::Restarts;
#[cfg(loom)]
use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Blocks whose slots are allocated together.
const CHUNK: usize = 64;

/// Words of a cache line.
const WORDS: usize = LINE / 8;

/// Lines to a block at most: a byte counts the entries.
const MOST_LINES: usize = 12;

/// Bits of a place at most: one is left to tell entries that share all with their restart.
const MOST_PLACE_BITS: u32 = u16::BITS - 1;

/// Bytes before the fingerprints of a block.
const HEADER: usize = 2;

/// Lines of slots that are asked for at most.
const SLOT_LINES: usize = 6;

/// Lines of an entry that are asked for at most.
const ENTRY_LINES: usize = 16;

/// Says of a word that the block's bytes are right.
const IS_RIGHT: u64 = Restarts::SPARE_BIT;

#[derive(Debug, Default)]
#[repr(align(64))]
struct Line([AtomicU64; WORDS]);

/// What is known of the blocks of a file: for each its restarts and whether its bytes are right, and
/// the slots. Shared by all threads that read the file.
#[derive(Debug)]
pub struct Slots {
    /// By block: the word of its restarts, with [`IS_RIGHT`]; 0 if nobody has looked. They say
    /// something of bytes that do not change, and publish nothing.
    words: Box<[AtomicU64]>,
    shape: Shape,
    chunks: Box<[OnceLock<Box<[Line]>>]>,
    memory: Arc<Memory>,
    /// For the chunks there are.
    taken: Mutex<Vec<Taken>>,
    limit: usize,
    /// Whether there was no memory for some, or will be for none.
    is_full: AtomicBool,
}

/// How the lines of a block are used.
#[derive(Debug, Clone, Copy)]
struct Shape {
    lines: usize,
    /// Entries for which there is room.
    capacity: usize,
    /// Bits of a slot that are the place.
    place_bits: u32,
}

impl Shape {
    fn of_lines(lines: usize, place_bits: u32) -> Shape {
        // A byte and two for each entry; the latter at an even place.
        let capacity = (lines * LINE - HEADER) / 3;
        Shape {
            lines,
            capacity: capacity.min(u8::MAX.into()),
            place_bits,
        }
    }

    /// For blocks of so many entries and bytes on average, a few more in some; `None` if these entries
    /// are too many, or the last of them too far from the first.
    fn new(entries: usize, bytes: usize) -> Option<Shape> {
        let last = bytes - bytes / entries.max(1);
        if last >> MOST_PLACE_BITS != 0 {
            return None;
        }
        let wanted = entries.saturating_add(entries / 8 + 1);
        // Some blocks are larger than others.
        let largest = bytes.saturating_add(bytes / 4);
        let place_bits = (usize::BITS - largest.leading_zeros()).clamp(12, MOST_PLACE_BITS);
        (1..=MOST_LINES)
            .map(|lines| Shape::of_lines(lines, place_bits))
            .find(|shape| shape.capacity >= wanted)
    }

    fn pack(self, slot: Slot) -> Option<u16> {
        let most = low(u16::BITS - self.place_bits) as usize;
        let source = slot.source.min(most) << self.place_bits;
        let is_near = slot.place >> self.place_bits == 0;
        is_near.then_some((slot.place | source) as u16)
    }

    #[inline]
    fn unpack(self, slot: u16) -> Slot {
        Slot {
            place: usize::from(slot) & low(self.place_bits) as usize,
            source: usize::from(slot >> self.place_bits),
        }
    }

    fn chunk_bytes(self) -> usize {
        CHUNK * self.lines * LINE
    }

    /// Bytes before the first slot.
    fn slots(self) -> usize {
        HEADER + self.capacity.next_multiple_of(2)
    }
}

/// The slots of a block.
#[derive(Debug, Clone, Copy)]
struct View<'a> {
    lines: &'a [Line],
    shape: Shape,
}

impl View<'_> {
    #[inline]
    fn word(&self, i: usize, order: Ordering) -> u64 {
        match self.lines.get(i / WORDS) {
            Some(line) => line.0[i % WORDS].load(order),
            None => 0,
        }
    }

    #[inline]
    fn packed_slot(&self, i: usize) -> u16 {
        let at = self.shape.slots() + 2 * i;
        (self.word(at / 8, Ordering::Relaxed) >> (8 * (at % 8))) as u16
    }

    #[inline]
    fn slot(&self, i: usize) -> Slot {
        self.shape.unpack(self.packed_slot(i))
    }

    /// `entries`, their slots packed: no more than there is room for, `interval` of them to a restart.
    fn put(&self, interval: usize, entries: &[(u8, u16)]) {
        // A byte is enough for both: there is no room for more entries.
        let mut bytes = vec![entries.len() as u8, interval as u8];
        bytes.extend(entries.iter().map(|(print, _)| print));
        bytes.resize(self.shape.slots(), 0);
        bytes.extend(entries.iter().flat_map(|(_, slot)| slot.to_le_bytes()));
        let words = bytes.chunks(8).map(|bytes| {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(word)
        });
        let places = self.lines.iter().flat_map(|line| &line.0);
        let all: Vec<_> = places.zip(words).collect();
        for (i, (place, word)) in all.into_iter().enumerate().rev() {
            // Whoever sees the first sees the rest.
            let order = match i {
                0 => Ordering::Release,
                _ => Ordering::Relaxed,
            };
            place.store(word, order);
        }
    }

    /// Which bytes of line `i` are fingerprints, of which there are `len`, with this value: a bit for
    /// each, and none too few, without a branch that depends on it.
    #[inline]
    fn hits(&self, i: usize, len: usize, fingerprint: u8) -> u64 {
        let all = u64::from(fingerprint) * 0x0101_0101_0101_0101;
        let Some(line) = self.lines.get(i) else {
            return 0;
        };
        // All of the line, as many as there are: a number of its own would be mispredicted. Loom does
        // not live to see all orders of that.
        let words = match cfg!(loom) {
            true => (HEADER + len).saturating_sub(LINE * i).div_ceil(8),
            false => WORDS,
        };
        let mut hits = 0;
        for (place, word) in line.0.iter().enumerate().take(words) {
            let word = word.load(Ordering::Relaxed);
            hits |= bit_by_byte(zero_bytes(word ^ all)) << (8 * place);
        }
        let before = match i {
            0 => low(HEADER as u32),
            _ => 0,
        };
        hits & low((HEADER + len).saturating_sub(LINE * i) as u32) & !before
    }
}

/// The highest bit of every byte that is zero, and maybe of one above such a byte.
#[inline]
fn zero_bytes(x: u64) -> u64 {
    x.wrapping_sub(0x0101_0101_0101_0101) & !x & 0x8080_8080_8080_8080
}

/// The highest bits of eight bytes, of which no others are set, side by side, the lowest byte's first.
#[inline]
fn bit_by_byte(x: u64) -> u64 {
    (x >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// A byte of hash.
#[inline]
fn fingerprint(user_key: &[u8]) -> u8 {
    // As rustc's FxHash: a few cycles for eight bytes.
    const K: u64 = 0x517c_c1b7_2722_0a95;
    let mix = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(K);
    let mut hash = user_key.len() as u64;
    let mut rest = user_key;
    while let Some((head, behind)) = rest.split_first_chunk() {
        hash = mix(hash, u64::from_le_bytes(*head));
        rest = behind;
    }
    if !rest.is_empty() {
        hash = mix(hash, project(rest));
    }
    (hash >> 56) as u8
}

impl Slots {
    /// For a file of so many blocks, entries and bytes, one of those that share `memory`, of which they
    /// may take `limit` bytes.
    pub fn new(
        blocks: usize,
        entries: u64,
        bytes: u64,
        memory: &Arc<Memory>,
        limit: usize,
    ) -> Slots {
        let to_each = |whole: u64, blocks: usize| (whole / (blocks as u64).max(1)) as usize;
        // The last one may be short.
        let bytes = to_each(bytes, blocks.saturating_sub(1));
        let shape = Shape::new(to_each(entries, blocks), bytes);
        Slots {
            words: (0..blocks).map(|_| AtomicU64::new(0)).collect(),
            shape: shape.unwrap_or(Shape::of_lines(1, MOST_PLACE_BITS)),
            chunks: (0..blocks.div_ceil(CHUNK))
                .map(|_| OnceLock::new())
                .collect(),
            memory: Arc::clone(memory),
            taken: Mutex::default(),
            limit,
            is_full: AtomicBool::new(shape.is_none() || limit == 0),
        }
    }

    /// Whether there are slots, or will be, of all blocks that can have them.
    #[inline]
    pub fn are_kept(&self) -> bool {
        !self.is_full.load(Ordering::Relaxed)
    }

    #[inline]
    fn view(&self, block: usize) -> Option<View<'_>> {
        let shape = self.shape;
        let chunk = self.chunks.get(block / CHUNK)?.get()?;
        let lines = chunk.get(block % CHUNK * shape.lines..)?;
        let lines = lines.get(..shape.lines)?;
        Some(View { lines, shape })
    }

    /// Asks for what [`aim`](Self::aim) reads.
    #[inline]
    pub fn prefetch(&self, block: usize) {
        if let Some(view) = self.view(block) {
            for line in view.lines.iter().take(SLOT_LINES) {
                prefetch(std::ptr::from_ref(line).cast());
            }
        }
    }

    /// Asks for what [`word`](Self::word) reads.
    #[inline]
    pub fn prefetch_word(&self, block: usize) {
        if let Some(word) = self.words.get(block) {
            prefetch(std::ptr::from_ref(word).cast());
        }
    }

    /// The word of a block, as it was noted; 0 before that.
    #[inline]
    pub fn word(&self, block: usize) -> u64 {
        (self.words.get(block)).map_or(0, |word| word.load(Ordering::Relaxed))
    }

    /// Notes the word of a block, and its slots if its bytes are right. O(bytes).
    ///
    /// Several threads may do so for one block, whose bytes do not change: they store the same.
    pub fn note(&self, block: usize, bytes: &[u8], word: u64) {
        let Some(place) = self.words.get(block) else {
            return;
        };
        let relaxed = Ordering::Relaxed;
        if word & IS_RIGHT == 0 {
            // Somebody else may have found out more.
            let _ = place.compare_exchange(0, word, relaxed, relaxed);
            return;
        }
        place.store(word, relaxed);
        if self.view(block).is_none() && !self.are_kept() {
            return;
        }
        let entries = DataBlock::new(bytes, Restarts::from_word(word))
            .and_then(|block| block.slots(self.shape.capacity, fingerprint));
        if let Some((interval, entries)) = entries
            && let packed =
                (entries.iter()).map(|(print, slot)| Some((*print, self.shape.pack(*slot)?)))
            && let Some(entries) = packed.collect::<Option<Vec<_>>>()
            && let Some(view) = self.view(block).or_else(|| self.allocate(block))
        {
            view.put(interval, &entries);
        }
    }

    #[cold]
    fn allocate(&self, block: usize) -> Option<View<'_>> {
        let bytes = self.shape.chunk_bytes();
        let Some(taken) = Taken::new(&self.memory, bytes, self.limit) else {
            self.is_full.store(true, Ordering::Relaxed);
            return None;
        };
        // If somebody else was faster it is given back.
        self.chunks.get(block / CHUNK)?.get_or_init(|| {
            let mut all = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(taken);
            let lines = (0..CHUNK * self.shape.lines).map(|_| Line::default());
            lines.collect()
        });
        self.view(block)
    }

    /// Where a lookup of a user key is to look in the block; `None` if its entries are not known.
    #[inline]
    pub fn aim(&self, block: usize, user_key: &[u8]) -> Option<Aim<'_>> {
        let mut aim = self.aim_behind(block)?;
        let print = fingerprint(user_key);
        let lines = aim.line;
        for line in 0..lines {
            let hits = aim.view.hits(line, aim.len, print);
            if hits != 0 {
                (aim.line, aim.hits) = (line, hits);
                break;
            }
        }
        Some(aim)
    }

    /// At no entry: behind the last.
    #[inline]
    fn aim_behind(&self, block: usize) -> Option<Aim<'_>> {
        let view = self.view(block)?;
        let [len, interval, ..] = view.word(0, Ordering::Acquire).to_le_bytes();
        let len = usize::from(len);
        (len != 0).then(|| Aim {
            view,
            len,
            interval: u32::from(interval),
            line: (HEADER + len).div_ceil(LINE),
            hits: 0,
        })
    }

    /// [`aim`](Self::aim) and [`Aim::seek`] in one go, for the block with these bytes. `sight`: what
    /// such an aim at the same key has told.
    #[inline]
    pub fn look_up(
        &self,
        block: usize,
        sight: Sight,
        bytes: &[u8],
        user_key: &[u8],
        tag: u64,
    ) -> Option<Step> {
        if let Some(version) = self.version_in(block, sight, bytes, user_key)
            && version.tag <= tag
        {
            return Some(Step::Version(version));
        }
        self.search(block, sight, bytes, user_key, tag)
    }

    /// The version that is in sight, if it is one of the user key.
    #[inline]
    fn version_in(
        &self,
        block: usize,
        sight: Sight,
        bytes: &[u8],
        user_key: &[u8],
    ) -> Option<Version> {
        if !sight.has_entry() {
            return None;
        }
        let before = || {
            let view = self.view(block)?;
            Some(move |back| sight.before(back).map(|i| view.slot(i)))
        };
        let slot = self.shape.unpack(sight.slot());
        entries_of(bytes)?.version_at(slot, sight.restart(), before, user_key)?
    }

    #[inline(never)]
    fn search(
        &self,
        block: usize,
        sight: Sight,
        bytes: &[u8],
        user_key: &[u8],
        tag: u64,
    ) -> Option<Step> {
        let aim = match sight == Sight::NONE {
            true => self.aim_behind(block),
            false => self.aim(block, user_key),
        };
        aim?.seek(bytes, user_key, tag)
    }

    /// Heap bytes held.
    pub fn memory_usage(&self) -> usize {
        let chunks = self.chunks.iter().filter(|chunk| chunk.get().is_some());
        size_of_val(&*self.words)
            + size_of_val(&*self.chunks)
            + chunks.count() * self.shape.chunk_bytes()
    }
}

/// What the slots of a block say of a user key.
#[derive(Debug, Clone, Copy)]
pub struct Aim<'a> {
    view: View<'a>,
    len: usize,
    /// Entries to a restart.
    interval: u32,
    /// The first line of fingerprints that has hits; if none has, the one behind.
    line: usize,
    /// Those hits.
    hits: u64,
}

/// Of the first entry that an [`Aim`] names, all that it takes to go there, in a word.
///
/// ```text
///   word := slot:16  place of its restart:15  i:8  i - that of the restart:8  ...  has entry:1
///   0: not known   1: no entry
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sight(u64);

impl Sight {
    const NONE: Sight = Sight(1);
    const HAS_ENTRY: u64 = 1 << 63;
    // Where in the word things are.
    const RESTART: u32 = u16::BITS;
    const I: u32 = Sight::RESTART + MOST_PLACE_BITS;
    const BACK: u32 = Sight::I + 8;

    /// From [`word`](Self::word).
    #[inline]
    pub fn from_word(word: u64) -> Sight {
        Sight(word)
    }

    /// As a word.
    #[inline]
    pub fn word(self) -> u64 {
        self.0
    }

    #[inline]
    fn new(slot: u16, restart: Slot, i: usize, from: usize) -> Sight {
        Sight(
            Sight::HAS_ENTRY
                | u64::from(slot)
                | (restart.place as u64) << Sight::RESTART
                | (i as u64 & 0xff) << Sight::I
                | ((i - from) as u64 & 0xff) << Sight::BACK,
        )
    }

    #[inline]
    fn has_entry(self) -> bool {
        self.0 & Sight::HAS_ENTRY != 0
    }

    /// Packed.
    #[inline]
    fn slot(self) -> u16 {
        self.0 as u16
    }

    /// Where its restart is.
    #[inline]
    fn restart(self) -> usize {
        (self.0 >> Sight::RESTART & low(MOST_PLACE_BITS)) as usize
    }

    /// The number of the entry so many before, if that is not before the restart.
    #[inline]
    fn before(self, back: usize) -> Option<usize> {
        let (i, most) = (self.0 >> Sight::I & 0xff, self.0 >> Sight::BACK & 0xff);
        (back as u64 <= most).then_some((i as usize).wrapping_sub(back))
    }
}

/// The entries of a block; that there is a restart is all that matters of these here.
#[inline]
fn entries_of(bytes: &[u8]) -> Option<DataBlock<'_>> {
    DataBlock::new(bytes, Restarts::anywhere(1))
}

impl Aim<'_> {
    /// The first of the hits in line `line`.
    #[inline]
    fn first(line: usize, hits: u64) -> Option<usize> {
        (LINE * line + hits.trailing_zeros() as usize)
            .checked_sub(HEADER)
            .filter(|_| hits != 0)
    }

    /// The slot of the restart of slot `i`.
    #[inline]
    fn restart(&self, i: usize) -> usize {
        i - (i as u32).checked_rem(self.interval).unwrap_or(0) as usize
    }

    #[inline]
    fn sight_of(&self, i: usize) -> Sight {
        let restart = self.restart(i);
        Sight::new(
            self.view.packed_slot(i),
            self.view.slot(restart),
            i,
            restart,
        )
    }

    /// What is first in sight. Asks for the lines that [`Slots::look_up`] is going to read of the block
    /// at `base`: those of the entry and its restart, and of those before it that it shares bytes with.
    #[inline]
    pub fn sight(&self, base: *const u8, size: usize) -> Sight {
        let Some(i) = Aim::first(self.line, self.hits) else {
            return Sight::NONE;
        };
        let sight = self.sight_of(i);
        let slot = self.view.shape.unpack(sight.slot());
        let end = match i + 1 < self.len {
            true => self.view.slot(i + 1).place,
            false => size,
        };
        prefetch_lines(
            base.wrapping_add(slot.place),
            end.saturating_sub(slot.place),
            ENTRY_LINES,
        );
        prefetch(base.wrapping_add(sight.restart()));
        let mut back = slot.source;
        while back > 0
            && let Some(before) = sight.before(back)
        {
            let slot = self.view.slot(before);
            prefetch(base.wrapping_add(slot.place));
            if slot.source == 0 {
                break;
            }
            back += slot.source;
        }
        sight
    }

    /// The first version at or behind the internal key (`user_key`, `tag`) in the block; if there is
    /// none, [`Step::Larger`], or [`Step::End`] if the user key may be the last one of the block, so
    /// that older versions may be in the next. `None` if that cannot be told.
    #[inline]
    pub fn seek(&self, bytes: &[u8], user_key: &[u8], tag: u64) -> Option<Step> {
        let block = entries_of(bytes)?;
        let mut last = None;
        let (mut line, mut hits) = (self.line, self.hits);
        loop {
            while let Some(i) = Aim::first(line, hits) {
                let sight = self.sight_of(i);
                let slot = self.view.shape.unpack(sight.slot());
                let before =
                    || Some(|back| sight.before(back).map(|before| self.view.slot(before)));
                if let Some(version) = block.version_at(slot, sight.restart(), before, user_key)?
                    && version.tag <= tag
                {
                    return Some(Step::Version(version));
                }
                last = Some(i);
                hits &= hits - 1;
            }
            line += 1;
            if LINE * line >= HEADER + self.len {
                break;
            }
            hits = (self.view).hits(line, self.len, fingerprint(user_key));
        }
        Some(match last == Some(self.len - 1) {
            true => Step::End,
            false => Step::Larger,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_block::tests::build;
    use proptest::prelude::*;
    use std::thread;

    fn seek(slots: &Slots, block: usize, bytes: &[u8], user_key: &[u8], tag: u64) -> Option<Step> {
        let aim = slots.aim(block, user_key)?;
        let step = aim.seek(bytes, user_key, tag);
        let sight = aim.sight(bytes.as_ptr(), bytes.len());
        assert_ne!(sight, Sight::default());
        assert_eq!(slots.look_up(block, sight, bytes, user_key, tag), step);
        step
    }

    /// Of a file of one block, or two, whose places take all the bits there are.
    const MUCH: u64 = 1 << 15;

    /// A block of `n` keys, and its word.
    fn block_of(n: usize) -> (Vec<Vec<u8>>, Vec<u8>, u64) {
        block_with(n, 16, 50)
    }

    /// So many of them to a restart, and values of so many bytes or a few more.
    fn block_with(n: usize, interval: usize, size: usize) -> (Vec<Vec<u8>>, Vec<u8>, u64) {
        let key = |i: usize| format!("user{:07}", i * i * 97).into_bytes();
        let keys: Vec<_> = (0..n).map(key).collect();
        let versions: Vec<_> = keys.iter().map(|key| (key.clone(), 9)).collect();
        let (bytes, _) = build(&versions, interval, |i| vec![0; size + i % 40]);
        let block = DataBlock::new(&bytes, Restarts::default()).expect("own block");
        let word = block.restarts().word() | IS_RIGHT;
        (keys, bytes, word)
    }

    #[test]
    fn shapes_fill_their_lines() {
        let capacities: Vec<_> = (1..=MOST_LINES)
            .map(|lines| Shape::of_lines(lines, 15).capacity)
            .collect();
        let expected = [20, 42, 63, 84, 106, 127, 148, 170, 191, 212, 234, 255];
        assert_eq!(capacities, expected);
        let lines = |entries| Shape::new(entries, 4096).map(|shape| shape.lines);
        assert_eq!(lines(33), Some(2));
        assert_eq!(lines(0), Some(1));
        assert_eq!(lines(110), Some(6));
        assert_eq!(lines(250), None);
        assert_eq!(lines(usize::MAX), None);
    }

    #[test]
    fn slots_are_packed_by_the_size_of_blocks() {
        let bits = |bytes| Shape::new(33, bytes).map(|shape| shape.place_bits);
        let expected = [
            (0, 12),
            (3276, 12),
            (3277, 13),
            (4096, 13),
            (16 << 10, 15),
            (32 << 10, 15),
        ];
        for (bytes, place_bits) in expected {
            assert_eq!(bits(bytes), Some(place_bits), "{bytes}");
        }
        assert_eq!((bits(34 << 10), bits(usize::MAX)), (None, None));
        let one = Shape::new(1, 34 << 10).map(|shape| shape.place_bits);
        assert_eq!(one, Some(15), "it begins with the block");
        for place_bits in 12..=15 {
            let shape = Shape::of_lines(2, place_bits);
            let most = (1 << (16 - place_bits)) - 1;
            for (place, source) in [
                (0, 0),
                (0, most),
                (1, 1),
                ((1 << place_bits) - 1, most),
                (77, 0),
            ] {
                let slot = Slot { place, source };
                assert_eq!(
                    shape.pack(slot).map(|packed| shape.unpack(packed)),
                    Some(slot)
                );
            }
            let far = Slot {
                place: 5,
                source: most + 9,
            };
            let nearer = Slot {
                place: 5,
                source: most,
            };
            assert_eq!(
                shape.pack(far).map(|packed| shape.unpack(packed)),
                Some(nearer)
            );
            assert_eq!(
                shape.pack(Slot {
                    place: 1 << place_bits,
                    source: 0
                }),
                None
            );
        }
    }

    /// Keys of which nothing is out of the ordinary are all found, and no others.
    #[test]
    fn ordinary_keys() {
        let shapes = [1, 2, 7, 8, 15, 16, 17, 33, 42, 60, 124, 220].map(|n| (n, 16, 50));
        // Far from their restart; each at one; lengths of one to three bytes.
        let more = [(220, 255, 50), (60, 1, 50), (60, 7, 110), (2, 16, 16_370)];
        for (n, interval, size) in shapes.into_iter().chain(more) {
            let (keys, bytes, word) = block_with(n, interval, size);
            let slots = Slots::new(
                70,
                70 * n as u64,
                70 * bytes.len() as u64,
                &Arc::default(),
                usize::MAX,
            );
            assert_eq!(seek(&slots, 65, &bytes, b"user", 9), None);
            slots.note(65, &bytes, word);
            assert_eq!(slots.word(65), word);
            for (i, key) in keys.iter().enumerate() {
                let Some(Step::Version(version)) = seek(&slots, 65, &bytes, key, 20) else {
                    panic!("key {i} of {n}");
                };
                assert_eq!((version.tag, version.value_len), (9, size + i % 40));
                let aim = slots.aim(65, key).expect("noted");
                let sight = aim.sight(bytes.as_ptr(), bytes.len());
                assert!(sight.has_entry(), "key {i} of {n} is not asked for in time");
                let is_last = |key: &[u8]| match fingerprint(key) == fingerprint(&keys[n - 1]) {
                    true => Step::End,
                    false => Step::Larger,
                };
                assert_eq!(seek(&slots, 65, &bytes, key, 8), Some(is_last(key)));
                let other = [key, &b"x"[..]].concat();
                assert_eq!(seek(&slots, 65, &bytes, &other, 20), Some(is_last(&other)));
                for neighbour in [64, 66, 2, 200] {
                    assert_eq!(seek(&slots, neighbour, &bytes, key, 20), None);
                }
            }
        }
    }

    #[test]
    fn what_is_not_right_or_has_no_room_is_not_known() {
        let slots_for =
            |entries: u64| Slots::new(2, 2 * entries, MUCH, &Arc::default(), usize::MAX);
        let (keys, bytes, word) = block_of(20);
        let is_known = |slots: &Slots| seek(slots, 0, &bytes, &keys[3], 9).is_some();
        let slots = slots_for(17);
        slots.note(0, &bytes, word & !IS_RIGHT);
        assert_eq!(slots.word(0), word & !IS_RIGHT);
        assert!(!is_known(&slots));
        slots.note(0, &bytes, word);
        assert!(is_known(&slots));
        slots.note(0, &bytes, word & !IS_RIGHT);
        assert_eq!(slots.word(0), word, "what is right stays right");

        // A word of another block.
        let (_, more_bytes, more_word) = block_of(21);
        let misled = slots_for(17);
        misled.note(0, &bytes, block_of(60).2);
        assert!(!is_known(&misled));
        // One entry too many, beside a block that has all that there is room for.
        let small = slots_for(17);
        small.note(0, &bytes, word);
        small.note(1, &more_bytes, more_word);
        assert_eq!(small.word(1), more_word);
        assert_eq!(seek(&small, 1, &more_bytes, &keys[3], 9), None);
        assert!(is_known(&small));
        // Entries too far from the block's first byte.
        let versions: Vec<_> = keys.iter().map(|key| (key.clone(), 9)).collect();
        for (size, file_size, expected) in [
            (1600, MUCH, true),
            (1800, MUCH, false),
            (400, 4096, true),
            (500, 4096, false),
        ] {
            let (bytes, _) = build(&versions, 16, |_| vec![0; size]);
            let block = DataBlock::new(&bytes, Restarts::default()).expect("own block");
            let slots = Slots::new(2, 34, file_size, &Arc::default(), usize::MAX);
            slots.note(0, &bytes, block.restarts().word() | IS_RIGHT);
            for key in &keys {
                let found = seek(&slots, 0, &bytes, key, 9);
                assert_eq!(matches!(found, Some(Step::Version(_))), expected, "{size}");
            }
        }
    }

    #[test]
    fn memory_is_taken_up_to_a_limit_and_given_back() {
        let (keys, bytes, word) = block_of(30);
        let memory = Arc::<Memory>::default();
        let chunk = Shape::of_lines(2, 15).chunk_bytes();
        let slots = Slots::new(300, 9000, MUCH, &memory, 2 * chunk + 1);
        assert!(slots.are_kept());
        let before = slots.memory_usage();
        assert!(before >= 300 * 8);
        // Nothing is taken where nothing is known.
        slots.note(200, &bytes, word & !IS_RIGHT);
        slots.note(200, &bytes[1..], word);
        assert_eq!(memory.bytes(), 0);
        let blocks = [0, 1, 64, 130, 131, 299];
        for block in blocks {
            slots.note(block, &bytes, word);
        }
        let known = blocks.map(|block| seek(&slots, block, &bytes, &keys[5], 9).is_some());
        assert_eq!(known, [true, true, true, false, false, false]);
        assert!(!slots.are_kept());
        slots.note(2, &bytes, word);
        assert!(
            seek(&slots, 2, &bytes, &keys[5], 9).is_some(),
            "there is room"
        );
        assert!(blocks.iter().all(|block| slots.word(*block) == word));
        assert_eq!(slots.word(132), 0);
        assert_eq!(memory.bytes(), 2 * chunk);
        assert_eq!(slots.memory_usage() - before, 2 * chunk);
        let other = Slots::new(1, 30, MUCH, &memory, 3 * chunk);
        other.note(0, &bytes, word);
        assert_eq!(memory.bytes(), 3 * chunk);
        let taken = Taken::new(&memory, 5, 3 * chunk + 5).expect("room");
        assert_eq!(memory.bytes(), 3 * chunk + 5);
        drop((slots, taken));
        assert_eq!(memory.bytes(), chunk);
        drop(other);
        assert_eq!(memory.bytes(), 0);
        for (entries, limit) in [(30, 0), (5000, usize::MAX)] {
            assert!(!Slots::new(1, entries, MUCH, &memory, limit).are_kept());
        }
    }

    /// Threads that note blocks and look them up at the same time.
    #[test]
    fn threads() {
        let (keys, bytes, word) = block_of(33);
        let blocks = if cfg!(miri) { 5 } else { 2000 };
        let memory = Arc::<Memory>::default();
        let slots = Slots::new(blocks, 33 * blocks as u64, MUCH, &memory, usize::MAX);
        thread::scope(|scope| {
            for thread in 0..4 {
                let (slots, bytes, keys) = (&slots, &bytes, &keys);
                scope.spawn(move || {
                    for block in 0..blocks {
                        let key = &keys[(block + thread) % keys.len()];
                        let step = seek(slots, block, bytes, key, 9);
                        assert!(matches!(step, None | Some(Step::Version(_))), "{step:?}");
                        slots.note(block, bytes, word);
                        let step = seek(slots, block, bytes, key, 9);
                        assert!(matches!(step, Some(Step::Version(_))), "{step:?}");
                    }
                });
            }
        });
        // Who came second to a chunk has given back what it took.
        let chunks = blocks.div_ceil(CHUNK) * slots.shape.chunk_bytes();
        assert_eq!(memory.bytes(), chunks);
        drop(slots);
        assert_eq!(memory.bytes(), 0);
    }

    /// Some note a block, and one looks it up: all of its slots are seen, or none.
    #[cfg(loom)]
    fn noted_while_looked_up(noters: usize, n: usize) {
        loom::model(move || {
            let (keys, bytes, word) = block_of(n);
            let slots = Arc::new(Slots::new(1, n as u64, MUCH, &Arc::default(), usize::MAX));
            slots.allocate(0); // loom knows nothing of OnceLock
            let noting: Vec<_> = (0..noters)
                .map(|_| {
                    let (slots, bytes) = (Arc::clone(&slots), bytes.clone());
                    loom::thread::spawn(move || slots.note(0, &bytes, word))
                })
                .collect();
            let found = seek(&slots, 0, &bytes, &keys[n - 1], 9);
            assert!(matches!(found, None | Some(Step::Version(_))), "{found:?}");
            for thread in noting {
                thread.join().expect("no panic");
            }
            let found = seek(&slots, 0, &bytes, &keys[n - 1], 9);
            assert!(matches!(found, Some(Step::Version(_))), "{found:?}");
        });
    }

    #[cfg(loom)]
    #[test]
    fn protocol() {
        noted_while_looked_up(2, 5);
    }

    /// The last fingerprint is not in the word that says that there are any.
    #[cfg(loom)]
    #[test]
    fn protocol_of_more_words() {
        noted_while_looked_up(1, 7);
    }

    proptest! {
        #[test]
        fn entries_of_a_fingerprint(
            prints in prop::collection::vec(0u8..3, 1..252), print in 0u8..4, interval in 1usize..20,
        ) {
            let shape = (1..=MOST_LINES).map(|lines| Shape::of_lines(lines, 13));
            let shape = shape.into_iter().find(|shape| shape.capacity >= prints.len());
            let shape = shape.expect("room");
            let lines: Vec<_> = (0..shape.lines).map(|_| Line::default()).collect();
            let view = View { lines: &lines, shape };
            let slot = |i: usize| i as u16 * 259;
            let entries: Vec<_> = (prints.iter().enumerate()).map(|(i, &p)| (p, slot(i))).collect();
            view.put(interval, &entries);
            let [len, stored, ..] = view.word(0, Ordering::Relaxed).to_le_bytes();
            prop_assert_eq!((usize::from(len), usize::from(stored)), (prints.len(), interval));
            let mut found = Vec::new();
            for line in 0..shape.lines {
                let mut hits = view.hits(line, prints.len(), print);
                while let Some(i) = Aim::first(line, hits) {
                    found.push(i);
                    hits &= hits - 1;
                }
            }
            prop_assert!(found.is_sorted() && found.iter().all(|&i| i < prints.len()));
            for (i, other) in prints.iter().enumerate() {
                match *other == print {
                    true => prop_assert!(found.contains(&i)),
                    false => prop_assert!(!found.contains(&i) || other ^ print == 1),
                }
            }
            prop_assert!((0..prints.len()).all(|i| view.packed_slot(i) == slot(i)));
        }

        #[test]
        fn zero_bytes_are_those(x: u64, mask: u64) {
            for x in [x & mask, x & 0x8181_8181_8181_8181 & mask] {
                let zeros = zero_bytes(x);
                for (i, byte) in x.to_le_bytes().into_iter().enumerate() {
                    let is_told = zeros >> (8 * i) & 0xff;
                    let below = i > 0 && zeros >> (8 * (i - 1)) & 0xff != 0;
                    match byte {
                        0 => prop_assert_eq!(is_told, 0x80),
                        1 => prop_assert_eq!(is_told, if below { 0x80 } else { 0 }),
                        _ => prop_assert_eq!(is_told, 0),
                    }
                    prop_assert_eq!(bit_by_byte(zeros) >> i & 1, is_told >> 7);
                }
            }
        }

        // Right by its checksum, but not as RocksDB writes blocks: the answers are those of a search,
        // or there is none.
        #[test]
        fn blocks_that_are_not_as_they_should_be(
            places: [prop::sample::Index; 2], values: [u8; 2], interval in 1usize..6, entries in 30u64..40,
            file_size in 0u64..50_000,
        ) {
            let key = |i: u64| format!("key{:03}{}", i * 7 / 3, ["x", "", ""][i as usize % 3]);
            let keys: Vec<_> = (0..30).map(|i| (key(i).into_bytes(), 99 - i)).collect();
            let (mut bytes, _) = build(&keys, interval, |i| vec![b'v'; i]);
            for (place, value) in places.iter().zip(values) {
                *place.get_mut(&mut bytes) = value;
            }
            if let Some(block) = DataBlock::new(&bytes, Restarts::default()) {
                let slots = Slots::new(1, entries, file_size, &Arc::default(), usize::MAX);
                slots.note(0, &bytes, block.restarts().word() | IS_RIGHT);
                for (key, tag) in &keys {
                    match (seek(&slots, 0, &bytes, key, *tag), block.seek(key, *tag, None)) {
                        (None, _) => {}
                        (Some(found @ Step::Version(_)), searched) => prop_assert_eq!(found, searched),
                        (Some(_), searched) => prop_assert!(!matches!(searched, Step::Version(_))),
                    }
                }
            }
        }

        #[test]
        fn any_bytes(
            bytes in prop::collection::vec(prop_oneof![0u8..12, any::<u8>()], 0..200),
            word in prop::option::of(any::<u64>()), user in prop::collection::vec(0u8..12, 0..6),
            tag: u64, entries in 0u64..300, file_size in 0u64..50_000,
        ) {
            let slots = Slots::new(1, entries, file_size, &Arc::default(), usize::MAX);
            let block = DataBlock::new(&bytes, Restarts::default());
            let own = block.map(|block| block.restarts().word());
            if let Some(word) = word.or(own) {
                slots.note(0, &bytes, word | IS_RIGHT);
            }
            if let Some(aim) = slots.aim(0, &user) {
                let sight = aim.sight(bytes.as_ptr(), bytes.len());
                let step = aim.seek(&bytes, &user, tag);
                prop_assert_eq!(slots.look_up(0, sight, &bytes, &user, tag), step);
                prop_assert_eq!(slots.look_up(0, Sight::default(), &bytes, &user, tag), step);
            }
        }
    }
}
