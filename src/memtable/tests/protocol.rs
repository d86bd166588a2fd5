//! The protocol of leaves, routers and links, checked by loom in every order of events (up
//! to a number of preemptions) and with all that the memory model allows to be seen.
//! `scripts/proofs.sh` runs them.
//!
//! Leaves have four slots here.

use super::super::entry::Key;
use super::super::express;
use super::super::iter::Iter;
use super::super::leaf::{Leaf, Reach};
use super::super::model::Model;
use super::super::skeleton::{Families, FamilyId, Heritage, Skeleton};
use super::super::table::{Memtable, Settings};
use super::arena::{Bump, decode, encode, internal};
use super::atomics::{AtomicUsize, Ordering::*};
use super::leaves;
use loom::model::Builder;
use loom::thread;
use std::sync::Arc;
use std::time::Duration;

const NEWEST: u64 = (1 << 56) - 1;
const FAMILY: FamilyId = FamilyId {
    database: 0,
    family: 0,
};

/// Models that the router may start with.
const CUTS: [&[&[u8]]; 2] = [&[], &[&[30]]];

/// Checks every order of events with so many preemptions, or as many as there is time for.
fn model(preemptions: usize, check: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 100_000;
    builder.checkpoint_interval = 1000;
    builder.max_duration = Some(Duration::from_secs(15));
    builder.check(check);
}

/// A memtable, the memory of its entries, and what has been inserted for certain.
struct Table {
    memtable: Memtable,
    entries: Bump,
    told: AtomicUsize,
}

impl Table {
    /// With these keys in leaves, and a router that knows these cuts.
    fn new(users: &[u8], cuts: &[&[u8]]) -> Arc<Table> {
        let table = Table::pending(users, cuts);
        // As from the first of several writers on.
        table.memtable.mark_read_only();
        table
    }

    /// The same, put in by a lone writer: the last key is still on its way.
    fn pending(users: &[u8], cuts: &[&[u8]]) -> Arc<Table> {
        let families = Families::new();
        let before = Arc::new(Heritage::default());
        if !cuts.is_empty() {
            families.succeed(FAMILY, &before);
            before.set(Skeleton::new(Model::fit(cuts, true)));
        }
        let arena = Box::new(Bump::default());
        let table = Table {
            memtable: Memtable::new(arena, Settings::default(), &families, FAMILY),
            entries: Bump::default(),
            told: AtomicUsize::new(0),
        };
        for (sequence, user) in (1..).zip(users) {
            table.put_alone(*user, sequence);
        }
        Arc::new(table)
    }

    /// Inserts while nobody else does.
    fn put_alone(&self, user: u8, sequence: u64) {
        let entry = encode(&self.entries, &[user], sequence);
        // SAFETY: the entry lives longer than the memtable; nobody else inserts.
        assert!(unsafe { self.memtable.insert(entry.as_ptr()) });
    }

    /// Inserts beside others; `number` is part of the sequence number.
    fn put(&self, user: u8, number: u64) {
        let entry = encode(&self.entries, &[user], 100 + number);
        // SAFETY: the entry lives longer than the memtable.
        assert!(unsafe { self.memtable.insert_concurrently(entry.as_ptr()) });
    }

    fn finds(&self, user: u8) -> bool {
        let found = self.memtable.find(&internal(&[user], NEWEST));
        // SAFETY: entries live longer than the memtable.
        found.is_some_and(|entry| unsafe { decode(entry) }.0 == [user])
    }

    /// User keys in the order of an iterator.
    fn forward(&self) -> Vec<u8> {
        let mut iter = self.memtable.iter();
        iter.check_reads();
        iter.seek_to_first();
        let mut users = vec![];
        while let Some(entry) = iter.entry() {
            // SAFETY: entries live longer than the memtable.
            users.push(unsafe { decode(entry) }.0[0]);
            iter.next();
        }
        assert!(iter.is_sound());
        users
    }

    fn backward(&self) -> Vec<u8> {
        let mut iter = self.memtable.iter();
        iter.seek_to_last();
        let mut users = vec![];
        while let Some(entry) = iter.entry() {
            // SAFETY: as above.
            users.push(unsafe { decode(entry) }.0[0]);
            iter.prev();
        }
        users
    }
}

fn ascends(users: &[u8]) -> bool {
    users.is_sorted_by(|a, b| a < b)
}

/// A reader misses nothing while a leaf is split and a slot is used again.
fn find_beside_a_split(cuts: &'static [&[u8]], user: u8) {
    model(2, move || {
        let table = Table::new(&[10, 20, 30, 40], cuts);
        let writer = thread::spawn({
            let table = table.clone();
            move || table.put(15, 0)
        });
        assert!(table.finds(user));
        writer.join().unwrap();
        assert_eq!(table.forward(), [10, 15, 20, 30, 40]);
    });
}

#[test]
fn find_what_moves() {
    find_beside_a_split(&[], 40);
}

#[test]
fn find_what_stays() {
    find_beside_a_split(&[], 10);
}

#[test]
fn find_what_moves_at_a_cut() {
    find_beside_a_split(&[&[30]], 40);
}

#[test]
fn find_what_moves_within_a_slot() {
    find_beside_a_split(&[&[5], &[50]], 40);
}

/// What a writer has put into the new leaf of a split that goes on is found.
fn find_what_came_into_the_new_leaf(cuts: &'static [&[u8]]) {
    model(2, move || {
        let table = Table::new(&[10, 20, 30, 40], cuts);
        let splits = thread::spawn({
            let table = table.clone();
            move || table.put(11, 0)
        });
        let follows = thread::spawn({
            let table = table.clone();
            move || {
                table.put(41, 1);
                table.told.store(1, Release);
            }
        });
        if table.told.load(Acquire) == 1 {
            assert!(table.finds(41));
        }
        splits.join().unwrap();
        follows.join().unwrap();
        assert_eq!(table.forward(), [10, 11, 20, 30, 40, 41]);
    });
}

#[test]
fn find_what_came_into_the_new_leaf_without_a_model() {
    find_what_came_into_the_new_leaf(&[]);
}

#[test]
fn find_what_came_into_the_new_leaf_at_a_cut() {
    find_what_came_into_the_new_leaf(&[&[30]]);
}

/// Writers that both split lose nothing.
#[test]
fn writers_beside_each_other() {
    for cuts in CUTS {
        model(2, move || {
            let table = Table::new(&[10, 20, 30, 40], cuts);
            let other = thread::spawn({
                let table = table.clone();
                move || table.put(42, 1)
            });
            table.put(11, 3);
            other.join().unwrap();
            assert_eq!(table.forward(), [10, 11, 20, 30, 40, 42]);
            assert_eq!(table.backward(), [42, 40, 30, 20, 11, 10]);
        });
    }
}

/// One of two equal entries is refused.
#[test]
fn duplicates_beside_each_other() {
    model(2, || {
        let table = Table::new(&[10, 20, 30, 40], &[]);
        let put = |table: &Table| {
            let entry = encode(&table.entries, &[25], 7);
            // SAFETY: the entry lives longer than the memtable.
            unsafe { table.memtable.insert_concurrently(entry.as_ptr()) }
        };
        let other = thread::spawn({
            let table = table.clone();
            move || put(&table)
        });
        let first = put(&table);
        assert_ne!(first, other.join().unwrap());
        assert_eq!(table.forward(), [10, 20, 25, 30, 40]);
    });
}

/// An iterator sees all that was there, once and in order.
fn iterate_beside_a_split(cuts: &'static [&[u8]], scan: fn(&Table) -> Vec<u8>) {
    // One preemption is enough to come into the middle of a split: it has begun already.
    model(1, move || {
        let table = Table::new(&[10, 20, 30, 40], cuts);
        let reader = thread::spawn({
            let table = table.clone();
            move || scan(&table)
        });
        table.put(15, 0);
        let mut seen = reader.join().unwrap();
        assert!(ascends(&seen), "{seen:?}");
        seen.retain(|user| user % 10 == 0);
        assert_eq!(seen, [10, 20, 30, 40]);
    });
}

#[test]
fn iterate_forward_beside_a_split() {
    iterate_beside_a_split(&[], Table::forward);
}

#[test]
fn iterate_forward_beside_a_split_at_a_cut() {
    iterate_beside_a_split(&[&[30]], Table::forward);
}

#[test]
fn iterate_backward_beside_a_split() {
    iterate_beside_a_split(&[], reversed);
}

/// Calls `look` beside a split and an insert into the slots that it has freed.
fn step_beside_a_split(look: fn(&mut Iter, &dyn Fn(&Iter) -> Option<u8>)) {
    model(2, move || {
        let table = Table::new(&[10, 20, 30, 40], &[]);
        let writer = thread::spawn({
            let table = table.clone();
            move || table.put(15, 0)
        });
        // SAFETY: entries live longer than the memtable.
        let user = |iter: &Iter| iter.entry().map(|entry| unsafe { decode(entry) }.0[0]);
        look(&mut table.memtable.iter(), &user);
        writer.join().unwrap();
    });
}

#[test]
fn step_forward_beside_a_split() {
    step_beside_a_split(|iter, user| {
        iter.seek(&internal(&[20], NEWEST));
        assert_eq!(user(iter), Some(20));
        iter.next();
        assert_eq!(user(iter), Some(30));
    });
}

#[test]
fn step_backward_beside_a_split() {
    step_beside_a_split(|iter, user| {
        iter.seek(&internal(&[30], NEWEST));
        assert_eq!(user(iter), Some(30));
        iter.prev();
        assert_eq!(user(iter), Some(20));
    });
}

/// The versions of a key that a split divides.
#[test]
fn versions_beside_a_split() {
    model(2, || {
        let table = Table::new(&[10, 10, 10, 10], &[]);
        let writer = thread::spawn({
            let table = table.clone();
            move || {
                table.put(10, 0);
                table.put(10, 1);
            }
        });
        let found = table.memtable.find(&internal(&[10], 2)).unwrap();
        // SAFETY: entries live longer than the memtable.
        assert_eq!(unsafe { decode(found) }, (&[10][..], 2));
        writer.join().unwrap();
    });
}

/// Starts a lone writer, which tells how many of its keys are in.
fn write_alone(table: &Arc<Table>, users: &'static [u8]) -> thread::JoinHandle<()> {
    let table = table.clone();
    thread::spawn(move || {
        for (i, user) in users.iter().enumerate() {
            table.put_alone(*user, 100 + i as u64);
            table.told.store(i + 1, Release);
        }
    })
}

/// The key that came last is found: pending, on its way to its leaf and there.
fn find_beside_a_lone_writer(there: &'static [u8], cuts: &'static [&[u8]], users: &'static [u8]) {
    model(2, move || {
        let table = Table::pending(there, cuts);
        let writer = write_alone(&table, users);
        let last = match table.told.load(Acquire) {
            0 => there.last(),
            told => users.get(told - 1),
        };
        assert!(last.is_none_or(|user| table.finds(*user)));
        writer.join().unwrap();
        let mut all = [there, users].concat();
        all.sort_unstable();
        assert_eq!(table.forward(), all);
    });
}

#[test]
fn find_what_is_pending() {
    find_beside_a_lone_writer(&[20], &[], &[10, 30]);
}

#[test]
fn find_what_is_pending_after_another() {
    find_beside_a_lone_writer(&[], &[], &[10, 20, 30]);
}

#[test]
fn find_what_splits_when_it_gets_to_its_leaf() {
    find_beside_a_lone_writer(&[10, 20, 30, 40], &[], &[35, 36]);
}

#[test]
fn find_what_splits_at_a_cut_when_it_gets_to_its_leaf() {
    find_beside_a_lone_writer(&[10, 20, 30, 40], &[&[30]], &[35, 15]);
}

/// An iterator sees all that was told of, once and in order.
fn iterate_beside_a_lone_writer(
    there: &'static [u8],
    users: &'static [u8],
    scan: fn(&Table) -> Vec<u8>,
) {
    model(2, move || {
        let table = Table::pending(there, &[]);
        let writer = write_alone(&table, users);
        let told = table.told.load(Acquire);
        let seen = scan(&table);
        assert!(ascends(&seen), "{seen:?}");
        for user in there.iter().chain(&users[..told]) {
            assert!(seen.contains(user), "{user} {told} {seen:?}");
        }
        writer.join().unwrap();
    });
}

fn reversed(table: &Table) -> Vec<u8> {
    let mut seen = table.backward();
    seen.reverse();
    seen
}

#[test]
fn iterate_forward_over_what_is_pending() {
    iterate_beside_a_lone_writer(&[10, 20], &[15, 25], Table::forward);
}

#[test]
fn iterate_backward_over_what_is_pending() {
    iterate_beside_a_lone_writer(&[10, 20], &[15, 25], reversed);
}

#[test]
fn iterate_forward_over_what_splits() {
    iterate_beside_a_lone_writer(&[10, 20, 30, 40], &[35, 15], Table::forward);
}

#[test]
fn iterate_backward_over_what_splits() {
    iterate_beside_a_lone_writer(&[10, 20, 30, 40], &[35, 15], reversed);
}

/// A step forward sees what was told of ahead of it.
#[test]
fn step_to_what_is_pending() {
    model(2, || {
        let table = Table::pending(&[10, 40], &[]);
        let writer = write_alone(&table, &[30, 20]);
        let mut iter = table.memtable.iter();
        iter.seek_to_first();
        let told = table.told.load(Acquire);
        iter.next();
        // SAFETY: entries live longer than the memtable.
        let user = iter.entry().map(|entry| unsafe { decode(entry) }.0[0]);
        let at_most = [40, 30, 20][told];
        assert!(
            user.is_some_and(|user| 10 < user && user <= at_most),
            "{user:?} {told}"
        );
        writer.join().unwrap();
    });
}

/// The first of several writers puts what was pending into its leaf: no reader misses it.
fn find_beside_the_first_of_several(user: u8) {
    model(2, move || {
        let table = Table::pending(&[10, 20, 30, 40], &[]);
        let writer = thread::spawn({
            let table = table.clone();
            move || table.put(user, 0)
        });
        assert!(table.finds(40));
        writer.join().unwrap();
        assert!(table.finds(user));
        assert_eq!(table.forward().len(), 5);
    });
}

#[test]
fn find_beside_the_first_of_several_in_the_same_leaf() {
    find_beside_the_first_of_several(45);
}

#[test]
fn find_beside_the_first_of_several_in_another_leaf() {
    find_beside_the_first_of_several(15);
}

/// Several writers find something pending: nothing is lost, nothing is there twice.
#[test]
fn several_find_something_pending() {
    model(2, || {
        let table = Table::pending(&[10, 20, 40], &[]);
        let writers = [15, 45].map(|user| {
            let table = table.clone();
            thread::spawn(move || table.put(user, user.into()))
        });
        assert!(table.finds(40));
        for writer in writers {
            writer.join().unwrap();
        }
        assert_eq!(table.forward(), [10, 15, 20, 40, 45]);
    });
}

#[test]
fn iterate_beside_the_first_of_several() {
    model(2, || {
        let table = Table::pending(&[10, 20, 30, 40], &[]);
        let writer = thread::spawn({
            let table = table.clone();
            move || table.put(35, 0)
        });
        let mut seen = table.forward();
        assert!(ascends(&seen), "{seen:?}");
        seen.retain(|user| user % 10 == 0);
        assert_eq!(seen, [10, 20, 30, 40]);
        writer.join().unwrap();
    });
}

/// Links that are set beside each other are all there, and walks go right.
#[test]
fn links_beside_each_other() {
    model(2, || {
        let table = Table::new(&[], &[]);
        let leaves = [b"a", b"b", b"c"].map(|low| {
            let leaf: *const Leaf = leaves::new(&table.memtable, low, None);
            // SAFETY: leaves live as long as the memtable, which outlives the threads.
            unsafe { &*leaf }
        });
        let [first, second, third] = leaves;
        for (left, right) in [(first, second), (second, third)] {
            left.split(right, 0, Reach::NONE, || ());
            right.unlock();
        }
        let shared = table.clone();
        let other = thread::spawn(move || {
            express::raise(third, 1, first, || shared.memtable.new_tower());
        });
        express::raise(second, 1, first, || table.memtable.new_tower());
        let walk = |steps: &mut usize| {
            let key = Key::before_all_versions(b"d");
            express::walk(first, &key, steps).low().key().user
        };
        assert_eq!(walk(&mut 0), b"c");
        other.join().unwrap();
        let mut steps = 0;
        assert_eq!(walk(&mut steps), b"c");
        assert_eq!(steps, 2, "both have a link on the lowest level");
    });
}
