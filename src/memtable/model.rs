//! Where a key belongs among sorted cuts: a model of the key distribution.
//!
//! A node strips the prefix its cuts share, takes the next eight bytes as an integer and
//! looks it up in a histogram. Cuts that eight bytes do not tell apart have a node of their
//! own, which looks deeper into the keys.
//!
//! Ranks are exact. A cut never ends in a zero byte, so that comparing keys padded with
//! zeros (which is what integers do) is the same as comparing keys.

use crate::model::histogram::{self, Histograms};
use crate::model::projection::{common_prefix, project, split_prefix, unproject};

/// Longer cuts are not modelled: nodes nest by eight bytes.
pub(super) const MAX_CUT: usize = 512;

/// A group of one cut, which ends with the group's eight bytes.
const NONE: u32 = u32::MAX;

/// Marks a group of one cut that goes on: the rest is the address of the remaining bytes.
const TAIL: u32 = 1 << 31;

#[derive(Debug)]
struct Node {
    /// What all cuts of the node share, behind the parent's bytes.
    prefix: Box<[u8]>,
    /// Its groups of cuts, in `projections`.
    groups: std::ops::Range<u32>,
    /// How many cuts lie before it and before its end.
    cuts: std::ops::Range<u32>,
    histogram: u32,
    /// Where `starts` and `below` begin for its groups; [`NONE`] if each is one cut that
    /// ends with it.
    details: u32,
}

/// Ranks of keys among `len()` cuts, which it can also tell.
///
/// Space: about 13 bytes a cut where eight bytes behind the common prefix tell the cuts
/// apart. `rank` is O(1) expected where keys are spread smoothly, O(log n) at worst, for
/// each eight bytes of key.
#[derive(Debug)]
pub struct Model {
    nodes: Vec<Node>,
    histograms: Histograms,
    /// Distinct projections of each node, ascending.
    projections: Vec<u64>,
    /// Cuts before each group, and before the end, of nodes with details.
    starts: Vec<u32>,
    /// What is behind the eight bytes of each group: a node if it has several cuts.
    below: Vec<u32>,
    /// Lengths, two bytes each, and bytes of what single cuts have behind their groups.
    tails: Vec<u8>,
    cuts: usize,
    by_search: bool,
}

impl Model {
    /// Models cuts, which must be ascending, non-empty, at most [`MAX_CUT`] long and not
    /// end in a zero byte. `by_search` leaves the histograms out: ranks by binary search,
    /// to see what the model is worth. O(bytes of the cuts).
    pub fn fit(cuts: &[&[u8]], by_search: bool) -> Model {
        let mut model = Model {
            nodes: Vec::new(),
            histograms: Histograms::default(),
            projections: Vec::new(),
            starts: Vec::new(),
            below: Vec::new(),
            tails: Vec::new(),
            cuts: cuts.len(),
            by_search,
        };
        model.add_node(cuts, 0, 0);
        model.nodes.shrink_to_fit();
        model.histograms.shrink_to_fit();
        model.projections.shrink_to_fit();
        model.starts.shrink_to_fit();
        model.below.shrink_to_fit();
        model.tails.shrink_to_fit();
        model
    }

    /// Number of cuts.
    pub fn len(&self) -> usize {
        self.cuts
    }

    /// Heap bytes held.
    pub fn memory_usage(&self) -> usize {
        let prefixes: usize = self.nodes.iter().map(|n| n.prefix.len()).sum();
        self.nodes.capacity() * size_of::<Node>()
            + prefixes
            + self.histograms.memory_usage()
            + self.projections.capacity() * size_of::<u64>()
            + self.starts.capacity() * size_of::<u32>()
            + self.below.capacity() * size_of::<u32>()
            + self.tails.capacity()
    }

    fn add_node(&mut self, cuts: &[&[u8]], skip: usize, before: u32) -> u32 {
        let rest = |cut: &'_ [u8]| -> usize { skip.min(cut.len()) };
        let tail = |i: usize| &cuts[i][rest(cuts[i])..];
        let shared = match cuts.len() {
            0 => 0,
            n => common_prefix(tail(0), tail(n - 1)),
        };
        let prefix: Box<[u8]> = if cuts.is_empty() {
            Box::new([])
        } else {
            tail(0)[..shared].into()
        };
        let first = self.projections.len() as u32;
        let details = self.starts.len();
        let mut deeper = Vec::new();
        let mut flat = true;
        let mut i = 0;
        while i < cuts.len() {
            let x = project(&tail(i)[shared..]);
            let begin = i;
            while i < cuts.len() && project(&tail(i)[shared..]) == x {
                i += 1;
            }
            let below = match tail(begin).get(shared + 8..) {
                _ if i - begin > 1 => {
                    deeper.push((self.below.len(), begin..i));
                    NONE
                }
                Some(rest @ [_, ..]) => self.add_tail(rest),
                _ => NONE,
            };
            flat &= i - begin == 1 && below == NONE;
            self.projections.push(x);
            self.starts.push(before + begin as u32);
            self.below.push(below);
        }
        let end = self.projections.len() as u32;
        self.starts.push(before + cuts.len() as u32);
        self.below.push(NONE);
        if flat {
            self.starts.truncate(details);
            self.below.truncate(details);
        }
        let histogram = match self.by_search {
            true => NONE,
            false => (self.histograms).add(&self.projections, first as usize, end as usize),
        };
        histogram::pad(&mut self.projections);
        let node = self.nodes.len();
        self.nodes.push(Node {
            prefix,
            groups: first..end,
            cuts: before..before + cuts.len() as u32,
            histogram,
            details: if flat { NONE } else { details as u32 },
        });
        for (group, range) in deeper {
            let before = before + range.start as u32;
            let below = self.add_node(&cuts[range], skip + shared + 8, before);
            self.below[group] = below;
        }
        node as u32
    }

    fn add_tail(&mut self, rest: &[u8]) -> u32 {
        let address = self.tails.len() as u32;
        self.tails
            .extend_from_slice(&(rest.len() as u16).to_le_bytes());
        self.tails.extend_from_slice(rest);
        TAIL | address
    }

    /// The bytes of a cut that goes on behind its group.
    fn tail(&self, below: u32) -> &[u8] {
        let from = &self.tails[(below & !TAIL) as usize..];
        let len = usize::from(u16::from_le_bytes([from[0], from[1]]));
        &from[2..2 + len]
    }

    /// The number of cuts at or below `key`. Calls `foretell` with about that number when it is
    /// known, which is before the last wait for memory, and not always.
    #[inline]
    pub fn rank(&self, key: &[u8], foretell: impl Fn(usize)) -> usize {
        let mut node = &self.nodes[0];
        let mut rest = key;
        loop {
            rest = match split_prefix(rest, &node.prefix) {
                Ok(behind) => behind,
                Err(std::cmp::Ordering::Less) => return node.cuts.start as usize,
                Err(_) => return node.cuts.end as usize,
            };
            let x = project(rest);
            // Where each group is one cut, slots go up as groups do.
            let after = self.groups_up_to(node, x, |group| {
                foretell(node.cuts.start as usize + (group - node.groups.start as usize));
            });
            let after_in_node = after - node.groups.start as usize;
            if node.details == NONE {
                return node.cuts.start as usize + after_in_node;
            }
            if after_in_node == 0 {
                return node.cuts.start as usize;
            }
            let detail = node.details as usize + after_in_node - 1;
            let below = self.below[detail];
            if self.projections[after - 1] != x || below == NONE {
                return self.starts[detail + 1] as usize;
            }
            rest = rest.get(8..).unwrap_or(&[]);
            if below & TAIL != 0 {
                return self.starts[detail] as usize + usize::from(rest >= self.tail(below));
            }
            node = &self.nodes[below as usize];
        }
    }

    /// The group behind the last one of `node` whose projection is at most `x`.
    #[inline]
    fn groups_up_to(&self, node: &Node, x: u64, about: impl Fn(usize)) -> usize {
        let (start, end) = (node.groups.start as usize, node.groups.end as usize);
        if self.by_search {
            return start + self.projections[start..end].partition_point(|&y| y <= x);
        }
        let place = self.histograms.place(node.histogram, x);
        about(place);
        histogram::count_on(&self.projections, place, x).min(end)
    }

    /// The cut with the given number, appended to `out`. O(log n) for each eight bytes.
    pub fn cut(&self, index: usize, out: &mut Vec<u8>) {
        self.cut_of(&self.nodes[0], index, out);
    }

    fn cut_of(&self, node: &Node, index: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&node.prefix);
        let begin = out.len();
        if node.details == NONE {
            let group = node.groups.start as usize + index - node.cuts.start as usize;
            return unproject(self.projections[group], out);
        }
        let details = node.details as usize;
        let starts = &self.starts[details..details + node.groups.len()];
        let group = starts.partition_point(|&cuts| cuts as usize <= index) - 1;
        let x = self.projections[node.groups.start as usize + group];
        let below = self.below[details + group];
        if below != NONE {
            out.extend_from_slice(&x.to_be_bytes());
            let whole = out.len();
            match below {
                below if below & TAIL != 0 => out.extend_from_slice(self.tail(below)),
                below => self.cut_of(&self.nodes[below as usize], index, out),
            }
            if out.len() > whole {
                return;
            }
            // Nothing below: the cut ends here, without the zeros that pad it.
            out.truncate(begin);
        }
        unproject(x, out);
    }
}
