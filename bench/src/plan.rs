//! What a comparison is going to do.

use crate::dataset::{Dataset, Source};
use crate::distribution::Distribution;
use crate::engine::{Budget, Contender};
use crate::error::Error;
use crate::values;
use crate::workload::Workload;
use std::str::FromStr;

/// The order in which records are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertOrder {
    /// Shuffled by the seed.
    Random,
    /// In key order.
    Sorted,
}

impl InsertOrder {
    /// The name that [`FromStr`] reads back.
    pub fn name(self) -> &'static str {
        match self {
            InsertOrder::Random => "random",
            InsertOrder::Sorted => "sorted",
        }
    }
}

impl FromStr for InsertOrder {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "random" => Ok(InsertOrder::Random),
            "sorted" => Ok(InsertOrder::Sorted),
            _ => Err(format!(
                "unknown insert order `{s}`: choose one of random, sorted"
            )),
        }
    }
}

/// A comparison, ready to run.
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
    /// What is done with them.
    pub workload: &'static Workload,
    /// How records are chosen.
    pub distribution: Distribution,
    /// Percentage of the reads that ask for held-out keys.
    pub absent_percent: f64,
    /// Measured operations per engine, over all rounds.
    pub operations: usize,
    /// Rounds into which they are divided.
    pub rounds: usize,
    /// Size of every value in bytes.
    pub value_bytes: usize,
    /// The order in which records are loaded.
    pub insert_order: InsertOrder,
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
        if self.data.records.is_empty() {
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
            value_bytes,
            absent_percent,
            ..
        } = self;
        let problem = if *operations == 0 {
            "--operations 0: there is nothing to measure; give at least 1, or --workload load"
                .to_owned()
        } else if *rounds == 0 {
            "--rounds 0: there is nothing to measure; give at least 1".to_owned()
        } else if operations < rounds {
            format!(
                "--operations {operations} is fewer than --rounds {rounds}: give --rounds {operations} or fewer"
            )
        } else if *value_bytes < values::MIN_SIZE {
            let least = values::MIN_SIZE;
            format!(
                "--value-size {value_bytes}: give at least {least}, so that values can be told apart"
            )
        } else if !(0.0..=100.0).contains(absent_percent) {
            format!("--absent {absent_percent}: give a percentage from 0 to 100")
        } else {
            return Ok(());
        };
        Err(Error::Usage(problem))
    }

    /// The operations of `round`: the rounds differ by at most one.
    pub fn round_operations(&self, round: usize) -> usize {
        self.operations / self.rounds + usize::from(round < self.operations % self.rounds)
    }
}
