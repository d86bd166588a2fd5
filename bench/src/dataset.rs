//! The keys of a run: those that are loaded, and those that never are.

use crate::error::Error;
use crate::keys::{self, KeySet};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::index;
use std::fmt;
use std::path::PathBuf;

/// Where the keys come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A generated key set.
    Set(KeySet),
    /// A file of keys.
    File(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Set(set) => write!(f, "{set} (generated)"),
            Source::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// The keys of a run.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Keys to load, in bytewise order.
    pub records: Vec<Vec<u8>>,
    /// Keys of the same set that are never loaded, in bytewise order.
    pub absent: Vec<Vec<u8>>,
}

/// The number of records of a generated key set when none is asked for.
pub const DEFAULT_RECORDS: usize = 1_000_000;

impl Dataset {
    /// Makes or reads the keys. With `hold_out`, one key for every ten records is kept
    /// back at random to be asked for in vain. `records` defaults to all keys of a
    /// file and to [`DEFAULT_RECORDS`] of a generated set.
    ///
    /// # Errors
    /// An unusable file, or more records than there are keys.
    pub fn new(
        source: &Source,
        records: Option<usize>,
        hold_out: bool,
        seed: u64,
    ) -> Result<Self, Error> {
        if let Some(records) = records.filter(|records| u32::try_from(*records).is_err()) {
            let most = u32::MAX;
            return Err(Error::Usage(format!(
                "--records {records}: give at most {most}"
            )));
        }
        let held_out = |records: usize| if hold_out { (records / 10).max(1) } else { 0 };
        let (keys, records) = match source {
            Source::Set(set) => {
                let records = records.unwrap_or(DEFAULT_RECORDS);
                (
                    keys::generate(*set, records + held_out(records), seed),
                    Some(records),
                )
            }
            Source::File(path) => {
                let wanted = records.map(|records| records + held_out(records));
                (
                    keys::read_file(path, wanted).map_err(Error::Usage)?,
                    records,
                )
            }
        };
        // As many as leave enough keys to hold out.
        let most = if hold_out {
            keys.len() * 10 / 11
        } else {
            keys.len()
        };
        let records = records.unwrap_or(most);
        if records == 0 || records + held_out(records) > keys.len() {
            let why = if hold_out {
                ", some of which --absent holds out"
            } else {
                ""
            };
            return Err(Error::Usage(format!(
                "{records} records, but {source} has {} keys{why}: give --records {most} or fewer, \
                 or another key set",
                keys.len()
            )));
        }
        Ok(Self::split(keys, records, seed))
    }

    /// At most `records` records of a key set, or as many as it has; with `hold_out`, one key for
    /// every ten records is held out.
    ///
    /// # Errors
    /// An unusable file.
    pub fn at_most(
        source: &Source,
        records: usize,
        hold_out: bool,
        seed: u64,
    ) -> Result<Self, Error> {
        let held_out = if hold_out { (records / 10).max(1) } else { 0 };
        let wanted = records + held_out;
        let keys = match source {
            Source::Set(set) => keys::generate(*set, wanted, seed),
            Source::File(path) => keys::read_file(path, Some(wanted)).map_err(Error::Usage)?,
        };
        let most = if hold_out {
            keys.len() * 10 / 11
        } else {
            keys.len()
        };
        Ok(Self::split(keys, records.min(most.max(1)), seed))
    }

    /// Keeps `records` keys and holds the others out, at random.
    fn split(keys: Vec<Vec<u8>>, records: usize, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed.rotate_left(17));
        let mut out = vec![false; keys.len()];
        for i in index::sample(&mut rng, keys.len(), keys.len() - records) {
            out[i] = true;
        }
        let (mut records, mut absent) = (Vec::with_capacity(records), Vec::new());
        for (key, out) in keys.into_iter().zip(out) {
            if out {
                absent.push(key)
            } else {
                records.push(key)
            }
        }
        Self { records, absent }
    }
}
