//! The figures of table files, for people.

use crate::format::{Table, count};
use crate::inspect::file::{Finding, Inspected};
use crate::inspect::properties::Properties;

/// Everything about one file.
pub fn file(file: &Inspected) -> String {
    let facts = &file.facts;
    let mut out = format!(
        "{}: {} bytes, {} entries in {} data blocks",
        file.path.display(),
        count(facts.file_bytes),
        count(facts.entries),
        count(facts.blocks)
    );
    if let Some(average) = facts.data_bytes.checked_div(facts.blocks) {
        out.push_str(&format!(" of {} bytes on average", count(average)));
    }
    out.push_str("\n\n");
    out.push_str(&indexes(file).text());
    for note in notes(file) {
        out.push_str(&format!("{note}\n"));
    }
    out
}

/// The standard index, and the learned one beside it.
fn indexes(file: &Inspected) -> Table {
    let facts = &file.facts;
    let headings = [
        "index",
        "bytes",
        "bytes a block",
        "bits a block",
        "in memory",
        "segments",
        "largest residual",
    ];
    let mut table = Table::new(headings.map(str::to_owned));
    let none = || "-".to_owned();
    let mut row = |label: &str, bytes: u64, memory: Option<u64>, model: [String; 2]| {
        let [segments, residual] = model;
        let cells = [
            count(bytes),
            a_block(bytes, facts.blocks),
            a_block(bytes * 8, facts.blocks),
            memory.map_or_else(none, count),
            segments,
            residual,
        ];
        table.row(label, cells);
    };
    let standard = (facts.standard_index_bytes, facts.index_memory);
    row("standard", standard.0, Some(standard.1), [none(), none()]);
    if let Finding::Learned { index, memory } = &file.finding {
        let summary = index.summary();
        let residual = summary.largest_error;
        let model = [
            count(summary.segments as u64),
            residual.map_or_else(none, |error| format!("{error:.1} blocks")),
        ];
        let learned = summary.stored_bytes as u64;
        row("learned", learned, *memory, model);
        let cells = [
            times(standard.0, learned),
            String::new(),
            String::new(),
            memory.map_or_else(none, |memory| times(standard.1, memory)),
        ];
        table.row("standard/learned", cells);
    }
    table
}

/// What is to be said of the learned index in words.
fn notes(file: &Inspected) -> Vec<String> {
    let contradictions = file.contradictions();
    let mut notes = match &file.finding {
        Finding::Learned { index, memory } => {
            let mut notes = Vec::new();
            if index.blocks() > 1 && index.summary().largest_error.is_none() {
                notes.push(
                    "cuts between the blocks are strings: a segment is the cuts to one restart, \
                     and there are no lines and no residuals"
                        .to_owned(),
                );
            }
            if memory.is_none() {
                notes.push(
                    "not in use: sequence numbers in this file are not those that readers see"
                        .to_owned(),
                );
            }
            if file.properties == Properties::default() {
                notes.push("properties: none, as mountdb's table was not what wrote it".to_owned());
            } else if contradictions.is_empty() {
                notes.push("properties: the same".to_owned());
            }
            notes
        }
        Finding::None => {
            let why = match file.properties.why_not() {
                Some(why) => format!(": {why}"),
                None if file.properties != Properties::default() => String::new(),
                None => ": written by plain RocksDB, or with write_learned_index=false".to_owned(),
            };
            vec![format!("no learned index{why}")]
        }
        Finding::Refused(why) => {
            let mut notes = vec![format!(
                "REFUSED: {why}; reads take the standard index, compaction writes a new one"
            )];
            if let Some(said) = file.properties.sentence() {
                notes.push(format!("properties: {said}"));
            }
            notes
        }
    };
    notes.extend((contradictions.iter()).map(|what| format!("CONTRADICTION: {what}")));
    notes
}

/// One line for all files together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Total {
    files: u64,
    unopened: u64,
    bytes: u64,
    blocks: u64,
    standard: u64,
    learned: Sums,
}

/// Of the files with a learned index.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    files: u64,
    blocks: u64,
    standard: u64,
    learned: u64,
}

impl Total {
    /// Counts a file that could not be opened.
    pub fn miss(&mut self) {
        self.unopened += 1;
    }

    /// Adds a file.
    pub fn add(&mut self, file: &Inspected) {
        let facts = &file.facts;
        self.files += 1;
        self.bytes += facts.file_bytes;
        self.blocks += facts.blocks;
        self.standard += facts.standard_index_bytes;
        if let Finding::Learned { index, .. } = &file.finding {
            self.learned.files += 1;
            self.learned.blocks += facts.blocks;
            self.learned.standard += facts.standard_index_bytes;
            self.learned.learned += index.stored_bytes() as u64;
        }
    }

    /// The line.
    pub fn line(&self) -> String {
        let unopened = match self.unopened {
            0 => String::new(),
            unopened => format!(" ({} more could not be opened)", count(unopened)),
        };
        let mut line = format!(
            "total of {} files{unopened}: {} bytes in {} data blocks; standard indexes {} bytes, \
             {} a block",
            count(self.files),
            count(self.bytes),
            count(self.blocks),
            count(self.standard),
            a_block(self.standard, self.blocks)
        );
        let learned = &self.learned;
        if learned.files > 0 {
            line.push_str(&format!(
                "; learned indexes of {} of them {} bytes, {} a block; the standard ones of \
                 those are {} as large",
                count(learned.files),
                count(learned.learned),
                a_block(learned.learned, learned.blocks),
                times(learned.standard, learned.learned)
            ));
        }
        line.push('\n');
        line
    }
}

fn a_block(amount: u64, blocks: u64) -> String {
    match blocks {
        0 => "-".to_owned(),
        blocks => format!("{:.1}", amount as f64 / blocks as f64),
    }
}

fn times(large: u64, small: u64) -> String {
    match small {
        0 => "-".to_owned(),
        small => format!("{:.2}x", large as f64 / small as f64),
    }
}
