//! What to measure.

use crate::dataset::Source;
use crate::engine::{self, Budget, Contender, Usage};
use crate::error::Error;
use crate::flat::FlatKeys;
use crate::values;
use std::path::PathBuf;
use std::str::FromStr;

/// What can be measured, each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A table file of each engine: sizes, seeks in the index alone, time to write.
    File,
    /// Gets of present keys, everything in the block cache, with a filter.
    Get,
    /// Gets of absent keys, the same.
    Absent,
    /// Seeks of one iterator, the same.
    Seek,
    /// Gets of present keys, 32 at a time, the same.
    MultiGet,
    /// Gets of absent keys, the same without a filter.
    AbsentUnfiltered,
    /// Blocks that Gets of present and of absent keys read, without a filter, by direct I/O.
    Blocks,
    /// Gets by direct I/O with little memory, without filters.
    Memory,
    /// The same with filters in all files.
    MemoryFilter,
    /// Processor time of a flush and a compaction.
    Build,
}

impl Part {
    /// All of them.
    pub const ALL: [Part; 10] = [
        Part::File,
        Part::Get,
        Part::Absent,
        Part::Seek,
        Part::MultiGet,
        Part::AbsentUnfiltered,
        Part::Blocks,
        Part::Memory,
        Part::MemoryFilter,
        Part::Build,
    ];

    /// The name that [`FromStr`] reads back.
    pub fn name(self) -> &'static str {
        match self {
            Part::File => "file",
            Part::Get => "get",
            Part::Absent => "absent",
            Part::Seek => "seek",
            Part::MultiGet => "multiget",
            Part::AbsentUnfiltered => "absent-unfiltered",
            Part::Blocks => "blocks",
            Part::Memory => "memory",
            Part::MemoryFilter => "memory-filter",
            Part::Build => "build",
        }
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        Part::ALL
            .into_iter()
            .find(|part| part.name() == s)
            .ok_or_else(|| {
                let names = Part::ALL.map(Part::name).join(", ");
                format!("unknown part `{s}`: choose from {names}")
            })
    }
}

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The parts to measure.
    pub parts: Vec<Part>,
    /// The engines by name; ratios are to the first.
    pub engines: Vec<String>,
    /// The same for all engines, but for what a part is about.
    pub budget: Budget,
    /// The key sets, one after the other.
    pub sources: Vec<Source>,
    /// Records of a generated key set, and at most as many of a file.
    pub records: usize,
    /// In bytes.
    pub value_size: usize,
    /// Seeks or Gets in every round.
    pub lookups: usize,
    /// In each, every engine does the same.
    pub rounds: usize,
    /// All memory for cache and index in the parts with little memory, in percent of the data.
    pub memory_percent: f64,
    /// Of keys, values and lookups.
    pub seed: u64,
    /// Where the files go.
    pub dir: Option<PathBuf>,
}

impl Plan {
    /// Whether it can be carried out.
    ///
    /// # Errors
    /// What to change.
    pub fn check(&self) -> Result<(), Error> {
        let least = [
            ("--records", self.records, 1),
            ("--lookups", self.lookups, 1),
            ("--rounds", self.rounds, 1),
            ("--value-size", self.value_size, values::MIN_SIZE),
            ("--block-size", self.budget.block_bytes as usize, 1),
        ];
        for (name, value, least) in least {
            if value < least {
                return Err(Error::Usage(format!(
                    "{name} {value}: give at least {least}"
                )));
            }
        }
        if self.records > u32::MAX as usize / 2 {
            return Err(Error::Usage(format!(
                "--records {}: give at most {}",
                self.records,
                u32::MAX / 2
            )));
        }
        if !(self.memory_percent > 0.0 && self.memory_percent <= 100.0) {
            return Err(Error::Usage(format!(
                "--memory-percent {}: give a percentage above 0, at most 100",
                self.memory_percent
            )));
        }
        if self.sources.is_empty() {
            return Err(Error::Usage(
                "no keys: name a key set with --keys, or a file with --keys-file".to_owned(),
            ));
        }
        self.contenders(&self.budget)?;
        Ok(())
    }

    /// Bytes that have room for all records, with what entries and blocks add.
    pub fn room_for(&self, keys: &FlatKeys) -> usize {
        let bytes: usize = keys
            .iter()
            .map(|key| key.len() + self.value_size + 64)
            .sum();
        bytes + (64 << 20)
    }

    /// Bytes of a block cache that has room for all records.
    pub fn cache_for(&self, keys: &FlatKeys) -> u64 {
        // It adds to every block, too.
        self.room_for(keys) as u64 * 3 / 2
    }

    /// The engines within a budget.
    ///
    /// # Errors
    /// An unknown engine.
    pub fn contenders(&self, budget: &Budget) -> Result<Vec<Contender>, Error> {
        // Files that are written once and then read.
        let usage = Usage {
            reads: true,
            writes: false,
        };
        engine::resolve(&self.engines, budget, usage)
    }
}
