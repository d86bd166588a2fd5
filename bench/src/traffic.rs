//! What the system says of this process: bytes read and written, processor time.

use crate::error::{Context, Error};
use crate::results::Traffic;
use crate::sysinfo;
use rocksdb::{DB, properties};
use std::fs;

/// Counters of the process at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Meter {
    read: u64,
    written: u64,
    /// Bytes that reading the counters itself has read.
    own: u64,
    cpu_seconds: f64,
}

/// What passed between two moments.
#[derive(Clone, Copy, Debug, Default)]
pub struct Passed {
    /// Bytes that the system was asked to read.
    pub read_bytes: u64,
    /// Bytes that the system was asked to write.
    pub written_bytes: u64,
    /// Processor seconds of all threads, of those that have ended too.
    pub cpu_seconds: f64,
}

impl Meter {
    /// The counters now.
    ///
    /// # Errors
    /// If the kernel does not tell.
    pub fn now() -> Result<Self, Error> {
        const PATH: &str = "/proc/self/io";
        let text = fs::read_to_string(PATH).context(|| format!("reading {PATH}"))?;
        let figure = |name: &str| {
            let lines = text.lines().filter_map(|line| line.split_once(": "));
            let mut values = lines.filter(|(field, _)| *field == name);
            let value = values.next().and_then(|(_, value)| value.parse().ok());
            value.ok_or_else(|| Error::Run(format!("{PATH} lacks `{name}`: {text}")))
        };
        Ok(Self {
            read: figure("rchar")?,
            written: figure("wchar")?,
            own: text.len() as u64,
            cpu_seconds: sysinfo::cpu_seconds(),
        })
    }

    /// What has passed since.
    ///
    /// # Errors
    /// If the kernel does not tell.
    pub fn passed(&self) -> Result<Passed, Error> {
        let now = Self::now()?;
        Ok(Passed {
            read_bytes: (now.read - self.read).saturating_sub(self.own),
            written_bytes: now.written - self.written,
            cpu_seconds: now.cpu_seconds - self.cpu_seconds,
        })
    }
}

impl Passed {
    /// Adds to what an engine read and wrote.
    pub fn add_to(&self, traffic: &mut Traffic) {
        traffic.read_bytes += self.read_bytes;
        traffic.written_bytes += self.written_bytes;
    }
}

/// Seconds for which RocksDB has held up the writes of a database since it was opened.
///
/// # Errors
/// If RocksDB does not tell.
pub fn stall_seconds(db: &DB) -> Result<f64, Error> {
    let what = || "asking for write stalls".to_owned();
    let text = (db.property_value(properties::DBSTATS).context(what)?).unwrap_or_default();
    parse_stall(&text).ok_or_else(|| {
        Error::Run(format!(
            "RocksDB's statistics lack the write stalls: {text}"
        ))
    })
}

/// Seconds of the line `Cumulative stall: H:M:S H:M:S, x percent` of `rocksdb.dbstats`.
pub fn parse_stall(text: &str) -> Option<f64> {
    let (_, rest) = text.split_once("Cumulative stall: ")?;
    let mut seconds = 0.0;
    for part in rest.split(' ').next()?.split(':') {
        seconds = seconds * 60.0 + part.parse::<f64>().ok()?;
    }
    Some(seconds)
}
