//! Timed reads of one large memtable, and its flush.

use crate::error::{Context, Error};
use crate::flat::FlatKeys;
use crate::memtable::check::{self, Digest};
use crate::memtable::database::Database;
use crate::memtable::generate;
use crate::memtable::workload::Step;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rocksdb::{DB, ReadOptions};
use std::time::{Duration, Instant};

/// Gets at scale 1.
pub const GETS: usize = 1_000_000;

/// Seeks at scale 1.
pub const SEEKS: usize = 200_000;

/// Entries that are read at each seek.
const ENTRIES_PER_SEEK: usize = 11;

/// What is asked of the memtable, and what it must answer. Made before the clock runs.
#[derive(Debug)]
pub struct Questions {
    present: FlatKeys,
    /// The marks of the values of `present`.
    marks: Vec<u64>,
    absent: FlatKeys,
    seeks: usize,
    seek_answers: Digest,
    scan_answer: Digest,
}

/// A step that was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// How long its operations took together.
    pub duration: Duration,
    /// What was wrong with what was read.
    pub complaint: Option<String>,
}

impl Questions {
    /// Questions for a memtable that holds `keys`, which were made by
    /// [`generate::uniform`] from `seed`; `survivors` is their order.
    pub fn new(keys: &FlatKeys, survivors: &[usize], gets: usize, seeks: usize, seed: u64) -> Self {
        let absent = generate::uniform(gets.max(seeks), 1, seed);
        let mut order = survivors.to_vec();
        order.shuffle(&mut StdRng::seed_from_u64(seed));
        let asked = || order.iter().cycle().take(gets);
        let mut seek_answers = Digest::default();
        for target in absent.range(0..seeks) {
            let first = survivors.partition_point(|i| keys.get(*i) < target);
            for i in survivors[first..].iter().take(ENTRIES_PER_SEEK) {
                seek_answers.expect(keys.get(*i), *i as u64);
            }
        }
        Self {
            present: asked().map(|i| keys.get(*i)).collect(),
            marks: asked().map(|i| *i as u64).collect(),
            absent,
            seeks,
            seek_answers,
            scan_answer: check::digest(keys, survivors),
        }
    }

    /// The operations of a step; for [`Step::Scan`] and [`Step::Flush`], entries.
    pub fn operations(&self, step: Step) -> usize {
        match step {
            Step::GetPresent => self.present.len(),
            Step::GetAbsent => self.absent.len(),
            Step::Seek10 => self.seeks,
            Step::Scan | Step::Flush => self.scan_answer.entries as usize,
        }
    }

    /// Takes one step.
    ///
    /// # Errors
    /// If RocksDB fails.
    pub fn time(&self, step: Step, database: &Database) -> Result<Answer, Error> {
        let db = &database.db;
        let what = || step.name().to_owned();
        let started = Instant::now();
        let complaint = match step {
            Step::GetPresent => self.get_present(db).context(what)?,
            Step::GetAbsent => self.get_absent(db).context(what)?,
            Step::Seek10 => self.seek(db).context(what)?,
            Step::Scan => database.scan()?.complaint(&self.scan_answer),
            Step::Flush => {
                db.flush().context(what)?;
                None
            }
        };
        Ok(Answer {
            duration: started.elapsed(),
            complaint,
        })
    }

    fn get_present(&self, db: &DB) -> Result<Option<String>, rocksdb::Error> {
        let options = ReadOptions::default();
        let mut wrong = 0u64;
        for (key, mark) in self.present.iter().zip(&self.marks) {
            let found = db.get_pinned_opt(key, &options)?;
            let right = found.is_some_and(|value| check::mark(&value) == Some(*mark));
            wrong += u64::from(!right);
        }
        Ok((wrong > 0).then(|| format!("{wrong} present keys missing or with wrong values")))
    }

    fn get_absent(&self, db: &DB) -> Result<Option<String>, rocksdb::Error> {
        let options = ReadOptions::default();
        let mut wrong = 0u64;
        for key in self.absent.iter() {
            wrong += u64::from(db.get_pinned_opt(key, &options)?.is_some());
        }
        Ok((wrong > 0).then(|| format!("{wrong} absent keys found")))
    }

    /// All seeks by one iterator: what is measured is the search, not its set-up.
    fn seek(&self, db: &DB) -> Result<Option<String>, rocksdb::Error> {
        let mut digest = Digest::default();
        let mut entries = db.raw_iterator();
        for target in self.absent.range(0..self.seeks) {
            entries.seek(target);
            for i in 0..ENTRIES_PER_SEEK {
                if i > 0 {
                    entries.next();
                }
                let Some((key, value)) = entries.item() else {
                    // The end, unless it is an error: a seek would clear its status.
                    entries.status()?;
                    break;
                };
                digest.read(key, value);
            }
        }
        Ok(digest.complaint(&self.seek_answers))
    }
}
