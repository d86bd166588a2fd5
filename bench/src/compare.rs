//! The run phase: loaded engines, side by side.
//!
//! Every engine first reads each record once in key order, which checks all that was
//! loaded, and then warms up with one round's worth of the workload. Then come the
//! rounds, in which all engines run the same operations. A last round is not timed: it
//! counts blocks and comparisons.
//!
//! All the while the engines take turns, some ten milliseconds each, and which of them
//! goes first moves on by one from turn to turn. So the machine, which is never quiet,
//! disturbs all of them alike, and caches that fill side by side lie in memory of the
//! same kind. (Run one engine twice, `--engines stock,stock`, to see what is left.)

use crate::error::Error;
use crate::load::{self, Loaded};
use crate::outcome::{Comparison, Outcome};
use crate::plan::Plan;
use crate::progress::{Phase, Progress};
use crate::run::{self, Client, Counts, Latencies, Tally};
use crate::stream::{Planner, Slice, Stream};
use crate::sysinfo;

/// Operations of a turn, where they change nothing.
const TURN: usize = 8 * 1024;

/// Measures loaded engines.
///
/// # Errors
/// If RocksDB fails; wrong values do not end a run, they are counted.
pub fn run(plan: &Plan, loaded: &[Loaded], progress: Progress) -> Result<Comparison, Error> {
    measure(plan, loaded, true, progress)
}

/// As [`run`], without the reading of each record in order: for engines that have done so, or
/// that are given no room for it.
///
/// # Errors
/// If RocksDB fails.
pub fn run_on(plan: &Plan, loaded: &[Loaded], progress: Progress) -> Result<Comparison, Error> {
    measure(plan, loaded, false, progress)
}

fn measure(
    plan: &Plan,
    loaded: &[Loaded],
    check_all: bool,
    progress: Progress,
) -> Result<Comparison, Error> {
    plan.check()?;
    let Plan {
        data,
        workload,
        distribution,
        absent_percent,
        seed,
        ..
    } = plan;
    let mut planner = Planner::new(
        data,
        workload.proportions,
        *distribution,
        *absent_percent,
        *seed,
    );
    let entrants = loaded.iter().map(|loaded| Entrant::new(plan, loaded));
    let mut entrants = entrants.collect::<Result<Vec<_>, _>>()?;

    if check_all {
        check(plan, &planner, &mut entrants, progress)?;
    }
    if !workload.is_load_only() {
        warm_up(plan, &mut planner, &mut entrants, progress)?;
        rounds(plan, &mut planner, &mut entrants, progress)?;
        let stream = planner.plan(plan.round_operations(0));
        for entrant in &mut entrants {
            entrant.count(&stream, progress)?;
        }
    }
    Ok(Comparison {
        outcomes: entrants
            .into_iter()
            .map(Entrant::finish)
            .collect::<Result<_, _>>()?,
        overhead_nanoseconds: run::overhead_nanoseconds()?,
        rocksdb_version: loaded
            .first()
            .map_or_else(String::new, |l| sysinfo::rocksdb_version(&l.dir)),
    })
}

/// Has every engine read every record, in key order.
fn check(
    plan: &Plan,
    planner: &Planner<'_>,
    entrants: &mut [Entrant<'_>],
    progress: Progress,
) -> Result<(), Error> {
    let records = plan.data.records.len();
    let phase = progress.start("check", (records * entrants.len()) as u64);
    for (turn, from) in (0..records).step_by(TURN).enumerate() {
        let sweep = planner.sweep(from..records.min(from + TURN));
        take_turns(entrants, turn, |entrant| {
            entrant.check(sweep.whole(), &phase)
        })?;
    }
    phase.finish();
    Ok(())
}

/// Has every engine run a round's worth of operations that does not count.
fn warm_up(
    plan: &Plan,
    planner: &mut Planner<'_>,
    entrants: &mut [Entrant<'_>],
    progress: Progress,
) -> Result<(), Error> {
    let stream = planner.plan(plan.round_operations(0));
    let phase = progress.start("warm up", (stream.len() * entrants.len()) as u64);
    for (turn, slice) in stream.whole().slices(turn_size(plan)).enumerate() {
        take_turns(entrants, turn, |entrant| entrant.warm_up(slice, &phase))?;
    }
    phase.finish();
    Ok(())
}

/// Has every engine run all rounds against the clock.
fn rounds(
    plan: &Plan,
    planner: &mut Planner<'_>,
    entrants: &mut [Entrant<'_>],
    progress: Progress,
) -> Result<(), Error> {
    let phase = progress.start("run", (plan.operations * entrants.len()) as u64);
    let mut turns = 0..;
    for round in 0..plan.rounds {
        phase.note(&format!("round {}/{}", round + 1, plan.rounds));
        let stream = planner.plan(plan.round_operations(round));
        for (slice, turn) in stream.whole().slices(turn_size(plan)).zip(&mut turns) {
            take_turns(entrants, turn, |entrant| entrant.time(slice, &phase))?;
        }
        for entrant in &mut *entrants {
            entrant.end_round(stream.len());
        }
    }
    phase.finish();
    Ok(())
}

/// A whole round where operations write: the compactions that they set off then run
/// next to the operations of the same engine, as they do in life.
fn turn_size(plan: &Plan) -> usize {
    if plan.workload.writes() {
        usize::MAX
    } else {
        TURN
    }
}

/// Gives every engine its turn, the one with the number `turn` first.
fn take_turns<'a>(
    entrants: &mut [Entrant<'a>],
    turn: usize,
    mut action: impl FnMut(&mut Entrant<'a>) -> Result<(), Error>,
) -> Result<(), Error> {
    let middle = turn % entrants.len().max(1);
    let (later, first) = entrants.split_at_mut(middle);
    first.iter_mut().chain(later).try_for_each(&mut action)
}

/// An engine under measurement.
struct Entrant<'a> {
    loaded: &'a Loaded,
    client: Client<'a>,
    writes: bool,
    /// Seconds of the round so far.
    seconds: f64,
    outcome: Outcome,
}

impl<'a> Entrant<'a> {
    fn new(plan: &Plan, loaded: &'a Loaded) -> Result<Self, Error> {
        let outcome = Outcome {
            label: loaded.contender.label.clone(),
            options: loaded.contender.options.clone(),
            table_factory: loaded.factories.table.clone(),
            memtable_factory: loaded.factories.memtable.clone(),
            insert_seconds: loaded.insert_seconds,
            settle_seconds: loaded.settle_seconds,
            tables: loaded.tables,
            learned: loaded.learned,
            reader_bytes: 0,
            throughput: Vec::new(),
            latencies: Latencies::new()?,
            counts: Counts::default(),
            tally: Tally::default(),
        };
        let client = Client::new(&loaded.db, &loaded.contender, plan.value_bytes);
        Ok(Self {
            loaded,
            client,
            writes: plan.workload.writes(),
            seconds: 0.0,
            outcome,
        })
    }

    fn check(&mut self, slice: Slice<'_>, phase: &Phase) -> Result<(), Error> {
        let Outcome { learned, tally, .. } = &mut self.outcome;
        // An index that is only built at the first read is counted here.
        learned.watch(|| self.client.touch(slice, tally, phase))
    }

    fn warm_up(&mut self, slice: Slice<'_>, phase: &Phase) -> Result<(), Error> {
        self.client.touch(slice, &mut self.outcome.tally, phase)?;
        self.settle()
    }

    fn time(&mut self, slice: Slice<'_>, phase: &Phase) -> Result<(), Error> {
        let Outcome {
            latencies, tally, ..
        } = &mut self.outcome;
        self.seconds += self.client.time(slice, latencies, tally, phase)?;
        self.settle()
    }

    fn end_round(&mut self, operations: usize) {
        let seconds = std::mem::take(&mut self.seconds).max(f64::MIN_POSITIVE);
        self.outcome.throughput.push(operations as f64 / seconds);
    }

    fn count(&mut self, stream: &Stream, progress: Progress) -> Result<(), Error> {
        let phase = progress.start(
            &format!("count {}", self.outcome.label),
            stream.len() as u64,
        );
        self.outcome.counts = self
            .client
            .count(stream.whole(), &mut self.outcome.tally, &phase)?;
        phase.finish();
        self.settle()
    }

    /// Waits for the compactions that writes have set off, so that they do not slow
    /// down the engine whose turn is next.
    fn settle(&self) -> Result<(), Error> {
        if self.writes {
            load::wait_for_background(&self.loaded.db, &self.outcome.label)
        } else {
            Ok(())
        }
    }

    fn finish(mut self) -> Result<Outcome, Error> {
        self.outcome.reader_bytes = self.loaded.reader_bytes()?;
        Ok(self.outcome)
    }
}
