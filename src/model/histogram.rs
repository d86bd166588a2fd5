//! Ranks among sorted integers: cells of equal width, each knowing how many values lie below
//! it. A cell with many values has a finer histogram of its own.
//!
//! ```text
//!   cells    | 0 | 1 | 1 | finer | 12 |
//!                          \
//!                       | 1 | 4 | 9 | 11 |
//! ```
//!
//! A lookup takes two loads that wait for each other, a cell and the values there, and two
//! more for each level of refinement; each level takes four bits or more of what remains.

/// A cell with more values than this gets a finer histogram.
const CELL: usize = 8;

/// How often one value may be among those of a histogram.
pub const MOST_EQUAL: usize = CELL;

/// Values that are compared at a time, without a branch. As many must follow the last one of
/// a slice: see [`pad`].
const WINDOW: usize = 4;

/// What [`pad`] appends.
pub const PADDING: usize = WINDOW;

/// Marks a cell that has a finer histogram.
const FINER: u32 = 1 << 31;

/// Histograms over parts of one slice of integers.
#[derive(Debug, Default)]
pub struct Histograms {
    all: Vec<Histogram>,
    cells: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Histogram {
    base: u64,
    shift: u32,
    /// First cell, and how many; one more follows.
    first: u32,
    len: u32,
    /// Its values.
    start: u32,
    end: u32,
}

/// Appends what [`count_on`] may look at behind the last value.
pub fn pad(values: &mut Vec<u64>) {
    values.resize(values.len() + WINDOW, u64::MAX);
}

/// The first place from `place` on whose value is above `x`. A window at a time, so that the
/// end need not be known: what lies behind is above `x`, or padding.
#[inline]
pub fn count_on(values: &[u64], place: usize, x: u64) -> usize {
    let mut place = place;
    while let Some(window) = values.get(place..place + WINDOW) {
        let up_to = window.iter().filter(|&&y| y <= x).count();
        place += up_to;
        if up_to < WINDOW {
            break;
        }
    }
    place
}

impl Histograms {
    /// Adds a histogram over `values[start..end]`, which must not descend, each value
    /// [`MOST_EQUAL`] times at most; its number. O(values). Positions must stay below 2^31.
    pub fn add(&mut self, values: &[u64], start: usize, end: usize) -> u32 {
        let index = self.all.len() as u32;
        let xs = &values[start..end];
        let (base, span) = match (xs.first(), xs.last()) {
            (Some(first), Some(last)) => (*first, last - first),
            _ => (0, 0),
        };
        let want = (xs.len() as u64).next_power_of_two();
        let shift = (64 - span.leading_zeros()).saturating_sub(want.trailing_zeros());
        let len = (span >> shift) as usize + 1;
        let first = self.cells.len();
        let mut heavy = Vec::new();
        let mut counted = 0;
        for cell in 0..len {
            let begin = counted;
            while counted < xs.len() && ((xs[counted] - base) >> shift) as usize == cell {
                counted += 1;
            }
            self.cells.push((start + begin) as u32);
            if counted - begin > CELL {
                heavy.push((first + cell, start + begin, start + counted));
            }
        }
        self.cells.push(end as u32);
        self.all.push(Histogram {
            base,
            shift,
            first: first as u32,
            len: len as u32,
            start: start as u32,
            end: end as u32,
        });
        for (cell, start, end) in heavy {
            self.cells[cell] = FINER | self.add(values, start, end);
        }
        index
    }

    /// A place from which [`count_on`] leads to the first value above `x`, in a step or two, of
    /// those that histogram `index` was made for; or that place itself.
    #[inline]
    pub fn place(&self, index: u32, x: u64) -> usize {
        let mut histogram = &self.all[index as usize];
        loop {
            if x < histogram.base {
                return histogram.start as usize;
            }
            let cell = (x - histogram.base) >> histogram.shift;
            if cell >= u64::from(histogram.len) {
                return histogram.end as usize;
            }
            let place = self.cells[histogram.first as usize + cell as usize];
            if place & FINER == 0 {
                return place as usize;
            }
            histogram = &self.all[(place & !FINER) as usize];
        }
    }

    /// Gives back what was reserved and is not used.
    pub fn shrink_to_fit(&mut self) {
        self.all.shrink_to_fit();
        self.cells.shrink_to_fit();
    }

    /// Heap bytes held.
    pub fn memory_usage(&self) -> usize {
        self.all.capacity() * size_of::<Histogram>() + self.cells.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(mut values: Vec<u64>) {
        values.sort_unstable();
        let mut run = 0;
        let mut previous = None;
        values.retain(|&value| {
            run = if previous == Some(value) { run + 1 } else { 1 };
            previous = Some(value);
            run <= MOST_EQUAL
        });
        let len = values.len();
        let mut histograms = Histograms::default();
        let mut padded = values.clone();
        pad(&mut padded);
        let index = histograms.add(&padded, 0, len);
        let beside = |v: &u64| [v.saturating_sub(1), *v, v.saturating_add(1)];
        for x in values.iter().flat_map(beside).chain([0, u64::MAX]) {
            let place = histograms.place(index, x);
            let found = count_on(&padded, place, x).min(len);
            assert_eq!(found, values.partition_point(|&v| v <= x), "{x}");
        }
    }

    #[test]
    fn few_and_extreme() {
        check(vec![]);
        check(vec![0]);
        check(vec![u64::MAX]);
        check(vec![0, u64::MAX]);
        check((0..100).chain(u64::MAX - 100..=u64::MAX).collect());
        check((0..64).map(|bit| 1 << bit).collect());
        check([[7; MOST_EQUAL], [8; MOST_EQUAL], [9; MOST_EQUAL]].concat());
        check([[0; MOST_EQUAL], [u64::MAX; MOST_EQUAL]].concat());
    }

    proptest! {
        #[test]
        fn any_values(values: Vec<u64>) {
            check(values);
        }

        #[test]
        fn values_several_times(values in prop::collection::vec(0u64..40, 0..400)) {
            check(values);
        }

        #[test]
        fn clusters(
            starts in prop::collection::vec(any::<u64>(), 1..6),
            steps in prop::collection::vec(0u64..200, 1..300),
        ) {
            let mut at = starts.clone();
            check(steps.iter().enumerate().map(|(i, step)| {
                let cluster = i % starts.len();
                at[cluster] = at[cluster].saturating_add(step << (cluster * 9));
                at[cluster]
            }).collect());
        }
    }
}
