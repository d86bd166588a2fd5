//! One table file, opened without a database.

use super::bridge::cpp;
use super::{Error, properties, raw, register};
use crate::index::LearnedIndex;
use rocksdb::Options;
use std::path::Path;

/// A table file, for tools that look into files and for measurements of the index alone.
pub struct TableFile(cxx::UniquePtr<cpp::TableFile>);

/// What a table file and its open index say of themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableFileFacts {
    /// Size of the file.
    pub file_bytes: u64,
    /// Entries in it.
    pub entries: u64,
    /// Data blocks in it.
    pub blocks: u64,
    /// Size of the data blocks.
    pub data_bytes: u64,
    /// Size of the filter in the file.
    pub filter_bytes: u64,
    /// Size of RocksDB's own index in the file.
    pub standard_index_bytes: u64,
    /// What the index that is in use holds in memory.
    pub index_memory: u64,
}

/// Keys to seek for, one after the other in memory.
#[derive(Debug, Clone, Default)]
pub struct SeekTargets {
    internal_keys: Vec<u8>,
    ends: Vec<usize>,
}

impl SeekTargets {
    /// Adds a user key; a seek for it goes before all of its versions.
    pub fn push(&mut self, user_key: &[u8]) {
        self.internal_keys.extend_from_slice(user_key);
        self.internal_keys
            .extend_from_slice(&cpp::seek_tag().to_le_bytes());
        self.ends.push(self.internal_keys.len());
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

impl TableFile {
    /// Opens a file as a database with these options would; they must choose a block-based
    /// table, RocksDB's or mountdb's. Registers mountdb first.
    pub fn open(options: &Options, path: &Path) -> Result<TableFile, Error> {
        register()?;
        let path = path
            .to_str()
            .ok_or_else(|| Error(format!("{}: not valid UTF-8", path.display())))?;
        Ok(TableFile(cpp::open_table_file(
            raw::options(options),
            path,
        )?))
    }

    /// What the file says of itself.
    pub fn facts(&self) -> TableFileFacts {
        let facts = self.0.facts();
        TableFileFacts {
            file_bytes: facts.file_bytes,
            entries: facts.entries,
            blocks: facts.blocks,
            data_bytes: facts.data_bytes,
            filter_bytes: facts.filter_bytes,
            standard_index_bytes: facts.standard_index_bytes,
            index_memory: facts.index_memory,
        }
    }

    /// What the file's properties say of its learned index, by name in bytewise order: whether
    /// there is one, in figures, or why there is none. Empty for files of plain RocksDB.
    pub fn learned_properties(&self) -> Vec<(String, String)> {
        let properties = self.0.properties(properties::PREFIX).into_iter();
        properties.map(|p| (p.name, p.value)).collect()
    }

    /// The file's learned index, read anew, whether it is in use or not; `None` if the file has
    /// none. Fails if it has one that is damaged.
    pub fn learned_index(&self) -> Result<Option<LearnedIndex>, Error> {
        let block = self.0.learned_block()?;
        if block.is_empty() {
            return Ok(None);
        }
        let index = LearnedIndex::parse(&block, self.facts().file_bytes);
        index.map(Some).map_err(|e| Error(e.to_string()))
    }

    /// Seeks in the index, and nowhere else, for one key after the other, each with an
    /// iterator of its own as `Get` does. The sum of the offsets of the data blocks found: the
    /// same for every exact index of the same blocks.
    ///
    /// Fails if a key lies behind the last one of the file.
    pub fn seek_all(&self, targets: &SeekTargets) -> Result<u64, Error> {
        Ok(self.0.seek_all(&targets.internal_keys, &targets.ends)?)
    }
}
