//! The small parts: values, streams, statistics, tables, the list of engines.

use mountdb_bench::dataset::{Dataset, InsertOrder, Source, Wanted};
use mountdb_bench::engine::{
    self, BlockCache, Budget, Compression, ENGINES, Purpose, Usage, resolve, split_list,
};
use mountdb_bench::format::{Table, count, micros};
use mountdb_bench::keys::KeySet;
use mountdb_bench::properties::BUNDLED;
use mountdb_bench::records::{Records, State};
use mountdb_bench::stats::Spread;
use mountdb_bench::stream::{self, Kind, Planner, Stream};
use mountdb_bench::tableprops::TableProperties;
use mountdb_bench::traffic;
use mountdb_bench::values;
use mountdb_bench::workload::Workload;
use std::collections::{HashMap, HashSet};

const READS: Usage = Usage {
    reads: true,
    writes: false,
};

fn wanted(records: Option<usize>, inserts: usize, hold_out: bool) -> Wanted {
    Wanted {
        records,
        inserts,
        hold_out,
        order: InsertOrder::Random,
        seed: 1,
    }
}

fn budget() -> Budget {
    Budget {
        cache_bytes: 1 << 20,
        cache: BlockCache::HyperClock,
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
        let of = |key, seed, generation| values::mark(values::hash(key, seed), generation);
        let mark = of(&b"key"[..], 1, 0);
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
            of(b"key", 2, 0),
            of(b"key", 1, 1),
            of(b"key", 1, u64::MAX),
            of(b"kez", 1, 0),
            of(b"key\0", 1, 0),
            of(b"", 1, 0),
        ] {
            assert!(!values::matches(&value, size, other));
        }
    }
}

fn operations(stream: &Stream) -> Vec<(Kind, Vec<u8>, usize, u64)> {
    let slices = stream.whole().slices(7);
    slices
        .flat_map(|slice| slice.iter())
        .map(|o| (o.kind, o.key.to_vec(), o.place, o.length))
        .collect()
}

#[test]
fn streams_are_reproducible_and_go_on() {
    for name in ["a", "d", "e"] {
        let workload = Workload::by_name(name).unwrap();
        let inserts = stream::inserts(&workload, 2000, 9);
        let source = Source::Set(KeySet::Paths);
        let data = Dataset::new(&source, &wanted(Some(100), inserts, true)).unwrap();
        let plan = || Planner::new(&data, &workload, 20.0, 9);
        let (mut one, mut other) = (plan(), plan());
        let (first, second) = (operations(&one.plan(1000)), operations(&one.plan(1000)));
        assert_eq!(first, operations(&other.plan(1000)));
        assert_eq!(second, operations(&other.plan(1000)));
        assert_ne!(first, second);
        assert_eq!(first.len() + second.len(), 2000);
        // Every key that was kept for it is inserted, in the order of the numbers.
        let all = first.iter().chain(&second);
        let inserted: Vec<_> = all.filter(|o| o.0 == Kind::Insert).map(|o| o.2).collect();
        assert_eq!(inserted, data.places[data.loaded..]);
        assert!(one.plan(100_000).len() < 100_000 || inserts == 0);
    }
}

#[test]
fn streams_have_the_mix_of_their_workload_and_ask_for_what_is_there() {
    for (name, _) in BUNDLED {
        let workload = Workload::by_name(name).unwrap();
        let inserts = stream::inserts(&workload, 15_000, 9);
        let source = Source::Set(KeySet::Dense);
        let data = Dataset::new(&source, &wanted(Some(500), inserts, true)).unwrap();
        let mut planner = Planner::new(&data, &workload, 10.0, 9);
        let mut there: HashSet<_> = data.places[..500].iter().copied().collect();
        let mut seen = HashMap::new();
        for _ in 0..3 {
            for (kind, key, place, length) in operations(&planner.plan(5000)) {
                *seen.entry(kind.name()).or_insert(0u32) += 1;
                assert_eq!(length > 0, kind == Kind::Scan);
                if kind == Kind::Scan {
                    assert!(length <= 100, "{length}");
                }
                match kind {
                    Kind::ReadAbsent => assert!(data.absent.contains(&key)),
                    Kind::Insert => assert!(there.insert(place), "{name}"),
                    _ => assert!(there.contains(&place), "{name}"),
                }
                if kind != Kind::ReadAbsent {
                    assert_eq!(data.keys[place], key);
                }
            }
        }
        let found = |kind: Kind| {
            seen.get(kind.name())
                .map_or(0.0, |n| f64::from(*n) / 15_000.0)
        };
        let p = workload.proportions;
        for (kind, expected) in [
            (Kind::Read, p.read * 0.9),
            (Kind::ReadAbsent, p.read * 0.1),
            (Kind::Update, p.update),
            (Kind::Insert, p.insert),
            (Kind::Scan, p.scan),
            (Kind::ReadModifyWrite, p.read_modify_write),
            (Kind::Seek, p.seek),
            (Kind::BatchRead, p.batch_read),
        ] {
            // Five standard deviations.
            let tolerance = 5.0 * (expected * (1.0 - expected) / 15_000.0).sqrt();
            let off = (found(kind) - expected).abs();
            assert!(
                off <= tolerance,
                "{name}, {kind:?}: {} for {expected}",
                found(kind)
            );
        }
    }
}

#[test]
fn threads_share_a_stream_without_a_gap() {
    let workload = Workload::by_name("c").unwrap();
    let source = Source::Set(KeySet::Uniform);
    let data = Dataset::new(&source, &wanted(Some(100), 0, false)).unwrap();
    let stream = Planner::new(&data, &workload, 0.0, 9).plan(103);
    for threads in [1, 2, 3, 7, 200] {
        let mut dealt = vec![None; 103];
        for thread in 0..threads {
            let share = stream.whole().share(thread, threads);
            assert_eq!(share.len(), share.iter().count());
            for (i, operation) in share.iter().enumerate() {
                let old = dealt[thread + i * threads].replace(operation.place);
                assert_eq!(old, None);
            }
        }
        let places: Vec<_> = stream.whole().iter().map(|o| Some(o.place)).collect();
        assert_eq!(dealt, places, "{threads}");
    }
}

#[test]
fn what_a_read_may_find_follows_from_the_writes_before_and_during_it() {
    let source = Source::Set(KeySet::Uniform);
    let data = Dataset::new(&source, &wanted(Some(3), 2, false)).unwrap();
    let records = Records::new(&data);
    assert!(records.are_as_loaded(&data));
    let (old, new) = (data.places[0], data.places[3]);
    // Loaded: the first value, and it must be there.
    assert_eq!(records.state(old), State::LOADED);
    assert!(records.state(old).must_be_there());
    assert_eq!(State::LOADED.generations(records.state(old)), 0..1);
    // Never written: nothing may be found.
    let nothing = records.state(new);
    assert!(!nothing.must_be_there());
    assert!(nothing.generations(records.state(new)).is_empty());
    // While it is inserted it may be found or not; afterwards it must be.
    assert_eq!(records.write(new), 0);
    let during = records.state(new);
    assert!(!during.must_be_there());
    assert_eq!(nothing.generations(during), 0..1);
    records.written(new);
    assert!(records.state(new).must_be_there());
    assert_eq!(nothing.generations(records.state(new)), 0..1);
    // During an update the old or the new value, afterwards only the new one.
    let before = records.state(old);
    assert_eq!(records.write(old), 1);
    let during = records.state(old);
    assert_eq!(before.generations(during), 0..2);
    assert_eq!(during.generations(during), 0..2);
    records.written(old);
    let after = records.state(old);
    assert_eq!(after.generations(after), 1..2);
    assert_eq!(before.generations(after), 0..2);
    assert_eq!(during.generations(after), 0..2);
    assert!(!records.are_as_loaded(&data));
    assert_eq!(records.count(), 4);
    // As it is stored, and back.
    let writes = records.writes(&data);
    assert_eq!(writes, [2, 1, 1, 1, 0]);
    assert_eq!(Records::from_writes(&data, &writes).writes(&data), writes);
}

#[test]
fn writers_of_one_record_take_turns() {
    let source = Source::Set(KeySet::Uniform);
    let data = Dataset::new(&source, &wanted(Some(1), 0, false)).unwrap();
    let records = Records::new(&data);
    let generations = std::thread::scope(|scope| {
        let writer = || {
            let write = |_| {
                let generation = records.write(0);
                // Nobody else is between here and there.
                let state = records.state(0);
                assert_eq!(state.generations(state), generation - 1..generation + 1);
                records.written(0);
                generation
            };
            (0..2000).map(write).collect::<Vec<_>>()
        };
        let writers = [
            scope.spawn(writer),
            scope.spawn(writer),
            scope.spawn(writer),
        ];
        writers.map(|writer| writer.join().unwrap()).concat()
    });
    let different: HashSet<_> = generations.iter().collect();
    assert_eq!(different.len(), 6000);
    assert_eq!(records.writes(&data), [6001]);
}

#[test]
fn keys_do_not_depend_on_how_many_are_inserted_later() {
    for set in KeySet::ALL {
        for order in [
            InsertOrder::Random,
            InsertOrder::Sorted,
            InsertOrder::AsGiven,
        ] {
            let data = |inserts| {
                let wanted = Wanted {
                    order,
                    ..wanted(Some(100), inserts, true)
                };
                Dataset::new(&Source::Set(set), &wanted).unwrap()
            };
            let (none, few, many) = (data(0), data(7), data(90));
            let keys = |data: &Dataset, n| -> Vec<Vec<u8>> {
                (0..n).map(|number| data.key(number).to_vec()).collect()
            };
            assert_eq!(keys(&none, 100), keys(&few, 100), "{set}");
            assert_eq!(keys(&few, 107), keys(&many, 107), "{set}");
            assert_eq!(none.absent, many.absent, "{set}");
            assert!(many.keys.iter().is_sorted_by(|a, b| a < b), "{set}");
            assert_eq!(many.keys.len(), 190, "{set}");
            assert!(
                many.absent
                    .iter()
                    .all(|key| many.keys.iter().all(|other| other != &key[..])),
                "{set}"
            );
            let loaded: Vec<_> = many.loaded_keys().map(<[u8]>::to_vec).collect();
            assert_eq!(loaded, keys(&many, 100));
            assert_eq!(
                loaded.is_sorted(),
                order == InsertOrder::Sorted || loaded.is_sorted()
            );
            let places = many.loaded_places();
            assert!(places.is_sorted() && places.len() == 100);
        }
    }
}

#[test]
fn numbered_keys_are_those_of_ycsb() {
    let keys = |ordered, digits| {
        let wanted = Wanted {
            order: InsertOrder::AsGiven,
            ..wanted(Some(2), 1, false)
        };
        let data = Dataset::new(&Source::Numbered { ordered, digits }, &wanted).unwrap();
        (0..3)
            .map(|number| String::from_utf8(data.key(number).to_vec()).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(true, 1), ["user0", "user1", "user2"]);
    assert_eq!(keys(true, 4), ["user0000", "user0001", "user0002"]);
    assert_eq!(
        keys(false, 1)[..2],
        ["user6284781860667377211", "user8517097267634966620"]
    );
    assert_eq!(keys(false, 21)[0], "user006284781860667377211");
}

#[test]
fn a_files_order_is_kept_where_it_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys");
    std::fs::write(&path, "pear\napple\npear\nfig\nplum\n").unwrap();
    let order = |order| {
        let wanted = Wanted {
            order,
            ..wanted(None, 0, false)
        };
        let data = Dataset::new(&Source::File(path.clone()), &wanted).unwrap();
        (0..4)
            .map(|number| data.key(number).to_vec())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        order(InsertOrder::AsGiven),
        [&b"pear"[..], b"apple", b"fig", b"plum"]
    );
    assert_eq!(
        order(InsertOrder::Sorted),
        [&b"apple"[..], b"fig", b"pear", b"plum"]
    );
    assert_eq!(order(InsertOrder::Random), order(InsertOrder::Random));
}

#[test]
fn stalls_are_read_from_rocksdbs_text() {
    let text = "** DB Stats **\nCumulative stall: 01:02:3.250 H:M:S, 0.1 percent\n";
    assert_eq!(traffic::parse_stall(text), Some(3723.25));
    assert_eq!(traffic::parse_stall("Cumulative stall: none"), None);
    assert_eq!(traffic::parse_stall(""), None);
}

#[test]
fn a_dataset_holds_out_only_what_is_asked_for() {
    let set = Source::Set(KeySet::Uniform);
    assert!(
        Dataset::new(&set, &wanted(Some(100), 0, false))
            .unwrap()
            .absent
            .is_empty()
    );
    assert_eq!(
        Dataset::new(&set, &wanted(Some(1), 0, true))
            .unwrap()
            .absent
            .len(),
        1
    );
    let dir = tempfile::tempdir().unwrap();
    for lines in 2..50usize {
        let path = dir.path().join(lines.to_string());
        let text: String = (0..lines).map(|line| format!("{line}\n")).collect();
        std::fs::write(&path, text).unwrap();
        let data = Dataset::new(&Source::File(path.clone()), &wanted(None, 0, true)).unwrap();
        let (records, absent) = (data.keys.len(), data.absent.len());
        // As many as a later command gets that asks for that number.
        assert!((lines - 1..=lines).contains(&(records + absent)), "{lines}");
        let again = wanted(Some(records), 0, true);
        let again = Dataset::new(&Source::File(path.clone()), &again).unwrap();
        assert_eq!(
            (again.keys, again.absent),
            (data.keys.clone(), data.absent.clone())
        );
        assert!(
            absent >= (records / 10).max(1),
            "{lines}: {records} {absent}"
        );
        // The number that the message proposes works.
        let message = Dataset::new(&Source::File(path.clone()), &wanted(Some(99), 0, true))
            .unwrap_err()
            .to_string();
        assert!(
            message.contains(&format!("give --records {records} or fewer")),
            "{message}"
        );
        Dataset::new(&Source::File(path), &wanted(Some(records), 0, true)).unwrap();
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
    let contenders = resolve(&names, &budget(), READS).unwrap();
    let labels: Vec<_> = contenders.iter().map(|c| c.label.as_str()).collect();
    assert_eq!(labels, ["stock", "mountdb-table", "options", "stock-2"]);
    assert_eq!(contenders[2].options, "table_factory={id=mountdb;a=b,c}");
    assert_eq!(contenders[0].options, contenders[3].options);
    let message = resolve(&["rocks".to_owned()], &budget(), READS)
        .unwrap_err()
        .to_string();
    for engine in ENGINES {
        assert!(message.contains(engine.name), "{message}");
    }
}

#[test]
fn every_engine_uses_the_cache_of_the_run_unless_it_stands_for_one() {
    let own = "options:block_based_table_factory={block_size=1024}";
    let engines = ENGINES.iter().map(|engine| engine.name).chain([own]);
    for (name, cache, cache_bytes) in engines
        .filter(|name| *name != "plain-table")
        .flat_map(|name| {
            [
                (name, BlockCache::HyperClock, 3 << 20),
                (name, BlockCache::Lru, 5 << 20),
            ]
        })
        .chain([
            ("stock", BlockCache::HyperClock, 0),
            ("stock", BlockCache::Lru, 0),
        ])
    {
        assert_eq!(cache.name().parse(), Ok(cache));
        let budget = Budget {
            cache,
            cache_bytes,
            ..budget()
        };
        let contender = &resolve(&[name.to_owned()], &budget, READS).unwrap()[0];
        let dir = tempfile::tempdir().unwrap();
        engine::open(contender, &budget, dir.path(), Purpose::Load).unwrap();
        let log = std::fs::read_to_string(dir.path().join("LOG")).unwrap();
        let expected = match (name, cache) {
            ("lru", _) | (_, BlockCache::Lru) => "LRUCache",
            _ => "AutoHyperClockCache",
        };
        let mut parts = vec![format!("block_cache_name: {expected}")];
        if cache_bytes > 0 {
            parts.push(format!("capacity : {cache_bytes}"));
        }
        if name != own {
            parts.push("filter_policy: bloomfilter".to_owned());
        }
        for part in parts {
            assert!(log.contains(&part), "{name}: {part}");
        }
    }
    let message = "fifo".parse::<BlockCache>().unwrap_err();
    assert!(message.contains("hyper-clock, lru"), "{message}");
}

#[test]
fn every_engine_gets_the_same_budget() {
    for engine in ENGINES {
        let options = engine.options(&budget(), READS);
        // A plain table knows no blocks, and has its own word for the bits of a filter.
        if engine.name == "plain-table" {
            assert!(options.contains("bloom_bits_per_key=10;"), "{options}");
            continue;
        }
        for part in ["block_size=4096;", "filter_policy=bloomfilter:10:false"] {
            assert!(options.contains(part), "{}: {options}", engine.name);
        }
        let without = Budget {
            bloom_bits: 0,
            ..budget()
        };
        let unfiltered = engine.options(&without, READS);
        assert!(!unfiltered.contains("filter_policy"), "{unfiltered}");
    }
}

#[test]
fn workloads_say_what_they_do() {
    for (name, about, writes) in [
        ("a", "50% reads, 50% updates", true),
        ("b", "95% reads, 5% updates", true),
        ("c", "100% reads", false),
        ("d", "95% reads, 5% inserts", true),
        (
            "e",
            "5% inserts, 95% scans of 1 to 100, uniform, records",
            true,
        ),
        ("f", "50% reads, 50% read-modify-writes", true),
        ("seek", "100% seeks", false),
        ("multiget", "100% reads in batches", false),
        ("load", "100% inserts", true),
    ] {
        let workload = Workload::by_name(name).unwrap();
        assert_eq!(workload.about(), about);
        assert_eq!(workload.writes(), writes);
        assert_eq!(workload.only_inserts(), name == "load");
    }
    let message = Workload::by_name("x").unwrap_err().to_string();
    assert!(
        message.contains("load, a, b, c, d, e, f, seek, multiget"),
        "{message}"
    );
}

#[test]
fn tuning_is_for_what_the_workload_does() {
    let tuned = ENGINES
        .iter()
        .find(|engine| engine.name == "stock-tuned")
        .unwrap();
    let with = |reads, writes| tuned.options(&budget(), Usage { reads, writes });
    assert!(with(true, false).contains("index_block_search_type=kAuto"));
    assert!(with(true, true).contains("memtable_whole_key_filtering=true"));
    assert!(with(false, true).contains("level0_file_num_compaction_trigger=8"));
    assert!(!with(false, true).contains("kAuto") && !with(true, false).contains("memtable"));
    let ours: Vec<_> = ENGINES.iter().filter(|engine| !engine.is_stock()).collect();
    assert!(ours.iter().all(|engine| engine.name.starts_with("mountdb")) && ours.len() == 6);
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
