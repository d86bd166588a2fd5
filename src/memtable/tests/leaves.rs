//! Leaves by hand.

use super::super::entry::Key;
use super::super::leaf::{Fence, Frame, Leaf};
use super::super::table::Memtable;

/// A new leaf in a memtable's memory, between two fences.
pub fn new<'a>(table: &'a Memtable, low: &'static [u8], high: Option<&[u8]>) -> &'a Leaf {
    let frame = Frame::new(low, high, 0);
    let bound = high.map_or(u64::MAX, |high| frame.project(high));
    let fence = Fence::new(Key::before_all_versions(low), false);
    table.new_leaf(fence, frame, bound)
}

/// A frame that was narrowed for what came next says little of a leaf that reaches further.
#[cfg(not(loom))]
#[test]
fn narrowed_frames() {
    let [low, near, far] = [0u64, 1 << 12, 1 << 40].map(u64::to_be_bytes);
    let frame = Frame::new(&low, None, 0);
    assert!(!frame.is_fine(&low, Some(&far)));
    let narrowed = frame.narrowed(1 << 12);
    assert!(narrowed.is_fine(&low, Some(&near)));
    assert!(!narrowed.is_fine(&low, Some(&far)));
    assert_eq!(frame.narrowed(0), frame);
}
