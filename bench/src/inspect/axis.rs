//! From keys to places on a line.

use mountdb::index::LearnedIndex;
use mountdb::model::project;
use mountdb::model::projection::common_prefix;

/// The keys from the first cut of an index to the last, projected as its model projects them:
/// eight bytes behind the prefix that all cuts share, as a number.
#[derive(Clone, Debug)]
pub struct Axis {
    /// The first cut.
    pub first: Vec<u8>,
    /// The last cut.
    pub last: Vec<u8>,
    /// Bytes of the prefix that all cuts share.
    pub shared: usize,
    low: u64,
    span: f64,
}

impl Axis {
    /// `None` for an index without cuts.
    pub fn of(index: &LearnedIndex) -> Option<Self> {
        let last_cut = index.blocks().checked_sub(2)?;
        let (mut first, mut last) = (Vec::new(), Vec::new());
        index.separator(0, &mut first);
        index.separator(last_cut, &mut last);
        // Cuts are in order: what these two share, all share.
        let shared = common_prefix(&first, &last);
        let low = project(&first[shared..]);
        let span = project(&last[shared..]).saturating_sub(low) as f64;
        Some(Self {
            first,
            last,
            shared,
            low,
            span,
        })
    }

    /// Whether all cuts are in one place, as a single one is.
    pub fn is_a_point(&self) -> bool {
        self.span == 0.0
    }

    /// Where a key lies, from 0 to 1; in the middle if all do.
    pub fn place(&self, key: &[u8]) -> f64 {
        if self.is_a_point() {
            return 0.5;
        }
        // Lines may end beside the last cut.
        let rest = key.get(self.shared..).unwrap_or_default();
        let above = project(rest).saturating_sub(self.low) as f64;
        (above / self.span).min(1.0)
    }
}
