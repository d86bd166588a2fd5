//! Where to split a leaf.
//!
//! At a cut of the router's model if the leaf holds one: then the router stays exact. Else
//! between two user keys near the middle, and only between two versions of a key if there
//! is nothing else. Where entries arrive in a sequence, so that one side stays full.

use super::entry::Key;
use super::express::{self, LEVELS};
use super::leaf::{Fence, Frame, Leaf, Reach, SLOTS};
use super::model::MAX_CUT;
use super::router::Router;
use super::sorted::{Item, Sorted, lower_bound};
use super::table::Memtable;
use crate::model::projection::common_prefix;

/// So many arrivals in a row, and the next one beside them, are a sequence; by chance they
/// are all in one half once in 128 times.
const RECENT: usize = 8;

/// Longer cuts are not copied to be a leaf's fence: a leaf has about twenty entries at first,
/// whose memory is bounded.
const MAX_COPY: usize = 96;

/// How far the keys to come in a rising sequence will go, as a multiple of what the upper
/// half of the leaf spans.
const GOES_ON: u64 = 4;

/// A leaf's entries in two, and the boundary between them.
struct Division {
    /// The first of the sorted entries that is an upper one.
    first: usize,
    /// At or below all upper entries, above all lower ones.
    fence: Fence,
    /// The slot of the router in which the boundary lies, or which begins there.
    slot: usize,
    /// Whether it begins there.
    exact: bool,
}

impl Memtable {
    /// Splits a full leaf that `key` is to go to. Only with the leaf's lock, or alone.
    #[cold]
    pub(super) fn split(&self, leaf: &Leaf, key: &Key, router: &Router) {
        let mut sorted = Sorted::new();
        sorted.read(leaf, leaf.occupied(), 0);
        let sorted = sorted.ordered(leaf);
        let arrives = lower_bound(leaf, sorted, key);
        let trend = trend(leaf, sorted, arrives);
        let division = match trend {
            Trend::None => self.divide_at_cut(leaf, sorted, router),
            _ => None,
        };
        let division =
            division.unwrap_or_else(|| divide_near(sorted, trend.place(sorted.len()), router));
        self.split_at(leaf, sorted, division, trend, router);
    }

    fn split_at(
        &self,
        leaf: &Leaf,
        sorted: &[Item],
        division: Division,
        trend: Trend,
        router: &Router,
    ) {
        let before = match leaf.reach() {
            reach if reach.generation == router.generation() => reach,
            _ => Reach::NONE,
        };
        let high = leaf.next().map(|next| next.low().key().user);
        let low = division.fence.key().user;
        let right = match leaf.frame() {
            // Its high bound is the leaf's as well.
            frame if frame.is_fine(low, high) => self.new_leaf(division.fence, frame, leaf.high()),
            _ => {
                let mut frame = frame_between(low, high, router);
                if trend == Trend::Rising || trend == Trend::At(sorted.len()) {
                    let [middle, last] = [sorted.len() / 2, sorted.len() - 1]
                        .map(|at| frame.project(sorted[at].entry.key().user));
                    frame = frame.narrowed(last.saturating_sub(middle).saturating_mul(GOES_ON));
                }
                let high = high.map_or(u64::MAX, |high| frame.project(high));
                self.new_leaf(division.fence, frame, high)
            }
        };
        right.set_reach(before);
        let reach = Reach {
            slot: before.slot.min(division.slot as u32),
            ..before
        };
        let upper = sorted[division.first..]
            .iter()
            .fold(0, |bits, item| bits | 1 << item.slot);
        leaf.split(right, upper, reach, || {
            let first = division.slot + usize::from(!division.exact);
            router.reassign(first, leaf, right);
        });
        if !division.exact {
            let origin = self.slot_leaf(router, division.slot);
            let crowded = !std::ptr::eq(origin, leaf) || before.slot as usize <= division.slot;
            let levels = levels(right);
            if crowded && levels > 0 && right.low().key() > origin.low().key() {
                // Not the first to share the slot: there may be long walks.
                express::raise(right, levels, origin, || self.new_tower());
            }
            self.unnamed_leaf();
        }
        right.unlock();
    }

    /// A division at a cut of the router's model that has a quarter of the entries, at
    /// least, on either side.
    fn divide_at_cut(&self, leaf: &Leaf, sorted: &[Item], router: &Router) -> Option<Division> {
        let reach = leaf.reach();
        if reach.generation != router.generation() {
            return None;
        }
        // Slots that begin in the leaf, above its low fence.
        let mut slots = router.slot(leaf.low().key().user) + 1..reach.slot as usize;
        let mut user = Vec::new();
        while !slots.is_empty() {
            let slot = slots.start + slots.len() / 2;
            user.clear();
            router.skeleton().model().cut(slot - 1, &mut user);
            if user.len() > MAX_COPY {
                return None;
            }
            let first = lower_bound(leaf, sorted, &Key::before_all_versions(&user));
            if first > sorted.len() - sorted.len() / 4 {
                slots.end = slot;
            } else if first < sorted.len() / 4 {
                slots.start = slot + 1;
            } else {
                return Some(Division {
                    first,
                    fence: Fence::new(Key::before_all_versions(self.copy(&user)), true),
                    slot,
                    exact: true,
                });
            }
        }
        None
    }
}

/// The frame of a leaf between two fences. It must hold for all keys of the slots that
/// the leaf has, or has parts of.
fn frame_between(low: &[u8], high: Option<&[u8]>, router: &Router) -> Frame {
    let model = router.skeleton().model();
    let skip = match (router.slot(low), high.map(|high| router.slot(high))) {
        (first @ 1.., Some(last)) if last < model.len() => {
            let (mut begin, mut end) = (Vec::new(), Vec::new());
            model.cut(first - 1, &mut begin);
            model.cut(last, &mut end);
            common_prefix(&begin, &end)
        }
        // The first slot and the last one have no bound.
        _ => 0,
    };
    Frame::new(low, high, skip)
}

/// Whether entries come in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trend {
    /// One sequence, which goes on at this rank.
    At(usize),
    /// About rising, or falling.
    Rising,
    Falling,
    None,
}

impl Trend {
    /// How many of `len` entries should stay where they are.
    fn place(self, len: usize) -> usize {
        match self {
            Trend::At(rank) => rank.clamp(1, len - 1),
            Trend::Rising => len - len / 8,
            Trend::Falling => len / 8,
            Trend::None => len / 2,
        }
    }
}

/// How the entry to come, whose rank will be `arrives`, and those that came last lie.
fn trend(leaf: &Leaf, sorted: &[Item], arrives: usize) -> Trend {
    let mut rank_of = [u8::MAX; SLOTS];
    for (rank, item) in sorted.iter().enumerate() {
        rank_of[usize::from(item.slot)] = rank as u8;
    }
    let (mut ranks, mut lowest, mut highest) = (0u64, usize::MAX, 0);
    for slot in leaf.arrivals().take(RECENT) {
        let rank = usize::from(*rank_of.get(usize::from(slot)).unwrap_or(&u8::MAX));
        if rank >= sorted.len() || ranks & 1 << rank != 0 {
            // What came last is not known.
            return Trend::None;
        }
        ranks |= 1 << rank;
        (lowest, highest) = (lowest.min(rank), highest.max(rank));
    }
    let middle = sorted.len() / 2;
    if highest - lowest < RECENT && (arrives == lowest || arrives == highest + 1) {
        Trend::At(arrives)
    } else if lowest >= middle && arrives > middle {
        Trend::Rising
    } else if highest < middle && arrives < middle {
        Trend::Falling
    } else {
        Trend::None
    }
}

/// A division near `at`, between two user keys if there are two.
fn divide_near(sorted: &[Item], at: usize, router: &Router) -> Division {
    let key = |i: usize| sorted[i].entry.key();
    let first = (0..sorted.len() / 4)
        .flat_map(|away| [at.saturating_sub(away), at + away])
        .filter(|first| (1..sorted.len()).contains(first))
        .find(|&first| key(first - 1).user != key(first).user)
        .unwrap_or(at);
    let (last, here) = (key(first - 1), key(first));
    let fence = match last.user == here.user {
        true => Fence::new(here, false),
        false => {
            // The shortest cut between them.
            let mut len = common_prefix(last.user, here.user) + 1;
            // A model's cuts do not end in a zero byte.
            while len < here.user.len() && here.user[len - 1] == 0 {
                len += 1;
            }
            let cut = &here.user[..len];
            let routable = len <= MAX_CUT && cut[len - 1] != 0;
            Fence::new(Key::before_all_versions(cut), routable)
        }
    };
    Division {
        first,
        fence,
        slot: router.slot(fence.key().user),
        exact: false,
    }
}

/// How many levels of links a new leaf gets: n with probability 4^-n, by its address.
fn levels(leaf: &Leaf) -> usize {
    let number = (std::ptr::from_ref(leaf).addr() / size_of::<Leaf>()) as u64;
    let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    (hash.trailing_ones() as usize / 2).min(LEVELS)
}
