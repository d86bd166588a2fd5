//! What a file leaves behind that is read through its standard index: one more on a
//! counter, and a line in the info log.
#![allow(dead_code)] // every test file uses its own part

use crate::db::mountdb_lines;
use mountdb::Counters;
use std::path::Path;

/// (learned, fallen back) and that the reasons add up.
pub fn files(grown: &Counters) -> (u64, u64) {
    let reasons = grown.no_learned_block
        + grown.other_comparator
        + grown.sequence_numbers
        + grown.unknown_version
        + grown.corrupt;
    assert_eq!(reasons, grown.files_fallen_back, "{grown:?}");
    (grown.files_learned, grown.files_fallen_back)
}

pub fn file_name(table: &Path) -> String {
    table
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned()
}

/// The lines of the info log that say why `table` is read through the standard index.
pub fn reasons(log: &str, table: &Path) -> Vec<String> {
    let file = format!("{}: ", file_name(table));
    mountdb_lines(log)
        .into_iter()
        .filter(|line| line.contains("standard index for ") && line.contains(&file))
        .map(str::to_owned)
        .collect()
}

/// One reason for `table`, and it says `part`.
pub fn assert_reason(log: &str, table: &Path, part: &str) {
    let reasons = reasons(log, table);
    assert!(
        reasons.len() == 1 && reasons[0].contains(part),
        "{}: {part:?} in {reasons:?}",
        file_name(table)
    );
}
