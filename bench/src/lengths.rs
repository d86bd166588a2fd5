//! How many records a scan asks for.

use crate::distribution::Zipfian;
use rand::Rng;
use rand::rngs::StdRng;
use std::fmt;
use std::str::FromStr;

/// The law by which the lengths of scans are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LengthLaw {
    /// Every scan has the greatest length.
    Constant,
    /// Every length is equally likely, as by default in YCSB.
    Uniform,
    /// YCSB's zipfian: the least length is the most likely one ([`Zipfian`] with
    /// [`Zipfian::THETA`]).
    Zipfian,
}

impl LengthLaw {
    /// Every law, in the order in which they are listed to users.
    pub const ALL: [LengthLaw; 3] = [Self::Constant, Self::Uniform, Self::Zipfian];

    /// The name that [`FromStr`] reads back.
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Uniform => "uniform",
            Self::Zipfian => "zipfian",
        }
    }
}

impl fmt::Display for LengthLaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for LengthLaw {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|law| law.name() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("unknown law of scan lengths `{text}`: choose one of {names}")
        })
    }
}

/// How many records scans read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanLengths {
    /// The fewest.
    pub min: u64,
    /// The most.
    pub max: u64,
    /// The law by which a length is drawn.
    pub law: LengthLaw,
}

impl Default for ScanLengths {
    /// YCSB's.
    fn default() -> Self {
        Self {
            min: 1,
            max: 1000,
            law: LengthLaw::Uniform,
        }
    }
}

impl fmt::Display for ScanLengths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ScanLengths { min, max, law } = self;
        match law {
            LengthLaw::Constant => write!(f, "{max}"),
            _ => write!(f, "{min} to {max}, {law},"),
        }
    }
}

/// Draws the lengths of scans, in records.
#[derive(Clone, Debug)]
pub struct Lengths {
    min: u64,
    max: u64,
    law: LengthLaw,
    zipfian: Zipfian,
}

impl Lengths {
    /// Lengths from `min` to `max`, both included; at least 1.
    pub fn new(lengths: ScanLengths) -> Self {
        let min = lengths.min.max(1);
        let max = lengths.max.max(min);
        Self {
            min,
            max,
            law: lengths.law,
            // `min` is at least 1: there is no overflow.
            zipfian: Zipfian::new(max - min + 1, Zipfian::THETA),
        }
    }

    /// The next length.
    pub fn next(&self, rng: &mut StdRng) -> u64 {
        match self.law {
            LengthLaw::Constant => self.max,
            LengthLaw::Uniform => rng.random_range(self.min..=self.max),
            LengthLaw::Zipfian => {
                // Beyond 2^53 rounding can reach past the last rank.
                let length = self.min.saturating_add(self.zipfian.rank(rng.random()));
                length.min(self.max)
            }
        }
    }
}
