//! A workload, run by engines side by side.
//!
//! Every engine first reads each record once in key order, which checks all that was
//! loaded, and then warms up with one round's worth of the workload. Then come the
//! rounds, in which all engines run the same operations. A last round is not timed: it
//! counts blocks and comparisons. At the end all there is is read in one scan.
//!
//! All the while the engines take turns, and which of them goes first moves on by one from turn to
//! turn. So the machine, which is never quiet, disturbs all of them alike, and caches that fill
//! side by side lie in memory of the same kind. (Run one engine twice, `--engines stock,stock`, to
//! see what is left.) A turn is some ten milliseconds where operations only read, and else a
//! round: compactions then run next to the operations of the same engine, as they do in life, and
//! what is left of them at the end of a round is waited for.

use crate::error::{Context, Error};
use crate::latencies::Latencies;
use crate::load::{self, Loaded};
use crate::plan::Plan;
use crate::progress::{Phase, Progress};
use crate::results::{Counts, Memory, Outcome, Round, Run, Tally};
use crate::run::{self, Client, Pace, Target, Timed, Timing};
use crate::stop;
use crate::stream::{Planner, Slice, Stream};
use crate::traffic::{self, Meter};
use rocksdb::properties;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, panic, thread};

/// Operations of a turn of one thread, where they change nothing.
const TURN: usize = 8 * 1024;

/// Operations that are planned at a time, and so the longest turn: they take memory.
const PLANNED: usize = 4 << 20;

/// The same where a round may end before they are done.
const PLANNED_FOR_A_TIME: usize = 64 * 1024;

/// Measures loaded engines.
///
/// # Errors
/// If RocksDB fails; wrong values do not end a run, they are counted.
pub fn run(plan: &Plan, loaded: &[Loaded], progress: Progress) -> Result<Run, Error> {
    measure(plan, loaded, true, progress)
}

/// As [`run()`], without the reading of each record in order: for engines that have done so, or
/// that are given no room for it.
///
/// # Errors
/// If RocksDB fails.
pub fn run_on(plan: &Plan, loaded: &[Loaded], progress: Progress) -> Result<Run, Error> {
    measure(plan, loaded, false, progress)
}

fn measure(
    plan: &Plan,
    loaded: &[Loaded],
    check_all: bool,
    progress: Progress,
) -> Result<Run, Error> {
    plan.check()?;
    let mut planner = Planner::new(&plan.data, &plan.workload, plan.absent_percent, plan.seed);
    let entrants = loaded.iter().map(|loaded| Entrant::new(plan, loaded));
    let mut entrants: Vec<_> = entrants.collect();

    if check_all {
        check(plan, &planner, &mut entrants, progress)?;
    }
    if plan.has_untimed_rounds() {
        warm_up(plan, &mut planner, &mut entrants, progress)?;
    }
    let mut facts = Vec::new();
    let complete = rounds(plan, &mut planner, &mut entrants, progress)?;
    if !complete && !stop::requested() {
        let ended = "rounds ended when their share of the time had passed, before all operations";
        facts.push(("ended".to_owned(), ended.to_owned()));
    }
    if plan.has_untimed_rounds() && !stop::requested() {
        let stream = planner.plan(plan.untimed_operations());
        for entrant in &mut entrants {
            entrant.count(&stream, progress)?;
        }
    }
    if stop::requested() {
        // Not of the same operations for all.
        entrants.iter_mut().for_each(Entrant::forget_counts);
    }
    if check_all {
        for entrant in &mut entrants {
            entrant.check_all(progress)?;
        }
    }
    Ok(Run {
        workload: plan.workload.name.clone(),
        about: plan.workload.about(),
        facts,
        outcomes: entrants
            .into_iter()
            .map(Entrant::finish)
            .collect::<Result<_, _>>()?,
        overhead_nanoseconds: run::overhead_nanoseconds(),
    })
}

/// Inserts into each engine the records that others hold.
///
/// # Errors
/// If RocksDB fails.
pub fn level(plan: &Plan, loaded: &[Loaded]) -> Result<(), Error> {
    let places = &plan.data.places[..plan.data.loaded];
    let mut entrants = loaded.iter().map(|loaded| Entrant::new(plan, loaded));
    entrants.try_for_each(|mut entrant| entrant.level(places))
}

/// Has engines that were opened anew read all there is, in key order, and adds what that finds to
/// their outcomes.
///
/// # Errors
/// If RocksDB fails.
pub fn check_again(
    plan: &Plan,
    loaded: &[Loaded],
    run: &mut Run,
    progress: Progress,
) -> Result<(), Error> {
    for (loaded, outcome) in loaded.iter().zip(&mut run.outcomes) {
        let mut entrant = Entrant::new(plan, loaded);
        entrant.check_all(progress)?;
        for client in &entrant.clients {
            outcome.tally += client.tally;
        }
    }
    Ok(())
}

/// Has every engine read every record, in key order.
fn check(
    plan: &Plan,
    planner: &Planner<'_>,
    entrants: &mut [Entrant<'_>],
    progress: Progress,
) -> Result<(), Error> {
    let places = plan.data.loaded_places();
    let phase = progress.start("check", (places.len() * entrants.len()) as u64);
    for (turn, places) in places.chunks(TURN).enumerate() {
        let sweep = planner.sweep(places);
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
    let stream = planner.plan(plan.untimed_operations());
    let phase = progress.start("warm up", (stream.len() * entrants.len()) as u64);
    let begun = Instant::now();
    let limit = plan.round_limit();
    let limit = limit.map(|limit| limit.saturating_mul(entrants.len() as u32));
    for (turn, slice) in stream.whole().slices(turn_size(plan)).enumerate() {
        if limit.is_some_and(|limit| begun.elapsed() > limit) {
            break;
        }
        take_turns(entrants, turn, |entrant| entrant.warm_up(slice, &phase))?;
    }
    phase.finish();
    if limit.is_some() && plan.workload.writes() {
        // The rounds are to find the same records in all.
        let level = |entrant: &mut Entrant<'_>| entrant.level(planner.places());
        entrants.iter_mut().try_for_each(level)?;
    }
    Ok(())
}

/// Has every engine run all rounds against the clock, and tells whether none was cut short. Each
/// has its share of the time there is.
fn rounds(
    plan: &Plan,
    planner: &mut Planner<'_>,
    entrants: &mut [Entrant<'_>],
    progress: Progress,
) -> Result<bool, Error> {
    let phase = progress.start("run", (plan.operations * entrants.len()) as u64);
    let mut turns = 0..;
    let mut complete = true;
    let planned = match plan.seconds {
        Some(_) => PLANNED_FOR_A_TIME,
        None => PLANNED,
    };
    for entrant in &mut *entrants {
        entrant.take_user_bytes();
    }
    for round in 0..plan.rounds {
        phase.note(&format!("round {}/{}", round + 1, plan.rounds));
        let mut left = plan.round_operations(round);
        let mut over = false;
        while left > 0 && !over {
            let stream = planner.plan(left.min(planned));
            for (slice, turn) in stream.whole().slices(turn_size(plan)).zip(&mut turns) {
                take_turns(entrants, turn, |entrant| entrant.time(slice, &phase))?;
                let cut = entrants.iter().any(|entrant| entrant.is_cut);
                over = stop::requested() || cut;
                if over {
                    break;
                }
            }
            left -= left.min(planned);
        }
        for entrant in &mut *entrants {
            entrant.end_round()?;
        }
        complete &= !over;
        if stop::requested() {
            break;
        }
        if over {
            // The next round, too, is to find the same records in all.
            for entrant in &mut *entrants {
                entrant.level(planner.places())?;
            }
        }
    }
    phase.finish();
    Ok(complete)
}

fn turn_size(plan: &Plan) -> usize {
    if plan.workload.writes() || plan.target.is_some() {
        usize::MAX
    } else {
        TURN * plan.threads
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
    plan: &'a Plan,
    loaded: &'a Loaded,
    /// One per thread.
    clients: Vec<Client<'a>>,
    round: Round,
    /// Whether the round was cut short.
    is_cut: bool,
    outcome: Outcome,
}

impl<'a> Entrant<'a> {
    fn new(plan: &'a Plan, loaded: &'a Loaded) -> Self {
        let writes = plan.workload.writes();
        let fixed = !writes && loaded.records.are_as_loaded(&plan.data);
        let client = |_| {
            Client::new(Target {
                db: &loaded.db,
                contender: &loaded.contender,
                keys: &plan.data.keys,
                seed: plan.seed,
                value_bytes: plan.value_bytes,
                updates: plan.updates,
                records: (!fixed).then_some(&loaded.records),
            })
        };
        Self {
            plan,
            loaded,
            clients: (0..plan.threads).map(client).collect(),
            round: Round::default(),
            is_cut: false,
            outcome: Outcome {
                tables: loaded.tables,
                learned: loaded.learned,
                load_seconds: loaded.load_seconds,
                ..Outcome::default()
            },
        }
    }

    fn check(&mut self, slice: Slice<'_>, phase: &Phase) -> Result<(), Error> {
        // An index that is only built at the first read is counted here.
        let client = &mut self.clients[0];
        self.outcome
            .learned
            .watch(|| client.touch(slice, None, phase))
    }

    fn warm_up(&mut self, slice: Slice<'_>, phase: &Phase) -> Result<(), Error> {
        let limit = self.plan.round_limit();
        let touch = |(_, client): (usize, &mut Client<'a>), slice: Slice<'_>| {
            let touched = client.touch(slice, limit, phase);
            touched.map(|()| Timed::default())
        };
        self.share(slice, touch)?;
        self.settle()
    }

    /// Has every thread do its share of a turn; gives what they did one by one.
    fn share(
        &mut self,
        slice: Slice<'_>,
        work: impl Fn((usize, &mut Client<'a>), Slice<'_>) -> Result<Timed, Error> + Sync,
    ) -> Result<Vec<Timed>, Error> {
        let threads = self.clients.len();
        if let [client] = &mut self.clients[..] {
            return Ok(vec![work((0, client), slice)?]);
        }
        thread::scope(|scope| {
            let work = &work;
            let spawn =
                |(i, client)| scope.spawn(move || work((i, client), slice.share(i, threads)));
            let workers: Vec<_> = self.clients.iter_mut().enumerate().map(spawn).collect();
            let join = |worker: thread::ScopedJoinHandle<'_, _>| {
                worker.join().unwrap_or_else(|e| panic::resume_unwind(e))
            };
            workers.into_iter().map(join).collect()
        })
    }

    fn time(&mut self, slice: Slice<'_>, phase: &Phase) -> Result<(), Error> {
        let (threads, plan) = (self.clients.len(), self.plan);
        let spent = Duration::from_secs_f64(self.round.seconds);
        let limit = plan.round_limit().map(|limit| limit.saturating_sub(spent));
        let meter = Meter::now()?;
        let stalled = self.stall_seconds()?;
        let started = Instant::now();
        let timed = self.share(slice, |(i, client), slice| {
            // One after the other they are due at an even pace.
            let every = plan.target.map(|target| 1.0 / target);
            let pace = every.map(|every| Pace {
                first: started + Duration::from_secs_f64(every * i as f64),
                every: every * threads as f64,
            });
            client.time(slice, Timing { pace, limit }, phase)
        })?;
        let took = match &timed[..] {
            // A single thread's pauses do not count.
            [timed] => timed.took,
            _ => started.elapsed(),
        };
        if plan.workload.writes() {
            self.note_memory()?;
        }
        let ended = Instant::now();
        self.settle()?;
        self.round.settle_seconds += ended.elapsed().as_secs_f64();
        let passed = meter.passed()?;
        self.outcome.traffic.stall_seconds += self.stall_seconds()? - stalled;
        self.is_cut |= timed.iter().any(|timed| timed.is_cut);
        passed.add_to(&mut self.outcome.traffic);
        self.round.operations += timed.iter().map(|timed| timed.operations).sum::<u64>();
        self.round.seconds += took.as_secs_f64();
        self.round.cpu_seconds += passed.cpu_seconds;
        Ok(())
    }

    /// Seconds for which writes were held up so far; asked for only where there are any.
    fn stall_seconds(&self) -> Result<f64, Error> {
        match self.plan.workload.writes() {
            true => traffic::stall_seconds(&self.loaded.db),
            false => Ok(0.0),
        }
    }

    fn take_user_bytes(&mut self) -> u64 {
        let written = self.clients.iter_mut().map(|client| &mut client.user_bytes);
        written.map(std::mem::take).sum()
    }

    fn end_round(&mut self) -> Result<(), Error> {
        let round = std::mem::take(&mut self.round);
        self.is_cut = false;
        if round.operations > 0 {
            self.outcome.rounds.push(round);
        }
        if !self.plan.workload.writes() {
            self.note_memory()?;
        }
        self.outcome.traffic.user_bytes += self.take_user_bytes();
        Ok(())
    }

    fn note_memory(&mut self) -> Result<(), Error> {
        let ask = |name| self.loaded.memory(name);
        let block_cache = ask(properties::BLOCK_CACHE_USAGE)?;
        let table_readers = self.loaded.reader_bytes()?;
        let memtables = ask(properties::SIZE_ALL_MEM_TABLES)?;
        let memory = &mut self.outcome.memory;
        *memory = Memory {
            block_cache: memory.block_cache.max(block_cache),
            table_readers: memory.table_readers.max(table_readers),
            memtables: memory.memtables.max(memtables),
            total: memory.total.max(block_cache + table_readers + memtables),
        };
        Ok(())
    }

    fn count(&mut self, stream: &Stream, progress: Progress) -> Result<(), Error> {
        let phase = progress.start(
            &format!("count {}", self.loaded.contender.label),
            stream.len() as u64,
        );
        let limit = self.plan.round_limit();
        self.outcome.counts = self.clients[0].count(stream.whole(), limit, &phase)?;
        phase.finish();
        self.settle()
    }

    fn forget_counts(&mut self) {
        self.outcome.counts = Counts::default();
    }

    /// Inserts what others hold and this one does not.
    fn level(&mut self, places: &[usize]) -> Result<(), Error> {
        self.clients[0].insert_missing(places)?;
        self.take_user_bytes();
        self.settle()
    }

    /// Reads all there is in one scan, what was never written included.
    fn check_all(&mut self, progress: Progress) -> Result<(), Error> {
        let phase = progress.start(&format!("check {}", self.loaded.contender.label), 1);
        let all = Planner::scan_all();
        self.clients[0].touch(all.whole(), None, &phase)?;
        phase.finish();
        Ok(())
    }

    /// Waits for the compactions that writes have set off, so that they do not slow
    /// down the engine whose turn is next.
    fn settle(&self) -> Result<(), Error> {
        if self.plan.workload.writes() {
            load::wait_for_background(&self.loaded.db, &self.loaded.contender.label)
        } else {
            Ok(())
        }
    }

    fn finish(mut self) -> Result<Outcome, Error> {
        let mut latencies = Latencies::default();
        let mut tally = Tally::default();
        for client in &self.clients {
            latencies.add(&client.latencies);
            tally += client.tally;
        }
        self.outcome.latencies = latencies.finish();
        self.outcome.tally = tally;
        self.outcome.database_bytes = directory_bytes(&self.loaded.dir)?;
        Ok(self.outcome)
    }
}

/// Bytes of all files in a directory.
fn directory_bytes(dir: &Path) -> Result<u64, Error> {
    let what = || format!("looking into {}", dir.display());
    let mut bytes = 0;
    for entry in fs::read_dir(dir).context(what)? {
        // A file may go while it is looked at.
        let metadata = entry.context(what)?.metadata();
        bytes += metadata.map_or(0, |metadata| metadata.len());
    }
    Ok(bytes)
}
