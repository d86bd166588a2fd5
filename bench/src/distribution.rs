//! Which record the next operation asks for.

use crate::keys::fnv64;
use rand::Rng;
use rand::rngs::StdRng;
use std::fmt;
use std::str::FromStr;

/// The law by which records are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Every record is equally likely.
    Uniform,
    /// YCSB's scrambled zipfian: few records are hot, scattered over the key space.
    Zipfian,
}

impl Distribution {
    /// Every distribution, in the order in which they are listed to users.
    pub const ALL: [Distribution; 2] = [Distribution::Uniform, Distribution::Zipfian];

    /// The name that [`FromStr`] reads back.
    pub fn name(self) -> &'static str {
        match self {
            Distribution::Uniform => "uniform",
            Distribution::Zipfian => "zipfian",
        }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Distribution {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        Distribution::ALL
            .into_iter()
            .find(|d| d.name() == s)
            .ok_or_else(|| format!("unknown distribution `{s}`: choose one of uniform, zipfian"))
    }
}

/// Zipf's law over ranks 0, 1, 2, ..: rank r is asked for in proportion to
/// 1 / (r + 1)^theta. Drawn in constant time by the method of Gray et al., "Quickly
/// generating billion-record synthetic databases" (SIGMOD 1994), as YCSB does it:
/// exact for the first two ranks, a close approximation for the others.
#[derive(Clone, Debug)]
pub struct Zipfian {
    items: f64,
    alpha: f64,
    zeta: f64,
    eta: f64,
    /// Below it, times zeta, the draw is rank 1.
    second: f64,
}

impl Zipfian {
    /// The skew that YCSB uses.
    pub const THETA: f64 = 0.99;

    /// The law over `items` ranks. Sums a series of that length.
    pub fn new(items: u64, theta: f64) -> Self {
        let zeta = (1..=items).map(|rank| (rank as f64).powf(-theta)).sum();
        Self::with_zeta(items, theta, zeta)
    }

    /// The law that YCSB scrambles: ten billion ranks whatever the number of records,
    /// with the sum of the series given as a constant.
    pub fn ycsb() -> Self {
        Self::with_zeta(10_000_000_000, Self::THETA, 26.46902820178302)
    }

    fn with_zeta(items: u64, theta: f64, zeta: f64) -> Self {
        let items = items as f64;
        let second = 1.0 + 0.5f64.powf(theta);
        let eta = (1.0 - (2.0 / items).powf(1.0 - theta)) / (1.0 - second / zeta);
        Self {
            items,
            alpha: 1.0 / (1.0 - theta),
            zeta,
            eta,
            second,
        }
    }

    /// The rank for a number `u` drawn evenly from [0, 1).
    pub fn rank(&self, u: f64) -> u64 {
        let scaled = u * self.zeta;
        if scaled < 1.0 {
            return 0;
        }
        if scaled < self.second {
            return 1;
        }
        let rank = self.items * (self.eta * u - self.eta + 1.0).powf(self.alpha);
        // Rounding can reach `items` itself where u is all but 1.
        rank.min(self.items - 1.0) as u64
    }
}

/// Draws indices of records.
#[derive(Clone, Debug)]
pub struct Chooser {
    records: u32,
    /// `None` for the uniform distribution.
    zipfian: Option<Zipfian>,
}

impl Chooser {
    /// Draws from `0..records`; `records` must not be 0.
    pub fn new(distribution: Distribution, records: u32) -> Self {
        let zipfian = match distribution {
            Distribution::Uniform => None,
            Distribution::Zipfian => Some(Zipfian::ycsb()),
        };
        Self { records, zipfian }
    }

    /// The next index.
    pub fn next(&self, rng: &mut StdRng) -> u32 {
        match &self.zipfian {
            None => rng.random_range(0..self.records),
            // The remainder is below `records`, so it fits.
            Some(law) => (fnv64(law.rank(rng.random())) % u64::from(self.records)) as u32,
        }
    }
}
