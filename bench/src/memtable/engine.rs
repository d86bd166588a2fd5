//! The table of memtables.
//!
//! Each is an options string for stock RocksDB; all other options are the same for all.

use crate::engine::{OPTIONS_PREFIX, split_list};
use crate::error::Error;
use std::collections::HashMap;

/// A line of the table of memtables.
#[derive(Debug)]
pub struct Engine {
    /// The name on the command line.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// Its options string.
    options: &'static str,
    /// The memtable factory that the open database must name.
    factory: &'static str,
    /// Whether it can be read while it is written, at a price that does not grow with it.
    readable: bool,
}

/// What the others are compared to.
pub const BASE: &str = "skiplist";

/// Whose ratios are held against the goals.
pub const JUDGED: &str = "mountdb";

/// The table of memtables.
pub const ENGINES: &[Engine] = &[
    Engine {
        name: BASE,
        about: "RocksDB's skip list, its default",
        options: "",
        factory: "SkipListFactory",
        readable: true,
    },
    Engine {
        name: "vector",
        about: "RocksDB's vector, which keeps no order: the ceiling of what an insert can reach",
        options: "memtable_factory=vector",
        factory: "VectorRepFactory",
        readable: false,
    },
    Engine {
        name: JUDGED,
        about: "mountdb's learned memtable",
        options: "memtable_factory={id=mountdb}",
        factory: "mountdb",
        readable: true,
    },
    Engine {
        name: "no-reuse",
        about: "mountdb's, each memtable on its own: nothing is taken over from the one before",
        options: "memtable_factory={id=mountdb;reuse=false}",
        factory: "mountdb",
        readable: true,
    },
    Engine {
        name: "no-model",
        about: "mountdb's, equal-depth boundaries taken over without a model",
        options: "memtable_factory={id=mountdb;model=false}",
        factory: "mountdb",
        readable: true,
    },
];

/// A memtable of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contender {
    /// Its name in the report; no two of a run are the same.
    pub label: String,
    /// Its options string.
    pub options: String,
    /// The memtable factory it must turn out to use, where that is known.
    pub factory: Option<&'static str>,
    /// Whether it takes part in workloads that read.
    pub readable: bool,
}

/// Every engine of the table, separated by commas.
pub fn all() -> String {
    let names: Vec<_> = ENGINES.iter().map(|engine| engine.name).collect();
    names.join(",")
}

/// Looks up a comma-separated list. The same name twice is two contenders: what they
/// differ by is the noise of the measurement.
///
/// # Errors
/// An unknown name, or none; the message lists all.
pub fn resolve(list: &str) -> Result<Vec<Contender>, Error> {
    let mut uses = HashMap::new();
    let mut contenders = Vec::new();
    for name in split_list(list) {
        let mut contender = match name.strip_prefix(OPTIONS_PREFIX) {
            Some(options) => Contender {
                label: "options".to_owned(),
                options: options.to_owned(),
                factory: None,
                readable: true,
            },
            None => by_name(&name)?,
        };
        let used: &mut u32 = uses.entry(contender.label.clone()).or_default();
        *used += 1;
        if *used > 1 {
            contender.label = format!("{}-{used}", contender.label);
        }
        contenders.push(contender);
    }
    if contenders.is_empty() {
        let all = all();
        return Err(Error::Usage(format!(
            "no engine given: name some with --engines, of {all}"
        )));
    }
    Ok(contenders)
}

fn by_name(name: &str) -> Result<Contender, Error> {
    let engine = ENGINES.iter().find(|engine| engine.name == name);
    let engine = engine.ok_or_else(|| {
        let all = all().replace(',', ", ");
        Error::Usage(format!(
            "unknown memtable `{name}`: choose from {all}, or \
             {OPTIONS_PREFIX}memtable_factory={{id=...}}"
        ))
    })?;
    Ok(Contender {
        label: engine.name.to_owned(),
        options: engine.options.to_owned(),
        factory: Some(engine.factory),
        readable: engine.readable,
    })
}
