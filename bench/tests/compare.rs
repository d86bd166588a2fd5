//! Whole comparisons on small data, through the library.
//!
//! mountdb's counters belong to the process, so these tests take turns.

use mountdb_bench::compare;
use mountdb_bench::dataset::{Dataset, Source};
use mountdb_bench::engine::{Budget, Compression, ENGINES, resolve};
use mountdb_bench::error::Error;
use mountdb_bench::keys::KeySet;
use mountdb_bench::load::{self, Loaded};
use mountdb_bench::outcome::Comparison;
use mountdb_bench::plan::{InsertOrder, Plan};
use mountdb_bench::progress::Progress;
use mountdb_bench::report::Report;
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
    let workload = Workload::by_name("c").unwrap();
    Plan {
        contenders: resolve(&names, &budget).unwrap(),
        budget,
        data: Dataset::new(&source, Some(records), true, 42).unwrap(),
        source,
        workload,
        distribution: workload.distribution,
        absent_percent: 10.0,
        operations: 1000,
        rounds: 2,
        value_bytes: 100,
        insert_order: InsertOrder::Random,
        seed: 42,
    }
}

/// Loads, lets `meddle` change the loaded databases, and runs.
fn run(plan: &Plan, meddle: impl FnOnce(&[Loaded])) -> Result<Comparison, Error> {
    let mut dir = WorkDir::new(None, false)?;
    let loaded = load::load(plan, &mut dir, Progress::Silent)?;
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
        let comparison = run(&plan, |_| {}).unwrap_or_else(|e| panic!("{set}: {e}"));
        assert!(comparison.is_clean(), "{set}: {:?}", comparison.outcomes);
        let first = &comparison.outcomes[0];
        for outcome in &comparison.outcomes {
            let label = &outcome.label;
            // Every record once, a warm-up round of 500, the rounds, a counted round.
            assert_eq!(
                outcome.tally.right,
                records as u64 + 500 + 1000 + 500,
                "{set} {label}"
            );
            assert_eq!(outcome.throughput.len(), 2, "{set} {label}");
            assert_eq!(outcome.latencies.all().len(), 1000, "{set} {label}");
            assert_eq!(outcome.counts.operations, 500, "{set} {label}");
            // What is mapped is read, not looked up; a plain table has no blocks at all.
            let (mapped, plain) = (label.contains("mmap"), label == "plain-table");
            assert_eq!(
                outcome.counts.cache_hits > 0,
                !mapped && !plain,
                "{set} {label}"
            );
            assert_eq!(outcome.counts.block_reads > 0, mapped, "{set} {label}");
            assert_eq!(outcome.tables.files, 1, "{set} {label}");
            // A hash index takes room in its block, so there may be more of them.
            let (blocks, least) = (outcome.tables.data_blocks, first.tables.data_blocks);
            assert!(
                blocks == least || label == "data-hash" && blocks > least || plain,
                "{set} {label}"
            );
            assert!(outcome.index_bytes() > 0 || plain, "{set} {label}");
        }
        assert!(comparison.ratio(1).is_some());
    }
}

#[test]
fn mountdb_indexes_are_counted_for_their_own_engine() {
    let _turn = turn();
    let plan = plan(
        &["stock", "mountdb-table", "mountdb-table"],
        KeySet::Uniform,
        2000,
    );
    let comparison = run(&plan, |_| {}).unwrap();
    let [stock, one, other] = &comparison.outcomes[..] else {
        panic!("three engines")
    };
    assert_eq!(stock.learned.files, 0);
    assert_eq!(stock.index_bytes(), stock.tables.index_bytes);
    assert_eq!(one.learned.files, 1);
    assert_eq!(one.learned.blocks, one.tables.data_blocks);
    assert_eq!(one.learned, other.learned);
    assert_eq!(comparison.rocksdb_version, "11.8.1");
}

#[test]
fn updates_are_checked_too() {
    let _turn = turn();
    for name in ["a", "b"] {
        let workload = Workload::by_name(name).unwrap();
        let plan = Plan {
            workload,
            operations: 4000,
            ..plan(&all_engines(), KeySet::User, 300)
        };
        let comparison = run(&plan, |_| {}).unwrap();
        assert!(comparison.is_clean(), "{name}: {:?}", comparison.outcomes);
    }
}

#[test]
fn wrong_lost_and_phantom_records_are_caught() {
    let _turn = turn();
    let plan = plan(&all_engines(), KeySet::Paths, 500);
    let (wrong, lost, phantom) = (
        &plan.data.records[7],
        &plan.data.records[99],
        plan.data.absent.clone(),
    );
    let comparison = run(&plan, |loaded| {
        let db = &loaded[1].db;
        let mut value = vec![0; plan.value_bytes];
        values::fill(&mut value, values::mark(wrong, plan.seed, 0));
        value[50] ^= 4;
        db.put(wrong, &value).unwrap();
        db.delete(lost).unwrap();
        for key in &phantom {
            db.put(key, &value).unwrap();
        }
    })
    .unwrap();
    assert!(!comparison.is_clean());
    for (i, outcome) in comparison.outcomes.iter().enumerate() {
        assert_eq!(outcome.tally.is_clean(), i != 1, "{}", outcome.label);
    }
    let tally = comparison.outcomes[1].tally;
    assert!(
        tally.wrong >= 1 && tally.missing >= 1 && tally.phantom >= 1,
        "{tally:?}"
    );
    let text = Report::new(&plan, &comparison).text();
    assert!(
        text.contains(&format!("{} IS BROKEN", comparison.outcomes[1].label)),
        "{text}"
    );
}

#[test]
fn an_engine_that_is_not_what_it_claims_is_refused() {
    let _turn = turn();
    let mut plan = plan(&["stock"], KeySet::Uniform, 100);
    plan.contenders[0].table = Some("mountdb");
    let message = run(&plan, |_| {}).unwrap_err().to_string();
    assert!(
        message.contains("stands for the table factory mountdb"),
        "{message}"
    );
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
fn both_insert_orders_end_in_the_same_files() {
    let _turn = turn();
    let random = plan(&all_engines(), KeySet::Uniform, 3000);
    let sorted = Plan {
        insert_order: InsertOrder::Sorted,
        ..random.clone()
    };
    let (random, sorted) = (run(&random, |_| {}).unwrap(), run(&sorted, |_| {}).unwrap());
    for (a, b) in random.outcomes.iter().zip(&sorted.outcomes) {
        assert_eq!(a.tables.data_blocks, b.tables.data_blocks, "{}", a.label);
        assert_eq!(a.index_bytes(), b.index_bytes(), "{}", a.label);
    }
}

#[test]
fn plans_that_cannot_run_are_refused() {
    let good = plan(&["stock"], KeySet::Uniform, 10);
    let empty = Dataset {
        records: Vec::new(),
        absent: Vec::new(),
    };
    let bad = [
        Plan {
            operations: 0,
            ..good.clone()
        },
        Plan {
            rounds: 0,
            ..good.clone()
        },
        Plan {
            rounds: 5,
            operations: 4,
            ..good.clone()
        },
        Plan {
            value_bytes: 7,
            ..good.clone()
        },
        Plan {
            absent_percent: f64::NAN,
            ..good.clone()
        },
        Plan {
            data: empty,
            ..good.clone()
        },
        Plan {
            data: Dataset {
                absent: Vec::new(),
                ..good.data.clone()
            },
            ..good.clone()
        },
    ];
    for plan in bad {
        assert_eq!(plan.check().unwrap_err().exit_status(), 2);
    }
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
