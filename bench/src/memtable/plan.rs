//! What a run is going to do.

use crate::error::Error;
use crate::memtable::engine::Contender;
use crate::memtable::footprint;
use crate::memtable::generate::Keys;
use crate::memtable::workload::{FILL, KEYS_FILE, Step, WORKLOADS, WRITE_BUFFER, Workload};
use std::path::{Path, PathBuf};

/// A run, ready to go.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The memtables.
    pub contenders: Vec<Contender>,
    /// Names of workloads, steps of [`FILL`], or [`footprint::NAME`]; all if empty.
    pub only: Vec<String>,
    /// Rounds; in each, every engine does the same.
    pub rounds: usize,
    /// Factor on the number of entries and, below 1, on the size of a memtable.
    pub scale: f64,
    /// Files of keys.
    pub key_files: Vec<PathBuf>,
    /// Where the databases lie; a fresh directory for temporary files if `None`.
    pub dir: Option<PathBuf>,
    /// Decides the keys.
    pub seed: u64,
}

/// A workload of a run.
#[derive(Clone, Debug)]
pub struct Task {
    /// Its name in the report.
    pub label: String,
    /// What is done.
    pub workload: Workload,
}

impl Plan {
    /// Checks the plan as a whole.
    ///
    /// # Errors
    /// The first thing that cannot be run.
    pub fn check(&self) -> Result<(), Error> {
        let names = names();
        if let Some(unknown) = self
            .only
            .iter()
            .find(|name| !names.contains(&name.as_str()))
        {
            let names = names.join(", ");
            return Err(Error::Usage(format!(
                "--only {unknown}: there is no such workload; choose from {names}"
            )));
        }
        if self.only == [KEYS_FILE] && self.key_files.is_empty() {
            return Err(Error::Usage(format!(
                "--only {KEYS_FILE}: name the file with --keys-file FILE"
            )));
        }
        if self.rounds == 0 {
            return Err(Error::Usage(
                "--rounds 0: there is nothing to measure; give at least 1".to_owned(),
            ));
        }
        if !(self.scale > 0.0 && self.scale <= 100.0) {
            let scale = self.scale;
            return Err(Error::Usage(format!(
                "--scale {scale}: give a number above 0 and up to 100"
            )));
        }
        Ok(())
    }

    /// Whether something is to be measured.
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    /// The workloads to run, with one for every file of keys.
    pub fn workloads(&self) -> Vec<Task> {
        let mut tasks = Vec::new();
        for workload in WORKLOADS {
            let wanted = self.wants(workload.name) || workload.fill && !self.steps().is_empty();
            if !wanted {
                continue;
            }
            if workload.name == KEYS_FILE {
                tasks.extend(self.key_files.iter().map(|path| Task {
                    label: file_label(path),
                    workload: Workload {
                        keys: Keys::File(path.clone()),
                        ..workload.clone()
                    },
                }));
            } else {
                tasks.push(Task {
                    label: workload.name.to_owned(),
                    workload: workload.clone(),
                });
            }
        }
        tasks
    }

    /// What is measured of the memtable that [`FILL`] leaves.
    pub fn steps(&self) -> Vec<Step> {
        let steps = Step::ALL.into_iter();
        steps
            .filter(|step| self.wants(FILL) || self.wants(step.name()))
            .collect()
    }

    /// A number of entries at the scale of this run.
    pub fn scaled(&self, entries: usize) -> usize {
        ((entries as f64 * self.scale) as usize).max(1)
    }

    /// The size of a memtable. A small run has small ones, so that it fills as many.
    pub fn write_buffer(&self) -> usize {
        const LEAST: usize = 64 << 10;
        ((WRITE_BUFFER as f64 * self.scale.min(1.0)) as usize).max(LEAST)
    }
}

/// The name of a file of keys in the report.
pub fn file_label(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// Everything that `only` can name.
fn names() -> Vec<&'static str> {
    let mut names = Vec::new();
    for workload in WORKLOADS {
        names.push(workload.name);
        if workload.fill {
            names.extend(Step::ALL.map(Step::name));
        }
    }
    names.push(footprint::NAME);
    names
}
