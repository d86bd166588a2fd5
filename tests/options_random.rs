//! Random options strings: taken or refused with a reason, never a crash.
#![cfg(feature = "rocksdb")]

#[path = "common/db.rs"]
mod db;

use db::parse;
use proptest::prelude::*;

/// Pieces that the parser gives a meaning to, in any order.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "table_factory",
            "table_factory.",
            "memtable_factory",
            "block_based_table_factory",
            "id",
            "mountdb",
            "BlockBasedTable",
            "PlainTable",
            "skip_list",
            "nosuch",
            "block_size",
            "write_learned_index",
            "filter_policy",
            "bloomfilter:10",
            "metadata_cache_options",
            "unpartitioned_pinning",
            "kAll",
            "block_cache",
            "capacity",
            "create_if_missing",
            "compression_opts",
            "parallel_threads",
            "nullptr",
        ])
        .prop_map(str::to_owned),
        prop::sample::select(vec![
            "=", "=", "{", "}", ";", " ", ":", "#", "\\", "\0", "\n"
        ])
        .prop_map(str::to_owned),
        prop::sample::select(vec!["0", "1", "true", "4096", "4K", "-1", "1e9", "0.5"])
            .prop_map(str::to_owned),
        "[a-zäß{}=;. ]{0,6}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn any_pieces_are_taken_or_refused(pieces in prop::collection::vec(piece(), 0..14)) {
        let string = pieces.concat();
        match parse(&string) {
            Ok(options) => prop_assert!(!mountdb::factories(&options).table.is_empty()),
            Err(error) => prop_assert!(!error.is_empty()),
        }
    }

    #[test]
    fn any_fields_are_taken_or_refused(
        fields in prop::collection::vec((piece(), piece()), 0..5),
    ) {
        let fields: Vec<String> = fields.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let string = format!("table_factory={{id=mountdb;{}}}", fields.join(";"));
        if let Err(error) = parse(&string) {
            prop_assert!(!error.is_empty());
        }
    }

    #[test]
    fn any_string_is_taken_or_refused(string in ".{0,60}") {
        let _ = parse(&string);
    }
}
