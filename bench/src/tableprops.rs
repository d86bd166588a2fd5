//! What RocksDB knows of a database's table files.

use crate::error::{Context, Error};
use rocksdb::{DB, properties};

/// Figures over all table files of the default column family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableProperties {
    /// Table files.
    pub files: u64,
    /// Bytes of the table files.
    pub file_bytes: u64,
    /// Records.
    pub entries: u64,
    /// Data blocks.
    pub data_blocks: u64,
    /// Bytes of the data blocks as stored.
    pub data_bytes: u64,
    /// Bytes of RocksDB's own index blocks, uncompressed.
    pub index_bytes: u64,
    /// Bytes of the filter blocks.
    pub filter_bytes: u64,
}

impl TableProperties {
    /// Asks an open database.
    ///
    /// # Errors
    /// If RocksDB does not answer, or in words that this version does not know.
    pub fn of(db: &DB) -> Result<Self, Error> {
        let name = properties::AGGREGATED_TABLE_PROPERTIES;
        let text = db
            .property_value(name)
            .context(|| "asking for table properties".to_owned())?;
        let text =
            text.ok_or_else(|| Error::Run("RocksDB gives no table properties".to_owned()))?;
        let files = db
            .live_files()
            .context(|| "listing the table files".to_owned())?;
        let file_bytes = files.iter().map(|file| file.size as u64).sum();
        Ok(Self {
            files: files.len() as u64,
            file_bytes,
            ..Self::parse(&text)?
        })
    }

    /// Reads the text of `rocksdb.aggregated-table-properties`: `name=value; ` pairs
    /// as `TableProperties::ToString` writes them. It says nothing of files.
    ///
    /// # Errors
    /// If a figure is missing or is no number.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let figure = |wanted: &dyn Fn(&str) -> bool, name: &str| {
            text.split(';')
                .filter_map(|pair| pair.trim().split_once('='))
                .find(|(key, _)| wanted(key))
                .and_then(|(_, value)| value.parse().ok())
                .ok_or_else(|| {
                    Error::Run(format!("RocksDB's table properties lack `{name}`: {text}"))
                })
        };
        let exactly = |name: &str| figure(&|key| key == name, name);
        // The words in brackets are sums over the files: they change with their number.
        let index = "index block size (";
        Ok(Self {
            entries: exactly("# entries")?,
            data_blocks: exactly("# data blocks")?,
            data_bytes: exactly("data block size")?,
            index_bytes: figure(&|key| key.starts_with(index), index)?,
            filter_bytes: exactly("filter block size")?,
            ..Self::default()
        })
    }
}
