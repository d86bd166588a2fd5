//! Key families: how user keys are spread, and in what order they come.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// The `i`-th of `n` user keys.
pub type Key = fn(i: u64, n: u64, rng: &mut StdRng) -> Vec<u8>;

/// Every family, by name.
pub const FAMILIES: &[(&str, Key)] = &[
    ("uniform", |_, _, rng| big(rng.random())),
    ("ascending", |i, _, _| big(i * 10)),
    ("descending", |i, _, _| big(u64::MAX / 2 - i * 10)),
    ("dense shuffled", |i, _, _| big(shuffled(i))),
    ("interleaved", |i, _, _| big(((i % 16) << 40) | (i / 16))),
    ("exponential", |_, _, rng| big(exponential(rng))),
    ("shifting", |i, n, rng| {
        big((i * 4 / n) << 48 | rng.random::<u64>() >> 32)
    }),
    ("decimal", |_, _, rng| {
        format!("user{:020}", rng.random::<u64>()).into_bytes()
    }),
    ("hot", |_, _, rng| {
        format!("hot{}", rng.random_range(0..10)).into_bytes()
    }),
    ("hot and cold", |_, _, rng| match rng.random() {
        true => big(rng.random_range(0..5) << 61),
        false => big(rng.random()),
    }),
    ("nested", |_, _, rng| {
        let tail = [&b""[..], b"\0", b"\x01", b"\xff"][rng.random_range(0..4)];
        [&vec![b'a'; rng.random_range(0..200)], tail].concat()
    }),
    ("zeros and ones", |_, _, rng| {
        let len = rng.random_range(0..20);
        (0..len)
            .map(|_| [0, 0, 1, 0xff][rng.random_range(0..4)])
            .collect()
    }),
    ("zero tails", |_, _, rng| {
        let tail = vec![0; rng.random_range(0..10)];
        [big(rng.random_range(0..5000)), tail].concat()
    }),
    ("long prefix", |_, _, rng| {
        [vec![b'p'; 300], big(rng.random())].concat()
    }),
    ("urls", |_, _, rng| {
        let (site, page) = (rng.random_range(0..300), rng.random_range(0..100_000));
        format!("https://www.site{site}.example/articles/{page}.html").into_bytes()
    }),
    ("ascending pairs, descending", |i, n, _| {
        big(((n - i / 2) << 8) | (i % 2))
    }),
    ("descending pairs, ascending", |i, _, _| {
        big((i / 2) << 8 | (1 - i % 2))
    }),
];

/// `n` user keys of a family, the same each time.
pub fn keys(family: Key, n: u64) -> impl Iterator<Item = Vec<u8>> {
    let mut rng = StdRng::seed_from_u64(n);
    (0..n).map(move |i| family(i, n, &mut rng))
}

pub fn big(x: u64) -> Vec<u8> {
    x.to_be_bytes().to_vec()
}

fn exponential(rng: &mut StdRng) -> u64 {
    let shift = rng.random_range(0..64);
    rng.random::<u64>() >> shift
}

/// A permutation of the numbers below 2^20.
fn shuffled(i: u64) -> u64 {
    i.wrapping_mul(0x9e375) & 0xf_ffff
}
