//! What a later command must know of databases that stay: a small file beside each.

use crate::dataset::{Dataset, Source};
use crate::engine::Contender;
use crate::error::{Context, Error};
use crate::load::{Closed, Loaded};
use crate::plan::Plan;
use crate::records::Records;
use crate::suite::Settings;
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// How the databases of an engine were made, and what they hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The settings, by the name of the option that sets them.
    pub settings: Map<String, Value>,
    /// The options string, if that is all that is known of the engine.
    pub options: Option<String>,
    /// Of the keys that the load phase inserted, see [`Dataset::fingerprint`].
    pub fingerprint: u64,
    /// Records that the load phase inserted; the others came later.
    pub loaded: usize,
    /// How often each record was written, by number.
    pub writes: Vec<u64>,
}

/// The format of the file.
const VERSION: u64 = 1;

impl Stored {
    /// What there is to know of an engine before anything is written: made with `settings`, the
    /// keys of the load phase being the first `loaded` ones of `data`.
    pub fn new(settings: &Settings, contender: &Contender, data: &Dataset, loaded: usize) -> Self {
        Self {
            settings: described(settings),
            options: contender.table.is_none().then(|| contender.options.clone()),
            fingerprint: data.fingerprint(loaded),
            loaded,
            writes: Vec::new(),
        }
    }

    /// Writes the file of an engine whose records are as they are now.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, root: &Path, loaded: &Loaded, data: &Dataset) -> Result<(), Error> {
        let mut writes = loaded.records.writes(data);
        let there = writes.iter().rposition(|writes| *writes > 0);
        writes.truncate(there.map_or(0, |last| last + 1));
        // Most records are written once: only others are listed.
        let listed: Vec<Value> = (writes.iter().enumerate())
            .filter(|(_, writes)| **writes != 1)
            .map(|(number, writes)| json!([number, writes]))
            .collect();
        let text = json!({
            "version": VERSION,
            "state": "complete",
            "settings": self.settings,
            "options": self.options,
            "fingerprint": self.fingerprint,
            "loaded": self.loaded,
            "records": writes.len(),
            "written_otherwise_than_once": listed,
        });
        write(&file(root, &loaded.contender.label), &text.to_string())
    }

    /// Reads the file of an engine.
    ///
    /// # Errors
    /// If there is none, or it is damaged, or says that a run was cut off.
    pub fn read(root: &Path, label: &str) -> Result<Self, Error> {
        let path = file(root, label);
        let usage = |why: String| Error::Usage(format!("{}: {why}", path.display()));
        let text = fs::read_to_string(&path).map_err(|e| {
            usage(format!(
                "{e}; fill the database with `ycsb load` and the same --db first"
            ))
        })?;
        let damaged = || usage("is damaged: remove the databases and load anew".to_owned());
        let value: Value = serde_json::from_str(&text).map_err(|_| damaged())?;
        if value["version"] != json!(VERSION) {
            return Err(usage(
                "was written by another version of ycsb: load anew".to_owned(),
            ));
        }
        if value["state"] != json!("complete") {
            return Err(usage(
                "a run was cut off while it wrote, so nobody knows what the database holds: \
                 remove it and load anew"
                    .to_owned(),
            ));
        }
        let number = |value: &Value| value.as_u64().and_then(|n| usize::try_from(n).ok());
        let settings = value["settings"].as_object().ok_or_else(damaged)?.clone();
        let options = value["options"].as_str().map(str::to_owned);
        let fingerprint = value["fingerprint"].as_u64().ok_or_else(damaged)?;
        let loaded = number(&value["loaded"]).ok_or_else(damaged)?;
        let records = number(&value["records"]).ok_or_else(damaged)?;
        let listed = value["written_otherwise_than_once"]
            .as_array()
            .ok_or_else(damaged)?;
        // A file that asks for more memory than its records can take is damaged.
        if loaded > records || records > isize::MAX as usize / 64 {
            return Err(damaged());
        }
        let mut writes = Vec::new();
        writes.try_reserve_exact(records).map_err(|_| damaged())?;
        writes.resize(records, 1);
        for pair in listed {
            let place = number(&pair[0]).and_then(|number| writes.get_mut(number));
            *place.ok_or_else(damaged)? = pair[1].as_u64().ok_or_else(damaged)?;
        }
        Ok(Self {
            settings,
            options,
            fingerprint,
            loaded,
            writes,
        })
    }

    /// A setting, if it was made.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.settings.get(name)?.as_str()
    }
}

/// The settings that decide what a database holds, by the name of the option that sets them.
fn described(settings: &Settings) -> Map<String, Value> {
    let Settings {
        budget,
        source,
        value_bytes,
        insert_order,
        seed,
        ..
    } = settings;
    let mut map = Map::new();
    let mut add = |name: &str, text: String| map.insert(name.to_owned(), Value::String(text));
    match source {
        Source::Set(set) => add("keys", set.to_string()),
        Source::Numbered { ordered, digits } => {
            add(
                "insertorder",
                if *ordered { "ordered" } else { "hashed" }.to_owned(),
            );
            add("zeropadding", digits.to_string())
        }
        Source::File(path) => {
            let path = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
            add("keys-file", path.display().to_string())
        }
    };
    add("value-size", value_bytes.to_string());
    add("insert-order", insert_order.name().to_owned());
    add("seed", seed.to_string());
    add("bloom-bits", budget.bloom_bits.to_string());
    add("block-size", budget.block_bytes.to_string());
    add("compression", budget.compression.name().to_owned());
    add("hold-out", settings.hold_out.to_string());
    map
}

/// The file of an engine.
pub fn file(root: &Path, label: &str) -> PathBuf {
    root.join(format!("{label}.ycsb"))
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    // Whole or not at all.
    let new = path.with_extension("ycsb.new");
    fs::write(&new, text)
        .and_then(|()| fs::rename(&new, path))
        .context(|| format!("writing {}", path.display()))
}

/// Reads the files of some engines.
///
/// # Errors
/// See [`Stored::read`]; or if an options string is not the one that made the database.
pub fn read_all(root: &Path, contenders: &[Contender]) -> Result<Vec<Stored>, Error> {
    let read = |contender: &Contender| {
        let stored = Stored::read(root, &contender.label)?;
        let options = contender.table.is_none().then_some(&contender.options);
        if stored.options.as_ref() != options {
            return Err(Error::Usage(format!(
                "engine {}: the database was made with the options {}; give them, or load anew",
                contender.label,
                stored.options.as_deref().unwrap_or("of another engine"),
            )));
        }
        Ok(stored)
    };
    contenders.iter().map(read).collect()
}

/// The records that engines hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct There {
    /// From the load phase.
    pub loaded: usize,
    /// In all, of the engine that holds the most.
    pub total: usize,
}

/// How many records there are.
///
/// # Errors
/// If the engines were not loaded with the same.
pub fn records_there(stored: &[Stored]) -> Result<There, Error> {
    let first = stored.first();
    let first = first.ok_or_else(|| Error::Usage("no engine given".to_owned()))?;
    let made = |stored: &Stored| (stored.loaded, stored.fingerprint);
    if stored.iter().any(|stored| made(stored) != made(first)) {
        return Err(Error::Usage(
            "the databases were loaded with different records: name engines that were loaded \
             together, or load anew"
                .to_owned(),
        ));
    }
    let total = stored.iter().map(|stored| stored.writes.len()).max();
    Ok(There {
        loaded: first.loaded,
        total: total.unwrap_or(first.loaded),
    })
}

/// Whether the keys are still those that were loaded.
///
/// # Errors
/// If not.
pub fn check_keys(stored: &[Stored], data: &Dataset) -> Result<(), Error> {
    // All were loaded with the same.
    let is_it = |stored: &Stored| stored.fingerprint == data.fingerprint(stored.loaded);
    match stored.first().is_none_or(is_it) {
        true => Ok(()),
        false => Err(Error::Usage(
            "the keys are not those that were loaded: was the file of keys changed? Load anew"
                .to_owned(),
        )),
    }
}

/// Opens the databases.
///
/// # Errors
/// If one is not there, or RocksDB or mountdb refuses.
pub fn open(stored: &[Stored], root: &Path, plan: &Plan) -> Result<Vec<Loaded>, Error> {
    mountdb::register().context(|| "registering mountdb".to_owned())?;
    let open = |(contender, stored): (&Contender, &Stored)| {
        let closed = Closed {
            contender,
            dir: root.join(&contender.label),
            records: Records::from_writes(&plan.data, &stored.writes),
            load_seconds: None,
        };
        closed.open(plan)
    };
    plan.contenders.iter().zip(stored).map(open).collect()
}

/// Notes that the databases are about to be written to.
///
/// # Errors
/// If that cannot be noted.
pub fn mark_running(root: &Path, loaded: &[Loaded]) -> Result<(), Error> {
    let text = json!({ "version": VERSION, "state": "running" }).to_string();
    let mark = |loaded: &Loaded| write(&file(root, &loaded.contender.label), &text);
    loaded.iter().try_for_each(mark)
}
