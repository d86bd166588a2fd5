//! What the reader promises for any bytes: it refuses them, or it is an index with right
//! answers for some file. Neither takes memory that the bytes do not pay for.

use crate::fields::fields;
use crate::heap;
use crate::index_file::{SEEK_TAG, neighbour};
use crate::seal::seal;
use mountdb::index::{BlockHandle, LearnedIndex, Refusal, Separator, VERSION};

/// Heap bytes for each byte of a block, at most, while it is read and afterwards.
const MEMORY: usize = 16;

/// Heap bytes for any block.
const LITTLE: usize = 1024;

/// A place in internal-key order: a user key, and its tag with all bits turned round.
type At<'a> = (&'a [u8], u64);

/// Reads `block`; holds the reader, and the index if there is one, to the promises. `targets`
/// are sought beside those that the index itself suggests.
pub fn check(
    block: &[u8],
    file_size: u64,
    targets: &[(Vec<u8>, u64)],
) -> Result<LearnedIndex, Refusal> {
    let (result, taken) = heap::taken(|| LearnedIndex::parse(block, file_size));
    let limit = MEMORY * block.len() + LITTLE;
    assert!(taken.most as usize <= limit, "{taken:?} for {limit}");
    match &result {
        Ok(index) => {
            let held = index.memory_usage() - size_of::<LearnedIndex>();
            assert_eq!(held as isize, taken.held, "heap bytes");
            assert_eq!(index.stored_bytes(), block.len());
            assert!(is_sealed(block), "accepted without a right checksum");
            check_form(index, block);
            check_handles(index, file_size);
            check_order(index, targets);
            check_figures(index);
            let mut quick = LearnedIndex::parse(block, file_size).expect("as before");
            quick.quicken();
            check_handles(&quick, file_size);
            check_order(&quick, targets);
            check_figures(&quick);
        }
        Err(refusal) => {
            assert_eq!(taken.held, 0, "left on the heap");
            assert!(!refusal.to_string().is_empty());
        }
    }
    result
}

fn is_sealed(block: &[u8]) -> bool {
    let mut same = block.to_vec();
    seal(&mut same);
    same == block && block[..8] == *b"MNTDBIDX" && block[8..10] == VERSION.to_le_bytes()
}

/// Each part has as many values and bytes as it must, and nothing lies between or behind them.
fn check_form(index: &LearnedIndex, block: &[u8]) {
    let fields = fields(block);
    let places = |name| fields.get(name).into_iter().flatten();
    let numbers = |name| {
        places(name).map(|place| {
            let bytes = block[place.clone()].iter().rev();
            bytes.fold(0, |number, &byte| number << 8 | usize::from(byte))
        })
    };
    let blocks = index.blocks();
    let end = fields.values().flatten().map(|place| place.end).max();
    assert_eq!(end, Some(block.len()), "bytes behind the end");
    assert!(numbers("blocks").eq([blocks]));
    let mut counts = match places("gap").next() {
        Some(_) => vec![blocks + 1],
        None if blocks == 0 => vec![],
        None => vec![blocks, blocks],
    };
    counts.extend(places("ranks").map(|_| blocks - 1));
    assert!(numbers("count").eq(counts), "counts for {blocks} blocks");
    let sizes = places("cuts").map(|cuts| cuts.len() - 4);
    assert!(numbers("cuts-size").eq(sizes), "size of the cuts");
}

/// In the file, one behind the other.
fn check_handles(index: &LearnedIndex, file_size: u64) {
    let blocks = index.blocks();
    let mut free_from = 0;
    for i in 0..blocks {
        let BlockHandle { offset, size } = index.handle(i).expect("a handle for each block");
        assert!(offset >= free_from, "block {i} overlaps the one before");
        free_from = offset.checked_add(size).expect("an end");
    }
    assert!(free_from <= file_size, "{free_from} of {file_size}");
    for i in [blocks, blocks + 1, u32::MAX as usize, usize::MAX] {
        assert_eq!(index.handle(i), None);
    }
}

/// Separators ascend, and a seek counts those below its target.
fn check_order(index: &LearnedIndex, targets: &[(Vec<u8>, u64)]) {
    let blocks = index.blocks();
    let separators: Vec<(Vec<u8>, u64)> = (0..blocks).map(|i| separator(index, i)).collect();
    let separators: Vec<At> = separators.iter().map(|(k, t)| (k.as_slice(), *t)).collect();
    for i in 1..blocks {
        let (before, this) = (separators[i - 1], separators[i]);
        // The last one is a key of the file, which may be the cut in front of its block.
        let ascends = before < this || (before == this && i + 1 == blocks);
        assert!(ascends, "separator {i}: {before:x?}, {this:x?}");
    }
    let mut kept = b"kept".to_vec();
    for i in [blocks, blocks + 1, usize::MAX] {
        assert_eq!(index.separator(i, &mut kept), None);
        assert!(!index.splits_a_user_key(i));
    }
    assert_eq!(kept, b"kept");

    let seek = |key: &[u8], tag: u64| {
        let right = separators.partition_point(|&s| s < (key, !tag));
        let seek = || (index.seek(key, tag), index.seek_and_guess(key, tag).0);
        let (found, taken) = heap::taken(seek);
        assert_eq!(
            found,
            (right, right),
            "seek({key:x?}, {tag:#x}) of {blocks}"
        );
        assert_eq!(taken.calls, 0, "a seek that takes memory");
    };
    for (key, tag) in targets {
        seek(key, *tag);
    }
    let long = [0xff; 3000];
    for key in [&[][..], &[0], &[0xff], &long[..50], &long, &[0; 300]] {
        seek(key, SEEK_TAG);
        seek(key, 0);
    }
    let mut probe = Vec::new();
    // All separators of most blocks, and some of the largest.
    for &(key, inverted) in separators.iter().step_by(blocks / 300 + 1) {
        for tag in [!inverted, !inverted.saturating_add(1), SEEK_TAG, 0] {
            seek(key, tag.min(u64::MAX - 1));
        }
        seek(key, (!inverted).saturating_add(1).min(u64::MAX - 1));
        for edit in 0..6 {
            neighbour(key, edit, &mut probe);
            seek(&probe, SEEK_TAG);
        }
    }
}

fn separator(index: &LearnedIndex, block: usize) -> (Vec<u8>, u64) {
    let mut key = b"kept".to_vec();
    let kind = index.separator(block, &mut key);
    assert_eq!(key.get(..4), Some(&b"kept"[..]));
    key.drain(..4);
    match kind.expect("a separator for each block") {
        Separator::Before => {
            assert!(!index.splits_a_user_key(block));
            (key, 0)
        }
        Separator::At(tag) => {
            // The last one is a key of the file, the others cut between versions of one.
            let cut = block + 1 < index.blocks();
            assert_eq!(index.splits_a_user_key(block), cut);
            assert!(!cut || index.has_tags());
            (key, !tag)
        }
    }
}

/// What is told of the index for people: segments hold each cut once, lines do not lie above
/// the cuts.
fn check_figures(index: &LearnedIndex) {
    let (mut cuts, mut segments, mut largest) = (0, 0, None::<f64>);
    for segment in index.segments() {
        assert_eq!(segment.first, cuts);
        assert!(segment.cuts > 0);
        assert_eq!(segment.from, separator(index, cuts).0);
        cuts += segment.cuts;
        let last = separator(index, cuts - 1).0;
        assert!(segment.from <= segment.to && segment.to <= last);
        match segment.error {
            None => assert_eq!(segment.to, last),
            Some(error) => {
                assert!((0.0..segment.cuts as f64).contains(&error), "{error}");
                largest = Some(largest.unwrap_or(0.0).max(error));
            }
        }
        segments += 1;
    }
    assert_eq!(cuts, index.blocks().saturating_sub(1));
    let summary = index.summary();
    assert_eq!(summary.blocks, index.blocks());
    assert_eq!(summary.stored_bytes, index.stored_bytes());
    assert_eq!(summary.segments, segments);
    assert_eq!(summary.largest_error, largest);
    assert!(summary.bits_a_block().is_finite());
}
