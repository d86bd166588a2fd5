//! The small parts: values, streams, statistics, tables, the list of engines.

use mountdb_bench::dataset::{Dataset, Source};
use mountdb_bench::distribution::Distribution;
use mountdb_bench::engine::{Budget, Compression, ENGINES, resolve, split_list};
use mountdb_bench::format::{Table, count, micros};
use mountdb_bench::keys::KeySet;
use mountdb_bench::stats::Spread;
use mountdb_bench::stream::{Kind, Planner, Stream};
use mountdb_bench::tableprops::TableProperties;
use mountdb_bench::values;
use mountdb_bench::workload::{WORKLOADS, Workload};
use std::collections::HashMap;

fn budget() -> Budget {
    Budget {
        cache_bytes: 1 << 20,
        bloom_bits: 10,
        block_bytes: 4096,
        write_buffer_bytes: 1 << 20,
        compression: Compression::None,
        direct_reads: false,
        metadata_in_cache: false,
        filters_for_hits: false,
    }
}

#[test]
fn a_value_matches_itself_and_nothing_else() {
    for size in [8, 9, 15, 16, 100, 1000] {
        let mark = values::mark(b"key", 1, 0);
        let mut value = vec![0; size];
        values::fill(&mut value, mark);
        assert!(values::matches(&value, size, mark));
        assert!(!values::matches(&value, size + 1, mark));
        assert!(!values::matches(&value[..size - 1], size, mark));
        for i in 0..size {
            value[i] ^= 1;
            assert!(!values::matches(&value, size, mark), "byte {i} of {size}");
            value[i] ^= 1;
        }
        for other in [
            values::mark(b"key", 2, 0),
            values::mark(b"key", 1, 1),
            values::mark(b"kez", 1, 0),
            values::mark(b"key\0", 1, 0),
            values::mark(b"", 1, 0),
        ] {
            assert!(!values::matches(&value, size, other));
        }
    }
}

fn operations(stream: &Stream) -> Vec<(Kind, Vec<u8>, u64)> {
    let slices = stream.whole().slices(7);
    slices
        .flat_map(|slice| slice.iter())
        .map(|o| (o.kind, o.key.to_vec(), o.mark))
        .collect()
}

#[test]
fn streams_are_reproducible_and_go_on() {
    let data = Dataset::new(&Source::Set(KeySet::Paths), Some(100), true, 1).unwrap();
    let shares = Workload::by_name("a").unwrap().proportions;
    let plan = || Planner::new(&data, shares, Distribution::Zipfian, 20.0, 9);
    let (mut one, mut other) = (plan(), plan());
    let (first, second) = (operations(&one.plan(1000)), operations(&one.plan(1000)));
    assert_eq!(first, operations(&other.plan(1000)));
    assert_eq!(second, operations(&other.plan(1000)));
    assert_ne!(first, second);
}

#[test]
fn reads_expect_what_the_last_update_wrote() {
    let data = Dataset::new(&Source::Set(KeySet::Dense), Some(50), true, 1).unwrap();
    assert_eq!((data.records.len(), data.absent.len()), (50, 5));
    let shares = Workload::by_name("a").unwrap().proportions;
    let mut planner = Planner::new(&data, shares, Distribution::Uniform, 10.0, 9);
    let mut model: HashMap<_, _> = data
        .records
        .iter()
        .map(|key| (key.clone(), values::mark(key, 9, 0)))
        .collect();
    let mut seen = HashMap::new();
    for _ in 0..3 {
        for (kind, key, mark) in operations(&planner.plan(5000)) {
            *seen.entry(kind.name()).or_insert(0) += 1;
            match kind {
                Kind::Read => assert_eq!(model[&key], mark),
                Kind::ReadAbsent => assert!(!model.contains_key(&key)),
                Kind::Update => assert_ne!(model.insert(key, mark), Some(mark)),
                Kind::Seek | Kind::BatchRead => panic!("the workload has none"),
            }
        }
    }
    let share = |kind: Kind| f64::from(seen[kind.name()]) / 15_000.0;
    assert!(
        (share(Kind::Update) - 0.5).abs() < 0.02,
        "{}",
        share(Kind::Update)
    );
    assert!(
        (share(Kind::ReadAbsent) - 0.05).abs() < 0.01,
        "{}",
        share(Kind::ReadAbsent)
    );
    // A sweep sees the state after all of that.
    for (_, key, mark) in operations(&planner.sweep(0..50)) {
        assert_eq!(model[&key], mark);
    }
}

#[test]
fn a_dataset_holds_out_only_what_is_asked_for() {
    let set = Source::Set(KeySet::Uniform);
    assert!(
        Dataset::new(&set, Some(100), false, 1)
            .unwrap()
            .absent
            .is_empty()
    );
    assert_eq!(
        Dataset::new(&set, Some(1), true, 1).unwrap().absent.len(),
        1
    );
    let dir = tempfile::tempdir().unwrap();
    for lines in 2..50usize {
        let path = dir.path().join(lines.to_string());
        let text: String = (0..lines).map(|line| format!("{line}\n")).collect();
        std::fs::write(&path, text).unwrap();
        let data = Dataset::new(&Source::File(path.clone()), None, true, 1).unwrap();
        let (records, absent) = (data.records.len(), data.absent.len());
        assert_eq!(records + absent, lines);
        assert!(
            absent >= (records / 10).max(1),
            "{lines}: {records} {absent}"
        );
        // The number that the message proposes works.
        let message = Dataset::new(&Source::File(path.clone()), Some(99), true, 1)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains(&format!("give --records {records} or fewer")),
            "{message}"
        );
        Dataset::new(&Source::File(path), Some(records), true, 1).unwrap();
    }
}

#[test]
fn engines_are_resolved_by_name() {
    let names = split_list(" stock,mountdb-table ,options:table_factory={id=mountdb;a=b,c},stock,");
    assert_eq!(
        names,
        [
            "stock",
            "mountdb-table",
            "options:table_factory={id=mountdb;a=b,c}",
            "stock"
        ]
    );
    let contenders = resolve(&names, &budget()).unwrap();
    let labels: Vec<_> = contenders.iter().map(|c| c.label.as_str()).collect();
    assert_eq!(labels, ["stock", "mountdb-table", "options", "stock-2"]);
    assert_eq!(contenders[2].options, "table_factory={id=mountdb;a=b,c}");
    assert_eq!(contenders[0].options, contenders[3].options);
    let message = resolve(&["rocks".to_owned()], &budget())
        .unwrap_err()
        .to_string();
    for engine in ENGINES {
        assert!(message.contains(engine.name), "{message}");
    }
}

#[test]
fn every_engine_gets_the_same_budget() {
    for engine in ENGINES {
        let options = engine.options(&budget());
        // A plain table knows no blocks, and has its own word for the bits of a filter.
        if engine.name == "plain-table" {
            assert!(options.contains("bloom_bits_per_key=10;"), "{options}");
            continue;
        }
        for part in [
            "block_cache=1048576;",
            "block_size=4096;",
            "filter_policy=bloomfilter:10:false",
        ] {
            assert!(options.contains(part), "{}: {options}", engine.name);
        }
        let unfiltered = engine.options(&Budget {
            bloom_bits: 0,
            ..budget()
        });
        assert!(!unfiltered.contains("filter_policy"), "{unfiltered}");
    }
}

#[test]
fn workloads_add_up() {
    for workload in WORKLOADS {
        let p = workload.proportions;
        let sum = p.read + p.update + p.insert + p.scan + p.batch_read + p.read_modify_write;
        assert_eq!(
            sum,
            if workload.is_load_only() { 0 } else { 100 },
            "{}",
            workload.name
        );
    }
    assert!(
        Workload::by_name("e")
            .unwrap_err()
            .to_string()
            .contains("not built yet")
    );
    assert!(
        Workload::by_name("x")
            .unwrap_err()
            .to_string()
            .contains("load, a, b, c")
    );
}

#[test]
fn spreads_and_ratios() {
    assert_eq!(Spread::of(&[]), None);
    assert_eq!(
        Spread::of(&[3.0, 1.0, 2.0]),
        Some(Spread {
            median: 2.0,
            min: 1.0,
            max: 3.0
        })
    );
    assert_eq!(Spread::of(&[4.0, 1.0]).unwrap().median, 2.5);
    let ratios = Spread::of_ratios(&[2.0, 9.0, 4.0], &[1.0, 3.0, 4.0]).unwrap();
    assert_eq!(
        ratios,
        Spread {
            median: 2.0,
            min: 1.0,
            max: 3.0
        }
    );
}

#[test]
fn numbers_and_tables_are_readable() {
    assert_eq!(
        [count(0), count(999), count(1000), count(1_234_567)],
        ["0", "999", "1,000", "1,234,567"]
    );
    assert_eq!(micros(1534), "1.53 us");
    let mut table = Table::new(["", "stock", "m"].map(str::to_owned));
    table.row("ops/s", ["1".to_owned(), "12".to_owned()]);
    table.row("index_bytes", ["100,000".to_owned(), "9|9".to_owned()]);
    let text = "               stock    m\n\
                -----------  -------  ---\n\
                ops/s              1   12\n\
                index_bytes  100,000  9|9\n";
    assert_eq!(table.text(), text);
    let markdown = "|              |   stock |    m |\n\
                    | ------------ | ------: | ---: |\n\
                    | ops/s        |       1 |   12 |\n\
                    | index\\_bytes | 100,000 | 9\\|9 |\n";
    assert_eq!(table.markdown(), markdown);
}

#[test]
fn table_properties_are_read_from_rocksdbs_text() {
    let text = "# data blocks=24; # data blocks compression rejected=0; # uniform blocks=0; # entries=1000; \
                raw key size=8; data block size=4000; data uncompressed size=5000; \
                index block size (user-key? 2, delta-value? 2)=321; filter block size=77; \
                filter policy name=bloom; ";
    let properties = TableProperties::parse(text).unwrap();
    let expected = TableProperties {
        entries: 1000,
        data_blocks: 24,
        data_bytes: 4000,
        index_bytes: 321,
        filter_bytes: 77,
        ..TableProperties::default()
    };
    assert_eq!(properties, expected);
    let message = TableProperties::parse("# entries=1; ")
        .unwrap_err()
        .to_string();
    assert!(message.contains("# data blocks"), "{message}");
}
