//! What is going to be done to all engines alike.

use crate::dataset::{Dataset, InsertOrder, Source};
use crate::engine::{self, Budget, Contender, Usage};
use crate::error::Error;
use crate::run::Updates;
use crate::stream;
use crate::values;
use crate::workload::Workload;
use std::time::Duration;

/// One workload, ready to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The engines; the first is the one that the others are compared to.
    pub contenders: Vec<Contender>,
    /// What every engine gets alike.
    pub budget: Budget,
    /// Where the keys came from, for the report.
    pub source: Source,
    /// The keys.
    pub data: Dataset,
    /// The order in which they are loaded, for the report.
    pub insert_order: InsertOrder,
    /// What is done with them.
    pub workload: Workload,
    /// Percentage of the reads that ask for held-out keys.
    pub absent_percent: f64,
    /// How updates are made.
    pub updates: Updates,
    /// Measured operations per engine, over all rounds.
    pub operations: usize,
    /// Rounds into which they are divided.
    pub rounds: usize,
    /// Threads that deal them out among themselves.
    pub threads: usize,
    /// Operations per second that are aimed at, over all threads.
    pub target: Option<f64>,
    /// Seconds after which an engine's measured operations end.
    pub seconds: Option<f64>,
    /// Size of every value in bytes.
    pub value_bytes: usize,
    /// Decides the choice of keys, the values, the insert order and the operations.
    pub seed: u64,
}

impl Plan {
    /// Checks the plan as a whole.
    ///
    /// # Errors
    /// The first thing that cannot be run.
    pub fn check(&self) -> Result<(), Error> {
        self.check_numbers()?;
        if self.data.places.is_empty() || self.data.loaded == 0 && self.workload.reads() {
            return Err(Error::Usage("there are no records to load".to_owned()));
        }
        if self.absent_percent > 0.0 && self.data.absent.is_empty() {
            return Err(Error::Usage(
                "--absent: no keys were held out to ask for".to_owned(),
            ));
        }
        Ok(())
    }

    /// Checks everything but the keys, which may take long to make.
    ///
    /// # Errors
    /// The first thing that cannot be run.
    pub fn check_numbers(&self) -> Result<(), Error> {
        let Plan {
            operations,
            rounds,
            threads,
            value_bytes,
            absent_percent,
            ..
        } = self;
        let within = |value: Option<f64>, least, most| {
            value.is_none_or(|value| (least..=most).contains(&value))
        };
        let problem = if *operations == 0 {
            "--operations 0: there is nothing to measure; give at least 1, or --workload load"
                .to_owned()
        } else if *rounds == 0 {
            "--rounds 0: there is nothing to measure; give at least 1".to_owned()
        } else if operations < rounds {
            format!(
                "--operations {operations} is fewer than --rounds {rounds}: give --rounds {operations} or fewer"
            )
        } else if !(1..=MOST_THREADS).contains(threads) {
            format!("--threads {threads}: give 1 to {MOST_THREADS}")
        } else if *value_bytes < values::MIN_SIZE {
            let least = values::MIN_SIZE;
            format!(
                "--value-size {value_bytes}: give at least {least}, so that values can be told apart"
            )
        } else if !(0.0..=100.0).contains(absent_percent) {
            format!("--absent {absent_percent}: give a percentage from 0 to 100")
        } else if *value_bytes > MOST_VALUE_BYTES {
            format!("--value-size {value_bytes}: give at most {MOST_VALUE_BYTES}")
        } else if !within(self.target, 0.001, 1e12) {
            "--target: give operations per second, 0.001 at least".to_owned()
        } else if !within(self.seconds, 0.001, 1e9) {
            "--seconds: give 0.001 to 1000000000".to_owned()
        } else if *operations as f64 * self.workload.proportions.insert > MOST_INSERTS {
            format!("--operations {operations}: too many keys to insert; keys are held in memory")
        } else {
            return Ok(());
        };
        Err(Error::Usage(problem))
    }

    /// The operations of `round`: the rounds differ by at most one.
    pub fn round_operations(&self, round: usize) -> usize {
        self.operations / self.rounds + usize::from(round < self.operations % self.rounds)
    }

    /// Whether caches are warmed up before the rounds, and counters read after them: each by one
    /// round's worth of operations. Nothing but inserts needs no warm cache.
    pub fn has_untimed_rounds(&self) -> bool {
        !self.workload.only_inserts()
    }

    /// Operations of each of these.
    pub fn untimed_operations(&self) -> usize {
        const MOST: usize = 4 << 20;
        match self.has_untimed_rounds() {
            true => self.round_operations(0).min(MOST),
            false => 0,
        }
    }

    /// The time that each round may take, timed or not.
    pub fn round_limit(&self) -> Option<Duration> {
        let share = |seconds: f64| Duration::from_secs_f64(seconds / self.rounds as f64);
        self.seconds.map(share)
    }

    /// Records that the workload inserts, from the first round to the last, timed or not.
    pub fn inserts(&self) -> usize {
        let operations = self.operations + 2 * self.untimed_operations();
        stream::inserts(&self.workload, operations, self.seed)
    }

    /// Bytes of disk that it takes at most, about: a compaction writes all data anew before the old
    /// files go, and a log holds what is in memtables.
    pub fn disk_bytes(&self) -> u64 {
        const ENTRY: u64 = 32;
        let keys = self.data.keys.total_bytes() as u64;
        let values = (self.data.keys.len() as u64).saturating_mul(self.value_bytes as u64 + ENTRY);
        let data = keys.saturating_add(values).saturating_mul(2);
        let logs = self.budget.write_buffer_bytes as u64 * 2;
        data.saturating_add(logs)
            .saturating_mul(self.contenders.len() as u64)
    }

    /// What the engines are used for.
    pub fn usage(&self) -> Usage {
        Usage {
            reads: self.workload.reads(),
            writes: self.workload.writes(),
        }
    }

    /// The engines of some names, with what they get.
    ///
    /// # Errors
    /// An unknown engine.
    pub fn resolve(&self, names: &[String]) -> Result<Vec<Contender>, Error> {
        engine::resolve(names, &self.budget, self.usage())
    }
}

const MOST_THREADS: usize = 1024;

/// Farther than anybody goes, and short of what RocksDB refuses.
const MOST_VALUE_BYTES: usize = 1 << 30;

/// Keys are made before they are inserted.
const MOST_INSERTS: f64 = 4e9;
