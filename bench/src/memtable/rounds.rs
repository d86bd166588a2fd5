//! Rounds of a workload, in which the engines take turns.

use crate::error::Error;
use crate::flat::FlatKeys;
use crate::memtable::check::{self, Digest};
use crate::memtable::database::{Database, Scratch, Shape};
use crate::memtable::engine::Contender;
use crate::memtable::fill::{GETS, Questions, SEEKS};
use crate::memtable::generate::Keys;
use crate::memtable::insert;
use crate::memtable::outcome::{Outcome, Row};
use crate::memtable::plan::{Plan, Task};
use crate::memtable::workload::{Step, WORKLOADS};
use crate::progress::Progress;
use crate::sysinfo;
use std::time::Duration;

/// Has every engine write a little that does not count. A process is slower at first:
/// code is not loaded yet, and the allocator still maps each block anew. And an engine
/// that cannot be had is found now.
///
/// # Errors
/// The first engine that fails.
pub fn warm_up(
    plan: &Plan,
    scratch: &Scratch,
    outcome: &mut Outcome,
    progress: Progress,
) -> Result<(), Error> {
    const ENTRIES: usize = 100_000;
    let keys = Keys::Uniform.make(plan.scaled(ENTRIES), plan.seed)?;
    let phase = progress.start("warm up", (keys.len() * plan.contenders.len()) as u64);
    for contender in &plan.contenders {
        let shape = Shape::for_keys(plan.write_buffer(), &keys);
        let database = Database::new(scratch, contender, shape)?;
        insert::time(&database, &WORKLOADS[0], &keys, 1)?;
        outcome.rocksdb_version = sysinfo::rocksdb_version(database.path());
        phase.advance(keys.len() as u64);
    }
    phase.finish();
    Ok(())
}

/// Measures a workload.
///
/// # Errors
/// If RocksDB fails; wrong data is noted in the outcome.
pub fn workload(
    plan: &Plan,
    task: &Task,
    scratch: &Scratch,
    outcome: &mut Outcome,
    progress: Progress,
) -> Result<(), Error> {
    let run = Run::new(plan, task)?;
    let mut rows = run.rows();
    let engines = plan.contenders.len();
    let entries = (run.entries() * engines * plan.rounds) as u64;
    let phase = progress.start(&task.label, entries);
    for round in 0..plan.rounds {
        for i in order(round, engines) {
            let contender = &plan.contenders[i];
            phase.note(&format!(
                "round {}/{}: {}",
                round + 1,
                plan.rounds,
                contender.label
            ));
            let result = run.measure(scratch, contender, round).map_err(|e| {
                Error::Run(format!("{}: engine {}: {e}", task.label, contender.label))
            });
            let Measured {
                rates,
                notes,
                wrong,
            } = result?;
            for (row, rate) in rows.iter_mut().zip(rates) {
                row.rates[i].extend(rate);
            }
            let place = |text: String| {
                let (label, engine) = (&task.label, &contender.label);
                format!("{label}, {engine}, round {}: {text}", round + 1)
            };
            outcome.notes.extend(notes.into_iter().map(place));
            outcome.wrong.extend(wrong.into_iter().map(place));
            phase.advance(run.entries() as u64);
        }
    }
    phase.finish();
    outcome.rows.extend(rows);
    Ok(())
}

/// The order of the engines in a round. The first place goes round, and every other
/// round runs backwards: what an engine leaves behind, in the heap or in the page cache,
/// is not always met by the same one.
pub fn order(round: usize, engines: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..engines).collect();
    if round % 2 == 1 {
        order.reverse();
    }
    order.rotate_left(round % engines.max(1));
    order
}

/// A workload with its keys and all the answers.
struct Run<'a> {
    plan: &'a Plan,
    task: &'a Task,
    keys: FlatKeys,
    /// How often the keys are written: those of a small file several times.
    passes: usize,
    shape: Shape,
    expected: Digest,
    steps: Vec<Step>,
    questions: Option<Questions>,
}

/// What came out of one turn of one engine.
#[derive(Default)]
struct Measured {
    /// Operations per second of the writes and of each step; `None` where the engine
    /// cannot do it.
    rates: Vec<Option<f64>>,
    notes: Vec<String>,
    wrong: Vec<String>,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, task: &'a Task) -> Result<Self, Error> {
        let workload = &task.workload;
        let n = plan.scaled(workload.entries);
        let keys = workload.keys.make(n, plan.seed)?;
        let passes = n.div_ceil(keys.len().max(1));
        let survivors = check::survivors(&keys);
        let questions = workload.fill.then(|| {
            let (gets, seeks) = (plan.scaled(GETS), plan.scaled(SEEKS));
            Questions::new(&keys, &survivors, gets, seeks, plan.seed)
        });
        Ok(Self {
            shape: match workload.fill {
                true => Shape::ONE_MEMTABLE,
                false => Shape::for_keys(plan.write_buffer(), &keys),
            },
            steps: match workload.fill {
                true => plan.steps(),
                false => Vec::new(),
            },
            expected: check::digest(&keys, &survivors),
            plan,
            task,
            keys,
            passes,
            questions,
        })
    }

    /// Entries that an engine writes in a round.
    fn entries(&self) -> usize {
        self.keys.len() * self.passes
    }

    /// A row for the writes and one for each step, still without figures.
    fn rows(&self) -> Vec<Row> {
        let (engines, workload) = (self.plan.contenders.len(), &self.task.workload);
        let row = |label: &str, about: String, operations, goal| Row {
            label: label.to_owned(),
            about,
            operations,
            goal,
            rates: vec![Vec::new(); engines],
        };
        let about = match self.passes {
            1 => workload.about.to_owned(),
            passes => format!("{}, {passes} times", workload.about),
        };
        let mut rows = vec![row(&self.task.label, about, self.entries(), workload.goal)];
        let questions = self.questions.iter();
        rows.extend(questions.flat_map(|questions| {
            self.steps.iter().map(|step| {
                let operations = questions.operations(*step);
                row(
                    step.name(),
                    step.about().to_owned(),
                    operations,
                    step.goal(),
                )
            })
        }));
        rows
    }

    /// Lets one engine run in a fresh database.
    fn measure(
        &self,
        scratch: &Scratch,
        contender: &Contender,
        round: usize,
    ) -> Result<Measured, Error> {
        let mut measured = Measured::default();
        let database = Database::new(scratch, contender, self.shape)?;
        let duration = insert::time(&database, &self.task.workload, &self.keys, self.passes)?;
        measured.rates.push(Some(rate(self.entries(), duration)));
        let stalls = database.stalls()?;
        if stalls > 0 {
            let note = format!("{stalls} write stalls, which should not be: the rate is too low");
            measured.notes.push(note);
        }
        for step in &self.steps {
            let questions = self.questions.as_ref();
            // Each read of a vector would copy and sort it.
            let able = contender.readable || *step == Step::Flush;
            let rate = match questions.filter(|_| able) {
                Some(questions) => {
                    let answer = questions.time(*step, &database)?;
                    let complaint = answer.complaint;
                    measured
                        .wrong
                        .extend(complaint.map(|c| format!("{}: {c}", step.name())));
                    Some(rate(questions.operations(*step), answer.duration))
                }
                None => None,
            };
            measured.rates.push(rate);
        }
        if round == 0 {
            // Memtables and files together: nothing may be lost on the way.
            let complaint = database.scan()?.complaint(&self.expected);
            measured
                .wrong
                .extend(complaint.map(|c| format!("a scan at the end: {c}")));
        }
        Ok(measured)
    }
}

fn rate(operations: usize, duration: Duration) -> f64 {
    operations as f64 / duration.as_secs_f64().max(f64::MIN_POSITIVE)
}
