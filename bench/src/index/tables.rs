//! A table file of each engine: what its index weighs, how fast it is, how long it took to write.

use crate::engine::Contender;
use crate::error::Error;
use crate::flat::FlatKeys;
use crate::index::file::{self, Contents, Opened};
use crate::index::plan::Plan;
use crate::memtable::rounds::order;
use crate::progress::Progress;
use crate::workdir::WorkDir;
use mountdb::{SeekTargets, TableFileFacts};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

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

/// Has every engine write its file and seek in its index. Indexes that find other blocks than the
/// first engine's are added to `wrong`.
///
/// # Errors
/// If RocksDB fails.
pub fn measure(
    plan: &Plan,
    contenders: &[Contender],
    name: &str,
    keys: &FlatKeys,
    wrong: &mut Vec<String>,
    progress: Progress,
) -> Result<Row, Error> {
    let contents = Contents {
        keys,
        value_size: plan.value_size,
        seed: plan.seed,
    };
    let targets = targets(plan, keys);
    let engines = contenders.len();
    let phase = progress.start(name, (plan.rounds * engines) as u64);
    let mut figures: Vec<Option<Figures>> = vec![None; engines];
    for round in 0..plan.rounds {
        let mut dir = WorkDir::new(plan.dir.as_deref(), false)?;
        let mut opened = Vec::new();
        for i in order(round, engines) {
            let contender = &contenders[i];
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
        let mut found_by = Vec::new();
        for (i, file) in &opened {
            phase.note(&contenders[*i].label);
            let (nanoseconds, found) = file.seek(&targets)?;
            found_by.push((&contenders[*i].label, file.facts, found));
            if let Some(figures) = &mut figures[*i] {
                figures.seek.push(nanoseconds);
            }
            phase.advance(1);
        }
        let odd = odd_ones(&found_by).into_iter();
        wrong.extend(odd.map(|(label, other)| {
            format!(
                "{name}, round {}: the index of {label} finds other blocks than that of {other}",
                round + 1
            )
        }));
    }
    phase.finish();
    Ok(Row {
        keys: name.to_owned(),
        engines: figures.into_iter().flatten().collect(),
    })
}

/// Engines whose seeks have found something else in the same blocks than those of another engine,
/// and that engine. Files with as many blocks of the same size have the same; an engine that adds
/// to its blocks, such as a hash index, has others, with which nothing is to be compared.
pub fn odd_ones<'a, L: ?Sized>(found: &[(&'a L, TableFileFacts, u64)]) -> Vec<(&'a L, &'a L)> {
    let mut odd = Vec::new();
    for (i, (label, facts, sum)) in found.iter().enumerate() {
        let blocks = (facts.blocks, facts.data_bytes);
        let same = found[..i]
            .iter()
            .find(|(_, f, _)| (f.blocks, f.data_bytes) == blocks);
        if let Some((other, _, expected)) = same
            && sum != expected
        {
            odd.push((*label, *other));
        }
    }
    odd
}

/// Present keys at random.
fn targets(plan: &Plan, keys: &FlatKeys) -> SeekTargets {
    let mut rng = StdRng::seed_from_u64(plan.seed.rotate_left(23));
    let mut targets = SeekTargets::default();
    for _ in 0..plan.lookups {
        targets.push(&keys[rng.random_range(0..keys.len())]);
    }
    targets
}
