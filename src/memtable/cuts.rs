//! The cuts that a model is made of: where leaves begin, and where they will.

use crate::model::projection::{common_prefix, project, unproject};

/// Bytes of a foretold cut behind what its neighbours share.
const PRECISION: usize = 3;

/// Ascending byte strings, one after the other.
#[derive(Default)]
pub(super) struct Cuts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Cuts {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn push(&mut self, cut: &[u8]) {
        self.bytes.extend_from_slice(cut);
        self.ends.push(self.bytes.len());
    }

    /// Divides the range between two cuts, of which `low` is the last so far, into so many
    /// parts of one size.
    ///
    /// That is the model's guess of where keys to come will lie: as they lie all along the
    /// range. A wrong guess leaves a slot without keys, and costs nothing else.
    pub fn push_between(&mut self, low: &[u8], high: &[u8], parts: usize) {
        let shared = common_prefix(low, high);
        let (from, to) = (project(&low[shared..]), project(&high[shared..]));
        let step = to.saturating_sub(from) / parts as u64;
        // So few bytes that cuts stay short, and none that is equal to its neighbour.
        let mask = !(u64::MAX >> (8 * PRECISION));
        let mut last = from;
        for part in 1..parts as u64 {
            let x = (from + part * step) & mask;
            if x > last && x < to {
                last = x;
                self.bytes.extend_from_slice(&low[..shared]);
                unproject(x, &mut self.bytes);
                self.ends.push(self.bytes.len());
            }
        }
    }

    pub fn all(&self) -> Vec<&[u8]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins
            .zip(&self.ends)
            .map(|(begin, &end)| &self.bytes[begin..end])
            .collect()
    }
}
