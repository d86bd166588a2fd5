//! Writers, readers and iterators at once, as in RocksDB's inlineskiplist_test: entries say
//! what they are, writers tell how far they are, and a reader must find all that was there
//! when it began.
//!
//! `MOUNTDB_STRESS=n` makes it n times as long.

use super::super::iter::Iter;
use super::super::skeleton::{Families, FamilyId};
use super::super::table::{Memtable, Settings};
use super::arena::{Bump, decode, encode, internal};
use super::keys::big;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::cmp::Reverse;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::*};

const WRITERS: u64 = 3;
const READERS: u64 = 3;
const NEWEST: u64 = (1 << 56) - 1;

/// The user key of a writer's `i`-th entry. Several entries may have one.
type Place = fn(writer: u64, i: u64) -> u64;

const PLACES: &[(&str, Place)] = &[
    ("uniform", |w, i| hash(w << 32 | i)),
    ("ascending together", |w, i| i * WRITERS + w),
    ("ascending apart", |w, i| w << 40 | i),
    ("descending", |w, i| {
        (1 << 40) | ((1 << 30) - i * WRITERS - w)
    }),
    ("hot", |_, i| hash(i) % 4),
    ("hot and cold", |w, i| match i % 2 {
        0 => (hash(i) % 3) << 61,
        _ => hash(w << 32 | i),
    }),
    ("bursts", |w, i| hash(i / 300) ^ hash(w << 32 | i) >> 50),
    ("exponential", |w, i| hash(w << 32 | i) >> (hash(i) % 60)),
];

/// All of them; some, where the compiler interprets.
fn places() -> impl Iterator<Item = &'static (&'static str, Place)> {
    PLACES.iter().step_by(if cfg!(miri) { 3 } else { 1 })
}

fn hash(x: u64) -> u64 {
    let x = (x ^ x >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ x >> 29).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 32
}

fn times() -> u64 {
    let times = std::env::var("MOUNTDB_STRESS").ok();
    times.and_then(|n| n.parse().ok()).unwrap_or(1)
}

/// One memtable and what its writers have told.
struct Arena<'a> {
    memtable: &'a Memtable,
    place: Place,
    /// Entries of each writer that are in.
    done: [AtomicU64; WRITERS as usize],
    writing: AtomicUsize,
    /// There is one writer: so many of its entries come by [`Memtable::insert`].
    alone: u64,
}

/// What was in when a reader began.
type Begun = [u64; WRITERS as usize];

impl Arena<'_> {
    fn begun(&self) -> Begun {
        std::array::from_fn(|w| self.done[w].load(Acquire))
    }

    /// Entries say who wrote them: the sequence numbers of a writer are its own.
    fn sequence(writer: u64, i: u64) -> u64 {
        i * WRITERS + writer + 1
    }

    fn user(&self, writer: u64, i: u64) -> Vec<u8> {
        big((self.place)(writer, i))
    }

    fn write(&self, writer: u64, n: u64, entries: &Bump) {
        for i in 0..n {
            let sequence = Self::sequence(writer, i);
            let entry = encode(entries, &self.user(writer, i), sequence);
            // SAFETY: the entries live longer than the memtable, and nobody else inserts if
            // the writer is said to be alone.
            let insert = || unsafe {
                match i < self.alone {
                    true => self.memtable.insert(entry.as_ptr()),
                    false => self.memtable.insert_concurrently(entry.as_ptr()),
                }
            };
            assert!(insert());
            if i % 64 == 0 {
                assert!(!insert());
            }
            self.done[writer as usize].store(i + 1, Release);
        }
        self.writing.fetch_sub(1, Release);
    }

    fn read_all_the_time(&self, reader: u64) {
        let mut rng = StdRng::seed_from_u64(reader);
        let mut iter = self.memtable.iter();
        if reader.is_multiple_of(2) {
            iter.check_reads();
        }
        let mut last = false;
        while !last {
            last = self.writing.load(Acquire) == 0;
            match (reader + rng.random_range(0..2)) % 4 {
                0 => self.scan(&mut iter, true),
                1 => self.scan(&mut iter, false),
                2 => self.zigzag(&mut iter, &mut rng),
                _ => {}
            }
            for _ in 0..200 {
                self.look_up(&mut iter, &mut rng);
            }
        }
        self.scan(&mut iter, true);
        self.scan(&mut iter, false);
    }

    /// Says who wrote an entry, and that it is what was written.
    fn author(&self, entry: NonNull<u8>) -> (u64, u64) {
        // SAFETY: the entries live longer than the memtable.
        let (user, sequence) = unsafe { decode(entry) };
        let (writer, i) = ((sequence - 1) % WRITERS, (sequence - 1) / WRITERS);
        assert_eq!(user, self.user(writer, i), "not as it was written");
        (writer, i)
    }

    fn scan(&self, iter: &mut Iter, forward: bool) {
        let begun = self.begun();
        let mut seen: [Vec<bool>; WRITERS as usize] = begun.map(|n| vec![false; n as usize]);
        let mut before = None;
        match forward {
            true => iter.seek_to_first(),
            false => iter.seek_to_last(),
        }
        while let Some(entry) = iter.entry() {
            let (writer, i) = self.author(entry);
            if let Some(seen) = seen[writer as usize].get_mut(i as usize) {
                *seen = true;
            }
            // SAFETY: the entries live longer than the memtable.
            let (user, sequence) = unsafe { decode(entry) };
            let key = (user, Reverse(sequence));
            let in_order = before.is_none_or(|before| (before < key) == forward);
            assert!(in_order && before != Some(key), "{before:?} {key:?}");
            before = Some(key);
            match forward {
                true => iter.next(),
                false => iter.prev(),
            }
            assert!(iter.is_sound());
        }
        let missed = seen.iter().flatten().filter(|seen| !**seen).count();
        assert_eq!(missed, 0, "forward {forward}");
    }

    fn zigzag(&self, iter: &mut Iter, rng: &mut StdRng) {
        iter.seek_to_random(rng.random());
        for _ in 0..1000 {
            let Some(entry) = iter.entry() else {
                iter.seek_to_first();
                continue;
            };
            // SAFETY: the entries live longer than the memtable.
            let key = |entry| unsafe { decode(entry) };
            let (user, sequence) = key(entry);
            let forward = rng.random();
            match forward {
                true => iter.next(),
                false => iter.prev(),
            }
            if let Some(now) = iter.entry() {
                let (to, at) = key(now);
                let ahead = (to, Reverse(at)) > (user, Reverse(sequence));
                assert_eq!(ahead, forward);
                assert_ne!(now, entry);
            }
        }
    }

    /// Looks for one of the entries that are in, in every way.
    fn look_up(&self, iter: &mut Iter, rng: &mut StdRng) {
        let begun = self.begun();
        let writer = rng.random_range(0..WRITERS);
        let Some(newest) = begun[writer as usize].checked_sub(1) else {
            return;
        };
        // The last ones are where something is going on.
        let i = match rng.random() {
            true => rng.random_range(0..=newest),
            false => newest.saturating_sub(rng.random_range(0..100)),
        };
        let (user, sequence) = (self.user(writer, i), Self::sequence(writer, i));
        let exact = internal(&user, sequence);
        let found = self.memtable.find(&exact);
        assert_eq!(found.map(|e| self.author(e)), Some((writer, i)), "find");
        assert!(self.memtable.contains(&exact), "contains");
        iter.seek(&exact);
        assert_eq!(iter.entry(), found, "seek");
        iter.seek_for_prev(&exact);
        assert_eq!(iter.entry(), found, "seek for prev");
        self.versions(&user, sequence);
        let end = internal(&[0xff; 9], 0);
        assert!(self.memtable.approximate_entries(&exact, &end) > 0);
    }

    /// The versions of a key, newest first, `sequence` among them.
    fn versions(&self, user: &[u8], sequence: u64) {
        let mut entry = self.memtable.find(&internal(user, NEWEST));
        let mut newer = NEWEST;
        let mut there = false;
        for _ in 0..50 {
            let Some(version) = entry else {
                break;
            };
            // SAFETY: the entries live longer than the memtable.
            let (of, at) = unsafe { decode(version) };
            assert_eq!(of, user);
            assert!(at < newer);
            newer = at;
            there |= at == sequence;
            // SAFETY: the entry is one of the memtable's.
            entry = unsafe { self.memtable.next_version(version) };
        }
        assert!(
            there || (newer > sequence && entry.is_some()),
            "version missed"
        );
    }
}

/// A memtable's life: everybody at once, then nobody writes. There are as many writers as
/// memories for entries.
fn round(memtable: &Memtable, place: Place, n: u64, entries: &[Bump]) {
    let arena = Arena {
        memtable,
        place,
        done: [const { AtomicU64::new(0) }; WRITERS as usize],
        writing: AtomicUsize::new(entries.len()),
        // In the end it writes as if there were others.
        alone: if entries.len() == 1 { n - n / 4 } else { 0 },
    };
    std::thread::scope(|threads| {
        for (writer, entries) in (0..).zip(entries) {
            let arena = &arena;
            threads.spawn(move || arena.write(writer, n, entries));
        }
        for reader in 0..READERS {
            let arena = &arena;
            threads.spawn(move || arena.read_all_the_time(reader));
        }
    });
    assert_eq!(memtable.len() as u64, n * entries.len() as u64);
}

/// Memtables of one family, one after the other.
fn rounds(writers: u64, place: Place, n: u64, rounds: u64) {
    let families = Families::new();
    let id = FamilyId {
        database: 0,
        family: 0,
    };
    let mut before = None;
    for _ in 0..rounds {
        // Each writer has its own: an arena's mutex would order what they do.
        let entries: Vec<Bump> = (0..writers).map(|_| Bump::default()).collect();
        let arena = Box::new(Bump::default());
        let memtable = Memtable::new(arena, Settings::default(), &families, id);
        round(&memtable, place, n, &entries);
        before = Some((memtable, entries));
    }
    drop(before);
}

#[test]
fn everybody_at_once() {
    for (name, place) in places() {
        println!("{name}");
        match cfg!(miri) {
            true => rounds(WRITERS, *place, 25, 1),
            false => rounds(WRITERS, *place, 1500 * times(), 3),
        }
    }
}

/// Many short lives: what happens only at the beginning.
#[test]
fn short_lives() {
    for (name, place) in places() {
        println!("{name}");
        match cfg!(miri) {
            true => rounds(WRITERS, *place, 5, 1),
            false => rounds(WRITERS, *place, 60, 10 * times()),
        }
    }
}

/// What a lone writer has told of is found, on its way to its leaf and there.
#[test]
fn a_lone_writer() {
    for (name, place) in places() {
        println!("{name}");
        match cfg!(miri) {
            true => rounds(1, *place, 50, 1),
            false => {
                rounds(1, *place, 4000 * times(), 3);
                rounds(1, *place, 60, 10 * times());
            }
        }
    }
}
