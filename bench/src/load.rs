//! Databases before they are measured: filled with the same records and brought to the same shape,
//! or empty.

use crate::engine::{self, BlockCache, Budget, Contender, Purpose};
use crate::error::{Context, Error};
use crate::learned::Learned;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::records::Records;
use crate::stop;
use crate::tableprops::TableProperties;
use crate::values;
use crate::workdir::WorkDir;
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
    /// What its records hold.
    pub records: Records,
    /// Seconds that the inserts took, and the flush and the compaction after them, if it was
    /// filled here.
    pub load_seconds: Option<(f64, f64)>,
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
        self.memory(properties::ESTIMATE_TABLE_READERS_MEM)
    }

    /// A property that counts memory, in bytes.
    ///
    /// # Errors
    /// If RocksDB does not answer.
    pub fn memory(&self, property: &properties::PropName) -> Result<u64, Error> {
        let bytes = self.db.property_int_value(property);
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
    // All of them before the first is filled: one that is in the way costs no work.
    let labels = plan.contenders.iter().map(|contender| &contender.label);
    let dirs: Vec<PathBuf> = labels
        .map(|label| dir.engine(label))
        .collect::<Result<_, _>>()?;
    let mut closed = Vec::new();
    for (contender, dir) in plan.contenders.iter().zip(dirs) {
        closed.push(Closed::fill(plan, contender, dir, progress)?);
    }
    // Loading leaves the heap in pieces. None is opened before all are loaded, or the
    // first would hold its indexes in other memory than the last.
    let loaded = closed.into_iter().map(|closed| closed.open(plan));
    let loaded = loaded.collect::<Result<Vec<_>, _>>()?;
    for Loaded {
        tables, contender, ..
    } in &loaded
    {
        if tables.entries != plan.data.loaded as u64 {
            return Err(Error::Run(format!(
                "engine {}: {} records were loaded, but its files hold {}",
                contender.label, plan.data.loaded, tables.entries
            )));
        }
    }
    Ok(loaded)
}

/// Opens an empty database for every engine of `plan`, to be filled while it is measured.
///
/// # Errors
/// The first engine that cannot be opened.
pub fn empty(plan: &Plan, dir: &mut WorkDir) -> Result<Vec<Loaded>, Error> {
    plan.check()?;
    mountdb::register().context(|| "registering mountdb".to_owned())?;
    let open = |contender: &Contender| {
        let dir = dir.engine(&contender.label)?;
        let db = engine::open(contender, &plan.budget, &dir, Purpose::Fill)?;
        Ok(Loaded {
            contender: contender.clone(),
            dir,
            records: Records::new(&plan.data),
            load_seconds: None,
            factories: mountdb::db_factories(&db),
            db,
            tables: TableProperties::default(),
            learned: Learned::default(),
        })
    };
    plan.contenders.iter().map(open).collect()
}

/// A database that is not open.
pub struct Closed<'a> {
    /// What it is.
    pub contender: &'a Contender,
    /// Where it is.
    pub dir: PathBuf,
    /// What its records hold.
    pub records: Records,
    /// See [`Loaded::load_seconds`].
    pub load_seconds: Option<(f64, f64)>,
}

impl<'a> Closed<'a> {
    fn fill(
        plan: &Plan,
        contender: &'a Contender,
        dir: PathBuf,
        progress: Progress,
    ) -> Result<Self, Error> {
        let label = &contender.label;
        let db = engine::open(contender, &plan.budget, &dir, Purpose::Load)?;
        let started = Instant::now();
        insert(&db, plan, label, progress)?;
        let insert_seconds = started.elapsed().as_secs_f64();
        let started = Instant::now();
        settle(&db, label)?;
        let settle_seconds = started.elapsed().as_secs_f64();
        Ok(Self {
            contender,
            dir,
            records: Records::new(&plan.data),
            load_seconds: Some((insert_seconds, settle_seconds)),
        })
    }

    /// Opens it with the budget of a plan.
    ///
    /// # Errors
    /// If RocksDB or mountdb refuses.
    pub fn open(self, plan: &Plan) -> Result<Loaded, Error> {
        let Closed { contender, dir, .. } = self;
        // Every file is opened here and now, and nothing else happens meanwhile: the
        // counters rise by exactly what this database holds.
        let mut learned = Learned::default();
        let db = learned.watch(|| engine::open(contender, &plan.budget, &dir, Purpose::Run))?;
        Ok(Loaded {
            contender: contender.clone(),
            dir,
            records: self.records,
            load_seconds: self.load_seconds,
            factories: mountdb::db_factories(&db),
            tables: TableProperties::of(&db)?,
            db,
            learned,
        })
    }
}

/// Opens engines anew, with the options that `plan`, of the same engines, gives them.
///
/// # Errors
/// The first engine that cannot be opened.
pub fn reopen(loaded: Vec<Loaded>, plan: &Plan) -> Result<Vec<Loaded>, Error> {
    // All are closed before the first is opened.
    let closed: Vec<_> = (loaded.into_iter().zip(&plan.contenders))
        .map(|(loaded, contender)| Closed {
            contender,
            dir: loaded.dir,
            records: loaded.records,
            load_seconds: loaded.load_seconds,
        })
        .collect();
    closed.into_iter().map(|closed| closed.open(plan)).collect()
}

/// Opens engines anew with `percent` of their data for cache, index and filters together: what the
/// table readers of an engine do not take goes to its block cache. Gives the sizes of the caches,
/// in bytes.
///
/// # Errors
/// If an engine cannot be opened.
pub fn reopen_within(
    loaded: Vec<Loaded>,
    plan: &mut Plan,
    percent: f64,
    resolve: impl Fn(&Budget) -> Result<Vec<Contender>, Error>,
) -> Result<(Vec<Loaded>, Vec<u64>), Error> {
    // An empty database will hold what is inserted.
    let planned = plan.data.keys.total_bytes() + plan.data.keys.len() * plan.value_bytes;
    let data = match loaded.first().map_or(0, |first| first.tables.data_bytes) {
        0 => planned as u64,
        stored => stored,
    };
    let memory = (data as f64 * percent / 100.0) as u64;
    let mut caches = Vec::new();
    for (i, loaded) in loaded.iter().enumerate() {
        let cache_bytes = memory.saturating_sub(loaded.reader_bytes()?);
        let budget = Budget {
            cache_bytes,
            // HyperClockCache keeps an entry that is larger than itself.
            cache: BlockCache::Lru,
            ..plan.budget.clone()
        };
        plan.contenders[i] = resolve(&budget)?.swap_remove(i);
        caches.push(cache_bytes);
    }
    Ok((reopen(loaded, plan)?, caches))
}

/// Inserts every record.
fn insert(db: &DB, plan: &Plan, label: &str, progress: Progress) -> Result<(), Error> {
    let phase = progress.start(&format!("load {label}"), plan.data.loaded as u64);
    let keys = plan.data.loaded_keys();
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
    keys: impl Iterator<Item = &'k [u8]>,
    value_bytes: usize,
    seed: u64,
    mut wrote: impl FnMut(u64),
) -> Result<(), Error> {
    let mut options = WriteOptions::default();
    options.disable_wal(true);
    let mut value = vec![0; value_bytes];
    let mut keys = keys.peekable();
    while keys.peek().is_some() {
        if stop::requested() {
            return Err(Error::Interrupted);
        }
        let mut batch = WriteBatch::default();
        for key in keys.by_ref().take(BATCH) {
            values::fill(&mut value, values::first_mark(key, seed));
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
