//! The learned memtable under the options that reach a memtable, in transactions, column
//! families and secondary instances, and in databases that change between it and the skip
//! list. The skip list does the same and must give the same answers.
#![cfg(feature = "rocksdb")]

#[path = "common/agree.rs"]
mod agree;
#[path = "common/db.rs"]
mod db;
#[allow(dead_code)] // the harness uses all of it
#[path = "../bench/src/keys.rs"]
mod keys;
#[path = "common/memtable.rs"]
mod memtable;

use db::Model;
use keys::KeySet;
use memtable::{
    Case, History, Mix, SEED, Setup, Twins, around, around_some, concat, open, total_order,
};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rocksdb::{
    DB, Error, OptimisticTransactionDB, OptimisticTransactionOptions, Options, ReadOptions,
    Transaction, TransactionDB, TransactionDBOptions, TransactionOptions, WaitForCompactOptions,
    WriteBatch, WriteBufferManager, WriteOptions,
};
use std::fmt::Debug;
use std::fs;
use std::path::Path;

const SWITCHING: &str = "write_buffer_size=65536;max_write_buffer_number=4";

/// Nothing is flushed unless told to, also when a log is replayed.
const IN_MEMORY: &str = "write_buffer_size=67108864;avoid_flush_during_recovery=true";

/// Numbers, text with long common prefixes, and keys too short for a prefix, in any order.
fn mixed_keys(count: usize) -> Vec<Vec<u8>> {
    let mut keys: Vec<_> = [
        KeySet::Uniform,
        KeySet::User,
        KeySet::Paths,
        KeySet::RandomBytes,
    ]
    .into_iter()
    .flat_map(|set| keys::generate(set, count / 4, SEED))
    .collect();
    keys.shuffle(&mut StdRng::seed_from_u64(SEED));
    keys
}

/// A history under general options, looked at in the middle of it, at its end, after the log
/// was replayed and after a flush.
fn check_options(general: &str, mix: Mix) {
    let _case = Case::new(general);
    let twins = Setup::new(general).open();
    let mut history = History::new(SEED, mix);
    let keys = mixed_keys(1_600);
    let targets = around_some(&keys, 30);
    let (first, second) = keys.split_at(keys.len() / 2);
    history.run(&twins, first);
    let snapshots = [twins.snapshots()];
    twins.check(&targets, &[]);
    history.run(&twins, second);
    // Again the same keys, now that each has versions.
    history.run(&twins, first);
    twins.check(&targets, &snapshots);
    twins.check_prefixes(&targets);
    twins.check_model(&history.model);
    drop(snapshots);

    let twins = twins.reopen();
    assert_eq!(twins.check(&targets, &[]), history.model.len());
    history.run(&twins, &second[..100]);
    twins.both(DB::flush);
    twins.check_prefixes(&targets);
    twins.check(&targets, &[]);
    twins.check_model(&history.model);
}

#[test]
fn options_of_the_write_path() {
    for general in [
        "unordered_write=true",
        "enable_pipelined_write=true",
        "two_write_queues=true",
        "allow_concurrent_memtable_write=false",
        "manual_wal_flush=true",
        "atomic_flush=true",
        "avoid_flush_during_recovery=true",
        "avoid_flush_during_shutdown=true",
        "max_write_batch_group_size_bytes=1",
        "memtable_insert_with_hint_prefix_extractor=fixed:3",
        "memtable_insert_with_hint_prefix_extractor=fixed:3;allow_concurrent_memtable_write=false",
        "max_successive_merges=1",
        "max_successive_merges=3;strict_max_successive_merges=true",
    ] {
        let mix = Mix {
            value: 300,
            ..Mix::ALL
        };
        check_options(&format!("{SWITCHING};{general}"), mix);
    }
}

#[test]
fn options_of_the_read_path() {
    for general in [
        "memtable_whole_key_filtering=true;memtable_prefix_bloom_size_ratio=0.1",
        "prefix_extractor=fixed:4",
        "prefix_extractor=fixed:4;memtable_prefix_bloom_size_ratio=0.1",
        "prefix_extractor=fixed:4;memtable_prefix_bloom_size_ratio=0.25;\
         memtable_whole_key_filtering=true",
        "prefix_extractor=capped:5;memtable_prefix_bloom_size_ratio=0.1",
        "memtable_batch_lookup_optimization=true",
        "memtable_batch_lookup_optimization=true;paranoid_memory_checks=true",
        "memtable_batch_lookup_optimization=true;memtable_whole_key_filtering=true;\
         memtable_prefix_bloom_size_ratio=0.1;memtable_protection_bytes_per_key=8;\
         memtable_verify_per_key_checksum_on_seek=true",
        // A new seek for every version passed.
        "max_sequential_skip_in_iterations=0",
        "memtable_op_scan_flush_trigger=4",
        "memtable_avg_op_scan_flush_trigger=4",
        "min_tombstones_for_range_conversion=3",
        "enable_blob_files=true;min_blob_size=100",
    ] {
        let mix = Mix {
            value: 300,
            ..Mix::ALL
        };
        check_options(&format!("{SWITCHING};{general}"), mix);
    }
}

#[test]
fn options_that_check_what_is_read() {
    for general in [
        "paranoid_memory_checks=true",
        "memtable_protection_bytes_per_key=1",
        "memtable_protection_bytes_per_key=8",
        "paranoid_memory_checks=true;memtable_protection_bytes_per_key=1",
        "memtable_verify_per_key_checksum_on_seek=true",
        "memtable_verify_per_key_checksum_on_seek=true;memtable_protection_bytes_per_key=1",
        "memtable_verify_per_key_checksum_on_seek=true;memtable_protection_bytes_per_key=8",
        "memtable_verify_per_key_checksum_on_seek=true;memtable_protection_bytes_per_key=8;\
         paranoid_memory_checks=true;paranoid_file_checks=true",
    ] {
        for size in [SWITCHING, IN_MEMORY] {
            check_options(
                &format!("{size};{general}"),
                Mix {
                    value: 200,
                    ..Mix::ALL
                },
            );
        }
    }
}

/// So few that they lie in one leaf, on the way to which the last one is: while they are in
/// the memtable, and when the log is read again.
#[test]
fn few_entries_that_are_checked() {
    let twins = Setup::new("paranoid_memory_checks=true").open();
    let mut model = Model::new();
    for i in [3, 1, 4, 5, 9, 2, 6] {
        let (key, value) = (db::key(i), db::value(i, "x"));
        twins.both(|db| db.put(&key, &value));
        model.insert(key, value);
        twins.check_model(&model);
    }
    twins.reopen().check_model(&model);
}

#[test]
fn options_of_memory() {
    for general in [
        "write_buffer_size=65536;arena_block_size=4096;memtable_huge_page_size=0",
        "write_buffer_size=131072;arena_block_size=1",
        "write_buffer_size=65536;arena_block_size=65536",
        "write_buffer_size=65536;max_write_buffer_number=6;min_write_buffer_number_to_merge=3",
        "write_buffer_size=65536;max_write_buffer_size_to_maintain=1000000",
        "write_buffer_size=65536;max_write_buffer_size_to_maintain=-1",
        "write_buffer_size=67108864;db_write_buffer_size=131072",
    ] {
        check_options(
            general,
            Mix {
                value: 300,
                ..Mix::ALL
            },
        );
    }
}

/// At most `count` entries from `from` on.
fn entries(db: &DB, from: &[u8], count: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut iter = db.raw_iterator();
    let mut entries = Vec::new();
    iter.seek(from);
    while let Some((key, value)) = iter.item()
        && entries.len() < count
    {
        entries.push((key.to_vec(), value.to_vec()));
        iter.next();
    }
    iter.status().expect("no error");
    entries
}

/// Both hold exactly this, by Get, by MultiGet and forwards: RocksDB has no backward
/// iterators over values that may change.
fn check_in_place(twins: &Twins, model: &Model) {
    let targets = around(model.keys());
    let now = ReadOptions::default();
    agree::check_gets(&twins.ours, &twins.stock, &targets, [&now; 2]);
    for target in &targets {
        let [ours, stock] = [&twins.ours, &twins.stock].map(|db| entries(db, target, 3));
        assert_eq!(ours, stock, "seek {target:?}");
    }
    let all: Vec<_> = model.clone().into_iter().collect();
    assert_eq!(entries(&twins.ours, b"", usize::MAX), all);
}

#[test]
fn values_updated_in_place() {
    // RocksDB has no snapshots then, and its range deletions and merges are no longer exact:
    // a put that replaces an older value keeps the older sequence number.
    let mix = Mix {
        merges: false,
        ranges: false,
        singles: false,
        value: 300,
    };
    for size in [SWITCHING, IN_MEMORY] {
        let _case = Case::new(size);
        let general = format!(
            "{size};allow_concurrent_memtable_write=false;inplace_update_support=true;\
             inplace_update_num_locks=100"
        );
        let twins = Setup::new(&general).open();
        let mut history = History::new(SEED, mix);
        let keys = mixed_keys(200);
        for _ in 0..12 {
            history.run(&twins, &keys);
            check_in_place(&twins, &history.model);
        }
        if size == IN_MEMORY {
            let entries = |db: &DB| db.property_int_value("rocksdb.num-entries-active-mem-table");
            let [ours, stock] = [&twins.ours, &twins.stock].map(|db| entries(db).expect("known"));
            assert_eq!(ours, stock, "entries");
            assert!(ours < Some(2_300), "{ours:?} entries of 3000 writes");
        }
        let twins = twins.reopen();
        check_in_place(&twins, &history.model);
        twins.both(DB::flush);
        check_in_place(&twins, &history.model);
    }
}

#[test]
fn in_place_updates_need_one_writer_as_with_the_skip_list() {
    let setup = Setup::new("inplace_update_support=true");
    for options in [setup.ours(), setup.stock()] {
        let error = DB::open(&options, "/refused")
            .map(drop)
            .expect_err("refused");
        assert!(
            error.to_string().contains("inplace_update_support"),
            "{error}"
        );
    }
}

/// Below a threshold of 1 the memtable would hardly ever be purged; up to 1 it is asked for a
/// random sample of its entries first, above it is not.
fn purged_history(threshold: fn(&mut Options), mix: Mix) {
    // No options string: RocksDB takes the name there for a DB option that it has given up.
    let twins = Setup::new(SWITCHING).adjusted(threshold).open();
    let mut history = History::new(SEED, mix);
    let keys = mixed_keys(80);
    let mut snapshots = Vec::new();
    for round in 0..40 {
        for keys in keys.chunks(10) {
            history.run(&twins, keys);
            // A memtable that fills during the purge is newer than what the purge makes, but
            // RocksDB looks into it later: wait, and there is none.
            twins.both(|db| db.wait_for_compact(&WaitForCompactOptions::default()));
        }
        if round % 15 == 7 {
            snapshots.push(twins.snapshots());
            twins.check(&around(&keys), &snapshots);
        }
    }
    let purged = twins.log().matches("Status is  ok. Perc capacity").count();
    assert!(purged >= 3, "purged {purged} times");
    twins.check(&around(&keys), &snapshots);
    twins.check_model(&history.model);
    drop(snapshots);
    let twins = twins.reopen();
    assert_eq!(twins.check(&around(&keys), &[]), history.model.len());
    twins.both(DB::flush);
    twins.check_model(&history.model);
}

#[test]
fn memtables_purged_in_memory() {
    let thresholds: [fn(&mut Options); 2] = [
        |options| options.set_experimental_mempurge_threshold(1.0),
        |options| options.set_experimental_mempurge_threshold(1.5),
    ];
    for (i, threshold) in thresholds.into_iter().enumerate() {
        for merges in [false, true] {
            let _case = Case::new(format!("threshold {i}, merges {merges}"));
            let mix = Mix {
                merges,
                value: 400,
                ..Mix::ALL
            };
            purged_history(threshold, mix);
        }
    }
}

#[test]
fn range_deletions_switch_memtables() {
    let twins = Setup::new("memtable_max_range_deletions=4").open();
    let mut model = Model::new();
    let keys: Vec<_> = (0..600).map(db::key).collect();
    for (i, window) in keys.windows(3).enumerate() {
        let mut batch = WriteBatch::default();
        batch.put(&window[2], format!("value {i}"));
        model.insert(window[2].clone(), format!("value {i}").into_bytes());
        if i % 10 == 9 {
            batch.delete_range(&window[0], &window[2]);
            model.retain(|key, _| *key < window[0] || *key >= window[2]);
        }
        twins.write(&batch);
    }
    assert!(twins.switches() >= 10, "{} switches", twins.switches());
    twins.check(&around_some(&keys, 100), &[]);
    twins.check_model(&model);
    twins.reopen().check_model(&model);
}

#[test]
fn options_changed_while_running() {
    let twins =
        Setup::new("write_buffer_size=262144;max_write_buffer_number=4;prefix_extractor=fixed:4")
            .open();
    let mut history = History::new(
        SEED,
        Mix {
            value: 300,
            ..Mix::ALL
        },
    );
    let keys = mixed_keys(600);
    for (name, value) in [
        ("write_buffer_size", "65536"),
        ("memtable_prefix_bloom_size_ratio", "0.2"),
        ("memtable_whole_key_filtering", "true"),
        ("arena_block_size", "4096"),
        ("write_buffer_size", "300000"),
        ("memtable_protection_bytes_per_key", "8"),
        ("memtable_verify_per_key_checksum_on_seek", "true"),
        ("paranoid_memory_checks", "true"),
        ("max_successive_merges", "2"),
        ("memtable_max_range_deletions", "3"),
        ("write_buffer_size", "65536"),
        ("prefix_extractor", "fixed:2"),
    ] {
        let _case = Case::new(format!("{name}={value}"));
        twins.both(|db| db.set_options(&[(name, value)]));
        history.run(&twins, &keys);
        twins.check(&around_some(&keys, 30), &[]);
        twins.check_model(&history.model);
    }
    assert!(twins.switches() >= 8, "{} switches", twins.switches());
    twins.reopen().check_model(&history.model);
}

#[test]
fn a_write_buffer_manager_sees_the_memory() {
    let manager = WriteBufferManager::new_write_buffer_manager(256 << 10, false);
    let setup = Setup::new("write_buffer_size=67108864");
    let mut options = setup.ours();
    options.set_write_buffer_manager(&manager);
    let log = db::log_to_memory(&mut options);
    let db = open(&options, "/ours");
    assert_eq!(mountdb::db_factories(&db).memtable, "mountdb");
    let mut model = Model::new();
    for i in 0..8_000 {
        db.put(db::key(i * 7 % 8_000), db::value(i, &"x".repeat(100)))
            .expect("put");
        model.insert(db::key(i * 7 % 8_000), db::value(i, &"x".repeat(100)));
    }
    assert!(manager.get_usage() > 0);
    let switches = log
        .lock()
        .expect("sound")
        .matches("New memtable created")
        .count();
    assert!(switches >= 4, "{switches} switches");
    db::scan_both_ways(&mut db.raw_iterator(), &model);
    drop(db);
    assert_eq!(manager.get_usage(), 0, "given back");
}

#[test]
fn writes_without_a_log() {
    for (general, kept) in [
        ("avoid_flush_during_shutdown=false", true),
        ("avoid_flush_during_shutdown=true", false),
    ] {
        let _case = Case::new(general);
        let twins = Setup::new(&format!("{IN_MEMORY};{general}")).open();
        let mut history = History::new(SEED, Mix::ALL);
        let keys = mixed_keys(400);
        for keys in keys.chunks(11) {
            let batch = history.batch(keys);
            twins.both(|db| db.write_without_wal(WriteBatch::from_data(batch.data())));
        }
        twins.check_model(&history.model);
        let twins = twins.reopen();
        let found = twins.check(&around_some(&keys, 40), &[]);
        assert_eq!(found, if kept { history.model.len() } else { 0 });
    }
}

/// What a call came to, in words that can be compared.
fn outcome<T: Debug>(result: Result<T, Error>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{:?}", error.kind()),
    }
}

/// One random operation within a transaction.
fn transaction_step<D>(transaction: &Transaction<'_, D>, rng: &mut StdRng) -> String {
    let key = db::key(rng.random_range(0..40));
    let value = format!("{}", rng.random::<u32>());
    let done = match rng.random_range(0..20) {
        0..5 => outcome(transaction.put(&key, value)),
        5..7 => outcome(transaction.merge(&key, value)),
        7..9 => outcome(transaction.delete(&key)),
        9..12 => outcome(transaction.get(&key)),
        12..15 => outcome(transaction.get_for_update(&key, true)),
        15 => outcome(transaction.multi_get([&key, &db::key(3)]).remove(0)),
        16 => {
            transaction.set_savepoint();
            String::new()
        }
        17 => outcome(transaction.rollback_to_savepoint()),
        // What was written in the transaction lies between what is in the database.
        _ => {
            let mut iter = transaction.raw_iterator();
            iter.seek(&key);
            let mut seen = Vec::new();
            while let Some((key, value)) = iter.item()
                && seen.len() < 6
            {
                seen.push((key.to_vec(), value.to_vec()));
                iter.next();
            }
            format!("{:?} {seen:?}", iter.status())
        }
    };
    format!("{key:?} {done}")
}

/// Two transactions at a time, step by step in turns, and how each ended.
fn interleave<D>(pair: [Transaction<'_, D>; 2], rng: &mut StdRng, story: &mut Vec<String>) {
    for _ in 0..rng.random_range(2..14) {
        story.push(transaction_step(&pair[rng.random_range(0..2)], rng));
    }
    for transaction in pair {
        story.push(match rng.random_ratio(1, 4) {
            true => format!("rollback {}", outcome(transaction.rollback())),
            false => format!("commit {}", outcome(transaction.commit())),
        });
    }
}

/// Both stories are the same, and every one of `parts` happened in them.
fn assert_same_story(ours: &[String], stock: &[String], parts: &[&str]) {
    for (i, pair) in ours.iter().zip(stock).enumerate() {
        assert_eq!(
            pair.0, pair.1,
            "step {i}: ours on the left, stock on the right"
        );
    }
    assert_eq!(ours.len(), stock.len());
    for part in parts {
        assert!(stock.iter().any(|step| step.contains(part)), "never {part}");
    }
}

/// Options whose database must tell that it uses `memtable`; a transaction database cannot
/// be asked for its factories.
fn assert_log_tells(log: &str, memtable: &str) {
    let line = format!("Options.memtable_factory: {memtable}\n");
    assert!(log.contains(&line), "no {line:?} in {log}");
}

fn pessimistic_story(mut options: Options, memtable: &str) -> Vec<String> {
    let log = db::log_to_memory(&mut options);
    let mut locks = TransactionDBOptions::default();
    // One thread: whoever waits for a lock waits in vain.
    locks.set_default_lock_timeout(1);
    locks.set_txn_lock_timeout(1);
    let mut with_snapshot = TransactionOptions::default();
    with_snapshot.set_snapshot(true);
    let mut rng = StdRng::seed_from_u64(SEED);
    let mut story = Vec::new();
    {
        let db: TransactionDB = TransactionDB::open(&options, &locks, "/db").expect("open");
        assert_log_tells(&log.lock().expect("sound"), memtable);
        for round in 0..250 {
            let pair = [
                db.transaction_opt(&WriteOptions::default(), &with_snapshot),
                db.transaction(),
            ];
            // Behind the snapshot, and larger than the transactions.
            story.push(outcome(db.put(db::key(round % 40), "o".repeat(1_000))));
            interleave(pair, &mut rng, &mut story);
        }
        for name in ["prepared, then committed", "prepared, then rolled back"] {
            let transaction = db.transaction();
            transaction.set_name(name.as_bytes()).expect("name");
            transaction.put(name, "in two phases").expect("put");
            transaction.prepare().expect("prepare");
        }
    }
    let db: TransactionDB = TransactionDB::open(&options, &locks, "/db").expect("open again");
    for transaction in db.prepared_transactions() {
        let name = transaction.get_name().expect("a name");
        story.push(match name.ends_with(b"committed") {
            true => outcome(transaction.commit()),
            false => outcome(transaction.rollback()),
        });
    }
    story.push(format!("{:?}", db.get("prepared, then committed")));
    story.push(format!("{:?}", db.get("prepared, then rolled back")));
    let mut iter = db.raw_iterator();
    iter.seek_to_first();
    while let Some(item) = iter.item() {
        story.push(format!("{item:?}"));
        iter.next();
    }
    story
}

#[test]
fn pessimistic_transactions() {
    for general in [SWITCHING, IN_MEMORY] {
        let _case = Case::new(general);
        // Two setups: two sets of files.
        let ours = pessimistic_story(Setup::new(general).ours(), "mountdb");
        let stock = pessimistic_story(Setup::new(general).stock(), "SkipListFactory");
        let two_phases = format!("Ok(Some({:?}))", b"in two phases");
        let parts = ["Busy", "TimedOut", "commit ()", "rollback ()", &two_phases];
        assert_same_story(&ours, &stock, &parts);
    }
}

fn optimistic_story(mut options: Options, memtable: &str) -> Vec<String> {
    let log = db::log_to_memory(&mut options);
    let mut with_snapshot = OptimisticTransactionOptions::default();
    with_snapshot.set_snapshot(true);
    let mut rng = StdRng::seed_from_u64(SEED);
    let mut story = Vec::new();
    let db: OptimisticTransactionDB = OptimisticTransactionDB::open(&options, "/db").expect("open");
    assert_log_tells(&log.lock().expect("sound"), memtable);
    for round in 0..300 {
        let pair = [
            db.transaction_opt(&WriteOptions::default(), &with_snapshot),
            db.transaction(),
        ];
        if round % 3 == 0 {
            story.push(outcome(
                db.put(db::key(round % 40), format!("outside {round}")),
            ));
        }
        interleave(pair, &mut rng, &mut story);
        if round % 70 == 69 {
            // Conflicts are now found in a memtable that was flushed and kept.
            story.push(outcome(db.flush()));
        }
    }
    let mut iter = db.raw_iterator();
    iter.seek_to_first();
    while let Some(item) = iter.item() {
        story.push(format!("{item:?}"));
        iter.next();
    }
    story
}

#[test]
fn optimistic_transactions() {
    let general = format!("{IN_MEMORY};max_write_buffer_size_to_maintain=4000000");
    let ours = optimistic_story(Setup::new(&general).ours(), "mountdb");
    let stock = optimistic_story(Setup::new(&general).stock(), "SkipListFactory");
    let parts = ["commit Busy", "commit ()", "rollback ()"];
    assert_same_story(&ours, &stock, &parts);
}

const FAMILIES: usize = 50;

fn family_name(i: usize) -> String {
    format!("family{i:02}")
}

/// Keys of a family's own, some of them in every family.
fn fill_family(db: &DB, i: usize, round: usize) -> Result<(), Error> {
    let family = db.cf_handle(&family_name(i)).expect("a family");
    for j in 0..150 {
        let key = db::key(i * 50 + (j * 37) % 150);
        match (j + round) % 11 {
            0 => db.delete_cf(family, key)?,
            1 => db.merge_cf(family, key, format!("+{round}"))?,
            _ => db.put_cf(family, key, db::value(j * round, &"x".repeat(200)))?,
        }
    }
    Ok(())
}

/// Compares one family of both databases; returns the number of its entries.
fn check_family(ours: &DB, stock: &DB, name: &str) -> usize {
    let _case = Case::new(name);
    let targets = around_some(&(0..3_000).map(db::key).collect::<Vec<_>>(), 40);
    let [our_family, stock_family] = [ours, stock].map(|db| db.cf_handle(name).expect("a family"));
    for target in &targets {
        assert_eq!(
            ours.get_cf(our_family, target).expect("no error"),
            stock.get_cf(stock_family, target).expect("no error"),
            "get {target:?}"
        );
    }
    let mut pair = [
        ours.raw_iterator_cf_opt(our_family, total_order()),
        stock.raw_iterator_cf_opt(stock_family, total_order()),
    ];
    agree::check_seeks(&mut pair, &targets);
    agree::check_scans(&mut pair)
}

#[test]
fn fifty_column_families() {
    let setup = Setup::new(SWITCHING);
    let (our_options, stock_options) = (setup.ours(), setup.stock());
    // Every tenth family of ours has a skip list: both in one database.
    let options_of = |i: usize| match i % 10 {
        9 => &stock_options,
        _ => &our_options,
    };
    let mut ours = open(&our_options, "/ours");
    let mut stock = open(&stock_options, "/stock");
    for i in 0..FAMILIES {
        ours.create_cf(family_name(i), options_of(i))
            .expect("create");
        stock
            .create_cf(family_name(i), &stock_options)
            .expect("create");
    }
    let memtables = |db: &DB| -> Vec<String> {
        (0..FAMILIES)
            .map(|i| mountdb::cf_factories(db, &db.cf_handle(&family_name(i)).expect("a family")))
            .map(|factories| factories.memtable)
            .collect()
    };
    let expected: Vec<_> = (0..FAMILIES)
        .map(|i| mountdb::factories(options_of(i)).memtable)
        .collect();
    assert_eq!(memtables(&ours), expected);
    assert_eq!(
        expected.iter().filter(|name| *name == "mountdb").count(),
        45
    );

    for round in 1..5 {
        for i in 0..FAMILIES {
            fill_family(&ours, i, round).expect("mountdb");
            fill_family(&stock, i, round).expect("stock");
        }
    }
    for i in 0..FAMILIES {
        assert!(check_family(&ours, &stock, &family_name(i)) > 100);
    }

    for db in [&mut ours, &mut stock] {
        db.drop_cf(&family_name(7)).expect("drop");
    }
    ours.create_cf(family_name(7), &our_options)
        .expect("create again");
    stock
        .create_cf(family_name(7), &stock_options)
        .expect("create again");
    assert_eq!(memtables(&ours), expected);
    assert_eq!(check_family(&ours, &stock, &family_name(7)), 0);
    for i in [6, 7, 7, 8] {
        fill_family(&ours, i, 1).expect("mountdb");
        fill_family(&stock, i, 1).expect("stock");
    }
    let families = |options: &dyn Fn(usize) -> Options| -> Vec<(String, Options)> {
        let named = (0..FAMILIES).map(|i| (family_name(i), options(i)));
        named.chain([("default".to_owned(), options(0))]).collect()
    };
    drop((ours, stock));
    let ours = DB::open_cf_with_opts(&our_options, "/ours", families(&|i| options_of(i).clone()));
    let stock = DB::open_cf_with_opts(&stock_options, "/stock", families(&|_| setup.stock()));
    let (ours, stock) = (ours.expect("open"), stock.expect("open"));
    assert_eq!(memtables(&ours), expected);
    for i in 0..FAMILIES {
        assert!(check_family(&ours, &stock, &family_name(i)) > 100);
    }
}

#[test]
fn families_flushed_together() {
    let setup = Setup::new(&format!("{SWITCHING};atomic_flush=true"));
    let [ours, stock] =
        [(setup.ours(), "/ours"), (setup.stock(), "/stock")].map(|(options, path)| {
            let mut db = open(&options, path);
            for i in 0..3 {
                db.create_cf(family_name(i), &options).expect("create");
            }
            db
        });
    let family = ours.cf_handle(&family_name(1)).expect("a family");
    assert_eq!(mountdb::cf_factories(&ours, &family).memtable, "mountdb");
    for round in 1..20 {
        for db in [&ours, &stock] {
            let mut batch = WriteBatch::default();
            for i in 0..3 {
                let family = db.cf_handle(&family_name(i)).expect("a family");
                for j in (0..300).step_by(i + 1) {
                    batch.put_cf(
                        family,
                        db::key(j * 31 % 300),
                        db::value(round * j, "atomic"),
                    );
                }
            }
            // Without a log only what is flushed together stays together.
            db.write_without_wal(batch).expect("write");
        }
        for i in 0..3 {
            fill_family(&ours, i, round).expect("mountdb");
            fill_family(&stock, i, round).expect("stock");
        }
    }
    for i in 0..3 {
        assert!(check_family(&ours, &stock, &family_name(i)) > 100);
    }
    drop((ours, stock));
    let names: Vec<_> = (0..3)
        .map(family_name)
        .chain(["default".to_owned()])
        .collect();
    let reopened = |options: &Options, path| {
        let families = names.iter().map(|name| (name, options.clone()));
        DB::open_cf_with_opts(options, path, families).expect("open")
    };
    let ours = reopened(&setup.ours(), "/ours");
    let stock = reopened(&setup.stock(), "/stock");
    for i in 0..3 {
        assert!(check_family(&ours, &stock, &family_name(i)) > 100);
    }
}

/// A history in one database, on disk.
fn run_one(db: &DB, history: &mut History, keys: &[Vec<u8>]) {
    for keys in keys.chunks(13) {
        db.write(history.batch(keys)).expect("write");
    }
}

#[test]
fn secondary_instances_and_readers_replay_the_log() {
    // What a secondary instance replays it may also find in a table file that the primary
    // has flushed meanwhile; RocksDB then applies merges twice and the like.
    let repeatable = Mix {
        merges: false,
        ranges: false,
        singles: false,
        value: 300,
    };
    for (flush, mix) in [(false, Mix::ALL), (true, repeatable)] {
        let _case = Case::new(format!("flush {flush}"));
        let directory = tempfile::tempdir().expect("a directory");
        let [primary_path, secondary_path] =
            ["primary", "secondary"].map(|name| directory.path().join(name));
        let mut options = Setup::new(IN_MEMORY).on_disk().ours();
        options.set_max_open_files(-1); // secondary instances keep deleted files open
        let primary = open(&options, &primary_path);
        let secondary =
            DB::open_as_secondary(&options, &primary_path, &secondary_path).expect("secondary");
        assert_eq!(mountdb::db_factories(&secondary).memtable, "mountdb");
        let mut history = History::new(SEED, mix);
        let keys = mixed_keys(1_200);
        let targets = around_some(&keys, 60);
        for (round, part) in keys.chunks(200).enumerate() {
            run_one(&primary, &mut history, part);
            if flush && round % 2 == 1 {
                primary.flush().expect("flush");
                run_one(&primary, &mut history, &part[..20]);
            }
            secondary.try_catch_up_with_primary().expect("catch up");
            db::scan_both_ways(&mut secondary.raw_iterator(), &history.model);
            agree::check_reads(&secondary, &primary, &targets, [&total_order; 2]);
            let reader = DB::open_for_read_only(&options, &primary_path, false).expect("open");
            assert_eq!(mountdb::db_factories(&reader).memtable, "mountdb");
            db::scan_both_ways(&mut reader.raw_iterator(), &history.model);
            agree::check_reads(&reader, &primary, &targets, [&total_order; 2]);
        }
    }
}

/// What a crash would leave: the files of a database that is still open. Nothing is flushed for
/// it, but flushes under way end first: files that come and go would be missed.
fn copy_files(db: &DB, to: &Path) {
    db.wait_for_compact(&WaitForCompactOptions::default())
        .expect("quiet");
    fs::create_dir(to).expect("a directory");
    for entry in fs::read_dir(db.path()).expect("a database directory") {
        let entry = entry.expect("an entry");
        if entry.file_name() != "LOCK" {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("copy");
        }
    }
}

/// Options of an application that has never heard of mountdb.
fn plain() -> Options {
    let mut options = Options::default();
    options.set_merge_operator_associative("concat", concat);
    options
}

#[test]
fn after_a_crash_the_skip_list_finds_everything_and_back() {
    for general in [
        SWITCHING,
        IN_MEMORY,
        "unordered_write=true",
        "enable_pipelined_write=true",
    ] {
        let _case = Case::new(general);
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        let learned = Setup::new(general).on_disk().ours();
        let mut history = History::new(
            SEED,
            Mix {
                value: 200,
                ..Mix::ALL
            },
        );
        let keys = mixed_keys(900);
        let first = open(&learned, at("first"));
        assert_eq!(mountdb::db_factories(&first).memtable, "mountdb");
        run_one(&first, &mut history, &keys[..600]);
        copy_files(&first, &at("second"));

        let second = DB::open(&plain(), at("second")).expect("open stock");
        assert_eq!(mountdb::db_factories(&second).memtable, "SkipListFactory");
        db::check(&second, &history.model);
        run_one(&second, &mut history, &keys[500..]);
        copy_files(&second, &at("third"));

        let third = open(&learned, at("third"));
        assert_eq!(mountdb::db_factories(&third).memtable, "mountdb");
        db::check(&third, &history.model);
        run_one(&third, &mut history, &keys[..100]);
        drop(third);
        // Closed without a flush this time, not crashed.
        let fourth = DB::open(&plain(), at("third")).expect("open stock");
        db::check(&fourth, &history.model);
    }
}
