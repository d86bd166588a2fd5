//! Key sets: made from a seed, or read from a file.
//!
//! Every function returns distinct keys in bytewise order, which is the order of
//! RocksDB's default comparator. This file depends on nothing but `std` and `rand`,
//! because the tests of the root crate include it too.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;
use std::path::Path;
use std::str::FromStr;

/// A family of keys that [`generate`] can make in any number.
///
/// The numeric sets are 8-byte big-endian `u64`, so that byte order is numeric order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySet {
    /// Numbers spread evenly over all of `u64`.
    Uniform,
    /// Consecutive numbers without a gap: auto-increment ids.
    Dense,
    /// Normally distributed numbers around the middle of `u64`.
    Normal,
    /// Log-normally distributed numbers: a long sparse tail upwards.
    Lognormal,
    /// Many tight clusters of numbers, far apart.
    Clustered,
    /// A dense body with a few keys near 0 and near `u64::MAX`.
    Outliers,
    /// `user<digits>`, the keys of YCSB (record numbers hashed with 64-bit FNV).
    User,
    /// Random UUIDs as 36 characters of lower-case text.
    UuidV4,
    /// Time-ordered UUIDs as 36 characters of lower-case text.
    UuidV7,
    /// URLs and file paths: tenants, nested directories, keys that prefix others.
    Paths,
    /// Keys of one byte, so at most 256 of them.
    OneByte,
    /// 0 to 40 random bytes with tails of 0x00 and 0xff, the empty key among them.
    RandomBytes,
}

impl KeySet {
    /// Every key set, in the order in which they are listed to users.
    pub const ALL: [KeySet; 12] = [
        KeySet::Uniform,
        KeySet::Dense,
        KeySet::Normal,
        KeySet::Lognormal,
        KeySet::Clustered,
        KeySet::Outliers,
        KeySet::User,
        KeySet::UuidV4,
        KeySet::UuidV7,
        KeySet::Paths,
        KeySet::OneByte,
        KeySet::RandomBytes,
    ];

    /// The kebab-case name that [`FromStr`] reads back.
    pub fn name(self) -> &'static str {
        match self {
            KeySet::Uniform => "uniform",
            KeySet::Dense => "dense",
            KeySet::Normal => "normal",
            KeySet::Lognormal => "lognormal",
            KeySet::Clustered => "clustered",
            KeySet::Outliers => "outliers",
            KeySet::User => "user",
            KeySet::UuidV4 => "uuid-v4",
            KeySet::UuidV7 => "uuid-v7",
            KeySet::Paths => "paths",
            KeySet::OneByte => "one-byte",
            KeySet::RandomBytes => "random-bytes",
        }
    }

    /// `n`, or as many keys as there are.
    fn most(self, n: usize) -> usize {
        match self {
            KeySet::OneByte => n.min(256),
            _ => n,
        }
    }
}

impl fmt::Display for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for KeySet {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        KeySet::ALL
            .into_iter()
            .find(|set| set.name() == s)
            .ok_or_else(|| {
                let names: Vec<_> = KeySet::ALL.iter().map(|set| set.name()).collect();
                format!("unknown key set `{s}`: choose one of {}", names.join(", "))
            })
    }
}

/// Makes `n` distinct keys of `set` in bytewise order; the same arguments always give
/// the same keys. [`KeySet::OneByte`] stops at 256, and [`KeySet::User`] takes no
/// notice of `seed`, because YCSB numbers its records from zero.
pub fn generate(set: KeySet, n: usize, seed: u64) -> Vec<Vec<u8>> {
    let n = set.most(n);
    match Draw::new(set, n, seed) {
        Draw::Numbers(draw) => big_endian(&distinct(n, draw)),
        Draw::Bytes(draw) => distinct(n, draw),
    }
}

/// The keys of [`generate`] for `n`, in the order in which they come up, and `more` behind them
/// that follow the same law: other arguments for `more` change nothing before.
pub fn numbered(set: KeySet, n: usize, more: usize, seed: u64) -> Vec<Vec<u8>> {
    let wanted = set.most(n + more);
    match Draw::new(set, set.most(n), seed) {
        Draw::Numbers(draw) => big_endian(&distinct_in_order(wanted, draw)),
        Draw::Bytes(draw) => distinct_in_order(wanted, draw),
    }
}

/// An endless sequence of keys, some of them more than once.
enum Draw {
    /// To be stored as 8 bytes, big-endian.
    Numbers(Box<dyn FnMut() -> u64>),
    /// As they are.
    Bytes(Box<dyn FnMut() -> Vec<u8>>),
}

impl Draw {
    /// The sequence of a set that is made for `n` keys.
    fn new(set: KeySet, n: usize, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        match set {
            KeySet::Uniform => Self::numbers(move || rng.random()),
            KeySet::Dense => {
                let mut next = rng.random_range(0..1u64 << 40)..;
                Self::numbers(move || next.next().unwrap_or(u64::MAX))
            }
            KeySet::Normal => {
                Self::numbers(move || (2f64.powi(63) + normal(&mut rng) * 2f64.powi(58)) as u64)
            }
            KeySet::Lognormal => {
                Self::numbers(move || ((2.0 * normal(&mut rng)).exp() * 2f64.powi(40)) as u64)
            }
            KeySet::Clustered => Self::numbers(clustered(n, rng)),
            KeySet::Outliers => Self::numbers(outliers(n, rng)),
            KeySet::User => {
                let mut record = 0u64..;
                Self::bytes(move || {
                    format!("user{}", fnv64(record.next().unwrap_or(0))).into_bytes()
                })
            }
            KeySet::UuidV4 => Self::bytes(move || uuid_text(rng.random(), 4)),
            KeySet::UuidV7 => {
                let mut millis = 1_700_000_000_000u128;
                Self::bytes(move || {
                    // About three ids a millisecond, as a busy writer makes them.
                    millis += u128::from(rng.random_ratio(1, 3));
                    uuid_text(millis << 80 | rng.random::<u128>() >> 48, 7)
                })
            }
            KeySet::Paths => Self::bytes(move || path(n, &mut rng)),
            KeySet::OneByte => Self::bytes(move || vec![rng.random()]),
            KeySet::RandomBytes => {
                let mut last = None;
                Self::bytes(move || {
                    let key = random_bytes(last.take(), &mut rng);
                    last = Some(key.clone());
                    key
                })
            }
        }
    }

    fn numbers(draw: impl FnMut() -> u64 + 'static) -> Self {
        Draw::Numbers(Box::new(draw))
    }

    fn bytes(draw: impl FnMut() -> Vec<u8> + 'static) -> Self {
        Draw::Bytes(Box::new(draw))
    }
}

/// YCSB's 64-bit FNV hash of a number, its sign dropped as Java's `Math.abs` does.
pub fn fnv64(mut value: u64) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325u64;
    for _ in 0..8 {
        hash = (hash ^ (value & 0xff)).wrapping_mul(1_099_511_628_211);
        value >>= 8;
    }
    hash.cast_signed().unsigned_abs()
}

/// Draws until there are `n` distinct items, and sorts them. `draw` must be able to
/// give clearly more than `n` different ones.
fn distinct<T: Ord>(n: usize, mut draw: impl FnMut() -> T) -> Vec<T> {
    let mut items = Vec::with_capacity(n);
    while items.len() < n {
        let missing = n - items.len();
        items.extend(std::iter::repeat_with(&mut draw).take(missing));
        items.sort_unstable();
        items.dedup();
    }
    items
}

/// The same in the order of the draws.
fn distinct_in_order<T: Clone + Eq + Hash>(n: usize, draw: impl FnMut() -> T) -> Vec<T> {
    let mut seen = HashSet::with_capacity(n);
    let new = std::iter::repeat_with(draw).filter(|item| seen.insert(item.clone()));
    new.take(n).collect()
}

fn big_endian(values: &[u64]) -> Vec<Vec<u8>> {
    values.iter().map(|v| v.to_be_bytes().to_vec()).collect()
}

/// One draw from the standard normal distribution (Box and Muller).
pub fn normal(rng: &mut StdRng) -> f64 {
    let u = 1.0 - rng.random::<f64>(); // in (0, 1]: the logarithm stays finite
    let v: f64 = rng.random();
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

fn clustered(n: usize, mut rng: StdRng) -> impl FnMut() -> u64 {
    // About 256 keys within 4096 numbers, then a gap of 2^64 / clusters.
    let clusters = (n / 256).max(2);
    let centres: Vec<u64> = (0..clusters)
        .map(|_| rng.random::<u64>() & !0xfff)
        .collect();
    move || centres[rng.random_range(0..clusters)] | rng.random_range(0..0x1000)
}

fn outliers(n: usize, mut rng: StdRng) -> impl FnMut() -> u64 {
    // At least one on either side as soon as there is a body to stand out from.
    let each_side = (n / 4).min(8) as u64;
    let mut outliers = (0..each_side).chain((0..each_side).map(|i| u64::MAX - i));
    let spread = 2.0 * n as f64 + 16.0;
    move || {
        let body = || (2f64.powi(40) + normal(&mut rng) * spread) as u64;
        outliers.next().unwrap_or_else(body)
    }
}

fn uuid_text(bits: u128, version: u128) -> Vec<u8> {
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | version << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-").into_bytes()
}

fn path(n: usize, rng: &mut StdRng) -> Vec<u8> {
    const DIRECTORIES: [&str; 6] = ["src", "assets", "node_modules", "2024-06", "images", "v1"];
    let tenant = rng.random_range(0..16u32) * rng.random_range(0..16u32); // some are large
    let mut key = if rng.random_ratio(1, 3) {
        format!("https://storage.example.com/buckets/production/tenant-{tenant:04}")
    } else {
        format!("/srv/data/production/tenants/tenant-{tenant:04}/home")
    };
    for _ in 0..rng.random_range(0..5) {
        key.push('/');
        key.push_str(DIRECTORIES[rng.random_range(0..DIRECTORIES.len())]);
    }
    if !rng.random_ratio(1, 8) {
        // Otherwise the directory itself is a key: a prefix of the keys below it.
        key.push_str(&format!(
            "/file_{}.json",
            rng.random_range(0..16 + 4 * n as u64)
        ));
    }
    key.into_bytes()
}

fn random_bytes(last: Option<Vec<u8>>, rng: &mut StdRng) -> Vec<u8> {
    const MAX: usize = 40;
    let Some(last) = last else { return Vec::new() }; // the first key is the empty one
    let mut key = if rng.random_ratio(1, 8) {
        last // a neighbour: the same key with a tail
    } else {
        let len = rng.random_range(0..=MAX);
        (0..len).map(|_| rng.random()).collect()
    };
    let tail = match rng.random_range(0..4) {
        0 => 0x00,
        1 => 0xff,
        _ => return key,
    };
    let len = (key.len() + rng.random_range(1..=3)).min(MAX);
    key.resize(len, tail);
    key
}

/// Reads the keys of a file, sorted and without duplicates.
///
/// A file whose first 8 bytes, as a little-endian count, agree with its length is a
/// SOSD file of 64-bit integers; its keys come back big-endian. Any other file holds
/// one key a line; line ends (`\n` or `\r\n`) and empty lines are no part of the keys.
///
/// With `limit`, that many keys are kept, evenly spaced over the sorted set, so that
/// they keep the shape of its distribution; a smaller set is returned whole.
///
/// # Errors
/// A message that names the file and what is wrong with it.
pub fn read_file(path: &Path, limit: Option<usize>) -> Result<Vec<Vec<u8>>, String> {
    with_keys_of(path, |numbers, mut lines| {
        if let Some(mut numbers) = numbers {
            numbers.sort_unstable();
            numbers.dedup();
            big_endian(&thin(numbers, limit))
        } else {
            lines.sort_unstable();
            lines.dedup();
            thin(lines, limit).into_iter().map(<[u8]>::to_vec).collect()
        }
    })
}

/// Reads all keys of such a file without duplicates, in the order in which they first come up.
///
/// # Errors
/// As for [`read_file`].
pub fn read_file_as_given(path: &Path) -> Result<Vec<Vec<u8>>, String> {
    with_keys_of(path, |numbers, lines| match numbers {
        Some(numbers) => big_endian(&first_ones(numbers)),
        None => first_ones(lines).into_iter().map(<[u8]>::to_vec).collect(),
    })
}

/// Hands the numbers of a SOSD file, or the lines of another one, to `make`.
fn with_keys_of(
    path: &Path,
    make: impl FnOnce(Option<Vec<u64>>, Vec<&[u8]>) -> Vec<Vec<u8>>,
) -> Result<Vec<Vec<u8>>, String> {
    let fail = |why: String| format!("keys file {}: {why}", path.display());
    let data = std::fs::read(path).map_err(|e| fail(format!("cannot be read: {e}")))?;
    let numbers = sosd(&data).map_err(fail)?;
    let lines: Vec<&[u8]> = match &numbers {
        Some(_) => Vec::new(),
        None => (data.split(|byte| *byte == b'\n'))
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .filter(|line| !line.is_empty())
            .collect(),
    };
    if numbers.as_ref().map_or(lines.len(), Vec::len) == 0 {
        return Err(fail("holds no keys".to_owned()));
    }
    Ok(make(numbers, lines))
}

/// Drops what was there before.
fn first_ones<T: Clone + Eq + Hash>(items: Vec<T>) -> Vec<T> {
    let mut seen = HashSet::with_capacity(items.len());
    let items = items.into_iter();
    items.filter(|item| seen.insert(item.clone())).collect()
}

/// The numbers of a SOSD file, or `None` for a file that is none.
fn sosd(data: &[u8]) -> Result<Option<Vec<u64>>, String> {
    let Some((header, body)) = data.split_first_chunk::<8>() else {
        return Ok(None);
    };
    let count = u64::from_le_bytes(*header);
    let (words, rest) = body.as_chunks::<8>();
    if count == words.len() as u64 && rest.is_empty() {
        return Ok(Some(
            words.iter().map(|word| u64::from_le_bytes(*word)).collect(),
        ));
    }
    // A count has zero bytes at its top and lines of text have none: say what is
    // wrong with the binary file rather than take its bytes for lines.
    if header.contains(&0) {
        let found = body.len();
        return Err(format!(
            "looks like a SOSD file, but its header promises {count} keys of 8 bytes and \
             {found} bytes follow: it is cut short, of 32-bit keys, or no key file"
        ));
    }
    Ok(None)
}

/// Keeps `limit` items, evenly spaced.
fn thin<T>(items: Vec<T>, limit: Option<usize>) -> Vec<T> {
    let (total, Some(limit)) = (items.len() as u128, limit) else {
        return items;
    };
    let keep = limit as u128;
    if keep >= total {
        return items;
    }
    // Item i is kept where the line i * keep / total steps up: `keep` times in all.
    let kept = |i: u128| (i + 1) * keep / total > i * keep / total;
    items
        .into_iter()
        .zip(0..)
        .filter(|(_, i)| kept(*i))
        .map(|(item, _)| item)
        .collect()
}
