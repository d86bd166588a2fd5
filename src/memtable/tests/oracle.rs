//! The memtable against a `BTreeMap`.

use super::super::entry::hash;
use super::super::iter::Iter;
use super::super::skeleton::{Families, FamilyId, skeleton_bytes_held};
use super::super::table::{Memtable, Settings};
use super::arena::{Bump, decode, encode, internal};
use super::keys::{self, FAMILIES, big};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::ptr::NonNull;
use std::rc::Rc;

const FAMILY: FamilyId = FamilyId {
    database: 7,
    family: 3,
};

/// The highest sequence number that RocksDB has.
const NEWEST: u64 = (1 << 56) - 1;

type Key = (Vec<u8>, Reverse<u64>);

/// A memtable and what is in it.
pub struct Table {
    pub memtable: Rc<Memtable>,
    pub arena: Bump,
    entries: Bump,
    oracle: BTreeMap<Key, NonNull<u8>>,
    concurrent: bool,
}

impl Table {
    pub fn new(families: &Families, settings: Settings) -> Table {
        let arena = Bump::default();
        Table {
            memtable: Rc::new(Memtable::new(
                Box::new(arena.clone()),
                settings,
                families,
                FAMILY,
            )),
            arena,
            entries: Bump::default(),
            oracle: BTreeMap::new(),
            concurrent: false,
        }
    }

    pub fn alone() -> Table {
        Table::new(&Families::new(), Settings::default())
    }

    /// Inserts, and tells whether that was right.
    pub fn insert(&mut self, user: &[u8], sequence: u64) {
        let entry = encode(&self.entries, user, sequence);
        // SAFETY: the entry outlives the memtable, and nobody else inserts.
        let inserted = unsafe {
            match self.concurrent {
                true => self.memtable.insert_concurrently(entry.as_ptr()),
                false => self.memtable.insert(entry.as_ptr()),
            }
        };
        let key = (user.to_vec(), Reverse(sequence));
        assert_eq!(inserted, !self.oracle.contains_key(&key), "{key:?}");
        self.oracle.entry(key).or_insert(entry);
    }

    pub fn fill(&mut self, users: impl Iterator<Item = Vec<u8>>) {
        for (i, user) in users.enumerate() {
            self.insert(&user, i as u64 + 1);
        }
    }

    pub fn memory(&self) -> usize {
        self.arena.bytes() + self.memtable.memory_usage()
    }

    fn at_or_after(&self, key: &Key) -> Option<NonNull<u8>> {
        self.oracle.range(key..).next().map(|(_, e)| *e)
    }

    fn at_or_before(&self, key: &Key) -> Option<NonNull<u8>> {
        self.oracle.range(..=key).next_back().map(|(_, e)| *e)
    }

    fn after(&self, key: &Key) -> Option<NonNull<u8>> {
        let range = (Excluded(key), Unbounded);
        self.oracle.range(range).next().map(|(_, e)| *e)
    }

    fn before(&self, key: &Key) -> Option<NonNull<u8>> {
        self.oracle.range(..key).next_back().map(|(_, e)| *e)
    }

    /// Everything there is, forwards and backwards, and much about some of the keys.
    pub fn agrees(&self) {
        assert_eq!(self.memtable.len(), self.oracle.len());
        self.scans_agree();
        let mut rng = StdRng::seed_from_u64(self.oracle.len() as u64);
        let sample = if cfg!(miri) { 3.0 } else { 1500.0 };
        let part = sample / self.oracle.len().max(1) as f64;
        for (key, _) in self
            .oracle
            .iter()
            .filter(|_| rng.random_bool(part.min(1.0)))
        {
            self.agrees_at(key);
            self.agrees_beside(key);
        }
        for user in [vec![], vec![0], vec![0xff; 30]] {
            self.agrees_at(&(user.clone(), Reverse(0)));
            self.agrees_at(&(user, Reverse(NEWEST)));
        }
        self.zigzags(&mut rng);
    }

    fn scans_agree(&self) {
        let mut iter = self.memtable.iter();
        assert_eq!(iter.entry(), None);
        iter.check_reads();
        iter.seek_to_first();
        let mut visited = 0;
        for entry in self.oracle.values() {
            assert_eq!(iter.entry(), Some(*entry));
            visited += iter.visited().len();
            iter.next();
        }
        assert_eq!(iter.entry(), None);
        assert!(iter.is_sound());
        assert_eq!(visited, self.oracle.len());
        iter.seek_to_last();
        for entry in self.oracle.values().rev() {
            assert_eq!(iter.entry(), Some(*entry));
            iter.prev();
        }
        assert_eq!(iter.entry(), None);
    }

    fn agrees_beside(&self, (user, Reverse(sequence)): &Key) {
        for near in [
            sequence.saturating_sub(1),
            (sequence + 1).min(NEWEST),
            NEWEST,
            0,
        ] {
            self.agrees_at(&(user.clone(), Reverse(near)));
        }
        let longer = [user, &[0][..]].concat();
        let shorter = user[..user.len().saturating_sub(1)].to_vec();
        let mut higher = user.clone();
        higher
            .iter_mut()
            .rev()
            .take(1)
            .for_each(|b| *b = b.wrapping_add(1));
        for user in [longer, shorter, higher] {
            self.agrees_at(&(user, Reverse(*sequence)));
        }
    }

    fn agrees_at(&self, key: &Key) {
        let (user, Reverse(sequence)) = key;
        let target = internal(user, *sequence);
        // SAFETY: every entry lives as long as `self`.
        let user_of = |entry: NonNull<u8>| unsafe { decode(entry) }.0;
        let same_user = |entry: &NonNull<u8>| user_of(*entry) == user;
        let expected = self.at_or_after(key).filter(same_user);
        self.memtable.prefetch(&target);
        assert_eq!(self.memtable.find(&target), expected, "find {key:?}");
        let there = self.oracle.contains_key(key);
        assert_eq!(self.memtable.contains(&target), there, "contains {key:?}");
        if let Some(found) = expected {
            // SAFETY: as above.
            let (_, sequence) = unsafe { decode(found) };
            let older = self.after(&(user.clone(), Reverse(sequence)));
            // SAFETY: the entry is one of the memtable's.
            let next = unsafe { self.memtable.next_version(found) };
            assert_eq!(next, older.filter(same_user), "next version {key:?}");
        }
        // What is checked is read as a whole, what is not only as far as it is needed.
        self.iterators_agree_at(key, &target, self.memtable.iter());
        let mut checked = self.memtable.iter();
        checked.check_reads();
        self.iterators_agree_at(key, &target, checked);
    }

    fn iterators_agree_at(&self, key: &Key, target: &[u8], mut iter: Iter) {
        iter.seek(target);
        assert_eq!(iter.entry(), self.at_or_after(key), "seek {key:?}");
        if let (Some(entry), [_, ..]) = (iter.entry(), iter.visited()) {
            assert!(iter.visited().contains(&entry));
        }
        iter.prev();
        let before = self.at_or_after(key).and_then(|_| self.before(key));
        assert_eq!(iter.entry(), before, "seek, prev {key:?}");
        iter.seek_for_prev(target);
        assert_eq!(iter.entry(), self.at_or_before(key), "for prev {key:?}");
        iter.next();
        let after = self.at_or_before(key).and_then(|_| self.after(key));
        assert_eq!(iter.entry(), after, "for prev, next {key:?}");
        assert!(iter.is_sound());
    }

    fn zigzags(&self, rng: &mut StdRng) {
        let keys: Vec<&Key> = self.oracle.keys().collect();
        for checked in [false, true] {
            let mut walk = Walk::new(self, checked);
            for _ in 0..if cfg!(miri) { 12 } else { 2000 } {
                match rng.random_range(0..100) {
                    0 => walk.first(),
                    1 => walk.last(),
                    2..4 if !keys.is_empty() => {
                        let (user, Reverse(sequence)) = keys[rng.random_range(0..keys.len())];
                        let near = (sequence + rng.random_range(0..2)).min(NEWEST);
                        walk.seek(self, &(user.clone(), Reverse(near)), rng.random());
                    }
                    4..52 => walk.next(self),
                    _ => walk.prev(self),
                }
            }
        }
    }

    fn key_of(&self, entry: NonNull<u8>) -> Key {
        // SAFETY: every entry lives as long as `self`.
        let (user, sequence) = unsafe { decode(entry) };
        (user.to_vec(), Reverse(sequence))
    }
}

/// An iterator beside the place in the oracle where it should be.
struct Walk<'a> {
    iter: Iter<'a>,
    at: Option<NonNull<u8>>,
    first: Option<NonNull<u8>>,
    last: Option<NonNull<u8>>,
}

impl<'a> Walk<'a> {
    fn new(table: &'a Table, checked: bool) -> Walk<'a> {
        let mut iter = table.memtable.iter();
        if checked {
            iter.check_reads();
        }
        Walk {
            iter,
            at: None,
            first: table.oracle.values().next().copied(),
            last: table.oracle.values().next_back().copied(),
        }
    }

    fn check(&mut self) {
        assert_eq!(self.iter.entry(), self.at);
        assert!(self.iter.is_sound());
    }

    fn first(&mut self) {
        self.iter.seek_to_first();
        self.at = self.first;
        self.check();
    }

    fn last(&mut self) {
        self.iter.seek_to_last();
        self.at = self.last;
        self.check();
    }

    fn seek(&mut self, table: &Table, key: &Key, backward: bool) {
        let target = internal(&key.0, key.1.0);
        self.at = match backward {
            false => {
                self.iter.seek(&target);
                table.at_or_after(key)
            }
            true => {
                self.iter.seek_for_prev(&target);
                table.at_or_before(key)
            }
        };
        self.check();
    }

    fn next(&mut self, table: &Table) {
        self.iter.next();
        self.at = self.at.and_then(|at| table.after(&table.key_of(at)));
        self.check();
    }

    fn prev(&mut self, table: &Table) {
        self.iter.prev();
        self.at = self.at.and_then(|at| table.before(&table.key_of(at)));
        self.check();
    }
}

/// All families of keys; some, where the compiler interprets.
fn families() -> impl Iterator<Item = &'static (&'static str, keys::Key)> {
    FAMILIES.iter().step_by(if cfg!(miri) { 4 } else { 1 })
}

fn small() -> u64 {
    match (cfg!(miri), cfg!(debug_assertions)) {
        (true, _) => 60,
        (false, true) => 1500,
        (false, false) => 6000,
    }
}

#[test]
fn every_family_of_keys() {
    for (name, family) in families() {
        println!("{name}");
        let mut table = Table::alone();
        table.fill(keys::keys(*family, small()));
        table.agrees();
    }
}

#[test]
fn by_binary_search_and_concurrently() {
    for (name, family) in families() {
        println!("{name}");
        let settings = Settings {
            model: false,
            reuse: false,
        };
        let mut table = Table::new(&Families::new(), settings);
        table.concurrent = true;
        table.fill(keys::keys(*family, small() / 2));
        table.agrees();
    }
}

#[test]
fn sequences_that_go_down_or_come_in_any_order() {
    let mut rng = StdRng::seed_from_u64(5);
    for (name, family) in families() {
        println!("{name}");
        let n = small() / 2;
        let mut down = Table::alone();
        let mut any = Table::alone();
        for (i, user) in keys::keys(*family, n).enumerate() {
            down.insert(&user, n - i as u64);
            any.insert(&user, rng.random_range(0..n));
        }
        down.agrees();
        any.agrees();
    }
}

#[test]
fn duplicates_change_nothing() {
    let mut rng = StdRng::seed_from_u64(6);
    for (name, family) in families() {
        println!("{name}");
        let mut table = Table::alone();
        let mut all = Vec::new();
        for (i, user) in keys::keys(*family, small() / 4).enumerate() {
            table.insert(&user, i as u64);
            all.push((user, i as u64));
            for _ in 0..2 {
                let (user, sequence) = &all[rng.random_range(0..all.len())];
                table.insert(user, *sequence);
            }
        }
        let arena = table.arena.bytes();
        for (user, sequence) in &all {
            table.insert(user, *sequence);
        }
        assert_eq!(table.arena.bytes(), arena);
        table.agrees();
    }
}

#[test]
fn extreme_keys_and_sequences() {
    let mut table = Table::alone();
    for len in [
        0, 1, 2, 7, 8, 9, 119, 120, 121, 511, 512, 513, 16_375, 16_376, 70_000,
    ] {
        for fill in [0, 1, b'a', 0xff] {
            for last in [0, 1, 0xff] {
                let mut user = vec![fill; len];
                user.iter_mut().rev().take(1).for_each(|b| *b = last);
                for sequence in [0, 1, NEWEST - 1, NEWEST] {
                    table.insert(&user, sequence);
                }
            }
        }
    }
    table.agrees();
}

#[test]
fn short_internal_keys_are_before_everything() {
    let mut table = Table::alone();
    table.insert(b"", 5);
    let mut iter = table.memtable.iter();
    iter.seek(b"short");
    assert!(iter.entry().is_some());
    iter.seek_for_prev(b"");
    assert_eq!(iter.entry(), None);
    assert!(!table.memtable.contains(b"1234567"));
    assert_eq!(table.memtable.approximate_entries(b"", b""), 0);
}

#[test]
fn nothing_there() {
    let table = Table::alone();
    assert!(table.memtable.is_empty());
    assert_eq!(table.arena.bytes(), 0);
    let mut iter = table.memtable.iter();
    iter.seek_to_random(1);
    assert_eq!(iter.entry(), None);
    let (all, end) = (internal(b"", NEWEST), internal(b"\xff", 0));
    assert_eq!(table.memtable.approximate_entries(&all, &end), 0);
    table.agrees();
}

/// What proptest does to a table and an iterator over it.
#[derive(Clone, Debug)]
enum Step {
    Insert(Vec<u8>, u64),
    /// Newer than all before it: it may have to wait for the next one.
    Append(Vec<u8>),
    Seek(Vec<u8>, u64),
    SeekForPrev(Vec<u8>, u64),
    First,
    Last,
    Next,
    Prev,
}

fn user() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(prop::sample::select(vec![0, 1, 0xff]), 0..6),
        prop::collection::vec(any::<u8>(), 0..3),
        (0u64..500).prop_map(big),
        (0usize..20).prop_map(|n| vec![b'a'; n]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (user(), 0u64..1000).prop_map(|(u, s)| Step::Insert(u, s)),
        10 => user().prop_map(Step::Append),
        2 => (user(), 0u64..1000).prop_map(|(u, s)| Step::Seek(u, s)),
        2 => (user(), 0u64..1000).prop_map(|(u, s)| Step::SeekForPrev(u, s)),
        1 => Just(Step::First),
        1 => Just(Step::Last),
        10 => Just(Step::Next),
        10 => Just(Step::Prev),
    ]
}

/// Inserts beside an iterator that moves: each move is right at its moment.
fn run(steps: &[Step], checked: bool) {
    let mut table = Table::alone();
    let mut at: Option<NonNull<u8>> = None;
    let memtable = Rc::clone(&table.memtable);
    let mut iter = memtable.iter();
    if checked {
        iter.check_reads();
    }
    for (i, step) in steps.iter().cloned().enumerate() {
        match step {
            Step::Insert(user, sequence) => table.insert(&user, sequence),
            Step::Append(user) => table.insert(&user, 1000 + i as u64),
            Step::Seek(user, sequence) => {
                iter.seek(&internal(&user, sequence));
                at = table.at_or_after(&(user, Reverse(sequence)));
            }
            Step::SeekForPrev(user, sequence) => {
                iter.seek_for_prev(&internal(&user, sequence));
                at = table.at_or_before(&(user, Reverse(sequence)));
            }
            Step::First => {
                iter.seek_to_first();
                at = table.oracle.values().next().copied();
            }
            Step::Last => {
                iter.seek_to_last();
                at = table.oracle.values().next_back().copied();
            }
            Step::Next => {
                iter.next();
                at = at.and_then(|at| table.after(&table.key_of(at)));
            }
            Step::Prev => {
                iter.prev();
                at = at.and_then(|at| table.before(&table.key_of(at)));
            }
        }
        assert_eq!(iter.entry(), at);
        assert!(iter.is_sound());
    }
    table.agrees();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 3 } else { 60 }))]

    #[test]
    fn inserts_beside_an_iterator(steps in prop::collection::vec(step(), 1..if cfg!(miri) { 60 } else { 600 })) {
        run(&steps, false);
        run(&steps, true);
    }
}

/// One iterator goes up and one down through keys that keep coming, most of them near.
#[test]
fn iterators_among_arrivals() {
    for (name, family) in families() {
        println!("{name}");
        let mut rng = StdRng::seed_from_u64(9);
        let mut steps = vec![];
        let users: Vec<_> = keys::keys(*family, small() / 8).collect();
        for (i, user) in users.iter().enumerate() {
            steps.push(Step::Insert(user.clone(), i as u64));
            if i % 200 == 100 {
                steps.push([Step::First, Step::Last][rng.random_range(0..2)].clone());
            }
            if rng.random_bool(0.1) {
                let user = users[rng.random_range(0..=i)].clone();
                let sequence = rng.random_range(0..=i as u64);
                steps.push(match rng.random() {
                    true => Step::Seek(user, sequence),
                    false => Step::SeekForPrev(user, sequence),
                });
            }
            let forward = i / 200 % 2 == 0;
            for _ in 0..rng.random_range(0..3) {
                steps.push(match rng.random_bool(0.8) == forward {
                    true => Step::Next,
                    false => Step::Prev,
                });
            }
        }
        run(&steps, false);
        run(&steps, true);
    }
}

#[test]
#[cfg_attr(miri, ignore = "counts, on many entries")]
fn random_seeks_reach_most_entries() {
    let mut missed = vec![];
    for (name, family) in FAMILIES {
        let mut table = Table::alone();
        table.fill(keys::keys(*family, 3000));
        let all: HashSet<_> = table.oracle.values().copied().collect();
        let mut rng = StdRng::seed_from_u64(1);
        let mut hit = HashSet::new();
        let mut iter = table.memtable.iter();
        for _ in 0..60_000 {
            iter.seek_to_random(rng.random());
            hit.insert(iter.entry().unwrap());
        }
        println!("{name}: {} of {} reached", hit.len(), all.len());
        assert!(hit.is_subset(&all));
        if hit.len() * 2 < all.len() {
            missed.push(name);
        }
    }
    assert!(missed.is_empty(), "less than half reached: {missed:?}");
}

#[test]
#[cfg_attr(miri, ignore = "counts, on many entries")]
fn estimates_are_within_a_factor_of_two() {
    let mut off = vec![];
    for (name, family) in FAMILIES {
        let mut table = Table::alone();
        table.fill(keys::keys(*family, 30_000));
        let all: Vec<&Key> = table.oracle.keys().collect();
        let mut rng = StdRng::seed_from_u64(2);
        let mut worst: f64 = 1.0;
        for _ in 0..200 {
            let width = rng.random_range(2000..all.len());
            let from = rng.random_range(0..all.len() - width);
            let bound = |i: usize| internal(&all[i].0, all[i].1.0);
            let estimate = table
                .memtable
                .approximate_entries(&bound(from), &bound(from + width));
            let ratio = estimate.max(1) as f64 / width as f64;
            worst = worst.max(ratio).max(1.0 / ratio);
        }
        println!("{name}: off by a factor of {worst:.2} at most");
        if worst > 2.0 {
            off.push(name);
        }
    }
    assert!(off.is_empty(), "off by more: {off:?}");
}

#[test]
#[cfg_attr(miri, ignore = "counts, on many entries")]
fn small_ranges_are_counted() {
    for (name, family) in FAMILIES {
        println!("{name}");
        let mut table = Table::alone();
        table.fill(keys::keys(*family, 3000));
        let all: Vec<&Key> = table.oracle.keys().collect();
        for from in (0..2700).step_by(7) {
            for width in [0, 1, 40, 200] {
                let bound = |i: usize| internal(&all[i].0, all[i].1.0);
                let (start, end) = (bound(from), bound(from + width));
                let estimate = table.memtable.approximate_entries(&start, &end);
                // Exact up to the leaves that are counted whole.
                assert_eq!(estimate, width as u64, "{from} {width}");
                let backwards = table.memtable.approximate_entries(&end, &start);
                assert_eq!(backwards, 0);
            }
        }
    }
}

/// One bit of a key is turned round; a scan either way must notice before it ends, also where
/// fences lie between versions and are damaged with the key.
#[test]
fn damage_is_noticed() {
    for family in [
        FAMILIES[0].1,
        |_, _, rng| big(rng.random_range(0..6)),
        |_, _, rng| vec![rng.random_range(0..3)],
    ] {
        let mut table = Table::alone();
        table.fill(keys::keys(family, if cfg!(miri) { 60 } else { 2000 }));
        let mut rng = StdRng::seed_from_u64(1);
        for ((user, _), victim) in table.oracle.iter().step_by(if cfg!(miri) { 30 } else { 7 }) {
            let byte = rng.random_range(0..user.len());
            let mask = 1 << rng.random_range(0..8);
            // SAFETY: byte 1 of the entry is where its key begins, which is that long; nobody
            // else looks at it meanwhile.
            let flip = || unsafe { *victim.add(1 + byte).as_ptr() ^= mask };
            let hash_before = hash(user);
            flip();
            let mut damaged = user.clone();
            damaged[byte] ^= mask;
            let noted = hash(&damaged) != hash_before;
            let mut iter = table.memtable.iter();
            iter.check_reads();
            iter.seek_to_first();
            while iter.entry().is_some() {
                iter.next();
            }
            assert!(
                !noted || !iter.is_sound(),
                "forward: {user:?} {byte} {mask}"
            );
            iter.seek_to_last();
            while iter.entry().is_some() {
                iter.prev();
            }
            assert!(
                !noted || !iter.is_sound(),
                "backward: {user:?} {byte} {mask}"
            );
            flip();
        }
        table.agrees();
    }
}

/// Also what an iterator has read before it was told to check, and the entry that came last,
/// which no leaf has noted yet.
#[test]
fn reads_are_checked_from_the_middle_on() {
    let mut table = Table::alone();
    table.fill(keys::keys(FAMILIES[0].1, 20));
    let all: Vec<_> = table.oracle.values().copied().collect();
    let mut iter = table.memtable.iter();
    iter.seek_to_first();
    iter.next();
    iter.check_reads();
    assert_eq!(iter.visited(), all);
    assert!(iter.is_sound());
    for entry in &all[2..] {
        iter.next();
        assert_eq!(iter.entry(), Some(*entry));
    }
    assert!(iter.is_sound());
}

#[test]
fn what_is_pending_is_checked_and_gets_to_its_leaf() {
    let mut table = Table::alone();
    table.fill(keys::keys(FAMILIES[0].1, 100));
    let pending = table.memtable.pending.entry().unwrap();
    // SAFETY: byte 4 of the entry lies in its key; nobody else looks at it meanwhile.
    let flip = || unsafe { *pending.as_ptr().add(4).as_ptr() ^= 0x10 };
    flip();
    let mut iter = table.memtable.iter();
    iter.check_reads();
    iter.seek_to_first();
    assert!(!iter.is_sound(), "its damage is noticed");
    flip();
    table.memtable.mark_read_only();
    assert!(table.memtable.pending.entry().is_none());
    table.agrees();
}

/// Nine memtables of one column family: the keys stay, move, burst into one range, and
/// arrive in a sequence.
fn chain(settings: Settings) {
    let families = Families::new();
    let n = if cfg!(miri) { 250 } else { 12_000 };
    let moved: keys::Key = |_, _, rng| big(rng.random::<u64>() >> 20);
    let burst: keys::Key = |_, _, rng| big(1 << 50 | rng.random::<u64>() >> 50);
    let (uniform, ascending) = (FAMILIES[0].1, FAMILIES[1].1);
    let phases = [
        uniform, uniform, moved, moved, burst, burst, ascending, ascending, uniform,
    ];
    let mut before: Option<Table> = None;
    let phases = phases.iter().take(if cfg!(miri) { 3 } else { 9 });
    for (i, family) in phases.enumerate() {
        let mut table = Table::new(&families, settings);
        let inherits = i > 0 && settings.reuse;
        assert_eq!(table.memtable.started_from_skeleton(), inherits);
        // RocksDB makes the new one first; the old one is read until it is flushed.
        if let Some(before) = before.take() {
            before.agrees();
        }
        table.fill(keys::keys(*family, n));
        let per_entry = table.memory() as f64 / n as f64;
        println!("{i}: {per_entry:.1} bytes an entry");
        before = Some(table);
    }
    before.unwrap().agrees();
}

#[test]
fn a_chain_of_memtables() {
    chain(Settings::default());
    chain(Settings {
        reuse: true,
        model: false,
    });
    chain(Settings {
        reuse: false,
        model: true,
    });
}

#[test]
fn families_and_databases_are_apart() {
    let families = Families::new();
    let mut first = Table::new(&families, Settings::default());
    first.fill(keys::keys(
        FAMILIES[0].1,
        if cfg!(miri) { 250 } else { 3000 },
    ));
    let other = FamilyId {
        family: 4,
        ..FAMILY
    };
    let arena = || Box::new(Bump::default());
    let same = |id| Memtable::new(arena(), Settings::default(), &families, id);
    assert!(!same(other).started_from_skeleton());
    let other = FamilyId {
        database: 8,
        ..FAMILY
    };
    assert!(!same(other).started_from_skeleton());
    assert!(same(FAMILY).started_from_skeleton());
    // That one is gone, and took its skeleton with it.
    assert!(!same(FAMILY).started_from_skeleton());
}

/// Set for the process that runs one test alone.
const ALONE: &str = "MOUNTDB_TEST_ALONE";

/// The bytes of all skeletons of the process are known only where no other test runs.
#[test]
#[cfg_attr(miri, ignore)]
fn skeletons_are_let_go() {
    if std::env::var_os(ALONE).is_none() {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "memtable::tests::oracle::skeletons_are_let_go"])
            .env(ALONE, "1")
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success(), "{output}");
        assert!(output.contains("1 passed"), "{output}");
        return;
    }
    assert_eq!(skeleton_bytes_held(), 0);
    let families = Families::new();
    let mut table = Table::new(&families, Settings::default());
    table.fill(keys::keys(FAMILIES[0].1, 10_000));
    let held = skeleton_bytes_held();
    assert!(held > 1000, "{held}");
    let next = Table::new(&families, Settings::default());
    assert!(next.memtable.started_from_skeleton());
    drop(table);
    // Only the last of the skeletons is in use.
    assert!((1..=held).contains(&skeleton_bytes_held()));
    drop(next);
    assert_eq!(skeleton_bytes_held(), 0);
}

#[test]
#[cfg_attr(miri, ignore = "counts, on many entries")]
fn an_empty_memtable_after_a_big_one_costs_little() {
    let families = Families::new();
    let mut big = Table::new(&families, Settings::default());
    big.fill(keys::keys(FAMILIES[0].1, 200_000));
    let empty = Table::new(&families, Settings::default());
    assert!(empty.memtable.started_from_skeleton());
    assert_eq!(empty.arena.bytes(), 0);
    let held = empty.memtable.memory_usage();
    println!("{held} bytes");
    assert!(held <= 64 << 10);
}

#[test]
#[cfg_attr(miri, ignore = "counts, on many entries")]
fn memory_of_every_family() {
    let n = if cfg!(debug_assertions) {
        20_000
    } else {
        100_000
    };
    let mut exceeding = vec![];
    for (name, family) in FAMILIES {
        let mut table = Table::alone();
        table.fill(keys::keys(*family, n));
        let per_entry = table.memory() as f64 / table.oracle.len() as f64;
        let arena = table.arena.bytes() as f64 / table.oracle.len() as f64;
        println!("{name}: {per_entry:.1} bytes an entry, {arena:.1} of them in the arena");
        if per_entry > 24.0 {
            exceeding.push(name.to_string());
        }
    }
    // Leaves may keep copies of cuts, which are as long as what keys share.
    for shared in (20..200).step_by(20) {
        let mut rng = StdRng::seed_from_u64(shared as u64);
        let mut table = Table::alone();
        table.fill((0..n).map(|_| [vec![b'p'; shared], big(rng.random())].concat()));
        let per_entry = table.memory() as f64 / table.oracle.len() as f64;
        println!("{shared} bytes shared: {per_entry:.1} bytes an entry");
        if per_entry > 24.0 {
            exceeding.push(format!("{shared} bytes shared"));
        }
    }
    assert!(exceeding.is_empty(), "above the bound: {exceeding:?}");
}

/// What the one before was like does not make a memtable take more than it needs.
#[test]
#[cfg_attr(miri, ignore = "counts, on many entries")]
fn memory_of_a_small_memtable_after_a_big_one() {
    let families = Families::new();
    let mut big = Table::new(&families, Settings::default());
    big.fill(keys::keys(FAMILIES[0].1, 160_000));
    let mut small = Table::new(&families, Settings::default());
    let mut worst: f64 = 0.0;
    for (i, user) in keys::keys(FAMILIES[0].1, 40_000).enumerate() {
        small.insert(&user, i as u64);
        if i % 10_000 == 9999 {
            let per_entry = small.memory() as f64 / (i + 1) as f64;
            println!("{per_entry:.1} bytes an entry at {}", i + 1);
            worst = worst.max(per_entry);
        }
    }
    assert!(worst <= 24.0, "{worst}");
}
