//! Piecewise-linear approximation of the rank function of a sorted sequence.
//!
//! One pass, greedy: a segment is the longest run of points that a line through its
//! first point passes within epsilon (the "shrinking cone" of FITing-Tree, Galakatos
//! et al., SIGMOD 2019; within twice the segments of the optimal PGM-index,
//! Ferragina & Vinciguerra, PVLDB 2020).
//!
//! The model is advice: [`Pla::upper_bound`] checks the bracket it predicts and widens
//! it until it holds, so that a poor or even nonsensical model costs time and never an
//! answer.

/// One line: rank(x) is about `rank + slope * (x - start)` from `start` on.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Segment {
    start: u64,
    rank: u32,
    slope: f64,
}

/// A piecewise-linear model of the ranks of a non-decreasing `u64` sequence.
///
/// Error bound: for every value of the sequence the prediction is within epsilon of
/// its rank. Space: 24 bytes a segment. Prediction: O(log segments).
#[derive(Debug, Clone, Default)]
pub struct Pla {
    segments: Vec<Segment>,
    epsilon: usize,
}

impl Pla {
    /// Fits `values`, which must be non-decreasing (if they are not, predictions are
    /// poor, nothing else). O(n). At most `u32::MAX` values are modelled; ranks behind
    /// that are found by the widening search.
    pub fn fit(values: &[u64], epsilon: usize) -> Pla {
        let bound = epsilon.max(1) as f64;
        let mut segments = Vec::new();
        let mut points = values
            .iter()
            .zip(0u32..=u32::MAX)
            .map(|(&x, y)| (x, y))
            .peekable();
        while let Some((start, rank)) = points.next() {
            // Slopes that pass every point so far within the bound.
            let (mut low, mut high) = (0.0f64, f64::INFINITY);
            while let Some(&(x, y)) = points.peek() {
                let dx = x.wrapping_sub(start) as f64;
                let dy = f64::from(y - rank);
                if dx == 0.0 {
                    if dy > bound {
                        break;
                    }
                } else {
                    let (l, h) = ((dy - bound) / dx, (dy + bound) / dx);
                    if l > high || h < low {
                        break;
                    }
                    low = low.max(l);
                    high = high.min(h);
                }
                points.next();
            }
            let slope = if high.is_finite() {
                (low + high) / 2.0
            } else {
                0.0
            };
            segments.push(Segment { start, rank, slope });
        }
        Pla {
            segments,
            epsilon: epsilon.max(1),
        }
    }

    /// Number of segments.
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Heap bytes held.
    pub fn memory_usage(&self) -> usize {
        self.segments.capacity() * size_of::<Segment>()
    }

    /// The predicted number of values `<= x`.
    fn predict(&self, x: u64) -> usize {
        let after = self.segments.partition_point(|s| s.start <= x);
        let Some(segment) = after.checked_sub(1).and_then(|i| self.segments.get(i)) else {
            return 0;
        };
        let rank = segment.rank as usize;
        // Casts from float saturate, and the next segment's first rank bounds this one's.
        let ahead = (segment.slope * (x - segment.start) as f64) as usize;
        let limit = self
            .segments
            .get(after)
            .map_or(usize::MAX, |next| next.rank as usize);
        rank.saturating_add(ahead).saturating_add(1).min(limit)
    }

    /// The number of elements of `values` that are `<= x`; `values` must be sorted.
    ///
    /// O(log segments + log epsilon) where `values` is what the model was fitted to,
    /// O(log n) whatever the model says.
    #[inline]
    pub fn upper_bound(&self, values: &[u64], x: u64) -> usize {
        let guess = self.predict(x).min(values.len());
        let mut reach = self.epsilon + 1;
        let mut low = guess;
        while low > 0 && values[low - 1] > x {
            low = low.saturating_sub(reach);
            reach *= 2;
        }
        let mut reach = self.epsilon + 1;
        let mut high = guess;
        while high < values.len() && values[high] <= x {
            high = (high + reach).min(values.len());
            reach *= 2;
        }
        low + values[low..high].partition_point(|&v| v <= x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check_every_rank(values: &[u64], model: &Pla) {
        let probes = values
            .iter()
            .flat_map(|&v| [v.wrapping_sub(1), v, v.wrapping_add(1)])
            .chain([0, u64::MAX, u64::MAX / 2]);
        for x in probes {
            let oracle = values.iter().filter(|&&v| v <= x).count();
            assert_eq!(model.upper_bound(values, x), oracle, "x = {x}");
        }
    }

    #[test]
    fn empty_and_single() {
        check_every_rank(&[], &Pla::fit(&[], 4));
        check_every_rank(&[7], &Pla::fit(&[7], 4));
        check_every_rank(&[u64::MAX], &Pla::fit(&[u64::MAX], 4));
    }

    #[test]
    fn a_line_is_one_segment() {
        let values: Vec<u64> = (0..10_000).map(|i| i * 1_000_003).collect();
        assert_eq!(Pla::fit(&values, 4).segments(), 1);
    }

    #[test]
    fn predictions_of_present_values_are_within_epsilon() {
        // Quadratic growth: no single line fits.
        let values: Vec<u64> = (0..20_000u64).map(|i| i * i).collect();
        let model = Pla::fit(&values, 8);
        assert!(model.segments() > 1);
        for (i, &v) in values.iter().enumerate() {
            let predicted = model.predict(v);
            assert!(predicted.abs_diff(i + 1) <= 9, "{predicted} for rank {i}");
        }
    }

    proptest! {
        #[test]
        fn upper_bound_agrees_with_counting(
            mut values in prop::collection::vec(any::<u64>(), 0..200),
            dense in prop::collection::vec(0u64..50, 0..200),
            epsilon in 0usize..20,
        ) {
            values.extend(dense);
            values.sort_unstable();
            check_every_rank(&values, &Pla::fit(&values, epsilon));
        }

        // The model of another sequence: slow at worst, never wrong.
        #[test]
        fn a_foreign_model_is_never_wrong(
            mut values in prop::collection::vec(any::<u64>(), 0..200),
            mut other in prop::collection::vec(any::<u64>(), 0..200),
        ) {
            values.sort_unstable();
            other.sort_unstable();
            check_every_rank(&values, &Pla::fit(&other, 4));
        }
    }
}
