//! `ycsb index`: what the index of table files weighs, how fast it is, and what it is worth.
//!
//! Part `file`: every engine writes the same sorted keys into a table file of its own. Then the
//! index of each file is asked for the same keys in the same random order, without data blocks,
//! filters or caches in between: what is measured is the index alone. The other parts put the same
//! records into databases of one level and look at whole lookups, and at what it costs to write.
//!
//! | what | where |
//! |---|---|
//! | command line | [`cli`] |
//! | what to do | [`plan`] |
//! | all of it, key set by key set | [`measure`] |
//! | a table file and its index | [`file`], [`tables`] |
//! | lookups in databases | [`lookups`] |
//! | processor time of writing | [`cost`] |
//! | the report | [`report`] |

pub mod cli;
pub mod cost;
pub mod file;
pub mod lookups;
pub mod measure;
pub mod plan;
pub mod report;
pub mod tables;
