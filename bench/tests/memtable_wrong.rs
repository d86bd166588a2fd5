//! A memtable that loses, invents or garbles an entry is found out by every step that reads.

use mountdb_bench::memtable::check;
use mountdb_bench::memtable::database::{Database, Scratch, Shape};
use mountdb_bench::memtable::engine;
use mountdb_bench::memtable::fill::Questions;
use mountdb_bench::memtable::generate::{Keys, uniform};
use mountdb_bench::memtable::insert;
use mountdb_bench::memtable::workload::{Step, WORKLOADS};

const N: usize = 500;
const SEED: u64 = 3;

/// The steps that complain after `meddle` changed what was written.
fn complaints(meddle: impl FnOnce(&rocksdb::DB)) -> Vec<Step> {
    let dir = tempfile::tempdir().unwrap();
    let scratch = Scratch::new(Some(dir.path())).unwrap();
    let contender = &engine::resolve("skiplist").unwrap()[0];
    let database = Database::new(&scratch, contender, Shape::ONE_MEMTABLE).unwrap();
    let keys = Keys::Uniform.make(N, SEED).unwrap();
    let questions = Questions::new(&keys, &check::survivors(&keys), N, N, SEED);
    insert::time(&database, &WORKLOADS[0], &keys, 1).unwrap();
    meddle(&database.db);
    let steps = Step::ALL.into_iter();
    steps
        .filter(|step| {
            let answer = questions.time(*step, &database).unwrap();
            answer.complaint.is_some()
        })
        .collect()
}

#[test]
fn what_is_right_passes() {
    assert_eq!(complaints(|_| {}), []);
}

#[test]
fn a_lost_entry_is_found_out() {
    let lost = Keys::Uniform.make(N, SEED).unwrap();
    let found = complaints(|db| db.delete(lost.get(N / 2)).unwrap());
    assert_eq!(found, [Step::GetPresent, Step::Seek10, Step::Scan]);
}

#[test]
fn a_value_of_another_key_is_found_out() {
    let keys = Keys::Uniform.make(N, SEED).unwrap();
    let other = |db: &rocksdb::DB| db.get(keys.get(1)).unwrap().unwrap();
    let found = complaints(|db| db.put(keys.get(0), other(db)).unwrap());
    assert_eq!(found, [Step::GetPresent, Step::Seek10, Step::Scan]);
}

#[test]
fn an_entry_too_many_is_found_out() {
    let absent = uniform(N, 1, SEED);
    let found = complaints(|db| db.put(absent.get(0), b"ghost").unwrap());
    assert_eq!(found, [Step::GetAbsent, Step::Seek10, Step::Scan]);
}
