//! Operations, planned before the clock runs.
//!
//! A [`Stream`] holds everything that the timed loop needs in the order in which it
//! needs it: the key's bytes, the kind of operation and the mark of the value. So the
//! loop measures the engine and not the lookup of keys scattered over memory, and
//! every engine is given the very same stream.

use crate::dataset::Dataset;
use crate::distribution::{Chooser, Distribution};
use crate::values;
use crate::workload::Proportions;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::ops::Range;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Reads a record and checks its value.
    Read,
    /// Reads a key that was never loaded and expects not to find it.
    ReadAbsent,
    /// Writes a record's next value.
    Update,
    /// Seeks to a record and checks its key and value.
    Seek,
    /// Reads a record together with others ([`crate::run::BATCH_READS`] of them), and checks it.
    BatchRead,
}

impl Kind {
    /// Every kind, in the order of its number.
    pub const ALL: [Kind; 5] = [
        Kind::Read,
        Kind::ReadAbsent,
        Kind::Update,
        Kind::Seek,
        Kind::BatchRead,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Read => "read",
            Kind::ReadAbsent => "read of an absent key",
            Kind::Update => "update",
            Kind::Seek => "seek",
            Kind::BatchRead => "read in a batch",
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
    /// The mark of the value that is to be read or written (see [`values`]).
    pub mark: u64,
}

/// Planned operations. Takes 24 bytes and the key for each.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    steps: Vec<Step>,
    keys: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    mark: u64,
    start: usize,
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

    /// All of it.
    pub fn whole(&self) -> Slice<'_> {
        Slice {
            steps: &self.steps,
            keys: &self.keys,
        }
    }

    fn with_capacity(operations: usize) -> Self {
        Self {
            steps: Vec::with_capacity(operations),
            keys: Vec::new(),
        }
    }

    fn push(&mut self, kind: Kind, key: &[u8], mark: u64) {
        // RocksDB itself takes no key of 4 GiB, so the length fits.
        self.steps.push(Step {
            mark,
            start: self.keys.len(),
            len: key.len() as u32,
            kind,
        });
        self.keys.extend_from_slice(key);
    }
}

/// A run of operations of a [`Stream`].
#[derive(Clone, Copy, Debug)]
pub struct Slice<'a> {
    steps: &'a [Step],
    keys: &'a [u8],
}

impl<'a> Slice<'a> {
    /// The number of operations.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The operations.
    pub fn iter(&self) -> impl Iterator<Item = Operation<'a>> + use<'a> {
        let Slice { steps, keys } = *self;
        steps.iter().map(move |step| Operation {
            kind: step.kind,
            key: &keys[step.start..step.start + step.len as usize],
            mark: step.mark,
        })
    }

    /// Slices of `size` operations; the last may have fewer.
    pub fn slices(&self, size: usize) -> impl Iterator<Item = Slice<'a>> + use<'a> {
        let keys = self.keys;
        self.steps
            .chunks(size)
            .map(move |steps| Slice { steps, keys })
    }
}

/// Plans the streams of a run, one after the other: an update of one stream is what
/// the reads of the next expect.
#[derive(Debug)]
pub struct Planner<'a> {
    data: &'a Dataset,
    proportions: Proportions,
    absent_percent: f64,
    chooser: Chooser,
    seed: u64,
    rng: StdRng,
    /// How often each record was updated; empty until the first update.
    generations: Vec<u32>,
}

impl<'a> Planner<'a> {
    /// A planner for `data`, of which `absent_percent` of the reads ask for keys that
    /// were held out. `seed` decides the operations and the values.
    pub fn new(
        data: &'a Dataset,
        proportions: Proportions,
        distribution: Distribution,
        absent_percent: f64,
        seed: u64,
    ) -> Self {
        // `Dataset` sees to it that the number fits.
        let chooser = Chooser::new(distribution, data.records.len() as u32);
        let rng = StdRng::seed_from_u64(seed.rotate_left(29));
        Self {
            data,
            proportions,
            absent_percent,
            chooser,
            seed,
            rng,
            generations: Vec::new(),
        }
    }

    /// The next `operations` operations.
    pub fn plan(&mut self, operations: usize) -> Stream {
        let mut stream = Stream::with_capacity(operations);
        for _ in 0..operations {
            let kind = self.rng.random_range(0..100);
            if kind < self.proportions.update {
                self.update(&mut stream);
            } else if kind < self.proportions.update + self.proportions.scan {
                let record = self.chooser.next(&mut self.rng) as usize;
                self.read(Kind::Seek, record, &mut stream);
            } else if self.proportions.batch_read > 0 {
                let record = self.chooser.next(&mut self.rng) as usize;
                self.read(Kind::BatchRead, record, &mut stream);
            } else if self.rng.random_range(0.0..100.0) < self.absent_percent {
                let key = &self.data.absent[self.rng.random_range(0..self.data.absent.len())];
                stream.push(Kind::ReadAbsent, key, 0);
            } else {
                let record = self.chooser.next(&mut self.rng) as usize;
                self.read(Kind::Read, record, &mut stream);
            }
        }
        stream
    }

    /// Reads of the records of a range, in key order.
    pub fn sweep(&self, records: Range<usize>) -> Stream {
        let mut stream = Stream::with_capacity(records.len());
        for record in records {
            self.read(Kind::Read, record, &mut stream);
        }
        stream
    }

    fn read(&self, kind: Kind, record: usize, stream: &mut Stream) {
        let key = &self.data.records[record];
        let generation = self.generations.get(record).copied().unwrap_or(0);
        stream.push(kind, key, values::mark(key, self.seed, generation));
    }

    fn update(&mut self, stream: &mut Stream) {
        let record = self.chooser.next(&mut self.rng) as usize;
        self.generations.resize(self.data.records.len(), 0);
        self.generations[record] += 1;
        let key = &self.data.records[record];
        stream.push(
            Kind::Update,
            key,
            values::mark(key, self.seed, self.generations[record]),
        );
    }
}
