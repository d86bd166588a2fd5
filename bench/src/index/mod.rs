//! `ycsb index`: what the index of a table file weighs and how fast it is, engine by engine.
//!
//! Every engine writes the same sorted keys into a table file of its own. Then the index of each
//! file is asked for the same keys in the same random order, without data blocks, filters or
//! caches in between: what is measured is the index alone.
//!
//! | what | where |
//! |---|---|
//! | command line, what to do | [`cli`] |
//! | a table file and its index | [`file`] |
//! | rounds, in which the engines take turns | [`measure`] |
//! | the report | [`report`] |

pub mod cli;
pub mod file;
pub mod measure;
pub mod report;
