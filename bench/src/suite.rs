//! Several workloads one after the other, each on databases of its own.

use crate::compare;
use crate::dataset::{Dataset, InsertOrder, Source, Wanted};
use crate::engine::{Budget, Compression};
use crate::error::Error;
use crate::format::count;
use crate::keys::{self, KeySet};
use crate::load::{self, Loaded};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::results::{EngineFacts, Run, Suite};
use crate::run::Updates;
use crate::stop;
use crate::store::{self, Stored};
use crate::sysinfo;
use crate::workdir::WorkDir;
use crate::workload::Workload;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// What to measure.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The command line, for the report.
    pub command: Vec<String>,
    /// The engines by name; the first is the one that the others are compared to.
    pub engines: Vec<String>,
    /// What every engine gets alike.
    pub budget: Budget,
    /// All memory for cache, index and filters in percent of the data, instead of the size of
    /// the cache in the budget.
    pub memory_percent: Option<f64>,
    /// Where the keys come from.
    pub source: Source,
    /// Records to load; see [`Wanted::records`].
    pub records: Option<usize>,
    /// The order in which they are loaded.
    pub insert_order: InsertOrder,
    /// One after the other, each with the operations it runs.
    pub workloads: Vec<(Workload, usize)>,
    /// See [`Wanted::hold_out`].
    pub hold_out: bool,
    /// See [`Plan::absent_percent`].
    pub absent_percent: f64,
    /// See [`Plan::updates`].
    pub updates: Updates,
    /// See [`Plan::rounds`].
    pub rounds: usize,
    /// See [`Plan::threads`].
    pub threads: usize,
    /// See [`Plan::target`].
    pub target: Option<f64>,
    /// See [`Plan::seconds`].
    pub seconds: Option<f64>,
    /// See [`Plan::value_bytes`].
    pub value_bytes: usize,
    /// See [`Plan::seed`].
    pub seed: u64,
    /// Where the databases go, if not to a directory for temporary files.
    pub dir: Option<PathBuf>,
    /// Whether they stay.
    pub keep: bool,
}

impl Settings {
    /// The plan of a workload, without its keys.
    ///
    /// # Errors
    /// The first thing that cannot be run.
    fn plan(&self, workload: &Workload, operations: usize) -> Result<Plan, Error> {
        let operations = match self.seconds {
            Some(seconds) => operations.min(most_operations(workload, seconds)),
            None => operations,
        };
        let mut plan = Plan {
            contenders: Vec::new(),
            budget: self.budget.clone(),
            source: self.source.clone(),
            data: Dataset::default(),
            insert_order: self.insert_order,
            workload: workload.clone(),
            absent_percent: self.absent_percent,
            updates: self.updates,
            operations,
            rounds: self.rounds,
            threads: self.threads,
            target: self.target,
            seconds: self.seconds,
            value_bytes: self.value_bytes,
            seed: self.seed,
        };
        plan.contenders = plan.resolve(&self.engines)?;
        plan.check_numbers()?;
        Ok(plan)
    }

    fn wanted(&self, inserts: usize) -> Wanted {
        Wanted {
            records: self.records,
            inserts,
            hold_out: self.hold_out,
            order: self.insert_order,
            seed: self.seed,
        }
    }

    /// The plan of a workload on databases of its own.
    ///
    /// # Errors
    /// The first thing that cannot be run, or unusable keys.
    pub fn fresh_plan(&self, workload: &Workload, operations: usize) -> Result<Plan, Error> {
        let mut plan = self.plan(workload, operations)?;
        if workload.only_inserts() {
            plan.data = Dataset::new(&self.source, &self.wanted(0))?;
            // They are all inserted while it is measured, in the order of a load.
            plan.operations = plan.data.loaded;
            plan.data.loaded = 0;
            plan.check_numbers()?;
        } else {
            self.fit_inserts(&mut plan)?;
            plan.data = Dataset::new(&self.source, &self.wanted(plan.inserts()))?;
        }
        Ok(plan)
    }

    /// Plans no more operations than a file has keys to insert, where it was not said how many of
    /// them are there from the start: two of five at least.
    fn fit_inserts(&self, plan: &mut Plan) -> Result<(), Error> {
        let (Source::File(path), None) = (&self.source, self.records) else {
            return Ok(());
        };
        let inserts = plan.inserts();
        if inserts > 0 {
            let keys = keys::read_file_as_given(path).map_err(Error::Usage)?.len();
            let most = keys / 5 * 3;
            if inserts > most {
                let operations = plan.operations as f64 * most as f64 / inserts as f64;
                plan.operations = (operations as usize).max(plan.rounds);
            }
        }
        Ok(())
    }
}

/// More operations than anybody does in that time: keys to insert are made before they are inserted,
/// and scans pass over the places of those that are not there yet.
fn most_operations(workload: &Workload, seconds: f64) -> usize {
    let a_second = match workload.proportions.scan > 0.0 {
        true => 300_000.0,
        false => 3_000_000.0,
    };
    // Saturates.
    (seconds * a_second).ceil().max(1000.0) as usize
}

/// Checks all that can be checked before any work is done.
///
/// # Errors
/// The first thing that cannot be run.
pub fn check(settings: &Settings) -> Result<(), Error> {
    // The least that a key takes here.
    const KEY_BYTES: u64 = 48;
    let keys = settings.records.unwrap_or(0) as u64;
    if sysinfo::memory_bytes().is_some_and(|memory| keys.saturating_mul(KEY_BYTES) > memory) {
        return Err(Error::Usage(format!(
            "--records {keys}: the keys alone take more than the memory of this machine"
        )));
    }
    let mut names = HashSet::new();
    for (workload, operations) in &settings.workloads {
        let operations = match workload.only_inserts() {
            true => settings.rounds,
            false => *operations,
        };
        settings.plan(workload, operations)?;
        if !names.insert(&workload.name) {
            return Err(Error::Usage(format!(
                "--workload: {} is named twice",
                workload.name
            )));
        }
    }
    Ok(())
}

/// The directory of a workload's databases below `root`.
fn directory(settings: &Settings, root: &Path, workload: &Workload) -> PathBuf {
    match settings.workloads.len() {
        1 => root.to_owned(),
        _ => root.join(&workload.name),
    }
}

/// As [`check`], for fresh databases: directories that are in the way, and keys that do not
/// suffice for all workloads.
fn check_fresh(settings: &Settings) -> Result<(), Error> {
    check(settings)?;
    let is_limited = match settings.source {
        Source::File(_) => true,
        Source::Set(set) => set == KeySet::OneByte,
        Source::Numbered { .. } => false,
    };
    for (workload, operations) in &settings.workloads {
        if let Some(root) = &settings.dir {
            let plan = settings.plan(workload, (*operations).max(settings.rounds))?;
            let labels = plan.contenders.iter().map(|contender| &contender.label);
            WorkDir::is_free_for(&directory(settings, root, workload), labels)?;
        }
        if is_limited && settings.workloads.len() > 1 {
            settings.fresh_plan(workload, *operations)?.check()?;
        }
    }
    Ok(())
}

/// A workload that was measured.
struct Measured {
    plan: Plan,
    run: Run,
    /// The databases are closed before their directory goes.
    loaded: Vec<Loaded>,
    _dir: Option<WorkDir>,
}

/// Measures the workloads one after the other. What ends it early, a request to stop or an error,
/// leaves what there is.
fn each(
    settings: &Settings,
    progress: Progress,
    mut measure: impl FnMut(&Workload, usize) -> Result<Measured, Error>,
) -> Result<Suite, Error> {
    let mut suite = Suite {
        command: settings.command.clone(),
        ..Suite::default()
    };
    for (workload, operations) in &settings.workloads {
        if settings.workloads.len() > 1 {
            progress.headline(&format!("workload {}: {}", workload.name, workload.about()));
        }
        match measure(workload, *operations) {
            Ok(measured) => add(&mut suite, settings, measured),
            Err(e) if suite.runs.is_empty() => return Err(e),
            Err(e) => suite.stopped = Some(format!("workload {}: {e}", workload.name)),
        }
        if stop::requested() {
            suite.stopped = Some("interrupted before it was done".to_owned());
        }
        if suite.stopped.is_some() {
            break;
        }
    }
    Ok(suite)
}

/// Runs every workload on fresh databases.
///
/// # Errors
/// If nothing was measured, because a database could not be made or RocksDB failed; wrong values
/// are counted.
pub fn compare(settings: &Settings, progress: Progress) -> Result<Suite, Error> {
    check_fresh(settings)?;
    // Removed behind those of the workloads, if it was not there before.
    let _root = match &settings.dir {
        Some(root) => Some(WorkDir::new(Some(root), settings.keep)?),
        None => None,
    };
    each(settings, progress, |workload, operations| {
        let mut plan = settings.fresh_plan(workload, operations)?;
        if plan.operations < operations && !workload.only_inserts() && settings.seconds.is_none() {
            progress.headline(&format!(
                "{} operations instead of {}: the file has no more keys to insert",
                count(plan.operations as u64),
                count(operations as u64)
            ));
        }
        let root = settings.dir.as_deref();
        let root = root.map(|root| directory(settings, root, workload));
        let mut dir = WorkDir::new(root.as_deref(), settings.keep)?;
        dir.has_room_for(plan.disk_bytes())?;
        let mut loaded = match workload.only_inserts() {
            true => load::empty(&plan, &mut dir)?,
            false => load::load(&plan, &mut dir, progress)?,
        };
        if let Some(percent) = settings.memory_percent {
            loaded = within(loaded, &mut plan, settings, percent)?;
        }
        let (run, loaded) = measure(&plan, loaded, progress)?;
        if settings.keep {
            progress.headline(&format!("the databases are in {}", dir.path().display()));
        }
        let _dir = Some(dir);
        Ok(Measured {
            plan,
            run,
            loaded,
            _dir,
        })
    })
}

/// Fills new databases, measures that, and leaves them for [`run`].
///
/// # Errors
/// If a database is there already or cannot be made, or RocksDB fails.
pub fn load_phase(settings: &Settings, root: &Path, progress: Progress) -> Result<Suite, Error> {
    check(settings)?;
    each(settings, progress, |workload, operations| {
        let plan = settings.fresh_plan(workload, operations)?;
        let mut dir = WorkDir::new(Some(root), false)?;
        dir.has_room_for(plan.disk_bytes())?;
        let loaded = load::empty(&plan, &mut dir)?;
        // Until they are filled nobody takes them for what an earlier file says of them.
        for loaded in &loaded {
            dir.own(store::file(root, &loaded.contender.label));
        }
        store::mark_running(root, &loaded)?;
        let (run, loaded) = measure(&plan, loaded, progress)?;
        if !stop::requested() {
            let records = plan.data.places.len();
            save(settings, root, &plan, records, &loaded)?;
            dir.leave();
        }
        let _dir = Some(dir);
        Ok(Measured {
            plan,
            run,
            loaded,
            _dir,
        })
    })
}

/// Runs workloads on databases that [`load_phase`] has filled, one after the other.
///
/// # Errors
/// If nothing was measured, because a database is not there or was made with other settings, or
/// RocksDB failed.
pub fn run(settings: &Settings, root: &Path, progress: Progress) -> Result<Suite, Error> {
    check(settings)?;
    each(settings, progress, |workload, operations| {
        let mut plan = settings.plan(workload, operations)?;
        let stored = store::read_all(root, &plan.contenders)?;
        let there = store::records_there(&stored)?;
        let later = there.total - there.loaded + plan.inserts();
        let wanted = Wanted {
            records: Some(there.loaded),
            ..settings.wanted(later)
        };
        plan.data = Dataset::new(&settings.source, &wanted)?;
        store::check_keys(&stored, &plan.data)?;
        plan.data.loaded = there.total;
        let mut loaded = store::open(&stored, root, &plan)?;
        if let Some(percent) = settings.memory_percent {
            loaded = within(loaded, &mut plan, settings, percent)?;
        }
        // Runs that ended early, or without all engines, have left them with different records.
        let is_uneven = loaded
            .iter()
            .any(|loaded| loaded.records.count() < there.total);
        if workload.writes() || is_uneven {
            // Whatever ends this, nobody takes what is left for what it was.
            store::mark_running(root, &loaded)?;
            compare::level(&plan, &loaded)?;
        }
        let (run, loaded) = measure(&plan, loaded, progress)?;
        if workload.writes() || is_uneven {
            save(settings, root, &plan, there.loaded, &loaded)?;
        }
        Ok(Measured {
            plan,
            run,
            loaded,
            _dir: None,
        })
    })
}

/// Notes what the databases hold.
fn save(
    settings: &Settings,
    root: &Path,
    plan: &Plan,
    records: usize,
    loaded: &[Loaded],
) -> Result<(), Error> {
    loaded.iter().try_for_each(|loaded| {
        let stored = Stored::new(settings, &loaded.contender, &plan.data, records);
        stored.save(root, loaded, &plan.data)
    })
}

fn within(
    loaded: Vec<Loaded>,
    plan: &mut Plan,
    settings: &Settings,
    percent: f64,
) -> Result<Vec<Loaded>, Error> {
    let usage = plan.usage();
    let resolve = |budget: &Budget| crate::engine::resolve(&settings.engines, budget, usage);
    let (loaded, _) = load::reopen_within(loaded, plan, percent, resolve)?;
    Ok(loaded)
}

/// Measures a workload; engines that were filled by it are opened anew, to see their files.
fn measure(
    plan: &Plan,
    loaded: Vec<Loaded>,
    progress: Progress,
) -> Result<(Run, Vec<Loaded>), Error> {
    let mut run = compare::run(plan, &loaded, progress)?;
    let mut facts = facts_of_run(plan);
    facts.append(&mut run.facts);
    run.facts = facts;
    if !plan.workload.only_inserts() {
        return Ok((run, loaded));
    }
    let loaded = load::reopen(loaded, plan)?;
    for (outcome, loaded) in run.outcomes.iter_mut().zip(&loaded) {
        outcome.tables = loaded.tables;
        outcome.learned = loaded.learned;
    }
    compare::check_again(plan, &loaded, &mut run, progress)?;
    Ok((run, loaded))
}

/// Adds a workload, and what is the same for all of them once there is a database to ask.
fn add(suite: &mut Suite, settings: &Settings, measured: Measured) {
    let Measured {
        plan,
        mut run,
        loaded,
        ..
    } = measured;
    if suite.engines.is_empty() {
        suite.facts = facts(settings, &plan, &loaded);
        suite.engines = loaded.iter().map(engine_facts).collect();
    }
    // The best settings depend on the workload.
    for (engine, loaded) in suite.engines.iter().zip(&loaded) {
        if engine.options != loaded.contender.recipe() {
            let name = format!("{} here", engine.label);
            run.facts.push((name, loaded.contender.recipe()));
        }
    }
    suite.runs.push(run);
}

fn engine_facts(loaded: &Loaded) -> EngineFacts {
    let contender = &loaded.contender;
    EngineFacts {
        label: contender.label.clone(),
        about: contender.about.to_owned(),
        is_stock: contender.is_stock(),
        options: contender.recipe(),
        table_factory: loaded.factories.table.clone(),
        memtable_factory: loaded.factories.memtable.clone(),
        resolved: sysinfo::options_file(&loaded.dir).unwrap_or_default(),
    }
}

fn facts(settings: &Settings, plan: &Plan, loaded: &[Loaded]) -> Vec<(String, String)> {
    let Settings { budget, .. } = settings;
    let mebibytes = |bytes: u64| format!("{} MiB", count(bytes / (1 << 20)));
    let mut facts = Vec::new();
    let mut fact = |name: &str, text: String| facts.push((name.to_owned(), text));
    fact("keys", plan.source.to_string());
    fact(
        "values",
        format!(
            "{} bytes, incompressible, every byte checked",
            plan.value_bytes
        ),
    );
    fact("load", format!("{} order", settings.insert_order.name()));
    let filter = match budget.bloom_bits {
        0 => "no filter".to_owned(),
        bits => format!("bloom filter {bits} bits/key"),
    };
    let compression = match budget.compression {
        Compression::None => "no compression",
        compression => compression.name(),
    };
    let memory = match settings.memory_percent {
        Some(percent) => format!("cache (lru), index and filters in {percent}% of the data"),
        None => {
            let cache = budget.cache.name();
            format!("block cache {} ({cache})", mebibytes(budget.cache_bytes))
        }
    };
    fact(
        "each engine",
        format!(
            "{memory}, {filter}, blocks of {} bytes, write buffer {}, {compression}",
            budget.block_bytes,
            mebibytes(budget.write_buffer_bytes as u64),
        ),
    );
    let page_cache = match budget.direct_reads {
        true => {
            "bypassed by direct reads: a block that the block cache lacks comes from the device"
        }
        false => "in use: a block that the block cache lacks may come from memory",
    };
    fact("OS page cache", page_cache.to_owned());
    fact("seed", plan.seed.to_string());
    let (cores, memory) = (sysinfo::cores(), sysinfo::memory());
    fact(
        "machine",
        format!(
            "{}, {cores} cores, {memory} of memory",
            sysinfo::cpu_model()
        ),
    );
    let version = loaded
        .first()
        .map(|first| sysinfo::rocksdb_version(&first.dir));
    fact("RocksDB", version.unwrap_or_default());
    fact("mountdb", env!("CARGO_PKG_VERSION").to_owned());
    facts
}

fn facts_of_run(plan: &Plan) -> Vec<(String, String)> {
    let Plan {
        workload,
        data,
        operations,
        rounds,
        threads,
        ..
    } = plan;
    let mut facts = Vec::new();
    let mut fact = |name: &str, text: String| facts.push((name.to_owned(), text));
    let records = match data.loaded {
        0 => "none at first".to_owned(),
        loaded => count(loaded as u64),
    };
    fact("records", records);
    let s = if *threads == 1 { "" } else { "s" };
    fact(
        "operations",
        format!(
            "{} per engine in {rounds} interleaved rounds, {threads} thread{s}",
            count(*operations as u64)
        ),
    );
    if workload.reads() {
        fact("requests", plan.workload.distribution.to_string());
    }
    if plan.absent_percent > 0.0 && workload.proportions.read > 0.0 {
        let text = format!("{}% of the reads", plan.absent_percent);
        fact("absent keys", text);
    }
    if workload.proportions.update > 0.0 {
        let text = match plan.updates {
            Updates::ReadWrite => "the record is read, then written, as YCSB's bindings do",
            Updates::Blind => "the record is written without being read",
        };
        fact("updates", text.to_owned());
    }
    if workload.writes() {
        fact(
            "writes",
            "one at a time, through the log, which is not synced".to_owned(),
        );
    }
    if let Some(target) = plan.target {
        fact("target", format!("{target} operations/s"));
    }
    if let Some(seconds) = plan.seconds {
        fact("time", format!("at most {seconds} s per engine"));
    }
    facts
}
