//! What each record of a database must hold, while threads write to it.
//!
//! A record's *state* counts its writes: 2g once it has been written g times, 2g + 1 while the
//! write after that is under way. Who reads it notes the state before and after, and so knows
//! which values may be found, and whether none may be: exact for one thread, and for several as
//! exact as anything can be that sees writes begin and end but not happen. Two writes of one
//! record take turns.

use crate::dataset::Dataset;
use std::hint;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// The states of all records of one database, by place (see [`Dataset`]). 8 bytes a record.
#[derive(Debug)]
pub struct Records(Vec<AtomicU64>);

/// The state of a record, see [`Records`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State(u64);

impl State {
    /// Written once, and no write under way: what a load leaves.
    pub const LOADED: State = State(2);

    /// Anything up to what comes after may be found, or nothing.
    pub const UNKNOWN: State = State(0);

    /// Whether a read that begins now must find the record.
    pub fn must_be_there(self) -> bool {
        self.0 >= 2
    }

    /// Updates after which a value may be found by a read that saw this state before and
    /// `after` after it; empty if there can be no value at all.
    pub fn generations(self, after: State) -> Range<u64> {
        let first = (self.0 / 2).max(1) - 1;
        first..after.0.div_ceil(2)
    }
}

impl Records {
    /// Those of a database that was loaded with `data`.
    pub fn new(data: &Dataset) -> Self {
        let records: Vec<_> = data.keys.iter().map(|_| AtomicU64::new(0)).collect();
        for place in &data.places[..data.loaded] {
            records[*place].store(State::LOADED.0, Ordering::Relaxed);
        }
        Self(records)
    }

    /// The state of a record.
    #[inline]
    pub fn state(&self, place: usize) -> State {
        State(self.0[place].load(Ordering::Acquire))
    }

    /// Waits for another write of this record to end and begins one: writes the value after as
    /// many updates as the answer says, then calls [`Records::written`].
    #[inline]
    pub fn write(&self, place: usize) -> u64 {
        let state = &self.0[place];
        loop {
            let now = state.load(Ordering::Acquire);
            let free = now.is_multiple_of(2);
            let began = Ordering::AcqRel;
            if free && (state.compare_exchange_weak(now, now + 1, began, Ordering::Relaxed)).is_ok()
            {
                return now / 2;
            }
            // A write takes microseconds, or long where RocksDB holds writes up.
            hint::spin_loop();
            thread::yield_now();
        }
    }

    /// Ends a write.
    #[inline]
    pub fn written(&self, place: usize) {
        self.0[place].fetch_add(1, Ordering::Release);
    }

    /// Whether each of the records that `data` loads was written once, and no other.
    pub fn are_as_loaded(&self, data: &Dataset) -> bool {
        let written = self.0.iter().map(|state| state.load(Ordering::Acquire));
        data.places[..data.loaded]
            .iter()
            .all(|place| self.state(*place) == State::LOADED)
            && written.filter(|state| *state > 0).count() == data.loaded
    }

    /// Records that are there.
    pub fn count(&self) -> usize {
        let states = self.0.iter().map(|state| state.load(Ordering::Acquire));
        states.filter(|state| *state >= 2).count()
    }

    /// How often each record was written, by number.
    pub fn writes(&self, data: &Dataset) -> Vec<u64> {
        let states = data.places.iter().map(|place| self.state(*place));
        states.map(|state| state.0 / 2).collect()
    }

    /// The reverse of [`Records::writes`]; records beyond `writes` were never written.
    pub fn from_writes(data: &Dataset, writes: &[u64]) -> Self {
        let records = Self(data.keys.iter().map(|_| AtomicU64::new(0)).collect());
        for (place, writes) in data.places.iter().zip(writes) {
            records.0[*place].store(writes * 2, Ordering::Relaxed);
        }
        records
    }
}
