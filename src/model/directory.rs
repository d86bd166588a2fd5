//! Ranks among sorted byte strings: a tree of histograms.
//!
//! A node strips the prefix its strings share and takes the next eight bytes as an integer.
//! Strings that these bytes do not tell apart form a run; a long run gets a node of its own,
//! which looks deeper into the strings, a short one is searched by comparison.
//!
//! ```text
//!   strings     aa  ab  user1  user2|17  user2|18 .. user2|44  user3
//!   projection  aa  ab  user1  user2     user2    .. user2     user3
//!                              \_________ run __________/
//!                                          |
//!                           node: 17  18  ..  44
//! ```

use super::histogram::{Histograms, PADDING, count_on, pad};
use super::projection::{common_prefix, project, split_prefix};
use std::cmp::Ordering;

/// A run this long gets a node; a shorter one takes five comparisons at most.
const RUN: usize = 32;

/// Nodes nest at most this deep; what is left ties is searched by comparison.
const MAX_DEPTH: usize = 16;

/// A model of the ranks of sorted byte strings, which it does not keep.
///
/// Space: 12 to 16 bytes a string at each level of the tree.
#[derive(Debug)]
pub struct Directory {
    /// The bytes at the start that all strings share (behind the parent's prefix).
    prefix: Box<[u8]>,
    /// Of the runs, each once.
    projections: Vec<u64>,
    histogram: Histograms,
    /// Where each run begins, and where the last one ends; empty if each is one string.
    starts: Vec<u32>,
    /// (run, node), sorted: runs that have a node.
    nodes: Vec<(usize, Directory)>,
    len: usize,
}

impl Directory {
    /// Fits `len` strings, fewer than 2^31, of which `string(i)` is the i-th; they must be
    /// sorted. O(bytes of the strings).
    pub fn fit<'a>(len: usize, string: impl Fn(usize) -> &'a [u8]) -> Directory {
        Directory::fit_at(0..len, 0, 0, &string)
    }

    fn fit_at<'a>(
        range: std::ops::Range<usize>,
        skip: usize,
        depth: usize,
        string: &impl Fn(usize) -> &'a [u8],
    ) -> Directory {
        let rest = |i: usize| string(i).get(skip..).unwrap_or(&[]);
        let prefix = match range.is_empty() {
            true => &[],
            false => {
                let (first, last) = (rest(range.start), rest(range.end - 1));
                &first[..common_prefix(first, last)]
            }
        };
        let mut projections: Vec<u64> = Vec::new();
        let mut starts = Vec::new();
        for i in range.clone() {
            let x = project(rest(i).get(prefix.len()..).unwrap_or(&[]));
            // Sorted strings have sorted projections; what follows relies on it.
            if projections.last().is_none_or(|&last| last < x) {
                projections.push(x);
                starts.push((i - range.start) as u32);
            }
        }
        let runs = projections.len();
        starts.push(range.len() as u32);
        let mut nodes = Vec::new();
        for run in 0..runs {
            let (start, end) = (starts[run] as usize, starts[run + 1] as usize);
            // Without a byte of progress a node would only repeat its parent.
            let progress = end - start < range.len() || !prefix.is_empty();
            if end - start >= RUN && depth < MAX_DEPTH && progress {
                let below = range.start + start..range.start + end;
                let node = Directory::fit_at(below, skip + prefix.len(), depth + 1, string);
                nodes.push((run, node));
            }
        }
        let mut histogram = Histograms::default();
        histogram.add(&projections, 0, runs);
        histogram.shrink_to_fit();
        pad(&mut projections);
        projections.shrink_to_fit();
        if runs == range.len() {
            starts.clear();
        }
        starts.shrink_to_fit();
        Directory {
            prefix: prefix.into(),
            projections,
            histogram,
            starts,
            nodes,
            len: range.len(),
        }
    }

    /// How many of the strings are at or below `target`; `at_or_below(i)` compares the i-th
    /// string with it, and is asked for few strings that the models cannot settle.
    ///
    /// O(1) expected for strings that few bytes tell apart, O(log len) comparisons at worst.
    #[inline]
    pub fn rank(&self, target: &[u8], at_or_below: impl Fn(usize) -> bool) -> usize {
        let mut node = self;
        let mut rest = target;
        // The strings before those of the node.
        let mut before = 0;
        loop {
            rest = match split_prefix(rest, &node.prefix) {
                Ok(behind) => behind,
                Err(Ordering::Less) => return before,
                Err(_) => return before + node.len,
            };
            let x = project(rest);
            let runs = node.projections.len() - PADDING;
            let place = node.histogram.place(0, x);
            let after = count_on(&node.projections, place, x).min(runs);
            let start = |run: usize| node.starts.get(run).map_or(run, |&start| start as usize);
            let Some(run) = after
                .checked_sub(1)
                .filter(|&run| node.projections[run] == x)
            else {
                return before + start(after);
            };
            // The target is among the strings of a run, or beside them.
            let (mut low, mut high) = (before + start(run), before + start(after));
            if high - low >= RUN
                && let Ok(at) = node.nodes.binary_search_by_key(&run, |&(run, _)| run)
            {
                before = low;
                node = &node.nodes[at].1;
                continue;
            }
            while low < high {
                let middle = low + (high - low) / 2;
                if at_or_below(middle) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            return low;
        }
    }

    /// Heap bytes held.
    pub fn memory_usage(&self) -> usize {
        let nodes: usize = self.nodes.iter().map(|(_, node)| node.memory_usage()).sum();
        self.prefix.len()
            + self.projections.capacity() * size_of::<u64>()
            + self.histogram.memory_usage()
            + self.starts.capacity() * size_of::<u32>()
            + self.nodes.capacity() * size_of::<(usize, Directory)>()
            + nodes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(mut strings: Vec<Vec<u8>>) {
        strings.sort();
        let directory = Directory::fit(strings.len(), |i| &strings[i]);
        let mut targets = vec![vec![], vec![0], vec![0xff; 30]];
        for s in &strings {
            targets.push(s.clone());
            targets.push([s, &[0u8][..]].concat());
            targets.push([s, &[0xffu8][..]].concat());
            targets.push(s[..s.len() / 2].to_vec());
        }
        for t in targets {
            let oracle = strings.partition_point(|s| *s <= t);
            let rank = directory.rank(&t, |i| strings[i] <= t);
            assert_eq!(rank, oracle, "{t:?}");
        }
    }

    #[test]
    fn nothing_and_ties() {
        check(vec![]);
        check(vec![vec![]; 100]);
        check(vec![b"equal".to_vec(); 100]);
        check((0..100).map(|n| vec![0; n]).collect());
        check((0..100).map(|n| vec![0xff; n]).collect());
    }

    #[test]
    fn tenants_with_long_shared_prefixes() {
        let mut strings = Vec::new();
        for tenant in 0..20 {
            for id in 0..200u64 {
                let name = format!("https://example.org/tenant-{tenant:06}/object/");
                strings.push([name.as_bytes(), &(id * 7).to_be_bytes()].concat());
            }
        }
        check(strings);
    }

    #[test]
    fn deeper_than_the_tree() {
        let strings = (0..40usize).flat_map(|level| {
            (0..40u8).map(move |i| [&b"x".repeat(level * 8)[..], &[b'y', i]].concat())
        });
        check(strings.collect());
    }

    proptest! {
        #[test]
        fn any_strings(strings in prop::collection::vec(
            prop::collection::vec(prop::sample::select(vec![0u8, 1, 0xff]), 0..20), 0..300,
        )) {
            check(strings);
        }

        #[test]
        fn any_bytes(strings: Vec<Vec<u8>>) {
            check(strings);
        }
    }
}
