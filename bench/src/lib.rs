//! The harness behind `ycsb`: stock RocksDB and RocksDB with mountdb side by side. And what is
//! behind `mountdb`, which looks into table files.
//!
//! | what | where |
//! |---|---|
//! | command line | [`cli`] |
//! | key sets, generated or from files | [`keys`], [`dataset`] |
//! | values that check themselves | [`values`] |
//! | the table of engines | [`engine`] |
//! | workloads, request distributions, planned operations | [`workload`], [`distribution`], [`stream`] |
//! | what to do | [`plan`] |
//! | load phase, one engine after the other | [`load`] |
//! | timed loop, run phase, engines interleaved | [`run`], [`compare`] |
//! | indexes alone side by side | [`index`] |
//! | the index of a file that is there | [`inspect`] |
//! | memtables side by side | [`memtable`] |
//! | the measurements, the report | [`outcome`], [`report`], [`verdict`], [`format`](mod@format) |
//!
//! A new engine is a line in [`engine::ENGINES`], a new workload one in
//! [`workload::WORKLOADS`], a new distribution a variant of
//! [`distribution::Distribution`].
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod cli;
pub mod compare;
pub mod dataset;
pub mod distribution;
pub mod engine;
pub mod error;
pub mod format;
pub mod index;
pub mod inspect;
pub mod keys;
pub mod learned;
pub mod load;
pub mod memtable;
pub mod outcome;
pub mod plan;
pub mod progress;
pub mod report;
pub mod results;
pub mod run;
pub mod stats;
pub mod stream;
pub mod sysinfo;
pub mod tableprops;
pub mod values;
pub mod verdict;
pub mod workdir;
pub mod workload;
