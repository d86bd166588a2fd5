//! `ycsb index` on small files.

use mountdb::TableFileFacts;
use mountdb_bench::dataset::Source;
use mountdb_bench::engine::{self, BlockCache, Budget, Compression};
use mountdb_bench::index::plan::{Part, Plan};
use mountdb_bench::index::{measure, report, tables};
use mountdb_bench::keys::KeySet;
use mountdb_bench::progress::Progress;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// mountdb's counters belong to the process: one run at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn plan(parts: &[Part], engines: &str) -> Plan {
    let budget = Budget {
        cache_bytes: 1 << 20,
        cache: BlockCache::HyperClock,
        bloom_bits: 0,
        block_bytes: 512,
        write_buffer_bytes: 1 << 20,
        compression: Compression::None,
        direct_reads: false,
        metadata_in_cache: false,
        filters_for_hits: false,
    };
    Plan {
        parts: parts.to_vec(),
        engines: engine::split_list(engines),
        budget,
        sources: vec![Source::Set(KeySet::Uniform), Source::Set(KeySet::Paths)],
        records: 3000,
        value_size: 50,
        lookups: 1000,
        memory_percent: 5.0,
        rounds: 2,
        seed: 1,
        dir: None,
    }
}

#[test]
fn every_engine_finds_the_same_blocks() {
    let _turn = turn();
    let plan = plan(
        &[Part::File],
        "stock,interpolation,kauto,data-hash,partitioned,trie,mountdb-table",
    );
    let contenders = plan.contenders(&plan.budget).unwrap();
    let outcome = measure::run(&plan, Progress::Silent).unwrap();
    assert!(outcome.wrong.is_empty(), "{:?}", outcome.wrong);
    assert_eq!(outcome.tables.len(), 2);
    for row in &outcome.tables {
        assert_eq!(row.engines.len(), 7);
        for (engine, contender) in row.engines.iter().zip(&contenders) {
            assert_eq!(engine.facts.entries, 3000);
            // A hash index takes room in its block, so there may be more of them.
            let (blocks, least) = (engine.facts.blocks, row.engines[0].facts.blocks);
            assert!(blocks == least || contender.label == "data-hash" && blocks > least);
            assert!(engine.facts.blocks > 100);
            assert!(engine.facts.index_memory > 0);
            assert_eq!((engine.seek.len(), engine.build.len()), (2, 2));
            let is_learned = contender.label == "mountdb-table";
            assert_eq!(engine.learned_bytes.is_some(), is_learned);
        }
    }
    let report = report::markdown(&plan, &outcome).unwrap();
    assert!(report.contains("| uniform (3,000 in "), "{report}");
    assert!(!report.contains("WRONG"), "{report}");
}

#[test]
fn other_blocks_are_found_out() {
    let _turn = turn();
    let plan = plan(&[Part::File], "stock,mountdb-table");
    let mut outcome = measure::run(&plan, Progress::Silent).unwrap();
    let facts = outcome.tables[0].engines[0].facts;
    let mut larger = facts;
    larger.data_bytes += 1;
    let odd = |found: &[(&'static str, TableFileFacts, u64)]| tables::odd_ones(found);
    assert_eq!(odd(&[("a", facts, 7), ("b", facts, 7)]), []);
    assert_eq!(odd(&[("a", facts, 7), ("b", facts, 8)]), [("b", "a")]);
    assert_eq!(odd(&[("a", facts, 7), ("b", larger, 8)]), []);
    let three = [("a", larger, 7), ("b", facts, 8), ("c", facts, 9)];
    assert_eq!(odd(&three), [("c", "b")]);
    outcome.wrong.push("an index".to_owned());
    let report = report::markdown(&plan, &outcome).unwrap();
    assert!(report.contains("WRONG: an index"), "{report}");
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let refused = |change: fn(&mut Plan)| {
        let mut plan = plan(&Part::ALL, "stock");
        change(&mut plan);
        plan.check().unwrap_err().to_string()
    };
    assert!(refused(|plan| plan.records = 0).contains("--records 0"));
    assert!(refused(|plan| plan.lookups = 0).contains("--lookups 0"));
    assert!(refused(|plan| plan.memory_percent = 0.0).contains("--memory-percent 0"));
    assert!(refused(|plan| plan.memory_percent = f64::NAN).contains("--memory-percent"));
    assert!(refused(|plan| plan.engines = vec!["nosuch".to_owned()]).contains("nosuch"));
    assert!(refused(|plan| plan.rounds = 0).contains("--rounds 0"));
    assert!(refused(|plan| plan.value_size = 7).contains("--value-size 7"));
    assert!(refused(|plan| plan.budget.block_bytes = 0).contains("--block-size 0"));
    assert!(refused(|plan| plan.sources.clear()).contains("--keys"));
}

#[test]
fn lookups_are_counted_and_timed() {
    let _turn = turn();
    let parts = [
        Part::Get,
        Part::Absent,
        Part::Seek,
        Part::Blocks,
        Part::Memory,
        Part::MemoryFilter,
    ];
    let plan = plan(
        &parts,
        "stock,partitioned,mountdb-table,mountdb-partitioned",
    );
    let outcome = measure::run(&plan, Progress::Silent).unwrap();
    assert!(outcome.wrong.is_empty(), "{:?}", outcome.wrong);
    assert_eq!(outcome.lookups.len(), 2 * parts.len());
    for row in &outcome.lookups {
        assert_eq!(row.records, 3000);
        for reads in &row.engines {
            assert!(reads.tally.is_clean() && reads.tally.right > 0);
            let (counts, lookups) = (reads.counts, plan.lookups as u64);
            assert_eq!(reads.is_ours, reads.label.starts_with("mountdb"));
            match row.part {
                Part::Blocks => {
                    assert_eq!(counts.operations, lookups);
                    assert!(counts.block_reads > 0, "{reads:?}");
                    let absent = reads.absent.expect("keys are held out");
                    assert_eq!(absent.operations, lookups);
                    if reads.label == "mountdb-table" {
                        assert_eq!(counts.most_block_reads, 1);
                        assert_eq!(absent.most_block_reads, 1);
                    }
                }
                Part::Memory | Part::MemoryFilter => {
                    assert_eq!(reads.nanoseconds.len(), 2);
                    assert!(counts.block_reads > 0, "{reads:?}");
                    assert!(reads.cache_bytes > 0 && reads.reader_bytes > 0);
                }
                _ => {
                    assert_eq!(reads.nanoseconds.len(), 2);
                    assert_eq!(counts.block_reads, 0, "{reads:?}");
                }
            }
        }
    }
    let report = report::markdown(&plan, &outcome).unwrap();
    for title in [
        "Get, all",
        "Get of absent",
        "Seek, all",
        "Blocks",
        "no filters",
        "and filters",
    ] {
        assert!(report.contains(title), "{title}: {report}");
    }
    assert!(report.contains("best of mountdb"), "{report}");
}

#[test]
fn writing_takes_processor_time() {
    let _turn = turn();
    let plan = plan(&[Part::Build], "stock,mountdb-table");
    let outcome = measure::run(&plan, Progress::Silent).unwrap();
    assert_eq!(outcome.costs.len(), 2);
    for engine in outcome.costs.iter().flat_map(|cost| &cost.engines) {
        assert_eq!((engine.flush.len(), engine.compaction.len()), (2, 2));
        assert!(
            engine
                .flush
                .iter()
                .chain(&engine.compaction)
                .all(|seconds| *seconds > 0.0)
        );
    }
    let report = report::markdown(&plan, &outcome).unwrap();
    assert!(report.contains("Processor time"), "{report}");
}
