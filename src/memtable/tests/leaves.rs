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
