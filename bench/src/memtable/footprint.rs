//! Memory: what a memtable takes beyond the entries themselves, full and empty.

use crate::error::Error;
use crate::flat::FlatKeys;
use crate::memtable::check::VALUE_BYTES;
use crate::memtable::database::{Database, Scratch, Shape};
use crate::memtable::generate::Keys;
use crate::memtable::insert;
use crate::memtable::outcome::{Footprint, Limit, Outcome};
use crate::memtable::plan::{Plan, file_label};
use crate::memtable::workload::{WORKLOADS, Workload};
use crate::progress::Progress;
use rocksdb::properties;

/// The name on the command line.
pub const NAME: &str = "memory";

/// Entries at scale 1: what a memtable of 64 MB holds.
const ENTRIES: usize = 450_000;

/// Entries after which a memtable is called nearly empty. The arena then has its first
/// full block, whether the structure has asked for memory or not.
const FEW: usize = 1000;

/// Measures every engine once: nothing of this depends on time.
///
/// # Errors
/// If RocksDB fails.
pub fn measure(
    plan: &Plan,
    scratch: &Scratch,
    outcome: &mut Outcome,
    progress: Progress,
) -> Result<(), Error> {
    let n = plan.scaled(ENTRIES);
    let mut sets = vec![
        ("uniform".to_owned(), Keys::Uniform),
        ("user".to_owned(), Keys::User),
        ("paths".to_owned(), Keys::Paths),
        ("ascending".to_owned(), Keys::Ascending),
        ("zipfian-update".to_owned(), Keys::Zipfian),
    ];
    let files = plan.key_files.iter();
    sets.extend(files.map(|path| (file_label(path), Keys::File(path.clone()))));

    let engines = plan.contenders.len();
    let phase = progress.start(NAME, (n * engines * (sets.len() + 1)) as u64);
    for (label, keys) in sets {
        phase.note(&label);
        let keys = keys.make(n, plan.seed)?;
        let mut bytes = Vec::new();
        for contender in &plan.contenders {
            let database = Database::new(scratch, contender, Shape::ONE_COUNTED)?;
            fill(&database, &keys)?;
            let structure = held(&database)? as f64 - encoded_bytes(&keys) as f64;
            bytes.push(structure / keys.len() as f64);
            phase.advance(n as u64);
        }
        outcome.memory.push(Footprint {
            label: format!("{label}, bytes an entry"),
            entries: keys.len(),
            bytes,
            limit: Limit::PerEntry(24.0),
        });
    }
    empty(plan, scratch, outcome, &mut || phase.advance(n as u64))?;
    phase.finish();
    Ok(())
}

/// The memtable that takes the place of a full one.
fn empty(
    plan: &Plan,
    scratch: &Scratch,
    outcome: &mut Outcome,
    advance: &mut dyn FnMut(),
) -> Result<(), Error> {
    let keys = Keys::Uniform.make(plan.scaled(ENTRIES), plan.seed)?;
    let few = Keys::Uniform.make(FEW, plan.seed)?;
    let (mut none, mut nearly) = (Vec::new(), Vec::new());
    for contender in &plan.contenders {
        let database = Database::new(scratch, contender, Shape::ONE_MEMTABLE)?;
        fill(&database, &keys)?;
        let flushed = database.db.flush();
        flushed.map_err(|e| Error::Run(format!("engine {}: flushing: {e}", contender.label)))?;
        none.push(held(&database)? as f64);
        fill(&database, &few)?;
        nearly.push(held(&database)? as f64);
        advance();
    }
    for (label, entries, bytes) in [
        ("empty after a full one, bytes", 0, none),
        ("the same with 1,000 entries, bytes", FEW, nearly),
    ] {
        outcome.memory.push(Footprint {
            label: label.to_owned(),
            entries,
            bytes,
            limit: Limit::BeyondBase(f64::from(64 << 10)),
        });
    }
    Ok(())
}

fn fill(database: &Database, keys: &FlatKeys) -> Result<(), Error> {
    // Put without the log, by one thread.
    let workload: &Workload = &WORKLOADS[0];
    insert::time(database, workload, keys, 1)?;
    Ok(())
}

/// What RocksDB counts for the memtables: whole blocks of their arenas, and what the
/// structure says that it took from elsewhere.
fn held(database: &Database) -> Result<u64, Error> {
    database.property(properties::CUR_SIZE_ALL_MEM_TABLES)
}

/// The bytes of all entries as RocksDB encodes them, whatever the memtable.
pub fn encoded_bytes(keys: &FlatKeys) -> usize {
    /// Sequence number and type.
    const TRAILER: usize = 8;
    keys.iter()
        .map(|key| {
            let key = key.len() + TRAILER;
            varint_bytes(key) + key + varint_bytes(VALUE_BYTES) + VALUE_BYTES
        })
        .sum()
}

fn varint_bytes(n: usize) -> usize {
    let bits = usize::BITS - n.leading_zeros();
    bits.div_ceil(7).max(1) as usize
}
