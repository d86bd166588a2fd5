//! The keys of a run: those that are loaded, those that are inserted later, and those that never
//! are.

use crate::error::Error;
use crate::flat::FlatKeys;
use crate::keys::{self, KeySet};
use crate::values;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::{SliceRandom, index};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where the keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A generated key set.
    Set(KeySet),
    /// YCSB's keys by number: `user` and the record's number, hashed unless `ordered`, with zeros
    /// in front up to `digits` digits.
    Numbered {
        /// Whether numbers are not hashed.
        ordered: bool,
        /// The least number of digits.
        digits: usize,
    },
    /// A file of keys.
    File(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Set(set) => write!(f, "{set} (generated)"),
            Source::Numbered { ordered, digits } => {
                let what = if *ordered { "number" } else { "hash" };
                write!(f, "user<{what}> (generated, at least {digits} digits)")
            }
            Source::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Source {
    /// `n` keys and `more` behind them, in the order in which the source gives them, or as many
    /// as it has. Files are shuffled by `seed`, unless they are wanted `as_given`.
    fn keys(
        &self,
        n: usize,
        more: usize,
        as_given: bool,
        seed: u64,
    ) -> Result<Vec<Vec<u8>>, Error> {
        match self {
            Source::Set(set) => Ok(keys::numbered(*set, n, more, seed)),
            Source::Numbered { ordered, digits } => {
                let number = |i: u64| if *ordered { i } else { keys::fnv64(i) };
                let key = |i| format!("user{:0>width$}", number(i), width = *digits);
                Ok((0..(n + more) as u64)
                    .map(|i| key(i).into_bytes())
                    .collect())
            }
            Source::File(path) => {
                let mut keys = keys::read_file_as_given(path).map_err(Error::Usage)?;
                if !as_given {
                    keys.shuffle(&mut StdRng::seed_from_u64(seed));
                }
                Ok(keys)
            }
        }
    }
}

/// The order in which records are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertOrder {
    /// Shuffled by the seed.
    Random,
    /// In key order.
    Sorted,
    /// As the file has them, or as the key set makes them.
    AsGiven,
}

impl InsertOrder {
    const ALL: [InsertOrder; 3] = [
        InsertOrder::Random,
        InsertOrder::Sorted,
        InsertOrder::AsGiven,
    ];

    /// The name that [`FromStr`] reads back.
    pub fn name(self) -> &'static str {
        match self {
            InsertOrder::Random => "random",
            InsertOrder::Sorted => "sorted",
            InsertOrder::AsGiven => "given",
        }
    }
}

impl FromStr for InsertOrder {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let found = InsertOrder::ALL.into_iter().find(|order| order.name() == s);
        found.ok_or_else(|| {
            let names = InsertOrder::ALL.map(InsertOrder::name).join(", ");
            format!("unknown insert order `{s}`: choose one of {names}")
        })
    }
}

/// What is wanted of a key set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Records that are there from the start; without a number all keys of a file,
    /// [`DEFAULT_RECORDS`] of a generated set.
    pub records: Option<usize>,
    /// Keys to insert later.
    pub inserts: usize,
    /// Whether one key for every ten records is held out, to be asked for in vain.
    pub hold_out: bool,
    /// The order of the load.
    pub order: InsertOrder,
    /// Decides the keys, the order, and which keys are held out.
    pub seed: u64,
}

/// The number of records of a generated key set when none is asked for.
pub const DEFAULT_RECORDS: usize = 1_000_000;

/// Keys that it takes to have `records` records, and to hold out one for every ten of them.
fn with_held_out(records: usize, hold_out: bool) -> usize {
    records + if hold_out { (records / 10).max(1) } else { 0 }
}

/// As many records as leave enough keys to hold out.
fn most_records(keys: usize, hold_out: bool) -> usize {
    if hold_out { keys * 10 / 11 } else { keys }
}

/// The keys of a run. Records have *numbers*, in the order of their insertion, and *places*, in
/// the order of their keys.
#[derive(Clone, Debug, Default)]
pub struct Dataset {
    /// By place: the keys of all records, those that are inserted later among them.
    pub keys: FlatKeys,
    /// The place of every record, by number.
    pub places: Vec<usize>,
    /// Records with numbers below this one are there from the start.
    pub loaded: usize,
    /// Keys of the same set that are never loaded, in bytewise order.
    pub absent: Vec<Vec<u8>>,
}

impl Dataset {
    /// Makes or reads the keys.
    ///
    /// # Errors
    /// An unusable file, or more records than there are keys.
    pub fn new(source: &Source, wanted: &Wanted) -> Result<Self, Error> {
        let Wanted {
            records,
            inserts,
            hold_out,
            order,
            seed,
        } = *wanted;
        let asked = match source {
            Source::File(_) => records,
            _ => Some(records.unwrap_or(DEFAULT_RECORDS)),
        };
        let base = asked.map_or(0, |records| with_held_out(records, hold_out));
        let as_given = order == InsertOrder::AsGiven;
        let mut keys = source.keys(base, inserts, as_given, seed)?;
        let most = most_records(keys.len().saturating_sub(inserts), hold_out);
        let records = asked.unwrap_or(most);
        // As if that many had been asked for: a later command that does so gets the same keys.
        let base = with_held_out(records, hold_out);
        if records == 0 && inserts == 0 || base + inserts > keys.len() {
            let mut why = String::new();
            if inserts > 0 {
                why.push_str(&format!(", {inserts} of which are inserted later"));
            }
            if hold_out {
                why.push_str(", some of which --absent holds out");
            }
            return Err(Error::Usage(format!(
                "{records} records, but {source} has {} keys{why}: give --records {most} or fewer, \
                 or another key set",
                keys.len()
            )));
        }
        keys.truncate(base + inserts);
        let later = keys.split_off(base);
        Ok(Self::numbered(keys, records, later, order, seed))
    }

    /// At most `records` records of a key set, or as many as it has, in key order; with
    /// `hold_out`, one key for every ten records is held out.
    ///
    /// # Errors
    /// An unusable file.
    pub fn at_most(
        source: &Source,
        records: usize,
        hold_out: bool,
        seed: u64,
    ) -> Result<Self, Error> {
        let wanted = with_held_out(records, hold_out);
        let keys = match source {
            // Thinned out evenly, it keeps its shape.
            Source::File(path) => keys::read_file(path, Some(wanted)).map_err(Error::Usage)?,
            Source::Set(set) => keys::generate(*set, wanted, seed),
            Source::Numbered { .. } => source.keys(wanted, 0, true, seed)?,
        };
        let records = records.min(most_records(keys.len(), hold_out).max(1));
        let order = InsertOrder::Sorted;
        Ok(Self::numbered(keys, records, Vec::new(), order, seed))
    }

    /// Keeps `records` of the `base` keys and holds the others out, at random; those that come
    /// `later` have the highest numbers.
    fn numbered(
        base: Vec<Vec<u8>>,
        records: usize,
        later: Vec<Vec<u8>>,
        order: InsertOrder,
        seed: u64,
    ) -> Self {
        let mut rng = StdRng::seed_from_u64(seed.rotate_left(17));
        let mut out = vec![false; base.len()];
        for i in index::sample(&mut rng, base.len(), base.len() - records) {
            out[i] = true;
        }
        let (mut kept, mut absent) = (Vec::with_capacity(records + later.len()), Vec::new());
        for (key, out) in base.into_iter().zip(out) {
            if out { &mut absent } else { &mut kept }.push(key);
        }
        match order {
            InsertOrder::AsGiven => (),
            InsertOrder::Sorted => kept.sort_unstable(),
            InsertOrder::Random => kept.shuffle(&mut StdRng::seed_from_u64(seed)),
        }
        absent.sort_unstable();
        kept.extend(later);
        let mut by_place: Vec<(Vec<u8>, usize)> = kept.into_iter().zip(0..).collect();
        by_place.sort_unstable();
        let mut places = vec![0; by_place.len()];
        for (place, (_, number)) in by_place.iter().enumerate() {
            places[*number] = place;
        }
        Self {
            keys: by_place.iter().map(|(key, _)| key).collect(),
            loaded: records,
            places,
            absent,
        }
    }

    /// What tells the first `records` keys, and the order of their insertion, from others.
    pub fn fingerprint(&self, records: usize) -> u64 {
        let keys = (0..records).map(|number| self.key(number));
        keys.fold(0, |so_far, key| values::hash(key, so_far))
    }

    /// The key of a record.
    pub fn key(&self, number: usize) -> &[u8] {
        &self.keys[self.places[number]]
    }

    /// The keys that are there from the start, in the order in which they are loaded.
    pub fn loaded_keys(&self) -> impl Iterator<Item = &[u8]> {
        let places = self.places[..self.loaded].iter();
        places.map(|place| &self.keys[*place])
    }

    /// The places of the records that are there from the start, in key order.
    pub fn loaded_places(&self) -> Vec<usize> {
        let mut places = self.places[..self.loaded].to_vec();
        places.sort_unstable();
        places
    }
}
