//! What the machine and the store say about themselves, for the head of a report.

use rustix::time::{ClockId, clock_gettime};
use std::fs;
use std::path::Path;

const UNKNOWN: &str = "unknown";

/// The processor's model name, from `/proc/cpuinfo`.
pub fn cpu_model() -> String {
    proc_field("/proc/cpuinfo", "model name").unwrap_or_else(|| UNKNOWN.to_owned())
}

/// The number of processors this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Main memory as the kernel counts it, for example `24689416 kB`.
pub fn memory() -> String {
    proc_field("/proc/meminfo", "MemTotal").unwrap_or_else(|| UNKNOWN.to_owned())
}

/// Bytes of main memory, if the kernel tells.
pub fn memory_bytes() -> Option<u64> {
    let kibibytes: u64 = memory().strip_suffix(" kB")?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Processor time that all threads of this process have taken so far, in seconds, those that have
/// ended included.
pub fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The text of the newest OPTIONS file of a database: its options as RocksDB resolved them.
pub fn options_file(dir: &Path) -> Option<String> {
    let names = fs::read_dir(dir)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()));
    let newest = names
        .filter(|path| path.to_string_lossy().contains("/OPTIONS-"))
        .max()?;
    fs::read_to_string(newest).ok()
}

/// The version of the RocksDB that wrote the database in `dir`: the library that really ran,
/// whatever was meant to be linked.
pub fn rocksdb_version(dir: &Path) -> String {
    let text = options_file(dir).unwrap_or_default();
    let version = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("rocksdb_version="));
    version.unwrap_or(UNKNOWN).to_owned()
}

/// The value of the first `name : value` line of a file.
fn proc_field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        (field.trim() == name).then(|| value.trim().to_owned())
    })
}
