//! The load phase: every engine is filled with the same records and brought to the
//! same shape, then opened anew for the run.

use crate::engine::{self, Contender, Purpose};
use crate::error::{Context, Error};
use crate::learned::Learned;
use crate::plan::{InsertOrder, Plan};
use crate::progress::Progress;
use crate::tableprops::TableProperties;
use crate::values;
use crate::workdir::WorkDir;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rocksdb::{
    BottommostLevelCompaction, CompactOptions, DB, WaitForCompactOptions, WriteBatch, WriteOptions,
    properties,
};
use std::path::PathBuf;
use std::time::Instant;

/// A loaded engine, open for the run.
pub struct Loaded {
    /// What it is.
    pub contender: Contender,
    /// The directory of its database.
    pub dir: PathBuf,
    /// Its database.
    pub db: DB,
    /// Seconds that the inserts took.
    pub insert_seconds: f64,
    /// Seconds that the flush and the compaction after them took.
    pub settle_seconds: f64,
    /// The factories that the open database names.
    pub factories: mountdb::Factories,
    /// Its table files as the load left them.
    pub tables: TableProperties,
    /// The learned indexes that it holds.
    pub learned: Learned,
}

impl Loaded {
    /// RocksDB's own estimate of the memory of its table readers, in bytes.
    ///
    /// # Errors
    /// If RocksDB does not answer.
    pub fn reader_bytes(&self) -> Result<u64, Error> {
        let bytes = (self.db).property_int_value(properties::ESTIMATE_TABLE_READERS_MEM);
        let what = || format!("engine {}: asking for memory", self.contender.label);
        Ok(bytes.context(what)?.unwrap_or(0))
    }
}

/// Records per write batch.
const BATCH: usize = 1000;

/// Loads every engine of `plan` into its own directory of `dir`, one after the other,
/// and then opens them all.
///
/// # Errors
/// The first engine that cannot be opened or filled.
pub fn load(plan: &Plan, dir: &mut WorkDir, progress: Progress) -> Result<Vec<Loaded>, Error> {
    plan.check()?;
    mountdb::register().context(|| "registering mountdb".to_owned())?;
    let order = insert_order(plan);
    let mut filled = Vec::new();
    for contender in &plan.contenders {
        let dir = dir.engine(&contender.label)?;
        filled.push(Filled::new(plan, contender, &order, dir, progress)?);
    }
    // Loading leaves the heap in pieces. None is opened before all are loaded, or the
    // first would hold its indexes in other memory than the last.
    filled.into_iter().map(|filled| filled.open(plan)).collect()
}

/// The records in the order in which they are inserted.
fn insert_order(plan: &Plan) -> Vec<u32> {
    // `Dataset` sees to it that the numbers fit.
    let mut order: Vec<u32> = (0..plan.data.records.len() as u32).collect();
    if plan.insert_order == InsertOrder::Random {
        order.shuffle(&mut StdRng::seed_from_u64(plan.seed));
    }
    order
}

/// A loaded engine, closed.
struct Filled<'a> {
    contender: &'a Contender,
    dir: PathBuf,
    insert_seconds: f64,
    settle_seconds: f64,
}

impl<'a> Filled<'a> {
    fn new(
        plan: &Plan,
        contender: &'a Contender,
        order: &[u32],
        dir: PathBuf,
        progress: Progress,
    ) -> Result<Self, Error> {
        let label = &contender.label;
        let db = engine::open(contender, &plan.budget, &dir, Purpose::Load)?;
        let started = Instant::now();
        insert(&db, plan, label, order, progress)?;
        let insert_seconds = started.elapsed().as_secs_f64();
        let started = Instant::now();
        settle(&db, label)?;
        let settle_seconds = started.elapsed().as_secs_f64();
        Ok(Self {
            contender,
            dir,
            insert_seconds,
            settle_seconds,
        })
    }

    fn open(self, plan: &Plan) -> Result<Loaded, Error> {
        let Filled { contender, dir, .. } = self;
        // Every file is opened here and now, and nothing else happens meanwhile: the
        // counters rise by exactly what this database holds.
        let mut learned = Learned::default();
        let db = learned.watch(|| engine::open(contender, &plan.budget, &dir, Purpose::Run))?;
        let tables = TableProperties::of(&db)?;
        if tables.entries != plan.data.records.len() as u64 {
            return Err(Error::Run(format!(
                "engine {}: {} records were loaded, but its files hold {}",
                contender.label,
                plan.data.records.len(),
                tables.entries
            )));
        }
        Ok(Loaded {
            contender: contender.clone(),
            dir,
            factories: mountdb::db_factories(&db),
            db,
            insert_seconds: self.insert_seconds,
            settle_seconds: self.settle_seconds,
            tables,
            learned,
        })
    }
}

/// Opens loaded engines anew, with the options that `plan`, of the same engines, gives them.
///
/// # Errors
/// The first engine that cannot be opened.
pub fn reopen(loaded: Vec<Loaded>, plan: &Plan) -> Result<Vec<Loaded>, Error> {
    // All are closed before the first is opened.
    let filled: Vec<_> = (loaded.into_iter().zip(&plan.contenders))
        .map(|(loaded, contender)| Filled {
            contender,
            dir: loaded.dir,
            insert_seconds: loaded.insert_seconds,
            settle_seconds: loaded.settle_seconds,
        })
        .collect();
    filled.into_iter().map(|filled| filled.open(plan)).collect()
}

/// Inserts every record.
fn insert(
    db: &DB,
    plan: &Plan,
    label: &str,
    order: &[u32],
    progress: Progress,
) -> Result<(), Error> {
    let phase = progress.start(&format!("load {label}"), order.len() as u64);
    let keys = order.iter().map(|i| &plan.data.records[*i as usize]);
    write(db, label, keys, plan.value_bytes, plan.seed, |records| {
        phase.advance(records);
    })?;
    phase.finish();
    Ok(())
}

/// Writes the first value of every key, and tells `wrote` of each batch how many. The log is off:
/// a load that is cut short starts over.
///
/// # Errors
/// If RocksDB fails.
pub fn write<'k>(
    db: &DB,
    label: &str,
    keys: impl Iterator<Item = &'k Vec<u8>>,
    value_bytes: usize,
    seed: u64,
    mut wrote: impl FnMut(u64),
) -> Result<(), Error> {
    let mut options = WriteOptions::default();
    options.disable_wal(true);
    let mut value = vec![0; value_bytes];
    let mut keys = keys.peekable();
    while keys.peek().is_some() {
        let mut batch = WriteBatch::default();
        for key in keys.by_ref().take(BATCH) {
            values::fill(&mut value, values::mark(key, seed, 0));
            batch.put(key, &value);
        }
        let records = batch.len() as u64;
        db.write_opt(batch, &options)
            .context(|| format!("engine {label}: inserting"))?;
        wrote(records);
    }
    Ok(())
}

/// Writes the memtable out and merges all files into the bottom level in one go. The
/// files then depend on the records alone and not on when a compaction began.
///
/// # Errors
/// If a flush or a compaction failed.
pub fn settle(db: &DB, label: &str) -> Result<(), Error> {
    db.flush().context(|| format!("engine {label}: flushing"))?;
    let mut options = CompactOptions::default();
    options.set_bottommost_level_compaction(BottommostLevelCompaction::ForceOptimized);
    // Errors of a compaction come up in the wait and in the property below.
    db.compact_range_opt(None::<&[u8]>, None::<&[u8]>, &options);
    wait_for_background(db, label)
}

/// Waits until no flush or compaction is running or due.
///
/// # Errors
/// If one of them failed.
pub fn wait_for_background(db: &DB, label: &str) -> Result<(), Error> {
    let what = || format!("engine {label}: waiting for compactions");
    db.wait_for_compact(&WaitForCompactOptions::default())
        .context(what)?;
    let errors = db
        .property_int_value(properties::BACKGROUND_ERRORS)
        .context(what)?;
    match errors.unwrap_or(0) {
        0 => Ok(()),
        n => Err(Error::Run(format!(
            "engine {label}: {n} background errors; see the LOG in its directory"
        ))),
    }
}
