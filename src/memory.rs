//! Memory that several take from, up to a limit.
#![forbid(unsafe_code)]

#[cfg(loom)]
use loom::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
#[cfg(not(loom))]
use std::sync::atomic::{AtomicUsize, Ordering};

/// How much of it is taken.
#[derive(Debug, Default)]
pub struct Memory {
    /// A number; nothing is published by it.
    bytes: AtomicUsize,
}

impl Memory {
    /// Bytes taken.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Some of it, given back when dropped.
#[derive(Debug)]
pub struct Taken {
    memory: Arc<Memory>,
    bytes: usize,
}

impl Taken {
    /// `bytes` of `memory`, of which no more than `limit` may be taken altogether.
    pub fn new(memory: &Arc<Memory>, bytes: usize, limit: usize) -> Option<Taken> {
        let more = |taken: usize| taken.checked_add(bytes).filter(|sum| *sum <= limit);
        let order = Ordering::Relaxed;
        let done = memory.bytes.fetch_update(order, order, more);
        done.ok().map(|_| Taken {
            memory: Arc::clone(memory),
            bytes,
        })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.memory.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_up_to_a_limit_and_given_back() {
        let memory = Arc::<Memory>::default();
        let first = Taken::new(&memory, 7, 10).expect("room");
        assert!(Taken::new(&memory, 4, 10).is_none());
        assert!(Taken::new(&memory, usize::MAX, usize::MAX).is_none());
        assert_eq!(memory.bytes(), 7);
        let second = Taken::new(&memory, 3, 10).expect("room");
        assert_eq!(memory.bytes(), 10);
        assert!(Taken::new(&memory, 1, 10).is_none());
        drop(first);
        assert_eq!(memory.bytes(), 3);
        drop(second);
        assert_eq!(memory.bytes(), 0);
    }
}
