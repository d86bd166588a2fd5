//! Lookups in a file that lies in memory: from the learned index to the slots of the block to the
//! entry, for one key or for many.
//!
//! What waits for memory is asked for one step ahead: the lines of the entry while the caller asks the
//! filter, or while its neighbours in a batch are looked up, and in a batch the slots before that.
#![forbid(unsafe_code)]

use crate::data_block::Step;
use crate::index::{BlockHandle, LearnedIndex};
use crate::prefetch::prefetch;
use crate::slots::{Sight, Slots};
use arrayvec::ArrayVec;

/// Keys that are looked up together.
const BATCH: usize = 32;

/// A file, its index and its slots.
#[derive(Clone, Copy)]
pub struct MappedFile<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Its index.
    pub index: &'a LearnedIndex,
    /// What is known of its blocks.
    pub slots: &'a Slots,
}

/// An internal key that is looked up.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Its user key.
    pub user_key: &'a [u8],
    /// Its tag.
    pub tag: u64,
}

/// Where the index says that a key is.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Its block.
    pub block: usize,
    /// Where that is; `None` if the key lies behind the end.
    pub handle: Option<BlockHandle>,
    /// About where in the block the key is, in 65536ths.
    pub guess: Option<u16>,
}

impl MappedFile<'_> {
    /// Asks the index. Where slots tell more, it is not asked for a guess.
    #[inline]
    pub fn place(&self, target: Target<'_>) -> Place {
        let Target { user_key, tag } = target;
        let (block, guess) = match self.slots.are_kept() {
            true => (self.index.seek(user_key, tag), None),
            false => self.index.seek_and_guess(user_key, tag),
        };
        let handle = self.index.handle(block);
        Place {
            block,
            handle,
            guess,
        }
    }

    /// [`place`](Self::place), and what is in sight there. Asks for what a lookup reads next.
    #[inline]
    pub fn aim_at(&self, target: Target<'_>) -> (Place, Sight) {
        let place = self.place(target);
        // Slots have to be waited for before the entry can be asked for; meanwhile its page is found,
        // and maybe its restart.
        self.prefetch_in_block(&place);
        let sight = self.sight(&place, target);
        if sight == Sight::default() {
            self.slots.prefetch(place.block);
        }
        (place, sight)
    }

    /// Asks for the block's first line, or that where the key is guessed to be.
    #[inline]
    fn prefetch_in_block(&self, place: &Place) {
        if let Some(handle) = place.handle {
            let inside = (handle.size * u64::from(place.guess.unwrap_or(0))) >> 16;
            prefetch(
                self.bytes
                    .as_ptr()
                    .wrapping_add((handle.offset + inside) as usize),
            );
        }
    }

    /// The bytes of the block.
    #[inline]
    fn bytes_at(&self, place: &Place) -> Option<&[u8]> {
        let BlockHandle { offset, size } = place.handle?;
        (self.bytes.get(offset as usize..)).and_then(|rest| rest.get(..size as usize))
    }

    #[inline]
    fn sight(&self, place: &Place, target: Target<'_>) -> Sight {
        let sight = self.bytes_at(place).and_then(|bytes| {
            let aim = self.slots.aim(place.block, target.user_key)?;
            Some(aim.sight(bytes.as_ptr(), bytes.len()))
        });
        sight.unwrap_or_default()
    }

    /// [`place`](Self::place) and, as [`Slots::look_up`] has them, steps for many keys, of which
    /// `found` is told.
    pub fn look_up_all<'t>(
        &self,
        targets: impl Iterator<Item = Target<'t>>,
        mut found: impl FnMut(usize, Place, Option<Step>),
    ) {
        let mut targets = targets.peekable();
        let mut done = 0;
        while targets.peek().is_some() {
            let batch: ArrayVec<_, BATCH> = targets.by_ref().take(BATCH).collect();
            let places: ArrayVec<_, BATCH> =
                batch.iter().map(|target| self.place(*target)).collect();
            // Nothing between them, so that the processor is at several at a time.
            for place in &places {
                self.slots.prefetch(place.block);
            }
            let keys = batch.iter().zip(&places);
            let sights: ArrayVec<_, BATCH> = (keys.clone())
                .map(|(target, place)| {
                    let sight = self.sight(place, *target);
                    if sight == Sight::default() {
                        // The block is going to be searched.
                        self.prefetch_in_block(place);
                    }
                    sight
                })
                .collect();
            for (i, ((target, place), sight)) in keys.zip(sights).enumerate() {
                let Target { user_key, tag } = *target;
                let step = self.bytes_at(place).and_then(|bytes| {
                    (self.slots).look_up(place.block, sight, bytes, user_key, tag)
                });
                found(done + i, *place, step);
            }
            done += batch.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_block::DataBlock;
    use crate::data_block::tests::build;
    use crate::index::Builder;
    use crate::restarts::Restarts;
    use proptest::prelude::*;
    use std::sync::Arc;

    type Key = (Vec<u8>, u64);

    /// A file with `size` entries to a block, its index, and what is known of some of its blocks.
    fn file_of(
        keys: &[Key],
        size: usize,
        limit: usize,
        file_size: u64,
        is_noted: impl Fn(usize) -> bool,
    ) -> (Vec<u8>, LearnedIndex, Slots) {
        let (mut bytes, mut builder) = (Vec::new(), Builder::new());
        let blocks = keys.len().div_ceil(size);
        let slots = Slots::new(blocks, keys.len() as u64, file_size, &Arc::default(), limit);
        for (i, entries) in keys.chunks(size).enumerate() {
            let (block, _) = build(entries, 4, |j| format!("{i}.{j}").into_bytes());
            let handle = BlockHandle {
                offset: bytes.len() as u64,
                size: block.len() as u64,
            };
            let last = entries.last().map(|(key, tag)| (&key[..], *tag));
            let next = keys.get((i + 1) * size).map(|(key, tag)| (&key[..], *tag));
            builder.add_block(last.expect("not empty"), next, handle);
            if is_noted(i) {
                let restarts = DataBlock::new(&block, Restarts::default()).expect("own block");
                let word = restarts.restarts().word() | Restarts::SPARE_BIT;
                slots.note(i, &block, word);
            }
            bytes.extend_from_slice(&block);
            bytes.extend_from_slice(&[0; 5]);
        }
        let block = builder.finish().expect("sorted keys");
        let mut index = LearnedIndex::parse(&block, bytes.len() as u64).expect("own index");
        if size.is_multiple_of(2) {
            index.quicken();
        }
        (bytes, index, slots)
    }

    proptest! {
        #[test]
        fn one_by_one_and_together(
            keys in prop::collection::btree_set(
                (prop::collection::vec(0u8..4, 0..8), 0u64..6), 1..400),
            targets in prop::collection::vec((prop::collection::vec(0u8..4, 0..8), 0u64..7), 0..90),
            // More than sixty have several lines of fingerprints.
            size in prop_oneof![1usize..9, 60usize..140],
            limit in prop::sample::select(vec![0, usize::MAX]),
            noted: u64,
            file_size in 0u64..40_000,
        ) {
            let mut keys: Vec<Key> = keys.into_iter().collect();
            keys.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
            let is_noted = |block: usize| noted >> (block % 64) & 1 != 0;
            let (bytes, index, slots) = file_of(&keys, size, limit, file_size, is_noted);
            let file = MappedFile { bytes: &bytes, index: &index, slots: &slots };
            let mut all = targets.clone();
            all.extend(keys.iter().cloned());
            let targets: Vec<_> =
                (all.iter()).map(|(key, tag)| Target { user_key: key, tag: *tag }).collect();
            let mut together = Vec::new();
            file.look_up_all(targets.iter().copied(), |i, place, step| {
                assert_eq!(i, together.len());
                together.push((place.block, place.handle, step));
            });
            prop_assert_eq!(together.len(), targets.len());
            for (target, together) in targets.iter().zip(together) {
                let (place, aimed) = file.aim_at(*target);
                let step = place.handle.and_then(|handle| {
                    let block = &bytes[handle.offset as usize..][..handle.size as usize];
                    slots.look_up(place.block, aimed, block, target.user_key, target.tag)
                });
                prop_assert_eq!((place.block, place.handle, step), together);
                let block = index.seek(target.user_key, target.tag);
                prop_assert_eq!((place.block, place.handle), (block, index.handle(block)));
                let Some(handle) = place.handle else {
                    prop_assert_eq!(step, None);
                    continue;
                };
                let is_known = limit > 0 && is_noted(block);
                prop_assert!(is_known || step.is_none());
                let bytes = &bytes[handle.offset as usize..][..handle.size as usize];
                let searched = DataBlock::new(bytes, Restarts::default()).expect("own block")
                    .seek(target.user_key, target.tag, None);
                match (step, searched) {
                    (Some(Step::Version(_)), _) => prop_assert_eq!(step, Some(searched)),
                    (Some(_), _) => prop_assert!(!matches!(searched, Step::Version(_))),
                    // Versions that share bytes of tags.
                    (None, _) => {}
                }
            }
        }
    }
}
