//! Which record the next operation asks for.

use crate::keys::fnv64;
use rand::Rng;
use rand::rngs::StdRng;
use std::fmt;
use std::str::FromStr;

/// The law by which records are chosen. Its text is a name and, after colons, the parameters
/// that are not YCSB's: `zipfian`, `zipfian:0.8`, `hotspot:0.1:0.9`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// Every record is equally likely.
    Uniform,
    /// YCSB's scrambled zipfian: few records are hot, scattered over all by a hash. Its law is
    /// that of ten billion ranks whatever the number of records ([`Zipfian::ycsb`]).
    Zipfian {
        /// The skew: above 0, below 1.
        constant: f64,
    },
    /// Zipf's law over the records themselves ([`Zipf`]), scattered by a bijection ([`Scatter`]).
    ZipfianExact {
        /// The skew: above 0, below 1.
        constant: f64,
    },
    /// Zipf's law over the age of a record: the newest one is the hottest.
    Latest {
        /// The skew: above 0, below 1.
        constant: f64,
    },
    /// The oldest records are hot, all alike, and the others are cold, all alike.
    Hotspot {
        /// The share of the records that is hot: above 0, at most 1.
        data: f64,
        /// The share of the operations that asks for them: 0 to 1.
        operations: f64,
    },
    /// The age of a record is exponentially distributed: the newest one is the hottest.
    Exponential {
        /// The percentage of the operations that asks for the newest records: above 0, below 100.
        percentile: f64,
        /// The share of the records, as many as there are at first, that counts as the newest: 0
        /// to 1.
        fraction: f64,
    },
    /// One record after the other, in the order of their insertion, again and again.
    Sequential,
}

impl Distribution {
    /// [`Distribution::Zipfian`] with YCSB's skew.
    pub const ZIPFIAN: Self = Self::Zipfian {
        constant: Zipfian::THETA,
    };

    /// [`Distribution::ZipfianExact`] with YCSB's skew.
    pub const ZIPFIAN_EXACT: Self = Self::ZipfianExact {
        constant: Zipfian::THETA,
    };

    /// [`Distribution::Latest`] with YCSB's skew.
    pub const LATEST: Self = Self::Latest {
        constant: Zipfian::THETA,
    };

    /// [`Distribution::Hotspot`] with YCSB's shares.
    pub const HOTSPOT: Self = Self::Hotspot {
        data: 0.2,
        operations: 0.8,
    };

    /// [`Distribution::Exponential`] with YCSB's shares.
    pub const EXPONENTIAL: Self = Self::Exponential {
        percentile: 95.0,
        fraction: 0.8571428571,
    };

    /// Every distribution, with YCSB's parameters, in the order in which they are listed to users.
    pub const ALL: [Self; 7] = [
        Self::Uniform,
        Self::ZIPFIAN,
        Self::ZIPFIAN_EXACT,
        Self::LATEST,
        Self::HOTSPOT,
        Self::EXPONENTIAL,
        Self::Sequential,
    ];

    /// The name, without parameters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Zipfian { .. } => "zipfian",
            Self::ZipfianExact { .. } => "zipfian-exact",
            Self::Latest { .. } => "latest",
            Self::Hotspot { .. } => "hotspot",
            Self::Exponential { .. } => "exponential",
            Self::Sequential => "sequential",
        }
    }

    /// Checks the ranges of the parameters.
    ///
    /// # Errors
    /// The first one that is out of range, and what is in range.
    pub fn check(self) -> Result<(), String> {
        let fault = match self {
            Self::Uniform | Self::Sequential => None,
            Self::Zipfian { constant }
            | Self::ZipfianExact { constant }
            | Self::Latest { constant } => {
                let fits = constant > 0.0 && constant < 1.0;
                (!fits).then_some("give a constant above 0 and below 1")
            }
            Self::Hotspot { data, operations } => {
                if !(data > 0.0 && data <= 1.0) {
                    Some("give a share of the records above 0 and at most 1")
                } else if !(0.0..=1.0).contains(&operations) {
                    Some("give a share of the operations from 0 to 1")
                } else {
                    None
                }
            }
            Self::Exponential {
                percentile,
                fraction,
            } => {
                if !(percentile > 0.0 && percentile < 100.0) {
                    Some("give a percentage of the operations above 0 and below 100")
                } else if !(0.0..=1.0).contains(&fraction) {
                    Some("give a share of the records from 0 to 1")
                } else {
                    None
                }
            }
        };
        match fault {
            Some(fault) => Err(format!("distribution `{self}`: {fault}")),
            None => Ok(()),
        }
    }

    /// The parameters, in the order in which they are written.
    fn parameters(self) -> Vec<f64> {
        match self {
            Self::Uniform | Self::Sequential => Vec::new(),
            Self::Zipfian { constant }
            | Self::ZipfianExact { constant }
            | Self::Latest { constant } => vec![constant],
            Self::Hotspot { data, operations } => vec![data, operations],
            Self::Exponential {
                percentile,
                fraction,
            } => vec![percentile, fraction],
        }
    }

    /// The same law with the first parameters replaced.
    fn with(mut self, given: &[f64]) -> Self {
        let parameters: &mut [&mut f64] = match &mut self {
            Self::Uniform | Self::Sequential => &mut [],
            Self::Zipfian { constant }
            | Self::ZipfianExact { constant }
            | Self::Latest { constant } => &mut [constant],
            Self::Hotspot { data, operations } => &mut [data, operations],
            Self::Exponential {
                percentile,
                fraction,
            } => &mut [percentile, fraction],
        };
        for (parameter, value) in parameters.iter_mut().zip(given) {
            **parameter = *value;
        }
        self
    }
}

impl fmt::Display for Distribution {
    /// The text that [`FromStr`] reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if !Self::ALL.contains(self) {
            for parameter in self.parameters() {
                write!(f, ":{parameter}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for Distribution {
    type Err = String;

    /// Parameters that are left out are YCSB's.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, numbers) = match text.split_once(':') {
            Some((name, numbers)) => (name, numbers.split(':').collect()),
            None => (text, Vec::new()),
        };
        let found = Self::ALL.into_iter().find(|law| law.name() == name);
        let law = found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("unknown distribution `{name}`: choose one of {names}")
        })?;
        let most = law.parameters().len();
        if numbers.len() > most {
            return Err(format!(
                "distribution `{text}`: {name} takes no more than {most} parameters"
            ));
        }
        let numbers: Result<Vec<f64>, _> = numbers.iter().map(|number| number.parse()).collect();
        let numbers = numbers
            .map_err(|e| format!("distribution `{text}`: {e}: give numbers after colons"))?;
        let law = law.with(&numbers);
        law.check()?;
        Ok(law)
    }
}

/// The sum of 1 / k^theta for k from 1 to `items`, for `theta` above 0 and below 1. Constant
/// time: summed term by term at first, and by the formula of Euler and Maclaurin from there on. The
/// relative error is of the order of 1e-14.
pub fn zeta(items: u64, theta: f64) -> f64 {
    /// The terms that are summed one by one.
    const HEAD: u64 = 1000;
    let term = |k: f64| k.powf(-theta);
    let head = (1..=items.min(HEAD)).map(|k| term(k as f64)).sum();
    if items <= HEAD {
        return head;
    }
    let (from, to) = (HEAD as f64, items as f64);
    let integral = h_integral(to, theta) - h_integral(from, theta);
    // With 1000 terms in the head, the corrections that are left out are below 1e-14.
    let slope = |k: f64| -theta * term(k) / k;
    head + integral + (term(to) - term(from)) / 2.0 + (slope(to) - slope(from)) / 12.0
}

/// The integral of 1 / t^theta for t from 1 to `x`. Accurate for `theta` next to 1, too.
fn h_integral(x: f64, theta: f64) -> f64 {
    let log = x.ln();
    let exponent = (1.0 - theta) * log;
    if exponent == 0.0 {
        log
    } else {
        log * (exponent.exp_m1() / exponent)
    }
}

/// The `x` for which [`h_integral`] gives `area`.
fn h_integral_inverse(area: f64, theta: f64) -> f64 {
    let scaled = (1.0 - theta) * area;
    if scaled == 0.0 {
        area.exp()
    } else {
        (area * (scaled.ln_1p() / scaled)).exp()
    }
}

/// Zipf's law over ranks 0, 1, 2, ..: rank r is asked for in proportion to
/// 1 / (r + 1)^theta. Drawn in constant time by the method of Gray et al., "Quickly
/// generating billion-record synthetic databases" (SIGMOD 1994), as YCSB does it:
/// exact for the first two ranks, a close approximation for the others. [`Zipf`] has no such error.
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

    /// The ranks of the law that YCSB scrambles.
    pub const YCSB_ITEMS: u64 = 10_000_000_000;

    /// The sum of the series for [`Zipfian::YCSB_ITEMS`] and [`Zipfian::THETA`], as YCSB gives it.
    pub const YCSB_ZETA: f64 = 26.46902820178302;

    /// The law over `items` ranks, at least 1, for `theta` above 0 and below 1. Constant time, see
    /// [`zeta`].
    pub fn new(items: u64, theta: f64) -> Self {
        Self::with_zeta(items, theta, zeta(items, theta))
    }

    /// The law that YCSB scrambles: ten billion ranks whatever the number of records.
    pub fn ycsb(theta: f64) -> Self {
        let zeta = if theta == Self::THETA {
            Self::YCSB_ZETA
        } else {
            zeta(Self::YCSB_ITEMS, theta)
        };
        Self::with_zeta(Self::YCSB_ITEMS, theta, zeta)
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

/// Zipf's law over ranks 0, 1, 2, .., without approximation: rank r is drawn with a probability
/// proportional to 1 / (r + 1)^theta. Constant time by rejection-inversion (Hörmann and Derflinger,
/// "Rejection-inversion to generate variates from monotone discrete distributions", 1996).
#[derive(Clone, Debug)]
pub struct Zipf {
    items: u64,
    theta: f64,
    /// The area under the hat runs from here ..
    low: f64,
    /// .. to here.
    high: f64,
    /// A point that lies this close below its rank is under the histogram, too.
    squeeze: f64,
}

impl Zipf {
    /// The law over `items` ranks, at least 1, for `theta` above 0 and below 1.
    pub fn new(items: u64, theta: f64) -> Self {
        let squeeze = h_integral(2.5, theta) - 2f64.powf(-theta);
        Self {
            items,
            theta,
            low: h_integral(1.5, theta) - 1.0,
            high: h_integral(items as f64 + 0.5, theta),
            squeeze: 2.0 - h_integral_inverse(squeeze, theta),
        }
    }

    /// The number of ranks.
    pub fn items(&self) -> u64 {
        self.items
    }

    /// The next rank: below [`Zipf::items`]. Takes fewer than two attempts on average.
    pub fn next(&self, rng: &mut StdRng) -> u64 {
        loop {
            let area = self.high - rng.random::<f64>() * (self.high - self.low);
            let x = h_integral_inverse(area, self.theta);
            // Rounding can reach beyond both ends.
            let k = (x + 0.5).floor().clamp(1.0, self.items as f64);
            if k - x <= self.squeeze
                || area >= h_integral(k + 0.5, self.theta) - k.powf(-self.theta)
            {
                return (k as u64).min(self.items) - 1;
            }
        }
    }
}

/// A bijection of 0, 1, .., n - 1 that puts neighbours far apart: a multiplication modulo n by a
/// number coprime to n and close to n over the golden ratio. 0 stays where it is.
#[derive(Clone, Copy, Debug)]
pub struct Scatter {
    items: u64,
    multiplier: u64,
}

impl Scatter {
    /// The bijection of the first `items` numbers, at least 1.
    pub fn new(items: u64) -> Self {
        /// 2^64 over the golden ratio.
        const GOLDEN: u128 = 0x9E37_79B9_7F4A_7C15;
        // The product over 2^64 is below `items`, and the largest number tried, `items - 1`, is
        // coprime.
        let mut multiplier = ((u128::from(items) * GOLDEN) >> 64).max(1) as u64;
        while gcd(multiplier, items) != 1 {
            multiplier += 1;
        }
        Self { items, multiplier }
    }

    /// Where `number`, which is below the number of items, goes.
    pub fn place(self, number: u64) -> u64 {
        let product = u128::from(number) * u128::from(self.multiplier);
        // A remainder by a `u64` fits.
        (product % u128::from(self.items)) as u64
    }
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Draws record numbers. Records are numbered in the order in which they were inserted.
#[derive(Clone, Debug)]
pub struct Chooser {
    law: Law,
}

#[derive(Clone, Debug)]
enum Law {
    Uniform,
    Scrambled { zipfian: Zipfian, items: u64 },
    Scattered { zipf: Zipf, scatter: Scatter },
    Latest { zipf: Zipf },
    Hotspot { data: f64, operations: f64 },
    Exponential { records: f64, decay: f64 },
    Sequential { next: u64 },
}

impl Chooser {
    /// How often a zipfian draw of a record that is not there yet is repeated. If all of them fail,
    /// the last one's remainder by the records that are there is taken: that keeps a draw finite
    /// where inserts outnumber records a thousand times, and does not happen where they do not.
    pub const REDRAWS: u32 = 1000;

    /// A chooser by `distribution`, which must pass [`Distribution::check`]. `records` are there
    /// at first (not 0), `inserts` more are expected: they are places among which both zipfian
    /// laws scatter the hot records, so that an insert does not change which ones are hot.
    pub fn new(distribution: Distribution, records: u64, inserts: u64) -> Self {
        let items = records.saturating_add(inserts);
        let law = match distribution {
            Distribution::Uniform => Law::Uniform,
            Distribution::Zipfian { constant } => Law::Scrambled {
                zipfian: Zipfian::ycsb(constant),
                items,
            },
            Distribution::ZipfianExact { constant } => Law::Scattered {
                zipf: Zipf::new(items, constant),
                scatter: Scatter::new(items),
            },
            Distribution::Latest { constant } => Law::Latest {
                zipf: Zipf::new(records, constant),
            },
            Distribution::Hotspot { data, operations } => Law::Hotspot { data, operations },
            Distribution::Exponential {
                percentile,
                fraction,
            } => Law::Exponential {
                records: records as f64,
                decay: -(-percentile / 100.0).ln_1p() / fraction,
            },
            Distribution::Sequential => Law::Sequential { next: 0 },
        };
        Self { law }
    }

    /// A number below `records`, the records that are there now: never fewer than in the call
    /// before. Takes constant time but for the repetitions that [`Chooser::REDRAWS`] bounds.
    pub fn next(&mut self, records: u64, rng: &mut StdRng) -> u64 {
        match &mut self.law {
            Law::Uniform => rng.random_range(0..records),
            Law::Scrambled { zipfian, items } => {
                redraw(records, || fnv64(zipfian.rank(rng.random())) % *items)
            }
            Law::Scattered { zipf, scatter } => redraw(records, || scatter.place(zipf.next(rng))),
            Law::Latest { zipf } => {
                if zipf.items != records {
                    *zipf = Zipf::new(records, zipf.theta);
                }
                records - 1 - zipf.next(rng)
            }
            Law::Hotspot { data, operations } => {
                // Rounded down as YCSB does it, so that there may be none.
                let hot = ((records as f64 * *data) as u64).min(records);
                let wants_hot = rng.random::<f64>() < *operations;
                if hot == records || (wants_hot && hot > 0) {
                    rng.random_range(0..hot)
                } else {
                    rng.random_range(hot..records)
                }
            }
            Law::Exponential {
                records: first,
                decay,
            } => {
                // A draw that is older than the oldest record is to be repeated: that is the
                // inverse of the law cut off there, without the repetitions.
                let u = rng.random::<f64>();
                let range = *decay * (records as f64 / *first);
                // All but 0: the law is even, and its formula 0 / 0.
                let age = if range < 1e-12 {
                    u
                } else {
                    (u * (-range).exp_m1()).ln_1p() / -range
                };
                // Rounding can reach `records` itself.
                records - 1 - ((age * records as f64) as u64).min(records - 1)
            }
            Law::Sequential { next } => {
                let number = if *next < records { *next } else { 0 };
                *next = number + 1;
                number
            }
        }
    }
}

/// The first draw below `records`, see [`Chooser::REDRAWS`].
fn redraw(records: u64, mut draw: impl FnMut() -> u64) -> u64 {
    let mut number = draw();
    for _ in 0..Chooser::REDRAWS {
        if number < records {
            break;
        }
        number = draw();
    }
    number % records
}
