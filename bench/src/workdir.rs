//! Where the databases of a run lie, and who removes them.

use crate::error::{Context, Error};
use crate::format::count;
use rustix::fs::statvfs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs, process};

/// A directory with one subdirectory per engine. What this run created is removed when
/// this is dropped, unless it is to be kept; what was there before stays.
#[derive(Debug)]
pub struct WorkDir {
    root: PathBuf,
    keep: bool,
    /// In the order of their creation.
    created: Vec<Created>,
}

/// What a run has created.
#[derive(Debug)]
enum Created {
    /// A directory with the directories of engines below it. Goes if nothing else is in it.
    Above(PathBuf),
    /// The directory of an engine. Goes with all that is in it.
    Engine(PathBuf),
    /// A file beside these.
    File(PathBuf),
}

impl WorkDir {
    /// Uses `root`, or a fresh directory for temporary files.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn new(root: Option<&Path>, keep: bool) -> Result<Self, Error> {
        let root = match root {
            Some(root) => root.to_owned(),
            None => {
                let now = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default();
                env::temp_dir().join(format!("ycsb-{}-{}", process::id(), now.as_nanos()))
            }
        };
        let mut created = Vec::new();
        let missing = root.ancestors().take_while(|dir| !dir.exists());
        let mut missing: Vec<PathBuf> = missing.map(Path::to_owned).collect();
        missing.retain(|dir| dir.file_name().is_some());
        fs::create_dir_all(&root).context(|| format!("creating {}", root.display()))?;
        created.extend(missing.into_iter().rev().map(Created::Above));
        Ok(Self {
            root,
            keep,
            created,
        })
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// From now on a file, below the directory, is removed with the others.
    pub fn own(&mut self, file: PathBuf) {
        self.created.push(Created::File(file));
    }

    /// From now on nothing is removed.
    pub fn leave(&mut self) {
        self.keep = true;
    }

    /// Learns before the work, not amid it, that there is no room for so many bytes.
    ///
    /// # Errors
    /// If there is not.
    pub fn has_room_for(&self, bytes: u64) -> Result<(), Error> {
        let dir = self.root.display();
        let space = statvfs(&self.root).context(|| format!("asking for free space in {dir}"))?;
        let free = space.f_bavail.saturating_mul(space.f_frsize);
        if bytes <= free {
            return Ok(());
        }
        let mebibytes = |bytes: u64| count(bytes.div_ceil(1 << 20));
        Err(Error::Usage(format!(
            "the databases take about {} MiB, and {dir} has {} MiB left: give fewer --records or \
             --engines, or another directory with --db",
            mebibytes(bytes),
            mebibytes(free)
        )))
    }

    /// Learns before the work that the directories of some engines are there already.
    ///
    /// # Errors
    /// If one is: its data is not ours to overwrite.
    pub fn is_free_for<'a>(
        root: &Path,
        labels: impl Iterator<Item = &'a String>,
    ) -> Result<(), Error> {
        let mut dirs = labels.map(|label| root.join(label));
        match dirs.find(|dir| dir.exists()) {
            Some(dir) => Err(there_already(&dir)),
            None => Ok(()),
        }
    }

    /// Creates the directory of an engine.
    ///
    /// # Errors
    /// If it is there already: its data is not ours to overwrite.
    pub fn engine(&mut self, label: &str) -> Result<PathBuf, Error> {
        let dir = self.root.join(label);
        if dir.exists() {
            return Err(there_already(&dir));
        }
        fs::create_dir(&dir).context(|| format!("creating {}", dir.display()))?;
        self.created.push(Created::Engine(dir.clone()));
        Ok(dir)
    }
}

fn there_already(dir: &Path) -> Error {
    Error::Usage(format!(
        "{} exists already: remove it, or give another directory with --db",
        dir.display()
    ))
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        for created in self.created.iter().rev() {
            let (dir, removed) = match created {
                Created::Engine(dir) => (dir, fs::remove_dir_all(dir)),
                Created::Above(dir) => (dir, fs::remove_dir(dir)),
                Created::File(file) => (file, fs::remove_file(file)),
            };
            match removed {
                Ok(()) => (),
                // It was removed by somebody else, or is somebody else's now.
                Err(e) if e.kind() == ErrorKind::NotFound => (),
                Err(e) => eprintln!("warning: {} is left behind: {e}", dir.display()),
            }
        }
    }
}
