//! `ycsb memtable`: what the choice of the memtable is worth, workload by workload.
//!
//! | what | where |
//! |---|---|
//! | command line, what to do | [`cli`], [`plan`] |
//! | the tables of memtables and of workloads | [`engine`], [`workload`] |
//! | keys, made before the clock runs | [`crate::flat`], [`generate`] |
//! | values, and whether what is read is what was written | [`check`] |
//! | a fresh database with the same options for all | [`database`] |
//! | timed writes; timed reads of one large memtable; memory | [`insert`], [`fill`], [`footprint`] |
//! | rounds, in which the engines take turns | [`rounds`] |
//! | results and their report | [`outcome`], [`report`] |
//!
//! A new memtable is a line in [`engine::ENGINES`], a new workload one in
//! [`workload::WORKLOADS`].

pub mod check;
pub mod cli;
pub mod database;
pub mod engine;
pub mod fill;
pub mod footprint;
pub mod generate;
pub mod insert;
pub mod outcome;
pub mod plan;
pub mod report;
pub mod rounds;
pub mod workload;

use crate::error::{Context, Error};
use crate::progress::Progress;
use database::Scratch;
use outcome::Outcome;
use plan::Plan;

/// Measures all that `plan` asks for.
///
/// # Errors
/// If RocksDB fails; wrong data does not end a run, it is noted in the outcome.
pub fn run(plan: &Plan, progress: Progress) -> Result<Outcome, Error> {
    mountdb::register().context(|| "registering mountdb".to_owned())?;
    let scratch = Scratch::new(plan.dir.as_deref())?;
    let mut outcome = Outcome::new(plan);
    rounds::warm_up(plan, &scratch, &mut outcome, progress)?;
    for workload in plan.workloads() {
        rounds::workload(plan, &workload, &scratch, &mut outcome, progress)?;
    }
    if plan.wants(footprint::NAME) {
        footprint::measure(plan, &scratch, &mut outcome, progress)?;
    }
    Ok(outcome)
}
