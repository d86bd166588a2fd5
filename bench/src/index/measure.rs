//! All that a plan asks for, key set by key set.

use crate::dataset::{Dataset, Source};
use crate::engine::Budget;
use crate::error::{Context, Error};
use crate::flat::FlatKeys;
use crate::index::cost::{self, Cost};
use crate::index::lookups::{self, Lookups};
use crate::index::plan::{Part, Plan};
use crate::index::tables::{self, Row};
use crate::memtable::plan::file_label;
use crate::progress::Progress;

/// What a run has found.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Part `file`, by key set.
    pub tables: Vec<Row>,
    /// The parts that look keys up in a database, by part and key set.
    pub lookups: Vec<Lookups>,
    /// Part `build`, by key set.
    pub costs: Vec<Cost>,
    /// What was not as it should be.
    pub wrong: Vec<String>,
}

/// Measures all that `plan` asks for.
///
/// # Errors
/// If keys cannot be had, or RocksDB fails; an index that errs is noted in the outcome.
pub fn run(plan: &Plan, progress: Progress) -> Result<Outcome, Error> {
    plan.check()?;
    mountdb::register().context(|| "registering mountdb".to_owned())?;
    let asked = |part: Part| plan.parts.contains(&part);
    let mut outcome = Outcome::default();
    for source in &plan.sources {
        let name = match source {
            Source::Set(set) => set.to_string(),
            Source::Numbered { .. } => source.to_string(),
            Source::File(path) => file_label(path),
        };
        if asked(Part::File) || asked(Part::Build) {
            // No key is held out: gaps would make other keys of dense ones.
            let keys = Dataset::at_most(source, plan.records, false, plan.seed)?.keys;
            whole(plan, &name, &keys, &mut outcome, progress)?;
        }
        if plan
            .parts
            .iter()
            .any(|part| !matches!(part, Part::File | Part::Build))
        {
            let data = Dataset::at_most(source, plan.records, true, plan.seed)?;
            let found = lookups::measure(plan, source, &name, data, progress)?;
            outcome.wrong.extend(found.iter().flat_map(Lookups::wrong));
            outcome.lookups.extend(found);
        }
    }
    Ok(outcome)
}

/// The parts in which no absent keys are asked for.
fn whole(
    plan: &Plan,
    name: &str,
    keys: &FlatKeys,
    outcome: &mut Outcome,
    progress: Progress,
) -> Result<(), Error> {
    if plan.parts.contains(&Part::File) {
        // Where everything is in memory.
        let budget = Budget {
            cache_bytes: plan.cache_for(keys),
            ..plan.budget.clone()
        };
        let contenders = plan.contenders(&budget)?;
        let wrong = &mut outcome.wrong;
        let row = tables::measure(plan, &contenders, name, keys, wrong, progress)?;
        outcome.tables.push(row);
    }
    if plan.parts.contains(&Part::Build) {
        outcome
            .costs
            .push(cost::measure(plan, name, keys, progress)?);
    }
    Ok(())
}
