//! The table of workloads.

use crate::memtable::engine::BASE;
use crate::memtable::generate::Keys;

/// What a measurement is to reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    /// How many times the speed of `against`.
    pub ratio: f64,
    /// The engine that it is measured against.
    pub against: &'static str,
}

/// A goal against the skip list.
const fn goal(ratio: f64) -> Goal {
    Goal {
        ratio,
        against: BASE,
    }
}

/// A way of writing.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The name on the command line.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// What is written.
    pub keys: Keys,
    /// Entries at scale 1. More than three memtables of [`WRITE_BUFFER`], so that what
    /// one memtable learns from the one before it counts.
    pub entries: usize,
    /// Entries per write; 1 is `Put`, more is a `WriteBatch`.
    pub batch: usize,
    /// Whether writes go through the log (which is not synced).
    pub wal: bool,
    /// Threads that write, each its own part of the keys.
    pub threads: usize,
    /// Whether all goes into one memtable, which is then read.
    pub fill: bool,
    /// What the writes are to reach.
    pub goal: Goal,
}

/// The size of a memtable at scale 1.
pub const WRITE_BUFFER: usize = 64 << 20;

const PUT: Workload = Workload {
    name: "put-1",
    about: "Put, no log, uniform keys",
    keys: Keys::Uniform,
    entries: 2_000_000,
    batch: 1,
    wal: false,
    threads: 1,
    fill: false,
    goal: goal(3.0),
};

/// The name of the workload that reads what it wrote.
pub const FILL: &str = "fill-2m";

/// The workload that each file of keys is written by.
pub const KEYS_FILE: &str = "keys-file";

/// The table of workloads.
pub const WORKLOADS: &[Workload] = &[
    PUT,
    Workload {
        name: "put-512",
        about: "WriteBatch of 512, no log, uniform keys",
        batch: 512,
        goal: goal(4.5),
        ..PUT
    },
    Workload {
        name: "put-wal",
        about: "Put through the log (not synced), uniform keys",
        wal: true,
        goal: goal(1.5),
        ..PUT
    },
    Workload {
        name: FILL,
        about: "uniform keys into one memtable, WriteBatch of 512",
        batch: 512,
        fill: true,
        goal: goal(6.0),
        ..PUT
    },
    Workload {
        name: "two-writers",
        about: "Put by two threads, uniform keys, disjoint",
        threads: 2,
        goal: goal(2.6),
        ..PUT
    },
    Workload {
        name: "ascending",
        about: "Put, consecutive numbers",
        keys: Keys::Ascending,
        goal: goal(1.0),
        ..PUT
    },
    Workload {
        name: "descending",
        about: "Put, consecutive numbers downwards",
        keys: Keys::Descending,
        goal: goal(1.0),
        ..PUT
    },
    Workload {
        name: "uuidv7",
        about: "Put, time-ordered UUIDs of 16 bytes",
        keys: Keys::UuidV7,
        goal: goal(1.0),
        ..PUT
    },
    Workload {
        name: "timestamp-id",
        about: "Put, jittered microseconds and a random id",
        keys: Keys::TimestampId,
        goal: goal(1.0),
        ..PUT
    },
    Workload {
        name: "interleaved-ascending",
        about: "Put, 100 tenants, each ascending",
        keys: Keys::Tenants,
        goal: goal(1.0),
        ..PUT
    },
    Workload {
        name: "user",
        about: "Put, `user<digits>`",
        keys: Keys::User,
        goal: goal(2.0),
        ..PUT
    },
    Workload {
        name: "paths",
        about: "Put, paths with long shared prefixes",
        keys: Keys::Paths,
        entries: 1_200_000,
        goal: goal(2.0),
        ..PUT
    },
    Workload {
        name: "zipfian-update",
        about: "Put, 1,000 keys again and again, zipfian 0.99",
        keys: Keys::Zipfian,
        goal: goal(1.0),
        ..PUT
    },
    Workload {
        name: "moving",
        about: "Put, a cluster that jumps with every memtable",
        keys: Keys::Moving,
        goal: Goal {
            ratio: 1.0,
            against: "no-reuse",
        },
        ..PUT
    },
    Workload {
        name: KEYS_FILE,
        about: "Put, the keys of a file, shuffled",
        // Stands for each of the files that the plan names.
        keys: Keys::Uniform,
        goal: goal(2.0),
        ..PUT
    },
];

/// A measurement of the memtable that [`FILL`] leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Gets of keys that are there.
    GetPresent,
    /// Gets of keys that are not there and lie between those that are.
    GetAbsent,
    /// A seek to where no key is, and the next 10 entries after the one found.
    Seek10,
    /// All entries, in order.
    Scan,
    /// Writing the memtable out.
    Flush,
}

impl Step {
    /// Every step, in the order of their run.
    pub const ALL: [Step; 5] = [
        Step::GetPresent,
        Step::GetAbsent,
        Step::Seek10,
        Step::Scan,
        Step::Flush,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Step::GetPresent => "get-present",
            Step::GetAbsent => "get-absent",
            Step::Seek10 => "seek-10",
            Step::Scan => "scan",
            Step::Flush => "flush",
        }
    }

    /// What it is, in one line.
    pub fn about(self) -> &'static str {
        match self {
            Step::GetPresent => "Get of that memtable, present keys at random",
            Step::GetAbsent => "Get of that memtable, absent keys among the present",
            Step::Seek10 => "Seek at random and 10 Next; time of all 11",
            Step::Scan => "all entries in order; time of an entry",
            Step::Flush => "DB::flush of that memtable; time of an entry",
        }
    }

    /// What it is to reach.
    pub fn goal(self) -> Goal {
        goal(match self {
            Step::GetPresent | Step::GetAbsent => 4.5,
            Step::Seek10 => 2.5,
            Step::Scan | Step::Flush => 1.0,
        })
    }
}
