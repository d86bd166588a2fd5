//! Databases of one level whose keys are looked up.
//!
//! Every engine is loaded with the same records, merged into the bottom level. The same files are
//! then opened with the budget of one part after the other.

use crate::compare;
use crate::dataset::{Dataset, InsertOrder, Source};
use crate::distribution::Distribution;
use crate::engine::Budget;
use crate::error::Error;
use crate::index::plan::{Part, Plan};
use crate::load::{self, Loaded};
use crate::plan;
use crate::progress::Progress;
use crate::results::{Counts, Round, Run, Tally};
use crate::run::{Client, Target, Updates};
use crate::stream::Planner;
use crate::workdir::WorkDir;
use crate::workload::Workload;

/// What was found in one part of one key set.
#[derive(Clone, Debug)]
pub struct Lookups {
    /// The part.
    pub part: Part,
    /// The key set.
    pub keys: String,
    /// Records in each database.
    pub records: u64,
    /// Data blocks in the first engine's.
    pub blocks: u64,
    /// By engine.
    pub engines: Vec<Reads>,
}

/// What was found of one engine.
#[derive(Clone, Debug)]
pub struct Reads {
    /// The engine.
    pub label: String,
    /// Whether it is mountdb's.
    pub is_ours: bool,
    /// Nanoseconds a lookup, by round; empty where only blocks are counted.
    pub nanoseconds: Vec<f64>,
    /// RocksDB's counters for present keys.
    pub counts: Counts,
    /// RocksDB's counters for absent keys, where they were looked up too.
    pub absent: Option<Counts>,
    /// Memory of the table readers, which hold indexes and filters unless these are in the cache.
    pub reader_bytes: u64,
    /// Capacity of the block cache.
    pub cache_bytes: u64,
    /// What the checks of all values found.
    pub tally: Tally,
}

impl Lookups {
    /// What was not as it should be.
    pub fn wrong(&self) -> Vec<String> {
        let broken = self.engines.iter().filter(|reads| !reads.tally.is_clean());
        broken
            .map(|reads| {
                let Tally {
                    wrong,
                    missing,
                    phantom,
                    ..
                } = reads.tally;
                format!(
                    "{}, {}: {} gave {wrong} wrong values, missed {missing} records and found \
                     {phantom} that are not there",
                    self.keys,
                    self.part.name(),
                    reads.label
                )
            })
            .collect()
    }
}

/// Measures the parts of `plan` that look keys up.
///
/// # Errors
/// If RocksDB fails; wrong answers are noted.
pub fn measure(
    plan: &Plan,
    source: &Source,
    name: &str,
    data: Dataset,
    progress: Progress,
) -> Result<Vec<Lookups>, Error> {
    let mut bench = Bench {
        plan,
        name,
        progress,
        compare: plan::Plan {
            contenders: Vec::new(),
            budget: plan.budget.clone(),
            source: source.clone(),
            data,
            insert_order: InsertOrder::Sorted,
            workload: gets()?,
            absent_percent: 0.0,
            updates: Updates::default(),
            operations: plan.lookups * plan.rounds,
            rounds: plan.rounds,
            threads: 1,
            target: None,
            seconds: None,
            value_bytes: plan.value_size,
            seed: plan.seed,
        },
    };
    let mut found = Vec::new();
    // Files that can do without filters at the last level have none: a load of their own.
    for parts in [
        &[
            Part::Get,
            Part::Absent,
            Part::Seek,
            Part::MultiGet,
            Part::AbsentUnfiltered,
            Part::Blocks,
            Part::MemoryFilter,
        ][..],
        &[Part::Memory],
    ] {
        let parts: Vec<Part> = (parts.iter().copied())
            .filter(|part| plan.parts.contains(part))
            .collect();
        if let Some(first) = parts.first() {
            let mut dir = WorkDir::new(plan.dir.as_deref(), false)?;
            bench.set_budget(bench.budget(*first))?;
            let mut loaded = load::load(&bench.compare, &mut dir, progress)?;
            let mut checked = false;
            for part in parts {
                let lookups;
                (lookups, loaded) = bench.part(part, loaded, &mut checked)?;
                found.push(lookups);
            }
        }
    }
    Ok(found)
}

/// Gets of records chosen evenly.
fn gets() -> Result<Workload, Error> {
    Ok(Workload {
        distribution: Distribution::Uniform,
        ..Workload::by_name("c")?
    })
}

struct Bench<'a> {
    plan: &'a Plan,
    name: &'a str,
    progress: Progress,
    /// The budget and the workload change from part to part.
    compare: plan::Plan,
}

impl Bench<'_> {
    /// What engines get in a part.
    fn budget(&self, part: Part) -> Budget {
        let base = self.plan.budget.clone();
        match part {
            Part::File | Part::Build => base,
            Part::Get | Part::Absent | Part::Seek | Part::MultiGet | Part::AbsentUnfiltered => {
                Budget {
                    cache_bytes: self.plan.cache_for(&self.compare.data.keys),
                    bloom_bits: if part == Part::AbsentUnfiltered {
                        0
                    } else {
                        10
                    },
                    ..base
                }
            }
            Part::Blocks => Budget {
                cache_bytes: 64 << 10,
                bloom_bits: 0,
                direct_reads: true,
                ..base
            },
            Part::Memory | Part::MemoryFilter => Budget {
                cache_bytes: 64 << 10,
                bloom_bits: 10,
                direct_reads: true,
                metadata_in_cache: true,
                filters_for_hits: part == Part::Memory,
                ..base
            },
        }
    }

    fn set_budget(&mut self, budget: Budget) -> Result<(), Error> {
        self.compare.contenders = self.plan.contenders(&budget)?;
        self.compare.budget = budget;
        Ok(())
    }

    fn part(
        &mut self,
        part: Part,
        loaded: Vec<Loaded>,
        checked: &mut bool,
    ) -> Result<(Lookups, Vec<Loaded>), Error> {
        self.compare.workload = match part {
            Part::Seek => Workload::by_name("seek")?,
            Part::MultiGet => Workload::by_name("multiget")?,
            _ => gets()?,
        };
        let absent = matches!(part, Part::Absent | Part::AbsentUnfiltered);
        self.compare.absent_percent = if absent { 100.0 } else { 0.0 };
        if part == Part::AbsentUnfiltered {
            *checked = false; // all blocks are read again, into empty caches
        }
        let cached = matches!(part, Part::Get | Part::Absent | Part::Seek | Part::MultiGet);
        let before = match cached {
            // As they were loaded, and the blocks that one part has read stay for the next.
            true => loaded,
            false => {
                self.set_budget(self.budget(part))?;
                load::reopen(loaded, &self.compare)?
            }
        };
        let mut caches = vec![self.compare.budget.cache_bytes; before.len()];
        let (loaded, engines) = match part {
            Part::Blocks => {
                let engines = before.iter().zip(caches);
                let engines = engines.map(|(loaded, cache)| self.count(loaded, cache));
                let engines = engines.collect::<Result<_, _>>()?;
                (before, engines)
            }
            Part::Memory | Part::MemoryFilter => {
                let loaded;
                (loaded, caches) = self.give_the_rest_to_caches(before)?;
                let run = compare::run_on(&self.compare, &loaded, self.progress)?;
                let engines = reads(run, &loaded, caches)?;
                (loaded, engines)
            }
            _ => {
                let run = match std::mem::replace(checked, true) {
                    false => compare::run(&self.compare, &before, self.progress)?,
                    true => compare::run_on(&self.compare, &before, self.progress)?,
                };
                let engines = reads(run, &before, caches)?;
                (before, engines)
            }
        };
        let lookups = Lookups {
            part,
            keys: self.name.to_owned(),
            records: self.compare.data.keys.len() as u64,
            blocks: loaded.first().map_or(0, |l| l.tables.data_blocks),
            engines,
        };
        Ok((lookups, loaded))
    }

    fn give_the_rest_to_caches(
        &mut self,
        loaded: Vec<Loaded>,
    ) -> Result<(Vec<Loaded>, Vec<u64>), Error> {
        let resolve = |budget: &Budget| self.plan.contenders(budget);
        let percent = self.plan.memory_percent;
        load::reopen_within(loaded, &mut self.compare, percent, resolve)
    }

    /// Counts the blocks that present and absent keys cost.
    fn count(&self, loaded: &Loaded, cache_bytes: u64) -> Result<Reads, Error> {
        let label = &loaded.contender.label;
        let data = &self.compare.data;
        let mut client = Client::new(Target {
            db: &loaded.db,
            contender: &loaded.contender,
            keys: &data.keys,
            seed: self.plan.seed,
            value_bytes: self.plan.value_size,
            updates: Updates::default(),
            records: None,
        });
        let mut count = |absent_percent: f64| {
            let (workload, seed) = (&self.compare.workload, self.plan.seed);
            let mut planner = Planner::new(data, workload, absent_percent, seed);
            let stream = planner.plan(self.plan.lookups);
            let phase = self
                .progress
                .start(&format!("count {label}"), stream.len() as u64);
            let counts = client.count(stream.whole(), None, &phase)?;
            phase.finish();
            Ok::<_, Error>(counts)
        };
        let counts = count(0.0)?;
        let absent = match data.absent.is_empty() {
            true => None,
            false => Some(count(100.0)?),
        };
        Ok(Reads {
            label: label.clone(),
            is_ours: loaded.contender.is_ours(),
            nanoseconds: Vec::new(),
            counts,
            absent,
            reader_bytes: loaded.reader_bytes()?,
            cache_bytes,
            tally: client.tally,
        })
    }
}

fn reads(run: Run, loaded: &[Loaded], caches: Vec<u64>) -> Result<Vec<Reads>, Error> {
    let outcomes = run.outcomes.into_iter();
    let reads = (outcomes.zip(loaded).zip(caches)).map(|((outcome, loaded), cache_bytes)| {
        let rates = outcome.rounds.iter().map(Round::throughput);
        Ok(Reads {
            nanoseconds: rates.map(|rate| 1e9 / rate).collect(),
            label: loaded.contender.label.clone(),
            is_ours: loaded.contender.is_ours(),
            counts: outcome.counts,
            absent: None,
            reader_bytes: loaded.reader_bytes()?,
            cache_bytes,
            tally: outcome.tally,
        })
    });
    reads.collect()
}
