//! The atomics of the memtable: the standard library's, or loom's, with probes, when it checks
//! the protocol.

#[cfg(not(loom))]
pub(super) use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

// Who waits for a lock gives way to the thread that has it.
#[cfg(loom)]
pub(super) use loom::sync::Mutex;
#[cfg(not(loom))]
pub(super) use std::sync::Mutex;

#[cfg(loom)]
pub(super) use super::tests::atomics::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

/// Gives way to the thread that is waited for, at once or after some spinning.
pub(super) fn relax(spins: &mut u32) {
    #[cfg(loom)]
    loom::thread::yield_now();
    #[cfg(not(loom))]
    if *spins < 64 {
        std::hint::spin_loop();
    } else {
        std::thread::yield_now();
    }
    *spins += 1;
}
