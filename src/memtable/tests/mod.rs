//! Tests of the memtable as a whole; see each module.
#[cfg(not(loom))]
mod adversary;
mod arena;
#[cfg(loom)]
pub mod atomics;
#[cfg(not(loom))]
mod keys;
mod leaves;
#[cfg(not(loom))]
mod model;
#[cfg(not(loom))]
mod oracle;
#[cfg(loom)]
mod protocol;
#[cfg(not(loom))]
mod split_window;
#[cfg(not(loom))]
mod stress;
