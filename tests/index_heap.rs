//! What an index says that it holds, against what it has really taken from the heap; and that
//! looking into it takes nothing.

#[path = "common/heap.rs"]
mod heap;
#[allow(dead_code)] // the harness uses all of it
#[path = "../bench/src/keys.rs"]
mod keys;

use keys::KeySet;
use mountdb::data_block::{DataBlock, Step};
use mountdb::index::{BlockHandle, Builder, LearnedIndex};
use mountdb::restarts::Restarts;

/// A block of 30 keys each.
fn build(keys: &[Vec<u8>]) -> Vec<u8> {
    let mut builder = Builder::new();
    let blocks: Vec<_> = keys.chunks(30).collect();
    for (i, block) in blocks.iter().enumerate() {
        let next = blocks.get(i + 1).map(|next| (next[0].as_slice(), 1));
        let handle = BlockHandle {
            offset: i as u64 * 4200,
            size: 4000 + i as u64 % 100,
        };
        builder.add_block((&block[block.len() - 1], 1), next, handle);
    }
    builder.finish().expect("sorted keys")
}

#[test]
fn memory_is_told_and_lookups_take_none() {
    for set in KeySet::ALL {
        let keys = keys::generate(set, 60_000, 3);
        let block = build(&keys);
        let (index, taken) = heap::taken(|| LearnedIndex::parse(&block, u64::MAX));
        let mut index = index.expect("own block");
        let mut held = taken.held as usize;
        for bytes_a_block in [24, 28] {
            // The index itself lies on the stack here, and it counts that.
            let told = index.memory_usage() - size_of::<LearnedIndex>();
            assert!(
                told.abs_diff(held) * 50 <= held,
                "{set}: says {told} bytes, holds {held}"
            );
            assert!(
                told < 1000 + bytes_a_block * index.blocks(),
                "{set}: {told}"
            );
            let (_, more) = heap::taken(|| index.quicken());
            held = held.wrapping_add_signed(more.held);
        }
        let more = index.memory_usage();
        index.quicken();
        assert_eq!(index.memory_usage(), more);

        let look = || {
            let mut sum = 0;
            for key in keys.iter().step_by(7) {
                let at = index.seek(key, u64::MAX >> 1);
                let (same, _) = index.seek_and_guess(key, u64::MAX >> 1);
                assert_eq!(at, same);
                sum += index.handle(at).map_or(0, |handle| handle.offset);
                sum += u64::from(index.splits_a_user_key(at));
            }
            sum
        };
        let (sum, taken) = heap::taken(look);
        assert!(sum > 0 || index.blocks() < 2);
        assert_eq!(taken.calls, 0, "{set}: a seek has allocated");
    }
    // Two entries and a restart: `ab` 1 -> `x`, `ac` 1 -> `y`.
    let block = [
        &[0, 10, 1, b'a', b'b', 1, 0, 0, 0, 0, 0, 0, 0, b'x'][..],
        &[1, 9, 1, b'c', 1, 0, 0, 0, 0, 0, 0, 0, b'y'],
        &[0; 4],
        &[1, 0, 0, 0],
    ]
    .concat();
    let (behind, taken) = heap::taken(|| {
        let block = DataBlock::new(&block, Restarts::anywhere(1)).expect("room for a restart");
        let found = block.seek(b"ac", u64::MAX, Some(0x8000));
        let Step::Version(version) = found else {
            panic!("{found:?}");
        };
        block.next(b"ac", &version)
    });
    assert_eq!(behind, Step::End);
    assert_eq!(taken.calls, 0, "a search has allocated");
}
