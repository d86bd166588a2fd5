//! The keys of the workloads, in the order in which they are written.

use crate::distribution::Zipfian;
use crate::error::Error;
use crate::flat::FlatKeys;
use crate::keys::{self, KeySet, normal};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use std::path::PathBuf;

/// Where the keys of a workload come from. Numbers are 8-byte big-endian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Numbers spread evenly over `u64`, no two alike.
    Uniform,
    /// Consecutive numbers.
    Ascending,
    /// Consecutive numbers, downwards.
    Descending,
    /// Time-ordered UUIDs in 16 bytes, about three a millisecond.
    UuidV7,
    /// Microseconds that arrive a little out of order, then 8 random bytes.
    TimestampId,
    /// `tenant<4 digits>/` and a number that ascends within each of [`TENANTS`] tenants.
    Tenants,
    /// `user<digits>`, the keys of YCSB, shuffled.
    User,
    /// URLs and file paths with long shared prefixes, shuffled.
    Paths,
    /// Few numbers, written again and again by Zipf's law.
    Zipfian,
    /// Normally distributed numbers around a centre that jumps every [`PHASE`] keys.
    Moving,
    /// The keys of a file, shuffled.
    File(PathBuf),
}

/// Tenants of [`Keys::Tenants`].
pub const TENANTS: usize = 100;

/// Records of [`Keys::Zipfian`].
pub const ZIPFIAN_RECORDS: u64 = 1000;

/// Keys of a phase of [`Keys::Moving`]: a memtable of 64 MB holds about as many.
pub const PHASE: usize = 500_000;

impl Keys {
    /// Makes `n` keys. A file gives as many as it has if that is fewer.
    ///
    /// # Errors
    /// An unusable file.
    pub fn make(&self, n: usize, seed: u64) -> Result<FlatKeys, Error> {
        let mut rng = StdRng::seed_from_u64(seed);
        let rng = &mut rng;
        Ok(match self {
            Keys::Uniform => uniform(n, 0, seed),
            Keys::Ascending => numbers(ascending(n)),
            Keys::Descending => numbers(ascending(n).rev()),
            Keys::UuidV7 => uuid_v7(n, rng),
            Keys::TimestampId => timestamp_id(n, rng),
            Keys::Tenants => tenants(n, rng),
            Keys::User => shuffled(keys::generate(KeySet::User, n, seed), rng),
            Keys::Paths => shuffled(keys::generate(KeySet::Paths, n, seed), rng),
            Keys::Zipfian => zipfian(n, rng),
            Keys::Moving => moving(n, rng),
            Keys::File(path) => {
                shuffled(keys::read_file(path, Some(n)).map_err(Error::Usage)?, rng)
            }
        })
    }
}

/// `n` numbers spread evenly over `u64`. With the same seed, `nth` 0, 1, .. give sets that
/// have no number in common and lie between each other.
pub fn uniform(n: usize, nth: u64, seed: u64) -> FlatKeys {
    // The scramble is a bijection: distinct inputs, distinct keys.
    let first = scramble(seed).wrapping_add(nth << 40);
    numbers((0..n as u64).map(|i| scramble(first.wrapping_add(i))))
}

fn numbers(values: impl Iterator<Item = u64>) -> FlatKeys {
    values.map(u64::to_be_bytes).collect()
}

fn ascending(n: usize) -> std::ops::Range<u64> {
    const FIRST: u64 = 1 << 40;
    FIRST..FIRST + n as u64
}

fn uuid_v7(n: usize, rng: &mut StdRng) -> FlatKeys {
    let mut millis = 1_700_000_000_000u128;
    let mut uuid = || {
        millis += u128::from(rng.random_ratio(1, 3));
        let random = rng.random::<u128>() & !(0xffff_ffff_ffff << 80 | 0xf << 76 | 0x3 << 62);
        (millis << 80 | 0x7 << 76 | 0x2 << 62 | random).to_be_bytes()
    };
    (0..n).map(|_| uuid()).collect()
}

fn timestamp_id(n: usize, rng: &mut StdRng) -> FlatKeys {
    /// Writers on several machines are this far apart.
    const JITTER_MICROS: u64 = 50;
    let mut now = 1_700_000_000_000_000u64;
    let mut id = || {
        now += rng.random_range(1..=3);
        let micros = now + rng.random_range(0..=JITTER_MICROS);
        [micros.to_be_bytes(), rng.random()].concat()
    };
    (0..n).map(|_| id()).collect()
}

fn tenants(n: usize, rng: &mut StdRng) -> FlatKeys {
    let mut next = [0u64; TENANTS];
    let mut key = || {
        let tenant = rng.random_range(0..TENANTS);
        next[tenant] += 1;
        let mut key = format!("tenant{tenant:04}/").into_bytes();
        key.extend(next[tenant].to_be_bytes());
        key
    };
    (0..n).map(|_| key()).collect()
}

fn zipfian(n: usize, rng: &mut StdRng) -> FlatKeys {
    let law = Zipfian::new(ZIPFIAN_RECORDS, Zipfian::THETA);
    numbers((0..n).map(|_| scramble(law.rank(rng.random()))))
}

fn moving(n: usize, rng: &mut StdRng) -> FlatKeys {
    // A small run has its phases too.
    let phase = PHASE.min(n.div_ceil(4)).max(1);
    let mut centre = 0.0;
    numbers((0..n).map(|i| {
        if i % phase == 0 {
            centre = 2f64.powi(63) * (0.5 + rng.random::<f64>());
        }
        (centre + normal(rng) * 2f64.powi(40)) as u64
    }))
}

fn shuffled(mut keys: Vec<Vec<u8>>, rng: &mut StdRng) -> FlatKeys {
    keys.shuffle(rng);
    keys.into_iter().collect()
}

/// A bijection of `u64` that leaves no trace of order (the finalizer of SplitMix64).
fn scramble(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}
