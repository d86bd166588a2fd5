//! The parts of `ycsb memtable`: keys, checks, plan, table.

use mountdb_bench::error::Error;
use mountdb_bench::flat::FlatKeys;
use mountdb_bench::memtable::check::{self, Digest, VALUE_BYTES};
use mountdb_bench::memtable::engine::{self, BASE, ENGINES};
use mountdb_bench::memtable::footprint::encoded_bytes;
use mountdb_bench::memtable::generate::{Keys, TENANTS, ZIPFIAN_RECORDS, uniform};
use mountdb_bench::memtable::outcome::{Footprint, Limit, Outcome, Row};
use mountdb_bench::memtable::plan::Plan;
use mountdb_bench::memtable::report;
use mountdb_bench::memtable::rounds::order;
use mountdb_bench::memtable::workload::{FILL, Goal, Step, WORKLOADS};
use std::collections::HashSet;
use std::path::PathBuf;

const N: usize = 4000;

fn make(keys: Keys) -> FlatKeys {
    let made = keys.make(N, 7).unwrap();
    assert_eq!(made, keys.make(N, 7).unwrap(), "{keys:?}");
    assert_eq!(made.len(), N, "{keys:?}");
    made
}

fn distinct(keys: &FlatKeys) -> usize {
    keys.iter().collect::<HashSet<_>>().len()
}

fn is_sorted(keys: &FlatKeys) -> bool {
    keys.iter().is_sorted()
}

fn number(key: &[u8]) -> u64 {
    u64::from_be_bytes(key[..8].try_into().unwrap())
}

#[test]
fn flat_keys_give_back_what_was_put_in() {
    let keys: FlatKeys = ["b", "", "a"].into_iter().collect();
    assert_eq!((keys.len(), keys.total_bytes()), (3, 2));
    assert_eq!(keys.iter().collect::<Vec<_>>(), [&b"b"[..], b"", b"a"]);
    assert_eq!(keys.range(1..2).collect::<Vec<_>>(), [b""]);
    assert_eq!(keys.get(2), b"a");
    assert!(FlatKeys::default().is_empty());
}

#[test]
fn keys_are_what_their_names_say() {
    for keys in [Keys::Uniform, Keys::User, Keys::Paths] {
        let made = make(keys);
        assert_eq!(distinct(&made), N);
        assert!(!is_sorted(&made));
    }
    let up = make(Keys::Ascending);
    assert!(is_sorted(&up));
    let down = make(Keys::Descending);
    assert!(up.iter().eq((0..N).rev().map(|i| down.get(i))));

    let uuids = make(Keys::UuidV7);
    assert_eq!(distinct(&uuids), N);
    for uuid in uuids.iter() {
        assert_eq!((uuid.len(), uuid[6] >> 4, uuid[8] >> 6), (16, 7, 2));
    }
    let millis = |uuid: &[u8]| number(uuid) >> 16;
    assert!(uuids.iter().map(millis).is_sorted());

    let ids = make(Keys::TimestampId);
    assert!(!is_sorted(&ids) && ids.iter().all(|id| id.len() == 16));
    let micros: Vec<_> = ids.iter().map(number).collect();
    assert!(micros.windows(2).all(|pair| pair[1] + 50 > pair[0]));

    let tenants = make(Keys::Tenants);
    assert_eq!(distinct(&tenants), N);
    let mut by_tenant = vec![Vec::new(); TENANTS];
    for key in tenants.iter() {
        let name = std::str::from_utf8(&key[..11]).unwrap();
        let tenant: usize = name["tenant".len()..10].parse().unwrap();
        assert_eq!((&name[10..], key.len()), ("/", 19));
        by_tenant[tenant].push(number(&key[11..]));
    }
    for ids in by_tenant {
        assert!((1..).zip(ids).all(|(expected, id)| id == expected));
    }

    let hot = make(Keys::Zipfian);
    let records = distinct(&hot);
    assert!(records > 300 && records <= ZIPFIAN_RECORDS as usize);

    // Four phases, each in a narrow place of its own.
    let moving = make(Keys::Moving);
    let phases = (0..4).map(|p| {
        let numbers = moving.range(p * N / 4..(p + 1) * N / 4).map(number);
        let (low, high) = numbers.fold((u64::MAX, 0), |(l, h), n| (l.min(n), h.max(n)));
        assert!(high - low < 1 << 44);
        low >> 50
    });
    assert_eq!(phases.collect::<HashSet<_>>().len(), 4);
}

#[test]
fn absent_keys_lie_between_the_present() {
    let present = make(Keys::Uniform);
    let absent = uniform(N, 1, 7);
    let held: HashSet<_> = present.iter().collect();
    assert!(absent.iter().all(|key| !held.contains(key)));
    let mut sorted: Vec<_> = present.iter().collect();
    sorted.sort_unstable();
    let inside = absent
        .iter()
        .filter(|key| *key > sorted[0] && *key < sorted[N - 1]);
    assert!(inside.count() > N - 20);
}

#[test]
fn a_file_gives_all_its_keys_in_another_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("names");
    let lines: Vec<_> = (100..200).map(|i| format!("name-{i}")).collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    let keys = Keys::File(path).make(N, 7).unwrap();
    assert!(!is_sorted(&keys));
    let mut read: Vec<_> = keys.iter().collect();
    read.sort_unstable();
    assert!(read.into_iter().eq(lines.iter().map(String::as_bytes)));
    let missing = Keys::File(PathBuf::from("/no/such/file")).make(N, 7);
    assert!(matches!(missing, Err(Error::Usage(_))));
}

#[test]
fn values_carry_their_mark_and_nothing_else_passes() {
    let mut value = check::value();
    check::set_mark(&mut value, 77);
    assert_eq!(check::mark(&value), Some(77));
    assert_eq!(check::mark(&value[..VALUE_BYTES - 1]), None);
    assert_eq!(check::mark(b""), None);
    value[VALUE_BYTES - 1] ^= 1;
    assert_eq!(check::mark(&value), None);
}

#[test]
fn a_digest_tells_entries_and_their_order() {
    let digest = |entries: &[(&[u8], u64)]| {
        let mut digest = Digest::default();
        for (key, mark) in entries {
            digest.expect(key, *mark);
        }
        digest
    };
    let right = digest(&[(b"12345678", 1), (b"ab", 2)]);
    assert_eq!(right.complaint(&right), None);
    for (wrong, complaint) in [
        (digest(&[(b"ab", 2), (b"12345678", 1)]), "other keys"),
        (digest(&[(b"12345678", 2), (b"ab", 1)]), "other keys"),
        (digest(&[(b"12345678", 1), (b"ab\0", 2)]), "other keys"),
        (digest(&[(b"12345678", 1)]), "1 entries where 2"),
    ] {
        assert!(wrong.complaint(&right).unwrap().contains(complaint));
    }
    let mut garbled = digest(&[(b"12345678", 1)]);
    garbled.read(b"ab", b"not a value");
    assert!(garbled.complaint(&right).unwrap().contains("nobody wrote"));
}

#[test]
fn the_last_write_of_a_key_survives() {
    let keys: FlatKeys = ["b", "a", "b", "c", "a"].into_iter().collect();
    let survivors = check::survivors(&keys);
    assert_eq!(survivors, [4, 2, 3]);
    let mut digest = Digest::default();
    let mut value = check::value();
    for (key, mark) in [("a", 4), ("b", 2), ("c", 3)] {
        check::set_mark(&mut value, mark);
        digest.read(key.as_bytes(), &value);
    }
    assert_eq!(digest.complaint(&check::digest(&keys, &survivors)), None);
}

#[test]
fn entries_are_as_long_as_rocksdb_encodes_them() {
    let keys: FlatKeys = [vec![0; 8], vec![0; 119], vec![0; 120]].iter().collect();
    let entry = |key: usize, varint: usize| varint + key + 8 + 1 + 100;
    assert_eq!(
        encoded_bytes(&keys),
        entry(8, 1) + entry(119, 1) + entry(120, 2)
    );
}

#[test]
fn every_engine_is_first_in_some_round() {
    let firsts: HashSet<_> = (0..5).map(|round| order(round, 5)[0]).collect();
    assert_eq!(firsts.len(), 5);
    assert_ne!(order(1, 3), order(0, 3));
    assert_eq!(order(7, 1), [0]);
    for round in 0..10 {
        let mut sorted = order(round, 4);
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2, 3]);
    }
}

fn plan(engines: &str) -> Plan {
    Plan {
        contenders: engine::resolve(engines).unwrap(),
        only: Vec::new(),
        rounds: 1,
        scale: 1.0,
        key_files: Vec::new(),
        dir: None,
        seed: 42,
    }
}

#[test]
fn engines_are_found_by_name() {
    let contenders = plan(&engine::all()).contenders;
    assert_eq!(contenders.len(), ENGINES.len());
    let labels = |list| {
        let contenders = plan(list).contenders.into_iter();
        contenders.map(|c| c.label).collect::<Vec<_>>()
    };
    assert_eq!(
        labels("skiplist,options:memtable_factory={id=a,b},skiplist"),
        ["skiplist", "options", "skiplist-2"]
    );
    for (list, part) in [("", "no engine"), ("btree", "unknown memtable `btree`")] {
        let error = engine::resolve(list).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_plan_takes_what_only_names() {
    let mut plan = plan(BASE);
    let all = plan.workloads().len();
    assert_eq!(all, WORKLOADS.len() - 1, "no file, no workload for it");
    plan.key_files = vec![PathBuf::from("/x/a.keys"), PathBuf::from("b")];
    assert_eq!(plan.workloads().len(), all + 2);
    plan.only = vec!["scan".to_owned(), "keys-file".to_owned()];
    plan.check().unwrap();
    let labels: Vec<_> = plan.workloads().into_iter().map(|t| t.label).collect();
    assert_eq!(labels, [FILL, "a.keys", "b"]);
    assert_eq!(plan.steps(), [Step::Scan]);
    assert!(!plan.wants("memory"));
    plan.only = vec![FILL.to_owned()];
    assert_eq!(plan.steps(), Step::ALL);
}

#[test]
fn a_plan_that_cannot_be_run_says_why() {
    let check = |change: &dyn Fn(&mut Plan), part: &str| {
        let mut plan = plan(BASE);
        change(&mut plan);
        let error = plan.check().unwrap_err();
        assert_eq!(error.exit_status(), 2);
        assert!(error.to_string().contains(part), "{error}");
    };
    check(&|p| p.only = vec!["put".to_owned()], "put-1");
    check(&|p| p.only = vec!["keys-file".to_owned()], "--keys-file");
    check(&|p| p.rounds = 0, "--rounds");
    for scale in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        check(&|p| p.scale = scale, "--scale");
    }
}

#[test]
fn a_small_run_has_small_memtables() {
    let mut plan = plan(BASE);
    let full = plan.write_buffer();
    assert_eq!(full, 64 << 20);
    plan.scale = 0.5;
    assert_eq!((plan.write_buffer(), plan.scaled(10)), (full / 2, 5));
    plan.scale = 2.0;
    assert_eq!((plan.write_buffer(), plan.scaled(10)), (full, 20));
}

/// Rates whose ratios to the first engine, in this order, are as given.
fn row(label: &str, ratios: &[&[f64]], goal: f64, against: &'static str) -> Row {
    let rates = ratios.iter();
    Row {
        label: label.to_owned(),
        about: "about".to_owned(),
        operations: 10,
        goal: Goal {
            ratio: goal,
            against,
        },
        rates: rates
            .map(|r| r.iter().map(|ratio| ratio * 1e6).collect())
            .collect(),
    }
}

#[test]
fn the_table_holds_ratios_against_goals() {
    let plan = plan("skiplist,vector,mountdb,no-reuse");
    let mut outcome = Outcome::new(&plan);
    let base = &[1.0, 1.0, 1.0];
    let mountdb = &[2.0, 2.999, 4.0];
    outcome
        .rows
        .push(row("met", &[base, &[], mountdb, base], 3.0, BASE));
    outcome
        .rows
        .push(row("missed", &[base, &[], mountdb, base], 3.1, BASE));
    let half = &[0.5, 0.5, 0.5];
    outcome
        .rows
        .push(row("moving", &[base, base, half, base], 1.0, "no-reuse"));
    outcome.memory.push(Footprint {
        label: "full".to_owned(),
        entries: 10,
        bytes: vec![11.0, 8.0, 25.0, 12.0],
        limit: Limit::PerEntry(24.0),
    });
    outcome.memory.push(Footprint {
        label: "empty".to_owned(),
        entries: 0,
        bytes: vec![1000.0, 0.0, 66_000.0, 0.0],
        limit: Limit::BeyondBase(65_536.0),
    });
    assert!(outcome.is_clean());
    outcome.wrong.push("somewhere: too few".to_owned());
    assert!(!outcome.is_clean());
    let text = report::markdown(&plan, &outcome);
    let cells = |label: &str| -> Vec<String> {
        let line = text.lines().find(|line| line.contains(label)).unwrap();
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    assert_eq!(
        cells("met: about (10)")[2..8],
        [
            "1000 ns (1000..1000)",
            "n/a",
            "3.00x (2.00..4.00)",
            "1.00x (1.00..1.00)",
            "3.0x",
            "yes"
        ]
    );
    assert_eq!(cells("missed: ")[7], "NO");
    assert_eq!(cells("moving: ")[6..8], ["", ""]);
    let to_no_reuse = cells("moving, to no-reuse");
    assert_eq!(to_no_reuse[4], "0.50x (0.50..0.50)");
    assert_eq!(to_no_reuse[7], "NO");
    assert_eq!(cells("full (10)")[4..8], ["25.0", "12.0", "<= 24", "NO"]);
    assert_eq!(cells("| empty")[7], "yes");
    assert!(text.contains("WRONG DATA: somewhere"), "{text}");
}

#[test]
fn without_the_base_there_are_times() {
    let plan = plan("mountdb");
    let mut outcome = Outcome::new(&plan);
    outcome.rows.push(row("put", &[&[2.0]], 3.0, BASE));
    let text = report::markdown(&plan, &outcome);
    assert!(text.contains("500 ns (500..500)"), "{text}");
}
