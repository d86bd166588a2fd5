//! Streams of operations, planned before they are run.
//!
//! Choosing records takes longer than a fast read, so it is done outside of the timed loop, which
//! only walks over an array. All engines of a run are given the very same stream; several threads
//! deal it out among themselves, each in its order.

use crate::dataset::Dataset;
use crate::distribution::Chooser;
use crate::lengths::Lengths;
use crate::values;
use crate::workload::Workload;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Reads a record and checks its value.
    Read,
    /// Reads a key that was never loaded and expects not to find it.
    ReadAbsent,
    /// Writes a record's next value; reads it before, unless updates are blind.
    Update,
    /// Writes a new record.
    Insert,
    /// Seeks to a record and reads a number of records from there on, in order.
    Scan,
    /// Reads a record and then writes its next value.
    ReadModifyWrite,
    /// Seeks to a record and checks its key and value; one iterator does it all.
    Seek,
    /// Reads a record together with others ([`crate::run::BATCH_READS`] of them), and checks it.
    BatchRead,
}

impl Kind {
    /// Every kind, in the order of its number.
    pub const ALL: [Kind; 8] = [
        Kind::Read,
        Kind::ReadAbsent,
        Kind::Update,
        Kind::Insert,
        Kind::Scan,
        Kind::ReadModifyWrite,
        Kind::Seek,
        Kind::BatchRead,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Read => "read",
            Kind::ReadAbsent => "read of an absent key",
            Kind::Update => "update",
            Kind::Insert => "insert",
            Kind::Scan => "scan",
            Kind::ReadModifyWrite => "read-modify-write",
            Kind::Seek => "seek",
            Kind::BatchRead => "batch of reads",
        }
    }
}

/// A planned operation.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    /// What it does.
    pub kind: Kind,
    /// The key.
    pub key: &'a [u8],
    /// Of the key, see [`values::hash`].
    pub hash: u64,
    /// The place of the record (see [`Dataset`]); 0 where there is none.
    pub place: usize,
    /// Records to scan.
    pub length: u64,
}

/// Planned operations. Takes 48 bytes and the key for each.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    steps: Vec<Step>,
    keys: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    hash: u64,
    start: usize,
    place: usize,
    length: u64,
    len: u32,
    kind: Kind,
}

impl Stream {
    /// The number of operations.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// All of it, for one thread.
    pub fn whole(&self) -> Slice<'_> {
        Slice {
            steps: &self.steps,
            keys: &self.keys,
            first: 0,
            every: 1,
        }
    }

    fn with_capacity(operations: usize) -> Self {
        Self {
            steps: Vec::with_capacity(operations),
            keys: Vec::new(),
        }
    }

    fn push(&mut self, kind: Kind, key: &[u8], hash: u64, place: usize, length: u64) {
        // RocksDB itself takes no key of 4 GiB, so the length fits.
        self.steps.push(Step {
            hash,
            start: self.keys.len(),
            place,
            length,
            len: key.len() as u32,
            kind,
        });
        self.keys.extend_from_slice(key);
    }
}

/// A run of operations of a [`Stream`], or what falls to one of several threads.
#[derive(Clone, Copy, Debug)]
pub struct Slice<'a> {
    steps: &'a [Step],
    keys: &'a [u8],
    first: usize,
    every: usize,
}

impl<'a> Slice<'a> {
    /// The number of operations.
    pub fn len(&self) -> usize {
        self.steps
            .len()
            .saturating_sub(self.first)
            .div_ceil(self.every)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The operations.
    pub fn iter(&self) -> impl Iterator<Item = Operation<'a>> + use<'a> {
        let Slice {
            steps,
            keys,
            first,
            every,
        } = *self;
        let steps = steps.iter().skip(first).step_by(every);
        steps.map(move |step| Operation {
            kind: step.kind,
            key: &keys[step.start..step.start + step.len as usize],
            hash: step.hash,
            place: step.place,
            length: step.length,
        })
    }

    /// Slices of `size` operations; the last may have fewer.
    pub fn slices(&self, size: usize) -> impl Iterator<Item = Slice<'a>> + use<'a> {
        let keys = self.keys;
        self.steps.chunks(size).map(move |steps| Slice {
            steps,
            keys,
            first: 0,
            every: 1,
        })
    }

    /// What falls to one of some threads.
    pub fn share(&self, thread: usize, threads: usize) -> Slice<'a> {
        Slice {
            first: thread,
            every: threads,
            ..*self
        }
    }
}

/// Plans the streams of a run, one after the other: what one stream inserts, the next may read.
#[derive(Debug)]
pub struct Planner<'a> {
    data: &'a Dataset,
    workload: &'a Workload,
    absent_percent: f64,
    chooser: Option<Chooser>,
    lengths: Lengths,
    seed: u64,
    /// Decides the kinds of operations, and nothing else: so inserts can be counted ahead.
    kinds: StdRng,
    rng: StdRng,
    /// Records that are there by now.
    records: usize,
}

/// Inserts among the first `operations` operations of a workload with this seed.
pub fn inserts(workload: &Workload, operations: usize, seed: u64) -> usize {
    if workload.proportions.insert == 0.0 {
        return 0;
    }
    let mut kinds = kinds(seed);
    (0..operations)
        .filter(|_| workload.kind(&mut kinds) == Kind::Insert)
        .count()
}

fn kinds(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed.rotate_left(43))
}

impl<'a> Planner<'a> {
    /// A planner for `data`, of which `absent_percent` of the reads ask for keys that
    /// were held out. `seed` decides the operations and the values.
    pub fn new(data: &'a Dataset, workload: &'a Workload, absent_percent: f64, seed: u64) -> Self {
        let records = data.places.len() as u64;
        let loaded = data.loaded as u64;
        let chooser = (records > 0)
            .then(|| Chooser::new(workload.distribution, loaded.max(1), records - loaded));
        Self {
            data,
            workload,
            absent_percent,
            chooser,
            lengths: Lengths::new(workload.scan),
            seed,
            kinds: kinds(seed),
            rng: StdRng::seed_from_u64(seed.rotate_left(29)),
            records: data.loaded,
        }
    }

    /// The next `operations` operations. Ends early where there is nothing left to insert, or
    /// nothing there to be read.
    pub fn plan(&mut self, operations: usize) -> Stream {
        let mut stream = Stream::with_capacity(operations);
        for _ in 0..operations {
            let kind = self.workload.kind(&mut self.kinds);
            let number = if kind == Kind::Insert {
                if self.records == self.data.places.len() {
                    break;
                }
                self.records += 1;
                self.records - 1
            } else if kind == Kind::Read && self.rng.random_range(0.0..100.0) < self.absent_percent
            {
                let key = &self.data.absent[self.rng.random_range(0..self.data.absent.len())];
                stream.push(Kind::ReadAbsent, key, 0, 0, 0);
                continue;
            } else {
                match &mut self.chooser {
                    Some(chooser) if self.records > 0 => {
                        chooser.next(self.records as u64, &mut self.rng) as usize
                    }
                    _ => break,
                }
            };
            let length = match kind {
                Kind::Scan => self.lengths.next(&mut self.rng),
                _ => 0,
            };
            self.push(kind, self.data.places[number], length, &mut stream);
        }
        stream
    }

    /// Reads of the records at some places.
    pub fn sweep(&self, places: &[usize]) -> Stream {
        let mut stream = Stream::with_capacity(places.len());
        for place in places {
            self.push(Kind::Read, *place, 0, &mut stream);
        }
        stream
    }

    /// A scan of all there is, from before the first record.
    pub fn scan_all() -> Stream {
        let mut stream = Stream::default();
        stream.push(Kind::Scan, b"", 0, 0, u64::MAX);
        stream
    }

    /// The places of the records that are there by now.
    pub fn places(&self) -> &'a [usize] {
        &self.data.places[..self.records]
    }

    fn push(&self, kind: Kind, place: usize, length: u64, stream: &mut Stream) {
        let key = &self.data.keys[place];
        stream.push(kind, key, values::hash(key, self.seed), place, length);
    }
}
