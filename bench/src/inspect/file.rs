//! What is found in one table file.

use crate::error::{Context, Error};
use crate::inspect::properties::Properties;
use crate::learned::Learned;
use mountdb::index::LearnedIndex;
use mountdb::{TableFile, TableFileFacts};
use rocksdb::Options;
use std::fs;
use std::path::{Path, PathBuf};

/// A table file, its standard and its learned index.
#[derive(Debug)]
pub struct Inspected {
    /// The file's name as it was given.
    pub path: PathBuf,
    /// As plain RocksDB opens it, with the standard index.
    pub facts: TableFileFacts,
    /// Its learned index.
    pub finding: Finding,
    /// What its properties say of that.
    pub properties: Properties,
}

/// A file's learned index.
#[derive(Debug)]
pub enum Finding {
    /// Sound.
    Learned {
        /// The index.
        index: Box<LearnedIndex>,
        /// Bytes that it holds when mountdb opens the file; `None` if mountdb reads the file
        /// through the standard index all the same.
        memory: Option<u64>,
    },
    /// The file has none.
    None,
    /// The file has one that is not used, and why.
    Refused(String),
}

impl Inspected {
    /// Opens a file as plain RocksDB does and as mountdb does. Nothing is compared with its
    /// keys, so that whatever comparator they are sorted by, the default one will do.
    ///
    /// # Errors
    /// If RocksDB cannot open it.
    pub fn of(path: &Path) -> Result<Self, Error> {
        check_file(path)?;
        let facts = open(path, "BlockBasedTable")?.facts();
        let mut learned = Learned::default();
        let table = learned.watch(|| open(path, "mountdb"))?;
        let memory = (learned.files > 0).then(|| table.facts().index_memory);
        let finding = match table.learned_index() {
            Ok(None) => Finding::None,
            Ok(Some(index)) if index.blocks() as u64 != facts.blocks => Finding::Refused(format!(
                "learned index of {} data blocks in a file of {}",
                index.blocks(),
                facts.blocks
            )),
            Ok(Some(index)) => Finding::Learned {
                index: Box::new(index),
                memory,
            },
            Err(e) => Finding::Refused(e.to_string()),
        };
        Ok(Self {
            path: path.to_owned(),
            facts,
            finding,
            properties: Properties(table.learned_properties()),
        })
    }

    /// What the properties say otherwise than the file itself.
    pub fn contradictions(&self) -> Vec<String> {
        match &self.finding {
            Finding::Learned { index, .. } => self.properties.against(Some(&index.summary())),
            Finding::None => self.properties.against(None),
            // Nothing to hold them against.
            Finding::Refused(_) => Vec::new(),
        }
    }

    /// What is wrong with the file. That it has no learned index is not.
    pub fn complaints(&self) -> Vec<String> {
        match &self.finding {
            Finding::Refused(why) => vec![format!("its learned index is not used: {why}")],
            _ => self.contradictions(),
        }
    }
}

/// What RocksDB would say in more words, or, of pipes, not at all.
fn check_file(path: &Path) -> Result<(), Error> {
    let name = path.display();
    let kind = fs::metadata(path)
        .context(|| format!("{name} cannot be read; give table files, such as DB/*.sst"))?;
    if kind.is_dir() {
        return Err(Error::Run(format!(
            "{name} is a directory; give the table files in it: {}",
            path.join("*.sst").display()
        )));
    }
    if !kind.is_file() {
        return Err(Error::Run(format!(
            "{name} is no file; give table files, such as DB/*.sst"
        )));
    }
    Ok(())
}

fn open(path: &Path, factory: &str) -> Result<TableFile, Error> {
    let options = format!("table_factory={{id={factory};no_block_cache=true}}");
    let options = mountdb::options_from_string(&Options::default(), &options)
        .context(|| format!("the options string {options}"))?;
    TableFile::open(&options, path).map_err(|e| {
        let name = path.display();
        Error::Run(format!(
            "{name} cannot be opened as a block-based table of RocksDB: {e}; if it should be one, \
             `sst_dump --file={name} --command=verify` looks closer"
        ))
    })
}
