//! Where in memory the cached blocks of a file were found the last time, so that they can be asked for
//! while the cache is still being searched.
//!
//! A lookup in a block cache waits for one thing after the other: the table of the cache tells where its
//! entry of the block is, that where the block's object is, and that where its bytes are. They are all
//! still there as long as the block has not left the cache in between. A hint is only asked for, never
//! followed: what it says about a block that has moved costs some lines of memory, and nothing else.
//! Nor are blocks' bytes asked for that have another size in memory than in the file, being compressed
//! there.
//!
//! ```text
//!   hint   := entry:42 low(bytes):22   object:42 high(bytes):22     two words a block
//!   entry, object in lines of 64 bytes, bytes in steps of 16, from the bottom of the address space
//! ```
#![forbid(unsafe_code)]

use crate::bits::low;
use crate::data_block::prefetch_block;
use crate::memory::{Memory, Taken};
use crate::prefetch::{LINE, prefetch};
use crate::restarts::Restarts;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bits of a line's number: addresses have 48.
const LINE_BITS: u32 = 42;
const HALF_BITS: u32 = u64::BITS - LINE_BITS;

/// What allocators align to.
const ALIGNMENT: usize = 16;

/// Where the parts of a cached block are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Addresses {
    /// The cache's entry.
    pub entry: usize,
    /// The block's object.
    pub object: usize,
    /// Its bytes; 0 if they are not to be asked for.
    pub bytes: usize,
}

impl Addresses {
    fn to_words(self) -> [u64; 2] {
        let line = |address: usize| (address / LINE) as u64 & low(LINE_BITS);
        let bytes = (self.bytes / ALIGNMENT) as u64;
        [
            line(self.entry) | bytes << LINE_BITS,
            line(self.object) | (bytes >> HALF_BITS) << LINE_BITS,
        ]
    }

    fn from_words([first, second]: [u64; 2]) -> Addresses {
        let address = |word: u64| (word & low(LINE_BITS)) as usize * LINE;
        let bytes = first >> LINE_BITS | (second >> LINE_BITS) << HALF_BITS;
        Addresses {
            entry: address(first),
            object: address(second),
            bytes: bytes as usize * ALIGNMENT,
        }
    }
}

/// The hints of a file. Shared by all threads that read it.
#[derive(Debug, Default)]
pub struct Hints {
    /// By block; nothing is published by them, and halves of two hints make one that is wrong.
    words: Box<[[AtomicU64; 2]]>,
    /// Of the block that has most of them: others have as many, or nearly.
    restarts: AtomicU64,
    _taken: Option<Taken>,
}

impl Hints {
    /// Bytes a block.
    pub const BYTES: usize = size_of::<[AtomicU64; 2]>();

    /// For a file of so many blocks; none at all if they take `memory` beyond `limit` bytes.
    pub fn new(blocks: usize, memory: &Arc<Memory>, limit: usize) -> Hints {
        let taken = Taken::new(memory, blocks.saturating_mul(Hints::BYTES), limit);
        let blocks = taken.as_ref().map_or(0, |_| blocks);
        Hints {
            words: (0..blocks).map(|_| Default::default()).collect(),
            restarts: AtomicU64::new(0),
            _taken: taken,
        }
    }

    #[inline]
    fn addresses(&self, block: usize) -> Option<Addresses> {
        let words = self.words.get(block)?;
        let words = words.each_ref().map(|word| word.load(Ordering::Relaxed));
        (words != [0; 2]).then(|| Addresses::from_words(words))
    }

    /// Asks for what the cache reads to find a block, and for the lines that a search of its `size`
    /// bytes reads if `guess` is right, as [`prefetch_block`] does.
    #[inline]
    pub fn prefetch(&self, block: usize, size: usize, guess: Option<u16>) {
        if let Some(at) = self.addresses(block) {
            prefetch_object(at);
            if at.bytes != 0 {
                let restarts = Restarts::from_word(self.restarts.load(Ordering::Relaxed));
                prefetch_block(at.bytes as *const u8, size, restarts, guess);
            }
        }
    }

    /// Only for what the cache reads to find it.
    #[inline]
    pub fn prefetch_object(&self, block: usize) {
        if let Some(at) = self.addresses(block) {
            prefetch_object(at);
        }
    }

    /// Notes where a block is, and its restarts. Whether that was known, so that
    /// [`prefetch`](Self::prefetch) has asked for its bytes.
    #[inline]
    pub fn note(&self, block: usize, at: Addresses, restarts: Restarts) -> bool {
        let Some(words) = self.words.get(block) else {
            return false;
        };
        let relaxed = Ordering::Relaxed;
        let mut is_known = true;
        for (word, new) in words.iter().zip(at.to_words()) {
            // Whoever reads them shares the line.
            if word.load(relaxed) != new {
                word.store(new, relaxed);
                is_known = false;
            }
        }
        let most = Restarts::from_word(self.restarts.load(relaxed));
        if restarts.count() > most.count() {
            self.restarts.store(restarts.word(), relaxed);
        }
        is_known && at.bytes != 0 && restarts == most
    }

    /// Heap bytes held.
    pub fn memory_usage(&self) -> usize {
        size_of_val(&*self.words)
    }
}

#[inline]
fn prefetch_object(at: Addresses) {
    prefetch(at.entry as *const u8);
    // Nobody aligns it to lines.
    prefetch(at.object as *const u8);
    prefetch((at.object + LINE) as *const u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn within_the_limit_or_not_at_all() {
        let memory = Arc::<Memory>::default();
        let limit = 5 * Hints::BYTES;
        let hints = Hints::new(4, &memory, limit);
        assert_eq!(memory.bytes(), hints.memory_usage());
        let more = Hints::new(2, &memory, limit);
        assert_eq!(more.memory_usage(), 0);
        let at = Addresses {
            entry: LINE,
            object: LINE,
            bytes: LINE,
        };
        for _ in 0..2 {
            assert!(!more.note(0, at, Restarts::anywhere(3)));
            assert!(!hints.note(4, at, Restarts::anywhere(3)));
        }
        more.prefetch(0, 10, Some(9));
        hints.prefetch(usize::MAX, 1 << 40, Some(u16::MAX));
        assert_eq!(hints.addresses(4), None);
        drop(hints);
        assert_eq!(memory.bytes(), 0);
        assert_eq!(Hints::new(usize::MAX, &memory, limit).memory_usage(), 0);
    }

    #[test]
    fn the_most_restarts_count() {
        let hints = Hints::new(1, &Arc::default(), usize::MAX);
        let at = Addresses {
            bytes: LINE,
            ..Addresses::default()
        };
        // The word of the block is known from the second time on, its restarts once they are noted.
        for (count, is_known) in [
            (1, false),
            (1, true),
            (3, false),
            (3, true),
            (1, false),
            (3, true),
        ] {
            assert_eq!(
                hints.note(0, at, Restarts::anywhere(count)),
                is_known,
                "{count}"
            );
        }
        for at in [Addresses::default(); 2] {
            assert!(!hints.note(0, at, Restarts::anywhere(3)));
        }
    }

    proptest! {
        #[test]
        fn what_is_noted_is_known_until_it_changes(
            notes in prop::collection::vec((0usize..3, 0usize..3, LINE..1 << 47), 1..60),
        ) {
            let restarts = Restarts::anywhere(3);
            let hints = Hints::new(3, &Arc::default(), usize::MAX);
            let first = Addresses { entry: LINE, object: LINE, bytes: LINE };
            for block in 0..3 {
                hints.note(block, first, restarts);
            }
            let mut noted = [first; 3];
            for (block, part, address) in notes {
                // One of the three, so that each counts.
                let at = &mut noted[block];
                *[&mut at.entry, &mut at.object, &mut at.bytes][part] = address;
                let known = Addresses {
                    entry: at.entry / LINE * LINE,
                    object: at.object / LINE * LINE,
                    bytes: at.bytes / ALIGNMENT * ALIGNMENT,
                };
                let is_known = hints.addresses(block) == Some(known);
                prop_assert_eq!(hints.note(block, *at, restarts), is_known);
                prop_assert!(hints.note(block, *at, restarts));
                prop_assert_eq!(hints.addresses(block), Some(known));
                hints.prefetch(block, address % 9000, Some(address as u16));
                hints.prefetch_object(block);
            }
        }

        #[test]
        fn any_addresses(words: [u64; 2], size in 0usize..1 << 40, guess: Option<u16>, restarts: u64) {
            let hints = Hints::new(1, &Arc::default(), usize::MAX);
            for (place, word) in hints.words[0].iter().zip(words) {
                place.store(word, Ordering::Relaxed);
            }
            hints.restarts.store(restarts, Ordering::Relaxed);
            hints.prefetch(0, size, guess);
            hints.prefetch_object(0);
            let told = Addresses::from_words(words);
            prop_assert_eq!(told.to_words(), words);
        }
    }
}
