//! Ranks among sorted byte strings: a tree of piecewise-linear models.
//!
//! A node strips the prefix its strings share and models the next eight bytes. Strings that
//! these bytes do not tell apart form a run; a long run gets a node of its own, which looks
//! deeper into the strings, a short one is searched by comparison.
//!
//! ```text
//!   strings     aa  ab  user1  user2|17  user2|18 .. user2|44  user3
//!   projection  aa  ab  user1  user2     user2    .. user2     user3
//!                              \_________ run __________/
//!                                          |
//!                           node: 17  18  ..  44
//! ```

use super::pla::Pla;
use super::projection::{common_prefix, project};

/// Error bound of each model, in strings: two cache lines of projections.
const EPSILON: usize = 8;

/// A run this long gets a node; a shorter one takes five comparisons at most.
const RUN: usize = 32;

/// Nodes nest at most this deep; what is left ties is searched by comparison.
const MAX_DEPTH: usize = 16;

/// A model of the ranks of sorted byte strings, which it does not keep.
///
/// Space: 8 bytes a string at each level of the tree, and the models.
#[derive(Debug)]
pub struct Directory {
    /// The bytes at the start that all strings share (behind the parent's prefix).
    prefix: Vec<u8>,
    projections: Vec<u64>,
    model: Pla,
    /// (first string, node), sorted: runs that have a node.
    runs: Vec<(usize, Directory)>,
}

impl Directory {
    /// Fits `len` strings, of which `string(i)` is the i-th; they must be sorted.
    /// O(bytes of the strings).
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
        let projections: Vec<u64> = range
            .clone()
            .map(|i| project(rest(i).get(prefix.len()..).unwrap_or(&[])))
            .collect();
        let mut runs = Vec::new();
        let mut start = 0;
        for run in projections.chunk_by(|a, b| a == b) {
            let end = start + run.len();
            // Without a byte of progress a node would only repeat its parent.
            let progress = run.len() < range.len() || !prefix.is_empty();
            if run.len() >= RUN && depth < MAX_DEPTH && progress {
                let below = range.start + start..range.start + end;
                let node = Directory::fit_at(below, skip + prefix.len(), depth + 1, string);
                runs.push((start, node));
            }
            start = end;
        }
        Directory {
            prefix: prefix.to_vec(),
            model: Pla::fit(&projections, EPSILON),
            projections,
            runs,
        }
    }

    /// How many of the strings are at or below `target`; `at_or_below(i)` compares the i-th
    /// string with it, and is asked for few strings that the models cannot settle.
    ///
    /// O(1) expected for strings that few bytes tell apart, O(log len) comparisons at worst.
    pub fn rank(&self, target: &[u8], at_or_below: impl Fn(usize) -> bool) -> usize {
        self.rank_at(target, 0, &at_or_below)
    }

    fn rank_at(&self, target: &[u8], first: usize, at_or_below: &impl Fn(usize) -> bool) -> usize {
        let (head, rest) = target.split_at(self.prefix.len().min(target.len()));
        match head.cmp(&self.prefix) {
            std::cmp::Ordering::Less => return 0,
            std::cmp::Ordering::Greater => return self.projections.len(),
            std::cmp::Ordering::Equal => {}
        }
        let x = project(rest);
        let end = self.model.upper_bound(&self.projections, x);
        if end == 0 || self.projections[end - 1] != x {
            return end;
        }
        // Strings `start..end` project to `x`: the target is among or beside them.
        if let Ok(at) = self.runs.binary_search_by(|(start, node)| {
            let last = start + node.projections.len();
            last.cmp(&end)
        }) {
            let (start, node) = &self.runs[at];
            return start + node.rank_at(rest, first + start, at_or_below);
        }
        let (mut low, mut high) = (self.projections.partition_point(|&p| p < x), end);
        while low < high {
            let middle = low + (high - low) / 2;
            if at_or_below(first + middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Heap bytes held.
    pub fn memory_usage(&self) -> usize {
        let nodes: usize = self.runs.iter().map(|(_, node)| node.memory_usage()).sum();
        self.prefix.capacity()
            + self.projections.capacity() * size_of::<u64>()
            + self.model.memory_usage()
            + self.runs.capacity() * size_of::<(usize, Directory)>()
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
