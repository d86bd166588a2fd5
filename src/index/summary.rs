//! What a learned index is made of, for people.

/// One straight line of the model, or, where cuts are strings, the cuts to one restart.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Its first cut, which is the lower end of block `first + 1`.
    pub first: usize,
    /// Number of cuts.
    pub cuts: usize,
    /// The user key of its first cut.
    pub from: Vec<u8>,
    /// Where its line is at its last cut; the cut itself, for strings.
    pub to: Vec<u8>,
    /// How far the line is off at worst, in blocks; `None` where there is no line.
    pub error: Option<f64>,
}

/// A learned index in figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Data blocks of the file.
    pub blocks: usize,
    /// Bytes of the learned block in the file.
    pub stored_bytes: usize,
    /// See [`Segment`].
    pub segments: usize,
    /// How far a line is off at worst, in blocks, before the residuals settle it; `None`
    /// where cuts are strings.
    pub largest_error: Option<f64>,
}

impl Summary {
    /// Stored bits for each data block, handles included; 0 without blocks.
    pub fn bits_a_block(&self) -> f64 {
        match self.blocks {
            0 => 0.0,
            blocks => self.stored_bytes as f64 * 8.0 / blocks as f64,
        }
    }
}
