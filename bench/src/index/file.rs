//! A table file of an engine.

use crate::engine::{self, Budget, Contender, Purpose};
use crate::error::{Context, Error};
use crate::flat::FlatKeys;
use crate::learned::Learned;
use crate::values;
use mountdb::{SeekTargets, TableFile, TableFileFacts};
use rocksdb::SstFileWriter;
use std::path::Path;
use std::time::{Duration, Instant};

/// What goes into every file: keys in order, and the size of their values.
pub struct Contents<'a> {
    /// In bytewise order.
    pub keys: &'a FlatKeys,
    /// In bytes.
    pub value_size: usize,
    /// Of the values.
    pub seed: u64,
}

/// Writes a table file; how long that took. RocksDB syncs it, which is not timed with care:
/// compare files of one run only.
///
/// # Errors
/// If RocksDB fails.
pub fn write(
    contender: &Contender,
    budget: &Budget,
    contents: &Contents,
    path: &Path,
) -> Result<Duration, Error> {
    let what = || format!("engine {}: writing {}", contender.label, path.display());
    let options = engine::resolved(contender, budget, Purpose::Load)?;
    let mut writer = SstFileWriter::create(&options);
    writer.open(path).context(what)?;
    let mut value = vec![0; contents.value_size];
    let begun = Instant::now();
    for key in contents.keys.iter() {
        values::fill(&mut value, values::first_mark(key, contents.seed));
        writer.put(key, &value).context(what)?;
    }
    writer.finish().context(what)?;
    Ok(begun.elapsed())
}

/// A file whose index is open.
pub struct Opened {
    table: TableFile,
    /// What the file says of itself.
    pub facts: TableFileFacts,
    /// Stored size of its learned index, if that is in use.
    pub learned_bytes: Option<u64>,
}

impl Opened {
    /// Opens a file as its engine does.
    ///
    /// # Errors
    /// If RocksDB refuses it.
    pub fn new(contender: &Contender, budget: &Budget, path: &Path) -> Result<Self, Error> {
        let what = || format!("engine {}: opening {}", contender.label, path.display());
        let options = engine::resolved(contender, budget, Purpose::Run)?;
        let mut learned = Learned::default();
        let table = learned
            .watch(|| TableFile::open(&options, path))
            .context(what)?;
        Ok(Self {
            facts: table.facts(),
            table,
            learned_bytes: (learned.files > 0).then_some(learned.bytes),
        })
    }

    /// Nanoseconds a seek, and what the seeks have found.
    ///
    /// # Errors
    /// If RocksDB fails.
    pub fn seek(&self, targets: &SeekTargets) -> Result<(f64, u64), Error> {
        let begun = Instant::now();
        let found = self.table.seek_all(targets);
        let nanoseconds = begun.elapsed().as_nanos() as f64 / targets.len() as f64;
        let found = found.context(|| "seeking in an index".to_owned())?;
        Ok((nanoseconds, found))
    }
}
