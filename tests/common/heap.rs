//! An allocator that counts what each thread takes and gives back.
#![allow(dead_code)] // every test file uses its own part

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    // Below zero where a thread gives back what another one took.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: the system's allocator, counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.get() + layout.size() as isize;
        HELD.set(held);
        MOST.set(MOST.get().max(held));
        CALLS.set(CALLS.get() + 1);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        HELD.set(HELD.get() - layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a piece of work took from the heap.
#[derive(Debug)]
pub struct Taken {
    /// Bytes it left there.
    pub held: isize,
    /// Bytes it had at once at most.
    pub most: isize,
    /// Pieces, the ones given back too.
    pub calls: usize,
}

/// Bytes this thread holds.
pub fn held() -> isize {
    HELD.get()
}

/// Does `work` and counts. Not within itself.
pub fn taken<R>(work: impl FnOnce() -> R) -> (R, Taken) {
    let (held, calls) = (HELD.get(), CALLS.get());
    MOST.set(held);
    let result = work();
    let taken = Taken {
        held: HELD.get() - held,
        most: MOST.get() - held,
        calls: CALLS.get() - calls,
    };
    (result, taken)
}
