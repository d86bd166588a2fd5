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

impl Source {
    /// `wanted` keys of a generated set, or as many as it can make; at most as many of a file,
    /// and without it all of them, or [`DEFAULT_RECORDS`] of a set.
    fn keys(&self, wanted: Option<usize>, seed: u64) -> Result<Vec<Vec<u8>>, Error> {
        match self {
            Source::Set(set) => {
                let wanted = wanted.unwrap_or(DEFAULT_RECORDS);
                Ok(keys::generate(*set, wanted, seed))
            }
            Source::File(path) => keys::read_file(path, wanted).map_err(Error::Usage),
        }
    }
}

/// Keys that it takes to have `records` records, and to hold out one for every ten of them.
fn with_held_out(records: usize, hold_out: bool) -> usize {
    records + if hold_out { (records / 10).max(1) } else { 0 }
}

/// As many records as leave enough keys to hold out.
fn most_records(keys: usize, hold_out: bool) -> usize {
    if hold_out { keys * 10 / 11 } else { keys }
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
        let records = match source {
            Source::Set(_) => Some(records.unwrap_or(DEFAULT_RECORDS)),
            Source::File(_) => records,
        };
        let keys = source.keys(
            records.map(|records| with_held_out(records, hold_out)),
            seed,
        )?;
        let most = most_records(keys.len(), hold_out);
        let records = records.unwrap_or(most);
        if records == 0 || with_held_out(records, hold_out) > keys.len() {
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
        let keys = source.keys(Some(with_held_out(records, hold_out)), seed)?;
        let most = most_records(keys.len(), hold_out).max(1);
        Ok(Self::split(keys, records.min(most), seed))
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
