//! `ycsb index` on small files.

use mountdb_bench::dataset::Source;
use mountdb_bench::engine::{self, Budget, Compression};
use mountdb_bench::index::measure::{self, Plan};
use mountdb_bench::index::report;
use mountdb_bench::keys::KeySet;
use mountdb_bench::progress::Progress;

fn plan(engines: &str) -> Plan {
    let budget = Budget {
        cache_bytes: 1 << 20,
        bloom_bits: 0,
        block_bytes: 512,
        write_buffer_bytes: 1 << 20,
        compression: Compression::None,
        direct_reads: false,
    };
    Plan {
        contenders: engine::resolve(&engine::split_list(engines), &budget).unwrap(),
        budget,
        sources: vec![Source::Set(KeySet::Uniform), Source::Set(KeySet::Paths)],
        records: 3000,
        value_size: 50,
        seeks: 1000,
        rounds: 2,
        seed: 1,
        dir: None,
    }
}

#[test]
fn every_engine_finds_the_same_blocks() {
    let plan = plan("stock,interpolation,kauto,trie,mountdb-table");
    let outcome = measure::run(&plan, Progress::Silent).unwrap();
    assert!(outcome.wrong.is_empty(), "{:?}", outcome.wrong);
    assert_eq!(outcome.rows.len(), 2);
    for row in &outcome.rows {
        assert_eq!(row.engines.len(), 5);
        for (engine, contender) in row.engines.iter().zip(&plan.contenders) {
            assert_eq!(engine.facts.entries, 3000);
            assert_eq!(engine.facts.blocks, row.engines[0].facts.blocks);
            assert!(engine.facts.blocks > 100);
            assert!(engine.facts.index_memory > 0);
            assert_eq!((engine.seek.len(), engine.build.len()), (2, 2));
            let is_learned = contender.label == "mountdb-table";
            assert_eq!(engine.learned_bytes.is_some(), is_learned);
        }
    }
    let report = report::markdown(&plan, &outcome);
    assert!(report.contains("| uniform (3,000 in "), "{report}");
    assert!(!report.contains("WRONG"), "{report}");
}

#[test]
fn other_blocks_are_found_out() {
    // Without a shared block size the blocks are others.
    let plan = plan("stock,options:table_factory={id=BlockBasedTable;block_size=1024}");
    let outcome = measure::run(&plan, Progress::Silent).unwrap();
    assert_eq!(outcome.wrong.len(), 4, "{:?}", outcome.wrong);
    assert!(report::markdown(&plan, &outcome).contains("WRONG"));
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let refused = |change: fn(&mut Plan)| {
        let mut plan = plan("stock");
        change(&mut plan);
        plan.check().unwrap_err().to_string()
    };
    assert!(refused(|plan| plan.records = 0).contains("--records 0"));
    assert!(refused(|plan| plan.seeks = 0).contains("--seeks 0"));
    assert!(refused(|plan| plan.rounds = 0).contains("--rounds 0"));
    assert!(refused(|plan| plan.value_size = 7).contains("--value-size 7"));
    assert!(refused(|plan| plan.budget.block_bytes = 0).contains("--block-size 0"));
    assert!(refused(|plan| plan.sources.clear()).contains("--keys"));
}
