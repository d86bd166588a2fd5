//! The harness behind `ycsb`: stock RocksDB and RocksDB with mountdb side by side. And what is
//! behind `mountdb`, which looks into table files.
//!
//! | what | where |
//! |---|---|
//! | command line | [`cli`] |
//! | key sets, generated or from files | [`keys`], [`dataset`] |
//! | values that check themselves, what each record holds | [`values`], [`records`] |
//! | the table of engines | [`engine`] |
//! | YCSB's properties, workloads, request distributions | [`properties`], [`workload`], [`distribution`] |
//! | planned operations | [`stream`] |
//! | several workloads one after the other, one workload | [`suite`], [`plan`] |
//! | databases filled before the run, or left by an earlier one | [`load`], [`store`] |
//! | timed loop, engines interleaved | [`run`], [`compare`], [`latencies`], [`traffic`] |
//! | indexes alone side by side | [`index`] |
//! | the index of a file that is there | [`inspect`] |
//! | memtables side by side | [`memtable`] |
//! | the measurements, the reports | [`results`], [`reports`], [`format`](mod@format) |
//!
//! A new engine is a line in [`engine::ENGINES`], a new workload a file in `workloads/`, a new
//! distribution a variant of [`distribution::Distribution`].
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod cli;
pub mod compare;
pub mod dataset;
pub mod distribution;
pub mod engine;
pub mod error;
pub mod flat;
pub mod format;
pub mod index;
pub mod inspect;
pub mod keys;
pub mod latencies;
pub mod learned;
pub mod lengths;
pub mod load;
pub mod memtable;
pub mod plan;
pub mod progress;
pub mod properties;
pub mod records;
pub mod reports;
pub mod results;
pub mod run;
pub mod stats;
pub mod stop;
pub mod store;
pub mod stream;
pub mod suite;
pub mod sysinfo;
pub mod tableprops;
pub mod traffic;
pub mod values;
pub mod workdir;
pub mod workload;
