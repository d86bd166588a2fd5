//! Whole comparisons on small data, through the library.
//!
//! mountdb's counters belong to the process, so these tests take turns.

use mountdb_bench::compare;
use mountdb_bench::dataset::{Dataset, InsertOrder, Source, Wanted};
use mountdb_bench::distribution::Distribution;
use mountdb_bench::engine::{BlockCache, Budget, Compression, ENGINES, Usage, resolve};
use mountdb_bench::error::Error;
use mountdb_bench::keys::KeySet;
use mountdb_bench::load::{self, Loaded};
use mountdb_bench::plan::Plan;
use mountdb_bench::progress::Progress;
use mountdb_bench::properties::BUNDLED;
use mountdb_bench::results::Run;
use mountdb_bench::run::Updates;
use mountdb_bench::values;
use mountdb_bench::workdir::WorkDir;
use mountdb_bench::workload::Workload;
use std::sync::{Mutex, MutexGuard, PoisonError};

static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn plan(engines: &[&str], set: KeySet, records: usize) -> Plan {
    let budget = Budget {
        cache_bytes: 8 << 20,
        cache: BlockCache::HyperClock,
        bloom_bits: 10,
        block_bytes: 512, // many blocks out of few records
        write_buffer_bytes: 1 << 20,
        compression: Compression::None,
        direct_reads: false,
        metadata_in_cache: false,
        filters_for_hits: false,
    };
    let names: Vec<String> = engines.iter().map(|name| (*name).to_owned()).collect();
    let source = Source::Set(set);
    let usage = Usage {
        reads: true,
        writes: true,
    };
    let wanted = Wanted {
        records: Some(records),
        inserts: 0,
        hold_out: true,
        order: InsertOrder::Random,
        seed: 42,
    };
    Plan {
        contenders: resolve(&names, &budget, usage).unwrap(),
        budget,
        data: Dataset::new(&source, &wanted).unwrap(),
        source,
        insert_order: wanted.order,
        workload: Workload::by_name("c").unwrap(),
        absent_percent: 10.0,
        updates: Updates::default(),
        operations: 1000,
        rounds: 2,
        threads: 1,
        target: None,
        seconds: None,
        value_bytes: 100,
        seed: 42,
    }
}

/// With another workload, and the keys that it inserts.
fn with_workload(mut plan: Plan, name: &str) -> Plan {
    plan.workload = Workload::by_name(name).unwrap();
    let only_inserts = plan.workload.only_inserts();
    let wanted = Wanted {
        records: Some(plan.data.loaded),
        inserts: if only_inserts { 0 } else { plan.inserts() },
        hold_out: true,
        order: plan.insert_order,
        seed: plan.seed,
    };
    plan.data = Dataset::new(&plan.source, &wanted).unwrap();
    if only_inserts {
        plan.operations = plan.data.loaded;
        plan.data.loaded = 0;
    }
    plan
}

/// Loads, lets `meddle` change the loaded databases, and runs.
fn run(plan: &Plan, meddle: impl FnOnce(&[Loaded])) -> Result<Run, Error> {
    let mut dir = WorkDir::new(None, false)?;
    let loaded = match plan.workload.only_inserts() {
        true => load::empty(plan, &mut dir)?,
        false => load::load(plan, &mut dir, Progress::Silent)?,
    };
    meddle(&loaded);
    compare::run(plan, &loaded, Progress::Silent)
}

fn all_engines() -> Vec<&'static str> {
    ENGINES.iter().map(|engine| engine.name).collect()
}

#[test]
fn every_engine_serves_every_key_set() {
    let _turn = turn();
    for set in KeySet::ALL {
        let records = if set == KeySet::OneByte { 200 } else { 700 };
        let plan = plan(&all_engines(), set, records);
        let run = run(&plan, |_| {}).unwrap_or_else(|e| panic!("{set}: {e}"));
        assert!(run.is_clean(), "{set}: {:?}", run.outcomes);
        let first = &run.outcomes[0];
        for (contender, outcome) in plan.contenders.iter().zip(&run.outcomes) {
            let label = &contender.label;
            // Every record once, a warm-up round of 500, the rounds, a counted round, all again.
            let reads = 2 * records as u64 + 500 + 1000 + 500;
            assert_eq!(outcome.tally.right, reads, "{set} {label}");
            assert_eq!(outcome.rounds.len(), 2, "{set} {label}");
            let timed: u64 = outcome.latencies.iter().map(|l| l.service.len()).sum();
            assert_eq!((timed, outcome.operations()), (1000, 1000), "{set} {label}");
            assert!(outcome.latencies.iter().all(|l| l.intended.is_none()));
            assert_eq!(outcome.counts.operations, 500, "{set} {label}");
            // What is mapped is read, not looked up; a plain table has no blocks at all.
            let mapped = label.contains("mmap") || label.contains("mapped");
            let plain = label == "plain-table";
            let cached = outcome.counts.cache_hits > 0;
            assert_eq!(cached, !mapped && !plain, "{set} {label}");
            assert_eq!(outcome.counts.block_reads > 0, mapped, "{set} {label}");
            assert_eq!(outcome.tables.files, 1, "{set} {label}");
            // A hash index takes room in its block, so there may be more of them.
            let (blocks, least) = (outcome.tables.data_blocks, first.tables.data_blocks);
            assert!(
                blocks == least || label == "data-hash" && blocks > least || plain,
                "{set} {label}"
            );
            assert!(outcome.index_bytes() > 0 || plain, "{set} {label}");
            assert!(outcome.write_amplification().is_none(), "{set} {label}");
        }
        assert!(run.ratio(1, 0).is_some());
    }
}

#[test]
fn every_engine_runs_every_workload() {
    let _turn = turn();
    for (name, _) in BUNDLED.iter().chain(&[("load", "")]) {
        for (threads, updates) in [(1, Updates::ReadWrite), (3, Updates::Blind)] {
            let plan = Plan {
                operations: 1500,
                absent_percent: 0.0,
                threads,
                updates,
                ..plan(&all_engines(), KeySet::User, 600)
            };
            let plan = with_workload(plan, name);
            let run = run(&plan, |_| {}).unwrap_or_else(|e| panic!("{name}: {e}"));
            for (contender, outcome) in plan.contenders.iter().zip(&run.outcomes) {
                let case = format!("{name}, {} with {threads} threads", contender.label);
                assert!(outcome.tally.is_clean(), "{case}: {:?}", outcome.tally);
                let timed: u64 = outcome.latencies.iter().map(|l| l.service.len()).sum();
                // A batch has one latency.
                let a_latency = if *name == "multiget" { 20..33 } else { 1..2 };
                let operations = plan.operations as u64;
                assert_eq!(outcome.operations(), operations, "{case}");
                assert!(a_latency.contains(&(operations / timed)), "{case}: {timed}");
                // Warm-up and checks count for nothing but the checks.
                let writes = outcome.traffic.user_bytes;
                assert_eq!(writes > 0, plan.workload.writes(), "{case}");
                if let Some(amplification) = outcome.write_amplification() {
                    assert!(amplification >= 1.0, "{case}: {amplification}");
                }
                assert!(
                    outcome.memory.total > 0 && outcome.database_bytes > 0,
                    "{case}"
                );
                // All that was loaded and inserted is read at the end.
                if plan.workload.writes() {
                    let all = plan.data.keys.len() as u64;
                    assert!(outcome.tally.right >= all, "{case}: {:?}", outcome.tally);
                }
            }
        }
    }
}

#[test]
fn a_run_is_repeated_exactly_by_its_seed() {
    let _turn = turn();
    let once = || {
        let plan = with_workload(plan(&["stock"], KeySet::Uniform, 500), "d");
        let run = run(&plan, |_| {}).unwrap();
        let outcome = &run.outcomes[0];
        let kinds = outcome.latencies.iter().map(|l| (l.kind, l.service.len()));
        (
            kinds.collect::<Vec<_>>(),
            outcome.tally,
            outcome.traffic.user_bytes,
            plan.data.keys,
        )
    };
    assert_eq!(once(), once());
}

#[test]
fn mountdb_indexes_are_counted_for_their_own_engine() {
    let _turn = turn();
    let plan = plan(
        &["stock", "mountdb-table", "mountdb-table"],
        KeySet::Uniform,
        2000,
    );
    let run = run(&plan, |_| {}).unwrap();
    let [stock, one, other] = &run.outcomes[..] else {
        panic!("three engines")
    };
    assert_eq!(stock.learned.files, 0);
    assert_eq!(stock.index_bytes(), stock.tables.index_bytes);
    assert_eq!(one.learned.files, 1);
    assert_eq!(one.learned.blocks, one.tables.data_blocks);
    assert_eq!(one.learned, other.learned);
}

#[test]
fn wrong_lost_and_phantom_records_are_caught() {
    let _turn = turn();
    for name in ["c", "a", "seek", "multiget"] {
        let mut plan = plan(&all_engines(), KeySet::Paths, 500);
        plan.workload = Workload {
            distribution: Distribution::Uniform,
            ..Workload::by_name(name).unwrap()
        };
        let (wrong, lost) = (&plan.data.keys[7], &plan.data.keys[99]);
        let run = run(&plan, |loaded| {
            let db = &loaded[1].db;
            let mut value = vec![0; plan.value_bytes];
            values::fill(&mut value, values::first_mark(wrong, plan.seed));
            value[50] ^= 4;
            db.put(wrong, &value).unwrap();
            db.delete(lost).unwrap();
            for key in &plan.data.absent {
                db.put(key, &value).unwrap();
            }
        })
        .unwrap();
        assert!(!run.is_clean());
        for (i, outcome) in run.outcomes.iter().enumerate() {
            assert_eq!(
                outcome.tally.is_clean(),
                i != 1,
                "{name}: {:?}",
                outcome.tally
            );
        }
        let tally = run.outcomes[1].tally;
        assert!(tally.wrong >= 1 && tally.missing >= 1, "{name}: {tally:?}");
        assert!(tally.phantom >= 1, "{name}: {tally:?}");
    }
}

/// Threads that scan, insert and update side by side are not mistaken for errors.
#[test]
fn scans_beside_inserts_and_updates_are_right() {
    let _turn = turn();
    for seed in 0..4 {
        let mut plan = plan(&["stock", "mountdb"], KeySet::Uniform, 5);
        plan.absent_percent = 0.0;
        plan.threads = 8;
        plan.operations = 4000;
        plan.updates = Updates::Blind;
        plan.seed = seed;
        let mut workload = Workload::by_name("e").unwrap();
        workload.distribution = Distribution::Uniform;
        workload.scan.max = 3;
        let proportions = &mut workload.proportions;
        (proportions.insert, proportions.update, proportions.scan) = (0.2, 0.5, 0.3);
        plan.workload = workload;
        let wanted = Wanted {
            records: Some(5),
            inserts: plan.inserts(),
            hold_out: false,
            order: plan.insert_order,
            seed,
        };
        plan.data = Dataset::new(&plan.source, &wanted).unwrap();
        let run = run(&plan, |_| {}).unwrap();
        for outcome in &run.outcomes {
            assert!(outcome.tally.is_clean(), "{seed}: {:?}", outcome.tally);
        }
    }
}

/// A key in front of all others is found by the last scan.
#[test]
fn keys_that_nobody_asks_for_are_found() {
    let _turn = turn();
    for name in ["c", "a"] {
        let mut plan = plan(&["stock"], KeySet::User, 300);
        plan.absent_percent = 0.0;
        let plan = with_workload(plan, name);
        let run = run(&plan, |loaded| loaded[0].db.put("a-phantom", "x").unwrap()).unwrap();
        assert_eq!(run.outcomes[0].tally.phantom, 1, "{name}");
    }
}

/// A scan of everything notices each kind of damage, once.
#[test]
fn scans_notice_every_kind_of_damage() {
    let _turn = turn();
    let mut plan = plan(&["stock", "stock", "stock", "stock"], KeySet::Uniform, 300);
    plan.absent_percent = 0.0;
    plan.workload = Workload::by_name("e").unwrap();
    plan.workload.proportions.scan = 1.0;
    plan.workload.proportions.insert = 0.0;
    let keys = &plan.data.keys;
    let run = run(&plan, |loaded| {
        let mut value = vec![0; plan.value_bytes];
        values::fill(&mut value, values::first_mark(&keys[150], plan.seed));
        value[99] ^= 1;
        loaded[1].db.put(&keys[150], &value).unwrap();
        loaded[2].db.delete(&keys[150]).unwrap();
        loaded[3].db.put(&plan.data.absent[0], &value).unwrap();
    })
    .unwrap();
    let tallies: Vec<_> = run.outcomes.iter().map(|outcome| outcome.tally).collect();
    assert!(
        tallies[0].is_clean() && tallies[0].disordered == 0,
        "{tallies:?}"
    );
    assert!(
        tallies[1].wrong > 0 && tallies[1].missing == 0,
        "{tallies:?}"
    );
    assert!(
        tallies[2].missing > 0 && tallies[2].wrong == 0,
        "{tallies:?}"
    );
    assert!(
        tallies[3].phantom > 0 && tallies[3].missing == 0,
        "{tallies:?}"
    );
    assert!(
        tallies.iter().all(|tally| tally.disordered == 0),
        "{tallies:?}"
    );
}

#[test]
fn a_scan_out_of_order_is_noticed() {
    let _turn = turn();
    // Sorted the other way round, but otherwise right.
    let backward = "options:comparator=rocksdb.ReverseBytewiseComparator";
    let mut plan = plan(&["stock", backward], KeySet::Uniform, 300);
    plan.absent_percent = 0.0;
    let plan = with_workload(plan, "e");
    let run = run(&plan, |_| {}).unwrap();
    assert!(run.outcomes[0].tally.is_clean());
    assert!(
        run.outcomes[1].tally.disordered > 0,
        "{:?}",
        run.outcomes[1].tally
    );
    assert!(!run.is_clean());
}

#[test]
fn an_update_that_is_lost_or_undone_is_noticed() {
    let _turn = turn();
    let mut plan = plan(&["stock", "stock"], KeySet::Uniform, 50);
    plan.absent_percent = 0.0;
    plan.workload = Workload {
        distribution: Distribution::Uniform,
        ..Workload::by_name("a").unwrap()
    };
    let mut dir = WorkDir::new(None, false).unwrap();
    let loaded = load::load(&plan, &mut dir, Progress::Silent).unwrap();
    assert!(
        compare::run(&plan, &loaded, Progress::Silent)
            .unwrap()
            .is_clean()
    );
    // The value that was loaded is right no more.
    let key = &plan.data.keys[20];
    let mut value = vec![0; plan.value_bytes];
    values::fill(&mut value, values::first_mark(key, plan.seed));
    loaded[1].db.put(key, &value).unwrap();
    let run = compare::run(&plan, &loaded, Progress::Silent).unwrap();
    assert!(
        run.outcomes[0].tally.is_clean(),
        "{:?}",
        run.outcomes[0].tally
    );
    assert!(
        run.outcomes[1].tally.wrong > 0,
        "{:?}",
        run.outcomes[1].tally
    );
}

#[test]
fn a_target_is_not_exceeded_and_gives_intended_latencies() {
    let _turn = turn();
    for threads in [1, 2] {
        let plan = Plan {
            target: Some(20_000.0),
            operations: 2000,
            threads,
            ..plan(&["stock"], KeySet::Uniform, 500)
        };
        let run = run(&plan, |_| {}).unwrap();
        let outcome = &run.outcomes[0];
        assert!(outcome.throughput().unwrap().max < 20_500.0, "{outcome:?}");
        for latency in &outcome.latencies {
            let intended = latency.intended.as_ref().unwrap();
            assert_eq!(intended.len(), latency.service.len());
            // What waits in the queue is served no earlier.
            assert!(intended.mean() >= latency.service.mean());
        }
    }
}

#[test]
fn time_that_is_over_ends_the_rounds() {
    let _turn = turn();
    for name in ["c", "a", "d"] {
        let plan = Plan {
            absent_percent: 0.0,
            seconds: Some(0.02),
            rounds: 4,
            operations: 1 << 30,
            ..plan(&["stock", "mountdb"], KeySet::Uniform, 500)
        };
        let mut plan = with_workload(plan, "c");
        plan.workload = Workload::by_name(name).unwrap();
        if name == "d" {
            plan.operations = 1 << 20;
            plan = with_workload(plan, name);
        }
        let run = run(&plan, |_| {}).unwrap();
        assert!(run.is_clean());
        assert!(
            run.facts.iter().any(|(name, _)| name == "ended"),
            "{:?}",
            run.facts
        );
        for outcome in &run.outcomes {
            assert_eq!(outcome.rounds.len(), 4);
            assert!(outcome.operations() < 1 << 29);
        }
    }
}

#[test]
fn an_engine_that_is_not_what_it_claims_is_refused() {
    let _turn = turn();
    let mut plan = plan(&["stock"], KeySet::Uniform, 100);
    plan.contenders[0].table = Some("mountdb");
    let message = run(&plan, |_| {}).unwrap_err().to_string();
    let expected = "stands for the table factory mountdb";
    assert!(message.contains(expected), "{message}");
    plan.contenders[0].table = None;
    plan.contenders[0].memtable = Some("mountdb");
    let message = run(&plan, |_| {}).unwrap_err().to_string();
    let expected = "stands for the memtable factory mountdb";
    assert!(message.contains(expected), "{message}");
}

#[test]
fn any_options_string_can_run_and_a_bad_one_is_named() {
    let _turn = turn();
    let options = "options:table_factory={id=BlockBasedTable;block_size=1024}";
    let comparison = run(&plan(&["stock", options], KeySet::Dense, 300), |_| {}).unwrap();
    assert!(comparison.is_clean());
    let bad = plan(&["options:table_factory={id=bogus}"], KeySet::Dense, 300);
    let error = run(&bad, |_| {}).unwrap_err();
    assert_eq!(error.exit_status(), 2);
    assert!(error.to_string().contains("bogus"), "{error}");
}

#[test]
fn all_insert_orders_end_in_the_same_files() {
    let _turn = turn();
    let random = plan(&all_engines(), KeySet::Uniform, 3000);
    let with = |order| {
        let wanted = Wanted {
            records: Some(3000),
            inserts: 0,
            hold_out: true,
            order,
            seed: 42,
        };
        let data = Dataset::new(&random.source, &wanted).unwrap();
        assert_eq!(data.keys, random.data.keys);
        run(
            &Plan {
                data,
                ..random.clone()
            },
            |_| {},
        )
        .unwrap()
    };
    let (sorted, given) = (with(InsertOrder::Sorted), with(InsertOrder::AsGiven));
    let random = run(&random, |_| {}).unwrap();
    for (a, b) in random
        .outcomes
        .iter()
        .zip(sorted.outcomes.iter().zip(&given.outcomes))
    {
        assert_eq!(a.tables.data_blocks, b.0.tables.data_blocks);
        assert_eq!(a.index_bytes(), b.0.index_bytes());
        assert_eq!(a.index_bytes(), b.1.index_bytes());
    }
}

#[test]
fn plans_that_cannot_run_are_refused() {
    let good = plan(&["stock"], KeySet::Uniform, 10);
    let without_absent = Dataset {
        absent: Vec::new(),
        ..good.data.clone()
    };
    type Change = fn(&mut Plan);
    let bad: [Change; 13] = [
        |plan| {
            plan.workload = Workload::by_name("d").unwrap();
            plan.operations = 1 << 40;
        },
        |plan| plan.operations = 0,
        |plan| plan.rounds = 0,
        |plan| (plan.rounds, plan.operations) = (5, 4),
        |plan| plan.value_bytes = 7,
        |plan| plan.absent_percent = f64::NAN,
        |plan| plan.data = Dataset::default(),
        |plan| plan.data.loaded = 0,
        |plan| plan.threads = 0,
        |plan| plan.threads = 100_000,
        |plan| plan.target = Some(0.0),
        |plan| plan.seconds = Some(f64::NAN),
        |plan| plan.target = Some(f64::INFINITY),
    ];
    for (i, change) in bad.iter().enumerate() {
        let mut plan = good.clone();
        change(&mut plan);
        assert_eq!(plan.check().unwrap_err().exit_status(), 2, "{i}");
    }
    let plan = Plan {
        data: without_absent,
        ..good.clone()
    };
    assert_eq!(plan.check().unwrap_err().exit_status(), 2);
    let uneven = Plan {
        operations: 11,
        rounds: 3,
        ..good
    };
    assert_eq!(
        [0, 1, 2].map(|round| uneven.round_operations(round)),
        [4, 4, 3]
    );
}
