//! From a key to the leaf that holds it, in one step: a model and a table of leaves.
//!
//! The model's cuts divide the keys into slots. Each slot names the leaf that holds the
//! slot's lowest key: the leaf of any other key of the slot is that one or lies to its
//! right. So a router can be outdated and never wrong; [`Reach`](super::leaf::Reach) tells
//! a reader, without looking at another leaf, that the slot's leaf is the one.
//!
//! Slots come in pages. A page whose slots all name one leaf is only that leaf's address, so
//! that a router over a big model costs next to nothing before there are leaves.

use super::leaf::Leaf;
use super::skeleton::Skeleton;
use super::sync::{AtomicPtr, AtomicUsize, Ordering};
use Ordering::{Acquire, Relaxed, Release};
use std::sync::Arc;

/// Slots of a page: 512 bytes.
const PAGE: usize = 64;

/// Marks the address of a page among addresses of leaves.
const TAG: usize = 1;

type Page = [AtomicPtr<Leaf>; PAGE];

pub(super) struct Router {
    generation: u32,
    skeleton: Arc<Skeleton>,
    /// A leaf, or a page with its lowest address bit set; null until there are leaves.
    pages: Box<[AtomicPtr<Leaf>]>,
    page_bytes: AtomicUsize,
}

impl Router {
    /// A router without leaves. Generations of a memtable's routers count up from 1.
    pub fn new(generation: u32, skeleton: Arc<Skeleton>) -> Router {
        let pages = (skeleton.model().len() + 1).div_ceil(PAGE);
        Router {
            generation,
            skeleton,
            pages: (0..pages)
                .map(|_| AtomicPtr::new(std::ptr::null_mut()))
                .collect(),
            page_bytes: AtomicUsize::new(0),
        }
    }

    pub fn generation(&self) -> u32 {
        self.generation
    }

    pub fn skeleton(&self) -> &Arc<Skeleton> {
        &self.skeleton
    }

    pub fn slots(&self) -> usize {
        self.skeleton.model().len() + 1
    }

    /// The slot of a user key.
    #[inline]
    pub fn slot(&self, user: &[u8]) -> usize {
        let model = self.skeleton.model();
        model.rank(user, |slot| self.prefetch(slot))
    }

    /// The leaf of a slot's lowest key, or null before there are leaves.
    #[inline]
    pub fn leaf(&self, slot: usize) -> *const Leaf {
        let entry = self.pages[slot / PAGE].load(Acquire);
        match page(entry) {
            Some(page) => page[slot % PAGE].load(Acquire),
            None => entry,
        }
    }

    /// Asks for what tells the leaf of a slot.
    #[inline]
    fn prefetch(&self, slot: usize) {
        // A cut too many at the most: behind the last one there may be no page.
        if let Some(entry) = self.pages.get(slot / PAGE)
            && let Some(page) = page(entry.load(Acquire))
        {
            super::prefetch(std::ptr::from_ref(&page[slot % PAGE]).cast());
        }
    }

    /// Names `leaf` for every slot. Nobody else uses the router yet.
    pub fn fill(&self, leaf: &Leaf) {
        for page in &self.pages {
            page.store(std::ptr::from_ref(leaf).cast_mut(), Release);
        }
    }

    /// Names `leaves`, one a slot. Nobody else knows the router yet.
    pub fn assign_all(&self, leaves: &[*const Leaf]) {
        for (entry, leaves) in self.pages.iter().zip(leaves.chunks(PAGE)) {
            let slot = |i: usize| leaves.get(i).map_or(std::ptr::null_mut(), |l| l.cast_mut());
            self.add_page(entry, slot);
        }
    }

    /// Names `to` instead of `from` for the slots from `first` on that name `from`: it has
    /// got everything from the first of them on. Only with `from`'s lock, or alone.
    pub fn reassign(&self, first: usize, from: &Leaf, to: &Leaf) {
        let from = std::ptr::from_ref(from).cast_mut();
        let to = std::ptr::from_ref(to).cast_mut();
        let mut slot = first;
        while slot < self.slots() {
            let entry = &self.pages[slot / PAGE];
            let value = entry.load(Acquire);
            match page(value) {
                Some(page) => {
                    // Another leaf's slots may change beside ours, ours may not.
                    if page[slot % PAGE].load(Relaxed) != from {
                        return;
                    }
                    page[slot % PAGE].store(to, Release);
                    slot += 1;
                }
                None if value != from => return,
                None if slot.is_multiple_of(PAGE) => {
                    entry.store(to, Release);
                    slot += PAGE;
                }
                None => {
                    let split = slot % PAGE;
                    self.add_page(entry, |i| if i < split { from } else { to });
                    slot += PAGE - split;
                }
            }
        }
    }

    fn add_page(&self, entry: &AtomicPtr<Leaf>, leaf: impl Fn(usize) -> *mut Leaf) {
        let page: Box<Page> = Box::new(std::array::from_fn(|i| AtomicPtr::new(leaf(i))));
        let tagged = Box::into_raw(page)
            .cast::<Leaf>()
            .map_addr(|address| address | TAG);
        entry.store(tagged, Release);
        self.page_bytes.fetch_add(size_of::<Page>(), Relaxed);
    }

    /// Heap bytes held, the model (which others share) not counted.
    pub fn memory_usage(&self) -> usize {
        size_of::<Router>()
            + self.pages.len() * size_of::<AtomicPtr<Leaf>>()
            + self.page_bytes.load(Relaxed)
    }
}

#[inline]
fn page<'a>(entry: *mut Leaf) -> Option<&'a Page> {
    if entry.addr() & TAG == 0 {
        return None;
    }
    let page = entry.map_addr(|address| address & !TAG).cast::<Page>();
    // SAFETY: a tagged entry came from `Box::into_raw` and is freed with the router, which
    // the caller borrows.
    Some(unsafe { &*page })
}

impl Drop for Router {
    fn drop(&mut self) {
        for entry in &self.pages {
            let entry = entry.load(Relaxed);
            if entry.addr() & TAG != 0 {
                let page = entry.map_addr(|address| address & !TAG).cast::<Page>();
                // SAFETY: as above, and nobody else has the router any more.
                drop(unsafe { Box::from_raw(page) });
            }
        }
    }
}
