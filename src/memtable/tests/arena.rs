//! What a memtable lives on in RocksDB: an arena, and entries encoded into one.

use super::super::table::Arena;
use crate::varint;
use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

const BLOCK: usize = 1 << 16;
const ALIGN: usize = 16;
/// Nothing may rely on zeros.
const GARBAGE: u8 = 0xa5;

/// A bump arena that counts. Clones share it.
#[derive(Clone, Default)]
pub struct Bump(Arc<Inner>);

#[derive(Default)]
struct Inner {
    bytes: AtomicUsize,
    blocks: Mutex<Blocks>,
}

#[derive(Default)]
struct Blocks {
    all: Vec<(NonNull<u8>, Layout)>,
    free: usize,
    end: usize,
}

// SAFETY: the blocks are only freed, with the last clone.
unsafe impl Send for Blocks {}

impl Bump {
    /// Bytes handed out, rounded up as they are.
    #[cfg(not(loom))]
    pub fn bytes(&self) -> usize {
        self.0.bytes.load(Relaxed)
    }
}

impl Arena for Bump {
    fn allocate(&self, bytes: usize) -> NonNull<u8> {
        assert_ne!(bytes, 0);
        let bytes = bytes.next_multiple_of(ALIGN);
        self.0.bytes.fetch_add(bytes, Relaxed);
        let mut blocks = self.0.blocks.lock().unwrap();
        if blocks.end - blocks.free < bytes {
            blocks.add(bytes);
        }
        let at = blocks.free;
        blocks.free += bytes;
        let (block, layout) = blocks.all.last().unwrap();
        // SAFETY: `free` and `end` count within the last block.
        unsafe { block.add(layout.size() - (blocks.end - at)) }
    }
}

impl Blocks {
    fn add(&mut self, bytes: usize) {
        // Starts at addresses that are aligned to 16 and to nothing more.
        let layout = Layout::from_size_align(BLOCK.max(bytes) + ALIGN, 4 * ALIGN).unwrap();
        let block = block(layout);
        // SAFETY: the block is as long as the layout says.
        unsafe { block.write_bytes(GARBAGE, layout.size()) };
        self.free = ALIGN;
        self.end = layout.size();
        self.all.push((block, layout));
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        for (block, layout) in self.all.drain(..) {
            give_back(block, layout);
        }
    }
}

#[cfg(not(loom))]
fn block(layout: Layout) -> NonNull<u8> {
    // SAFETY: the size is not zero.
    NonNull::new(unsafe { std::alloc::alloc(layout) }).unwrap()
}

#[cfg(not(loom))]
fn give_back(block: NonNull<u8>, layout: Layout) {
    // SAFETY: from `block` with this layout; nobody has the arena any more.
    unsafe { std::alloc::dealloc(block.as_ptr(), layout) };
}

#[cfg(loom)]
thread_local! {
    /// Blocks that no arena has. What a memtable does depends on addresses, and loom wants
    /// the same each time: always the lowest one is taken.
    static POOL: std::cell::RefCell<std::collections::BTreeSet<NonNull<u8>>> =
        const { std::cell::RefCell::new(std::collections::BTreeSet::new()) };
}

#[cfg(loom)]
fn block(layout: Layout) -> NonNull<u8> {
    assert_eq!(layout.size(), BLOCK + ALIGN);
    POOL.with_borrow_mut(|pool| {
        while pool.len() < 8 {
            // SAFETY: the size is not zero.
            pool.insert(NonNull::new(unsafe { std::alloc::alloc(layout) }).unwrap());
        }
        pool.pop_first().unwrap()
    })
}

#[cfg(loom)]
fn give_back(block: NonNull<u8>, _: Layout) {
    POOL.with_borrow_mut(|pool| pool.insert(block));
}

/// An internal key.
pub fn internal(user: &[u8], sequence: u64) -> Vec<u8> {
    let tag = sequence << 8 | 1;
    [user, &tag.to_le_bytes()].concat()
}

/// Encodes an entry into `arena`, with its own sequence number for a value.
pub fn encode(arena: &Bump, user: &[u8], sequence: u64) -> NonNull<u8> {
    let mut bytes = Vec::with_capacity(user.len() + 24);
    varint::put(&mut bytes, user.len() as u32 + 8);
    bytes.extend(internal(user, sequence));
    varint::put(&mut bytes, 8);
    bytes.extend(sequence.to_be_bytes());
    let entry = arena.allocate(bytes.len());
    // SAFETY: fresh memory of that length.
    unsafe { entry.copy_from_nonoverlapping(NonNull::from(&bytes[..]).cast(), bytes.len()) };
    entry
}

/// The user key, where it begins, and the sequence number of an entry.
///
/// # Safety
/// The entry is one that [`encode`] made, in an arena that outlives `'a`.
pub unsafe fn decode<'a>(entry: NonNull<u8>) -> (&'a [u8], u64) {
    let (mut at, mut len, mut shift) = (entry, 0, 0);
    // SAFETY: the bytes were written by `encode`.
    unsafe {
        loop {
            let byte = at.read();
            at = at.add(1);
            len |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        let user = std::slice::from_raw_parts(at.as_ptr(), len - 8);
        let tag = at.add(len - 8).cast::<[u8; 8]>().read();
        let value = at.add(len + 1).cast::<[u8; 8]>().read();
        let sequence = u64::from_le_bytes(tag) >> 8;
        assert_eq!(u64::from_be_bytes(value), sequence, "not an entry");
        (user, sequence)
    }
}
