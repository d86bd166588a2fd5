//! Workloads: what share of the operations does what.

use crate::distribution::Distribution;
use crate::error::Error;

/// Shares of the kinds of operation, in percent; they add up to 100, or to 0 for a
/// workload that ends with the load phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proportions {
    /// Point reads.
    pub read: u32,
    /// Writes over existing records.
    pub update: u32,
    /// New records. No workload with any is built yet.
    pub insert: u32,
    /// Seeks to existing records.
    pub scan: u32,
    /// Point reads in batches; a workload with any has no others.
    pub batch_read: u32,
    /// Reads followed by an update of the record. No workload with any is built yet.
    pub read_modify_write: u32,
}

/// A line of the table of workloads.
#[derive(Debug)]
pub struct Workload {
    /// The name on the command line.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// What share of the operations does what.
    pub proportions: Proportions,
    /// How records are chosen unless the user says otherwise.
    pub distribution: Distribution,
}

const NOTHING: Proportions = Proportions {
    read: 0,
    update: 0,
    insert: 0,
    scan: 0,
    batch_read: 0,
    read_modify_write: 0,
};

/// The table of workloads: those of YCSB that need nothing but reads and updates, seeks, and
/// batches of reads.
pub const WORKLOADS: &[Workload] = &[
    Workload {
        name: "load",
        about: "the load phase alone",
        proportions: NOTHING,
        distribution: Distribution::Uniform,
    },
    Workload {
        name: "a",
        about: "50% reads, 50% updates",
        proportions: Proportions {
            read: 50,
            update: 50,
            ..NOTHING
        },
        distribution: Distribution::Zipfian,
    },
    Workload {
        name: "b",
        about: "95% reads, 5% updates",
        proportions: Proportions {
            read: 95,
            update: 5,
            ..NOTHING
        },
        distribution: Distribution::Zipfian,
    },
    Workload {
        name: "c",
        about: "100% reads",
        proportions: Proportions {
            read: 100,
            ..NOTHING
        },
        distribution: Distribution::Zipfian,
    },
    Workload {
        name: "seek",
        about: "100% seeks, by one iterator",
        proportions: Proportions {
            scan: 100,
            ..NOTHING
        },
        distribution: Distribution::Uniform,
    },
    Workload {
        name: "multiget",
        about: "100% reads, 32 of them in a MultiGet",
        proportions: Proportions {
            batch_read: 100,
            ..NOTHING
        },
        distribution: Distribution::Uniform,
    },
];

impl Workload {
    /// Looks a workload up.
    ///
    /// # Errors
    /// An unknown name, or one of YCSB's that is not built yet; the message lists all.
    pub fn by_name(name: &str) -> Result<&'static Workload, Error> {
        WORKLOADS
            .iter()
            .find(|workload| workload.name == name)
            .ok_or_else(|| {
                let names: Vec<_> = WORKLOADS.iter().map(|workload| workload.name).collect();
                let names = names.join(", ");
                Error::Usage(match name {
                    "d" | "e" | "f" => {
                        format!("workload {name} is not built yet: choose one of {names}")
                    }
                    _ => format!("unknown workload `{name}`: choose one of {names}"),
                })
            })
    }

    /// Whether there is nothing to do after the load phase.
    pub fn is_load_only(&self) -> bool {
        self.proportions == NOTHING
    }

    /// Whether the run phase changes the database.
    pub fn writes(&self) -> bool {
        let Proportions {
            read: _,
            update,
            insert,
            scan: _,
            batch_read: _,
            read_modify_write,
        } = self.proportions;
        update + insert + read_modify_write > 0
    }
}
