//! The measurements: every engine in turn, round by round.

use crate::dataset::Source;
use crate::engine::{Budget, Contender};
use crate::error::{Context, Error};
use crate::index::file::{self, Contents, Opened};
use crate::keys;
use crate::memtable::plan::file_label;
use crate::memtable::rounds::order;
use crate::progress::Progress;
use crate::values;
use crate::workdir::WorkDir;
use mountdb::{SeekTargets, TableFileFacts};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::path::PathBuf;

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The engines; ratios are to the first.
    pub contenders: Vec<Contender>,
    /// The same for all engines.
    pub budget: Budget,
    /// The key sets, one after the other.
    pub sources: Vec<Source>,
    /// Records of a generated key set, and at most as many of a file.
    pub records: usize,
    /// In bytes.
    pub value_size: usize,
    /// Seeks in every round.
    pub seeks: usize,
    /// In each, every engine writes its file and seeks.
    pub rounds: usize,
    /// Of keys, values and seeks.
    pub seed: u64,
    /// Where the files go.
    pub dir: Option<PathBuf>,
}

impl Plan {
    /// Whether it can be carried out.
    ///
    /// # Errors
    /// What to change.
    pub fn check(&self) -> Result<(), Error> {
        let least = [
            ("--records", self.records, 1),
            ("--seeks", self.seeks, 1),
            ("--rounds", self.rounds, 1),
            ("--value-size", self.value_size, values::MIN_SIZE),
            ("--block-size", self.budget.block_bytes as usize, 1),
        ];
        for (name, value, least) in least {
            if value < least {
                return Err(Error::Usage(format!(
                    "{name} {value}: give at least {least}"
                )));
            }
        }
        if self.sources.is_empty() {
            return Err(Error::Usage(
                "no keys: name a key set with --keys, or a file with --keys-file".to_owned(),
            ));
        }
        Ok(())
    }
}

/// What was found of one key set.
#[derive(Clone, Debug)]
pub struct Row {
    /// The key set.
    pub keys: String,
    /// By engine.
    pub engines: Vec<Figures>,
}

/// What was found of one engine's file.
#[derive(Clone, Debug)]
pub struct Figures {
    /// What the file says of itself.
    pub facts: TableFileFacts,
    /// Stored size of its learned index, if that is in use.
    pub learned_bytes: Option<u64>,
    /// Nanoseconds a seek, by round.
    pub seek: Vec<f64>,
    /// Seconds to write the file, by round.
    pub build: Vec<f64>,
}

/// What a run has found.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// By key set.
    pub rows: Vec<Row>,
    /// Indexes that found other blocks than the first engine's.
    pub wrong: Vec<String>,
}

/// Measures all that `plan` asks for.
///
/// # Errors
/// If keys cannot be had, or RocksDB fails; an index that errs is noted in the outcome.
pub fn run(plan: &Plan, progress: Progress) -> Result<Outcome, Error> {
    mountdb::register().context(|| "registering mountdb".to_owned())?;
    let mut outcome = Outcome::default();
    for source in &plan.sources {
        let keys = match source {
            Source::Set(set) => keys::generate(*set, plan.records, plan.seed),
            Source::File(path) => {
                keys::read_file(path, Some(plan.records)).map_err(Error::Usage)?
            }
        };
        let row = key_set(plan, source, &keys, &mut outcome.wrong, progress)?;
        outcome.rows.push(row);
    }
    Ok(outcome)
}

fn key_set(
    plan: &Plan,
    source: &Source,
    keys: &[Vec<u8>],
    wrong: &mut Vec<String>,
    progress: Progress,
) -> Result<Row, Error> {
    let contents = Contents {
        keys,
        value_size: plan.value_size,
        seed: plan.seed,
    };
    let targets = targets(plan, keys);
    let name = match source {
        Source::Set(set) => set.to_string(),
        Source::File(path) => file_label(path),
    };
    let engines = plan.contenders.len();
    let phase = progress.start(&name, (plan.rounds * engines) as u64);
    let mut figures: Vec<Option<Figures>> = vec![None; engines];
    for round in 0..plan.rounds {
        let mut dir = WorkDir::new(plan.dir.as_deref(), false)?;
        let mut opened = Vec::new();
        for i in order(round, engines) {
            let contender = &plan.contenders[i];
            let path = dir.engine(&contender.label)?.join("table.sst");
            let seconds = file::write(contender, &plan.budget, &contents, &path)?.as_secs_f64();
            let file = Opened::new(contender, &plan.budget, &path)?;
            figures[i]
                .get_or_insert_with(|| Figures {
                    facts: file.facts,
                    learned_bytes: file.learned_bytes,
                    seek: Vec::new(),
                    build: Vec::new(),
                })
                .build
                .push(seconds);
            opened.push((i, file));
        }
        let mut expected = None;
        for (i, file) in &opened {
            phase.note(&plan.contenders[*i].label);
            let (nanoseconds, found) = file.seek(&targets)?;
            if *expected.get_or_insert(found) != found {
                wrong.push(format!(
                    "{name}, round {}: the index of {} finds other blocks than that of {}",
                    round + 1,
                    plan.contenders[*i].label,
                    plan.contenders[opened[0].0].label
                ));
            }
            if let Some(figures) = &mut figures[*i] {
                figures.seek.push(nanoseconds);
            }
            phase.advance(1);
        }
    }
    phase.finish();
    Ok(Row {
        keys: name,
        engines: figures.into_iter().flatten().collect(),
    })
}

/// Present keys at random.
fn targets(plan: &Plan, keys: &[Vec<u8>]) -> SeekTargets {
    let mut rng = StdRng::seed_from_u64(plan.seed.rotate_left(23));
    let mut targets = SeekTargets::default();
    for _ in 0..plan.seeks {
        targets.push(&keys[rng.random_range(0..keys.len())]);
    }
    targets
}
