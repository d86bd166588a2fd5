//! Groups of neighbouring numbers of 64 bits in the quick form: as numbers of 32 bits in four [`Node`]s,
//! with a line from a group's first number to its last, which says which of them to look into first.

use super::node::{self, Node};
use super::sequence::GROUP;

/// Nodes to a group.
const NODES: usize = GROUP / node::CUTS;

/// Groups of numbers that ascend, without their first numbers, which the owner knows.
#[derive(Debug)]
pub(super) struct Groups {
    len: usize,
    scales: Vec<Scale>,
    nodes: Vec<Node>,
}

/// What makes numbers of a group small ones, and places of those.
#[derive(Debug, Clone, Copy)]
struct Scale {
    /// By which numbers, less the first one, are shifted to the right.
    shift: u32,
    /// The last one, then.
    last: u32,
    /// Places to a small number, about, in 2^32ths.
    steepness: u64,
}

/// Where a target is among the numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// How many of them are at or below it; `None` if small numbers do not settle it.
    pub rank: Option<usize>,
    /// What it is in its group.
    small: u32,
    /// Whether no bits were shifted out.
    exact: bool,
}

impl Groups {
    /// Of numbers that ascend.
    pub fn new(numbers: impl IntoIterator<Item = u64>) -> Groups {
        let mut groups = Groups {
            len: 0,
            scales: Vec::new(),
            nodes: Vec::new(),
        };
        let mut numbers = numbers.into_iter();
        loop {
            let group: Vec<u64> = numbers.by_ref().take(GROUP).collect();
            if group.is_empty() {
                break;
            }
            groups.push(&group);
        }
        groups.scales.shrink_to_fit();
        groups.nodes.shrink_to_fit();
        groups
    }

    fn push(&mut self, group: &[u64]) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else {
            return;
        };
        let shift = (0..).find(|&shift| (last - first) >> shift <= u64::from(node::HIGHEST));
        let shift = shift.unwrap_or(0);
        let small = |number: &u64| ((number - first) >> shift) as u32;
        let last = small(last);
        self.len += group.len();
        self.scales.push(Scale {
            shift,
            last,
            steepness: ((group.len() as u64) << 32) / (u64::from(last) + 1),
        });
        let nodes = group.chunks(node::CUTS);
        self.nodes
            .extend(nodes.map(|numbers| Node::new(numbers.iter().map(small))));
        // As many for the last group as for others: no target is as high as these.
        let nodes = self.scales.len() * NODES;
        self.nodes.resize_with(nodes, || Node::new([]));
    }

    /// Where a target is that is `rise` above the first number of group `g`, and below the first one of
    /// the next group. `None` if there is no such group. `near` hears of a rank that is not far off before memory is waited for.
    #[inline]
    pub fn place(&self, g: usize, rise: u64, near: impl FnOnce(usize)) -> Option<Place> {
        let scale = self.scales.get(g)?;
        let nodes = self.nodes.get(g * NODES..(g + 1) * NODES)?;
        let small = (rise >> (scale.shift % u64::BITS)).min(u32::MAX.into()) as u32;
        let exact = scale.shift == 0;
        let guess = ((u64::from(small.min(scale.last)) * scale.steepness) >> 32) as usize;
        near(g * GROUP + guess);
        let mut i = (guess / node::CUTS).min(NODES - 1);
        // Whatever the guess: on to the last node that does not begin above the number.
        while i > 0 && !nodes[i].begins_below(small) {
            i -= 1;
        }
        while i + 1 < NODES && nodes[i + 1].begins_below(small) {
            i += 1;
        }
        // If the next one begins with the number, it is below the target or not.
        let is_open = i + 1 < NODES && nodes[i + 1].begins_with(small);
        let count = nodes[i].count(small, exact).filter(|_| !is_open);
        Some(Place {
            rank: count.map(|count| (g * GROUP + i * node::CUTS + count).min(self.len)),
            small,
            exact,
        })
    }

    /// Where the target of `place` lies between the number below `rank`, which is its rank, and the one
    /// there, in 65536ths; `None` if that is not in one group or cannot be told.
    #[inline]
    pub fn part(&self, place: &Place, rank: usize) -> Option<u16> {
        let below = rank.checked_sub(1)?;
        let (node, count) = (below / node::CUTS, below % node::CUTS + 1);
        let behind = match (node + 1).is_multiple_of(NODES) {
            true => None, // on another scale
            false => self.nodes.get(node + 1).map(|next| next.first().into()),
        };
        let node = self.nodes.get(node)?;
        node.part(place.small.into(), count, place.exact, behind)
    }

    /// Heap bytes held.
    pub fn memory_usage(&self) -> usize {
        self.scales.capacity() * size_of::<Scale>() + self.nodes.capacity() * size_of::<Node>()
    }
}
