//! Several workloads one after the other, each on databases of its own.

use crate::compare;
use crate::dataset::{Dataset, InsertOrder, Source, Wanted};
use crate::engine::{Budget, Compression};
use crate::error::Error;
use crate::format::count;
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
            plan.data = Dataset::new(&self.source, &self.wanted(plan.inserts()))?;
        }
        Ok(plan)
    }
}

/// Checks all that can be checked before any work is done.
///
/// # Errors
/// The first thing that cannot be run.
pub fn check(settings: &Settings) -> Result<(), Error> {
    for (workload, operations) in &settings.workloads {
        let operations = match workload.only_inserts() {
            true => settings.rounds,
            false => *operations,
        };
        settings.plan(workload, operations)?;
    }
    Ok(())
}

/// Runs every workload on fresh databases. A request to stop ends it early, with what there is.
///
/// # Errors
/// If a database cannot be made, or RocksDB fails; wrong values are counted.
pub fn compare(settings: &Settings, progress: Progress) -> Result<Suite, Error> {
    check(settings)?;
    let mut suite = Suite {
        command: settings.command.clone(),
        ..Suite::default()
    };
    let several = settings.workloads.len() > 1;
    // Removed behind those of the workloads, if it was not there before.
    let _root = match &settings.dir {
        Some(root) => Some(WorkDir::new(Some(root), settings.keep)?),
        None => None,
    };
    for (workload, operations) in &settings.workloads {
        if several {
            progress.headline(&format!("workload {}: {}", workload.name, workload.about()));
        }
        let mut plan = settings.fresh_plan(workload, *operations)?;
        let below = |root: &Path| match several {
            true => root.join(&workload.name),
            false => root.to_owned(),
        };
        let root = settings.dir.as_deref().map(below);
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
        describe(&mut suite, settings, &plan, &loaded);
        suite.runs.push(run);
        if settings.keep {
            progress.headline(&format!("the databases are in {}", dir.path().display()));
        }
        // The databases are closed before their directory goes.
        drop(loaded);
        if stop::requested() {
            break;
        }
    }
    note_stop(&mut suite);
    Ok(suite)
}

/// Fills new databases, measures that, and leaves them for [`run`].
///
/// # Errors
/// If a database is there already or cannot be made, or RocksDB fails.
pub fn load_phase(settings: &Settings, root: &Path, progress: Progress) -> Result<Suite, Error> {
    let mut suite = Suite {
        command: settings.command.clone(),
        ..Suite::default()
    };
    let plan = settings.fresh_plan(&Workload::load(), settings.rounds)?;
    let mut dir = WorkDir::new(Some(root), false)?;
    dir.has_room_for(plan.disk_bytes())?;
    let loaded = load::empty(&plan, &mut dir)?;
    let (run, loaded) = measure(&plan, loaded, progress)?;
    describe(&mut suite, settings, &plan, &loaded);
    suite.runs.push(run);
    note_stop(&mut suite);
    if suite.stopped.is_none() {
        for loaded in &loaded {
            Stored::new(settings, &plan).save(root, loaded, &plan.data)?;
        }
        dir.leave();
    }
    Ok(suite)
}

/// Runs workloads on databases that [`load_phase`] has filled, one after the other.
///
/// # Errors
/// If a database is not there, or was made with other settings, or RocksDB fails.
pub fn run(settings: &Settings, root: &Path, progress: Progress) -> Result<Suite, Error> {
    check(settings)?;
    let mut suite = Suite {
        command: settings.command.clone(),
        ..Suite::default()
    };
    for (workload, operations) in &settings.workloads {
        if settings.workloads.len() > 1 {
            progress.headline(&format!("workload {}: {}", workload.name, workload.about()));
        }
        let mut plan = settings.plan(workload, *operations)?;
        let stored = store::read_all(root, &plan.contenders)?;
        let there = store::records_there(&stored)?;
        let wanted = settings.wanted(there.total - there.loaded + plan.inserts());
        plan.data = Dataset::new(
            &settings.source,
            &Wanted {
                records: Some(there.loaded),
                ..wanted
            },
        )?;
        plan.data.loaded = there.total;
        let mut loaded = store::open(&stored, root, &plan)?;
        if let Some(percent) = settings.memory_percent {
            loaded = within(loaded, &mut plan, settings, percent)?;
        }
        if workload.writes() {
            // Whatever ends this, nobody takes what is left for what it was.
            store::mark_running(root, &loaded)?;
        }
        let (run, loaded) = measure(&plan, loaded, progress)?;
        if workload.writes() {
            for loaded in &loaded {
                Stored::new(settings, &plan)
                    .with_loaded(there.loaded)
                    .save(root, loaded, &plan.data)?;
            }
        }
        describe(&mut suite, settings, &plan, &loaded);
        suite.runs.push(run);
        if stop::requested() {
            break;
        }
    }
    note_stop(&mut suite);
    Ok(suite)
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
    Ok((run, loaded))
}

fn note_stop(suite: &mut Suite) {
    if stop::requested() {
        suite.stopped = Some("interrupted before it was done".to_owned());
    }
}

/// Adds what is the same for all workloads, once there is a database to ask.
fn describe(suite: &mut Suite, settings: &Settings, plan: &Plan, loaded: &[Loaded]) {
    if suite.engines.is_empty() {
        suite.facts = facts(settings, plan, loaded);
        suite.engines = loaded.iter().map(engine_facts).collect();
    }
}

fn engine_facts(loaded: &Loaded) -> EngineFacts {
    let contender = &loaded.contender;
    EngineFacts {
        label: contender.label.clone(),
        about: contender.about.to_owned(),
        is_stock: contender.is_stock(),
        options: contender.options.clone(),
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
        Compression::Lz4 => "lz4",
        Compression::Snappy => "snappy",
    };
    let memory = match settings.memory_percent {
        Some(percent) => format!("cache, index and filters in {percent}% of the data"),
        None => format!("block cache {}", mebibytes(budget.cache_bytes)),
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
    let records = match workload.only_inserts() {
        true => "none at first".to_owned(),
        false => count(data.loaded as u64),
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
    if plan.absent_percent > 0.0 {
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
