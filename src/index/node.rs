//! The tree of cuts: from a key to the number of cuts at or below it.
//!
//! A node covers a range of cuts that share a prefix. It is either a *model* node, which
//! ranks the eight bytes behind the prefix in a [`Sequence`], or a *leaf*, which keeps
//! its few cuts as they are. Cuts that eight bytes do not tell apart form a *run* of a
//! model node and get a child node of their own.
//!
//! ```text
//!   cuts       aa  ab  user1  user2|17..  user2|18..  user2|44..  user3   z
//!   projection aa  ab  user1  user2       user2       user2       user3   z
//!                             \_______ run _______/
//!                                      |
//!                              child: 17..  18..  44..
//! ```

use super::NO_TAG;
use super::format::{Cursor, MAX_DEPTH, Refusal, put_bytes, put_varint};
use super::sequence::{self, Sequence};
use crate::model::project;
use crate::model::projection::{WIDTH, common_prefix, unproject};
use std::cmp::Ordering;

const MODEL: u8 = 0;
const LEAF: u8 = 1;

/// Up to this many cuts a leaf's binary search is as fast as a model and takes less room.
const LEAF_CUTS: usize = 16;

/// A sorted list of cuts: user keys and tags, in internal-key order.
pub(super) trait Cuts {
    fn key(&self, i: usize) -> &[u8];
    /// [`NO_TAG`] where the cut is between two user keys.
    fn tag(&self, i: usize) -> u64;
}

#[derive(Debug)]
pub(super) struct Node {
    prefix: Vec<u8>,
    cuts: usize,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Model { ranks: Sequence, runs: Vec<Run> },
    Leaf(Leaf),
}

/// Cuts `start .. start + node.cuts` of a model node.
#[derive(Debug)]
struct Run {
    start: usize,
    node: Node,
}

#[derive(Debug)]
struct Leaf {
    /// The cuts behind the prefix, one after the other.
    bytes: Vec<u8>,
    ends: Vec<u32>,
    /// Empty if no cut has a tag.
    tags: Vec<u64>,
}

/// Appends the node over cuts `range`, whose first `skip` bytes are known to be shared.
pub(super) fn encode<C: Cuts>(
    cuts: &C,
    range: std::ops::Range<usize>,
    skip: usize,
    out: &mut Vec<u8>,
) {
    encode_at(cuts, range, skip, 0, out);
}

fn encode_at<C: Cuts>(
    cuts: &C,
    range: std::ops::Range<usize>,
    skip: usize,
    depth: usize,
    out: &mut Vec<u8>,
) {
    let (first, last) = (cuts.key(range.start), cuts.key(range.end - 1));
    let shared = common_prefix(first, last);
    let rest = |i: usize| &cuts.key(i)[shared..];

    // A cut stands for its projection if nothing is lost: `project(last key of the block
    // below) < project(cut)`, which holds if the cut ends in a non-zero byte that the
    // projection sees.
    let plain = |i: usize| {
        cuts.tag(i) == NO_TAG && rest(i).len() <= WIDTH && !matches!(rest(i).last(), None | Some(0))
    };
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    for i in range.clone().filter(|&i| !plain(i)) {
        match runs.last_mut() {
            Some(run) if run.end == i && project(rest(run.start)) == project(rest(i)) => {
                run.end += 1
            }
            _ => runs.push(i..i + 1),
        }
    }
    let no_progress = runs.first().is_some_and(|run| *run == range);
    let leaf = range.len() <= LEAF_CUTS || depth >= MAX_DEPTH / 2 || no_progress;

    out.push(if leaf { LEAF } else { MODEL });
    put_varint(out, range.len() as u32);
    put_bytes(out, &first[skip..shared]);
    if leaf {
        let tagged = range.clone().any(|i| cuts.tag(i) != NO_TAG);
        out.push(u8::from(tagged));
        for i in range {
            put_bytes(out, rest(i));
            if tagged {
                out.extend_from_slice(&cuts.tag(i).to_le_bytes());
            }
        }
        return;
    }
    let ranks: Vec<u64> = range.clone().map(|i| project(rest(i))).collect();
    sequence::encode(&ranks, out);
    put_varint(out, runs.len() as u32);
    for run in &runs {
        put_varint(out, (run.start - range.start) as u32);
        put_varint(out, run.len() as u32);
    }
    for run in runs {
        encode_at(cuts, run, shared, depth + 1, out);
    }
}

impl Node {
    /// Reads a node over exactly `cuts` cuts and checks that they are in order.
    pub fn parse(cursor: &mut Cursor<'_>, cuts: usize) -> Result<Node, Refusal> {
        Node::parse_at(cursor, cuts, 0)
    }

    fn parse_at(cursor: &mut Cursor<'_>, cuts: usize, depth: usize) -> Result<Node, Refusal> {
        if depth > MAX_DEPTH {
            return Err(Refusal::Invalid("nodes nest too deep"));
        }
        let kind = cursor.u8("node")?;
        if cursor.varint("node")? as usize != cuts || cuts == 0 {
            return Err(Refusal::Invalid("number of cuts in a node"));
        }
        let prefix = cursor.bytes("prefix")?.to_vec();
        let kind = match kind {
            MODEL => Node::parse_model(cursor, cuts, depth)?,
            LEAF => Kind::Leaf(Leaf::parse(cursor, cuts)?),
            _ => return Err(Refusal::Invalid("kind of node")),
        };
        Ok(Node { prefix, cuts, kind })
    }

    fn parse_model(cursor: &mut Cursor<'_>, cuts: usize, depth: usize) -> Result<Kind, Refusal> {
        let ranks = Sequence::parse(cursor)?;
        if ranks.len() != cuts {
            return Err(Refusal::Invalid("number of ranks in a node"));
        }
        let count = cursor.varint("runs")? as usize;
        if count > cuts || count > cursor.remaining() {
            return Err(Refusal::Invalid("number of runs"));
        }
        let mut bounds = Vec::with_capacity(count);
        let mut free_from = 0;
        for _ in 0..count {
            let start = cursor.varint("runs")? as usize;
            let len = cursor.varint("runs")? as usize;
            let end = start + len;
            if start < free_from || len == 0 || end > cuts || ranks.get(start) != ranks.get(end - 1)
            {
                return Err(Refusal::Invalid("run of cuts"));
            }
            free_from = end;
            bounds.push((start, len));
        }
        let runs = bounds
            .into_iter()
            .map(|(start, len)| {
                let node = Node::parse_at(cursor, len, depth + 1)?;
                Ok(Run { start, node })
            })
            .collect::<Result<_, Refusal>>()?;
        Ok(Kind::Model { ranks, runs })
    }

    /// How many cuts are at or below the internal key (`key`, `tag`); `key` is what
    /// follows the parent's prefix.
    ///
    /// O(1) expected for keys that eight bytes tell apart, O(log cuts) for each eight
    /// bytes of shared prefix at worst.
    pub fn rank(&self, key: &[u8], tag: u64) -> usize {
        let (head, rest) = key.split_at(self.prefix.len().min(key.len()));
        match head.cmp(&self.prefix) {
            Ordering::Less => return 0,
            Ordering::Greater => return self.cuts,
            Ordering::Equal => {}
        }
        match &self.kind {
            Kind::Leaf(leaf) => leaf.rank(rest, tag),
            Kind::Model { ranks, runs } => {
                let x = project(rest);
                let rank = ranks.rank(x);
                if runs.is_empty() {
                    return rank;
                }
                match run_of(runs, rank.wrapping_sub(1)) {
                    Some(run) if ranks.get(run.start) == Some(x) => {
                        run.start + run.node.rank(rest, tag)
                    }
                    _ => rank,
                }
            }
        }
    }

    /// Appends the user key of cut `i` to `out` and returns its tag.
    pub fn cut(&self, i: usize, out: &mut Vec<u8>) -> u64 {
        out.extend_from_slice(&self.prefix);
        match &self.kind {
            Kind::Leaf(leaf) => {
                out.extend_from_slice(leaf.key(i));
                leaf.tag(i)
            }
            Kind::Model { ranks, runs } => match run_of(runs, i) {
                Some(run) => run.node.cut(i - run.start, out),
                None => {
                    unproject(ranks.get(i).unwrap_or(0), out);
                    NO_TAG
                }
            },
        }
    }

    /// Whether any cut has a tag.
    pub fn has_tags(&self) -> bool {
        match &self.kind {
            Kind::Leaf(leaf) => !leaf.tags.is_empty(),
            Kind::Model { runs, .. } => runs.iter().any(|run| run.node.has_tags()),
        }
    }

    /// Heap bytes held, this node's own fields included.
    pub fn memory_usage(&self) -> usize {
        let kind = match &self.kind {
            Kind::Leaf(leaf) => {
                leaf.bytes.capacity()
                    + leaf.ends.capacity() * size_of::<u32>()
                    + leaf.tags.capacity() * size_of::<u64>()
            }
            Kind::Model { ranks, runs } => {
                let children: usize = runs.iter().map(|r| r.node.memory_usage()).sum();
                let spare = runs.capacity() - runs.len();
                ranks.memory_usage()
                    + children
                    + runs.len() * (size_of::<Run>() - size_of::<Node>())
                    + spare * size_of::<Run>()
            }
        };
        size_of::<Node>() + self.prefix.capacity() + kind
    }
}

/// The run that cut `i` belongs to.
fn run_of(runs: &[Run], i: usize) -> Option<&Run> {
    let after = runs.partition_point(|run| run.start <= i);
    let run = runs.get(after.checked_sub(1)?)?;
    (i < run.start + run.node.cuts).then_some(run)
}

impl Leaf {
    fn parse(cursor: &mut Cursor<'_>, cuts: usize) -> Result<Leaf, Refusal> {
        let tagged = match cursor.u8("leaf")? {
            0 => false,
            1 => true,
            _ => return Err(Refusal::Invalid("kind of leaf")),
        };
        if cuts > cursor.remaining() {
            return Err(Refusal::Truncated("leaf"));
        }
        let mut leaf = Leaf {
            bytes: Vec::new(),
            ends: Vec::with_capacity(cuts),
            tags: Vec::with_capacity(if tagged { cuts } else { 0 }),
        };
        for i in 0..cuts {
            leaf.bytes.extend_from_slice(cursor.bytes("leaf")?);
            let end = u32::try_from(leaf.bytes.len());
            leaf.ends
                .push(end.map_err(|_| Refusal::Invalid("leaf size"))?);
            if tagged {
                leaf.tags.push(cursor.u64("leaf")?);
            }
            if i > 0 {
                let order = leaf.key(i - 1).cmp(leaf.key(i));
                // Versions of one user key go from the newest to the oldest.
                if order.then(leaf.tag(i).cmp(&leaf.tag(i - 1))) != Ordering::Less {
                    return Err(Refusal::Invalid("cuts out of order"));
                }
            }
        }
        leaf.bytes.shrink_to_fit();
        Ok(leaf)
    }

    fn key(&self, i: usize) -> &[u8] {
        let start = match i.checked_sub(1) {
            Some(before) => self.ends[before] as usize,
            None => 0,
        };
        &self.bytes[start..self.ends[i] as usize]
    }

    fn tag(&self, i: usize) -> u64 {
        self.tags.get(i).copied().unwrap_or(NO_TAG)
    }

    fn rank(&self, key: &[u8], tag: u64) -> usize {
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let at_or_below = match self.key(middle).cmp(key) {
                Ordering::Less => true,
                // The cut is the last version before it: only older ones are behind it.
                Ordering::Equal => tag < self.tag(middle),
                Ordering::Greater => false,
            };
            if at_or_below {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}
