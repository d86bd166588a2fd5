//! Keys that come so as to make work or waste memory.

use super::super::skeleton::Families;
use super::super::table::Settings;
use super::keys::big;
use super::oracle::Table;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::HashSet;

fn many() -> u64 {
    if cfg!(miri) { 60 } else { 20_000 }
}

/// Fills a table; bytes an entry.
fn fill(name: &str, keys: impl Iterator<Item = Vec<u8>>) -> f64 {
    let mut table = Table::alone();
    let mut n = 0;
    table.fill(keys.inspect(|_| n += 1));
    let per_entry = table.memory() as f64 / f64::from(n);
    println!("{name}: {per_entry:.1} bytes an entry");
    table.agrees();
    per_entry
}

fn uniform(seed: u64) -> impl Iterator<Item = Vec<u8>> {
    let mut rng = StdRng::seed_from_u64(seed);
    std::iter::from_fn(move || Some(big(rng.random()))).take(many() as usize / 2)
}

/// Between two neighbours there are many keys all at once.
#[test]
fn a_burst_into_one_gap() {
    let gap = 0x1234_5678u64 << 32;
    let mut rng = StdRng::seed_from_u64(3);
    let burst = (0..many()).map(move |_| big(gap + rng.random::<u64>() % (1 << 24)));
    fill("burst", uniform(1).chain(burst));
    let rising = (0..many()).map(move |i| big(gap + i));
    fill("rising burst", uniform(1).chain(rising));
    let falling = (0..many()).map(move |i| big(gap + many() - i));
    fill("falling burst", uniform(1).chain(falling));
    let versions = (0..many()).map(move |_| big(gap));
    fill("one key", uniform(1).chain(versions));
}

/// As soon as a place has been learned, keys come to another one.
#[test]
fn bursts_at_ever_new_places() {
    let mut rng = StdRng::seed_from_u64(4);
    let mut place = 0;
    let keys = (0..2 * many()).map(move |i| {
        if i % 500 == 0 {
            place = rng.random();
        }
        big(place ^ rng.random::<u64>() >> 48)
    });
    fill("bursts", uniform(2).chain(keys));
}

/// A skeleton that has become useless does not keep a memtable from learning.
#[test]
#[cfg_attr(miri, ignore = "needs many entries")]
fn keys_that_leave_their_skeleton() {
    let families = Families::new();
    let mut before = Table::new(&families, Settings::default());
    let mut rng = StdRng::seed_from_u64(7);
    before.fill((0..10 * many()).map(|_| big(rng.random())));
    let inherited = before.memtable.router().slots();
    let mut table = Table::new(&families, Settings::default());
    drop(before);
    assert_eq!(table.memtable.router().slots(), inherited);
    let mut rng = StdRng::seed_from_u64(9);
    let cluster = (0..many() / 2).map(move |_| big(1 << 40 | rng.random::<u64>() >> 40));
    table.fill(uniform(8).chain(cluster));
    assert!(table.memtable.router().generation() > 1);
    table.agrees();
}

/// Leaves at the end of a sequence, which reach to the end of all keys, tell keys apart.
#[test]
#[cfg_attr(miri, ignore = "needs many entries")]
fn leaves_of_a_rising_sequence() {
    let mut table = Table::alone();
    table.fill((0..many()).map(|i| big((1 << 40) + i * 3)));
    let crowded = (table.memtable.leaves_from_head())
        .filter(|leaf| {
            let places: HashSet<u16> = (0..leaf.len())
                .map(|slot| leaf.fingerprint(slot) >> 8)
                .collect();
            places.len() < leaf.len() / 2
        })
        .count();
    // The first ones cannot know.
    assert!(crowded <= 2, "{crowded} leaves");
}

#[test]
fn prefixes_that_grow() {
    let deep = (0..many() / 10).map(|i| {
        let shared = 1usize << (i % 12);
        [vec![b'a'; shared], big(i)].concat()
    });
    fill("growing prefixes", deep);
    let nested = (0..many() / 10).map(|i| vec![b'a'; i as usize % 3000]);
    fill("nested", nested);
}

/// Keys that a model of eight bytes does not tell apart, nor one of many times eight.
#[test]
#[cfg_attr(miri, ignore = "needs many entries")]
fn keys_that_no_cut_divides() {
    let mut rng = StdRng::seed_from_u64(5);
    let late = (0..many() / 4).map(move |_| [vec![b'x'; 600], big(rng.random())].concat());
    fill("late", late);
    let mut rng = StdRng::seed_from_u64(6);
    let zeros = (0..many() / 4).map(move |_| vec![0; rng.random_range(0..5000)]);
    fill("only zeros", zeros);
}

/// Short sequences, each of them before the one before it, behind a leaf that looks as if
/// it were the end of a long one.
#[test]
fn falling_runs_that_rise() {
    for run in 1..6 {
        let low = (0..43).map(big);
        let runs = (0..many()).map(move |i| big(((many() - i / run) << 16) | (i % run)));
        let per_entry = fill(&format!("rising runs of {run}"), low.chain(runs));
        assert!(per_entry <= 64.0, "{per_entry} for runs of {run}");
    }
}

/// The mirror image.
#[test]
fn rising_runs_that_fall() {
    for run in 1..6 {
        let high = (0..43).map(|i| big(u64::MAX - i));
        let runs = (0..many()).map(move |i| big((i / run + 1) << 16 | (run - i % run)));
        let per_entry = fill(&format!("falling runs of {run}"), high.chain(runs));
        assert!(per_entry <= 64.0, "{per_entry} for runs of {run}");
    }
}
