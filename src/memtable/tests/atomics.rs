//! Loom's atomics, each with a probe.
//!
//! Loom 0.7 remembers only the last access to an atomic when it looks for accesses that
//! could have come in another order. A load right before a store (`lock` begins so) hides
//! the loads of other threads: loom would never try the store before those. A relaxed
//! read-modify-write of a probe, which orders nothing else, hides nothing.

use loom::sync::atomic as loom_atomic;
pub use loom_atomic::{Ordering, fence};

macro_rules! probed {
    ($name:ident, $value:ty $(, $generic:ident)?) => {
        #[derive(Debug)]
        pub struct $name$(<$generic>)? {
            probe: loom_atomic::AtomicUsize,
            value: loom_atomic::$name$(<$generic>)?,
        }

        #[allow(dead_code, reason = "some of them are only written")]
        impl$(<$generic>)? $name$(<$generic>)? {
            pub fn new(value: $value) -> Self {
                Self {
                    probe: loom_atomic::AtomicUsize::new(0),
                    value: loom_atomic::$name::new(value),
                }
            }

            fn probed(&self) -> &loom_atomic::$name$(<$generic>)? {
                self.probe.fetch_add(1, Ordering::Relaxed);
                &self.value
            }

            pub fn load(&self, order: Ordering) -> $value {
                self.probed().load(order)
            }

            pub fn store(&self, value: $value, order: Ordering) {
                self.probed().store(value, order);
            }
        }
    };
}

probed!(AtomicBool, bool);
probed!(AtomicU32, u32);
probed!(AtomicU64, u64);
probed!(AtomicUsize, usize);
probed!(AtomicPtr, *mut T, T);

impl<T> AtomicPtr<T> {
    pub fn compare_exchange(
        &self,
        from: *mut T,
        to: *mut T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<*mut T, *mut T> {
        self.probed().compare_exchange(from, to, success, failure)
    }
}

impl AtomicU64 {
    pub fn compare_exchange_weak(
        &self,
        from: u64,
        to: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        self.probed()
            .compare_exchange_weak(from, to, success, failure)
    }
}

impl AtomicBool {
    pub fn swap(&self, value: bool, order: Ordering) -> bool {
        self.probed().swap(value, order)
    }
}

impl AtomicUsize {
    pub fn fetch_add(&self, value: usize, order: Ordering) -> usize {
        self.probed().fetch_add(value, order)
    }
}
