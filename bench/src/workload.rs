//! Workloads: what share of the operations does what, to which records.

use crate::distribution::Distribution;
use crate::error::Error;
use crate::lengths::ScanLengths;
use crate::properties::{BUNDLED, Properties, Proportions, Spec};
use crate::stream::Kind;
use rand::Rng;
use rand::rngs::StdRng;

/// A workload, ready to be planned.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// Its name in reports.
    pub name: String,
    /// Shares of the kinds of operation; they add up to 1.
    pub proportions: Proportions,
    /// How records are chosen.
    pub distribution: Distribution,
    /// How many records a scan reads.
    pub scan: ScanLengths,
}

/// The name of the load phase as a workload.
pub const LOAD: &str = "load";

impl Workload {
    /// What properties say, under a name.
    pub fn new(name: &str, spec: &Spec) -> Self {
        Self {
            name: name.to_owned(),
            proportions: spec.proportions,
            distribution: spec.distribution.unwrap_or(Distribution::Uniform),
            scan: spec.scan,
        }
    }

    /// The load phase: every operation inserts a record.
    pub fn load() -> Self {
        let proportions = Proportions {
            insert: 1.0,
            ..Proportions::default()
        };
        Self {
            name: LOAD.to_owned(),
            proportions,
            distribution: Distribution::Uniform,
            scan: ScanLengths::default(),
        }
    }

    /// One of the workloads that come with the program, with all that its file says.
    ///
    /// # Errors
    /// An unknown name; the message lists all.
    pub fn properties(name: &str) -> Result<Properties, Error> {
        let Some((_, text)) = BUNDLED.iter().find(|(bundled, _)| *bundled == name) else {
            let names: Vec<_> = BUNDLED.iter().map(|(name, _)| *name).collect();
            return Err(Error::Usage(format!(
                "unknown workload `{name}`: choose of {LOAD}, {}, or give a file with -P",
                names.join(", ")
            )));
        };
        let mut properties = Properties::new();
        properties.parse(text, &format!("workload {name}"))?;
        Ok(properties)
    }

    /// One of the workloads that come with the program.
    ///
    /// # Errors
    /// An unknown name; the message lists all.
    pub fn by_name(name: &str) -> Result<Self, Error> {
        if name == LOAD {
            return Ok(Self::load());
        }
        Ok(Self::new(name, &Self::properties(name)?.spec()?))
    }

    /// Shares by kind of operation.
    fn shares(&self) -> [(Kind, f64); 7] {
        let p = self.proportions;
        [
            (Kind::Read, p.read),
            (Kind::Update, p.update),
            (Kind::Insert, p.insert),
            (Kind::Scan, p.scan),
            (Kind::ReadModifyWrite, p.read_modify_write),
            (Kind::Seek, p.seek),
            (Kind::BatchRead, p.batch_read),
        ]
    }

    /// Draws the kind of the next operation.
    pub fn kind(&self, rng: &mut StdRng) -> Kind {
        let mut left: f64 = rng.random();
        let mut last = Kind::Read;
        for (kind, share) in self.shares() {
            if share > 0.0 {
                last = kind;
                left -= share;
                if left < 0.0 {
                    break;
                }
            }
        }
        // Shares that add up to a little less than 1 leave the last kind.
        last
    }

    /// What it is, in one line: `95% reads, 5% inserts`.
    pub fn about(&self) -> String {
        let name = |kind: Kind| match kind {
            Kind::Read | Kind::ReadAbsent => "reads",
            Kind::Update => "updates",
            Kind::Insert => "inserts",
            Kind::Scan => "scans",
            Kind::ReadModifyWrite => "read-modify-writes",
            Kind::Seek => "seeks",
            Kind::BatchRead => "reads in batches",
        };
        let shares = self.shares().into_iter().filter(|(_, share)| *share > 0.0);
        let parts: Vec<String> = shares
            .map(|(kind, share)| {
                let percent = format!("{:.4}", share * 100.0);
                let percent = percent.trim_end_matches('0').trim_end_matches('.');
                format!("{percent}% {}", name(kind))
            })
            .collect();
        let mut text = parts.join(", ");
        if self.proportions.scan > 0.0 {
            text.push_str(&format!(" of {} records", self.scan));
        }
        text
    }

    /// Whether it is the load phase, or the like: nothing but inserts.
    pub fn only_inserts(&self) -> bool {
        self.shares()
            .iter()
            .all(|(kind, share)| *kind == Kind::Insert || *share == 0.0)
    }

    /// Whether it changes the database.
    pub fn writes(&self) -> bool {
        let Proportions {
            update,
            insert,
            read_modify_write,
            ..
        } = self.proportions;
        update + insert + read_modify_write > 0.0
    }

    /// Whether anything is read.
    pub fn reads(&self) -> bool {
        !self.only_inserts()
    }
}
