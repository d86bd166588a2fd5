//! What one memtable leaves to the next of its column family: its skeleton, the model of
//! where its leaves began. Never data.

use super::model::Model;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};

static HELD: AtomicUsize = AtomicUsize::new(0);

/// Bytes of all skeletons in this process: models that memtables have learned and that
/// they, or the memtables after them, use.
pub fn skeleton_bytes_held() -> usize {
    HELD.load(Relaxed)
}

/// A model that memtables share; counted for as long as it lives.
#[derive(Debug)]
pub(super) struct Skeleton {
    model: Model,
    bytes: usize,
}

impl Skeleton {
    pub fn new(model: Model) -> Arc<Skeleton> {
        let bytes = model.memory_usage();
        HELD.fetch_add(bytes, Relaxed);
        Arc::new(Skeleton { model, bytes })
    }

    #[inline]
    pub fn model(&self) -> &Model {
        &self.model
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Skeleton {
    fn drop(&mut self) {
        HELD.fetch_sub(self.bytes, Relaxed);
    }
}

/// A column family of a database, to the factory that makes its memtables.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FamilyId {
    /// Tells apart databases that share a factory.
    pub database: usize,
    /// RocksDB's number of the column family.
    pub family: u32,
}

/// What one memtable leaves to the one that follows it: its newest skeleton.
#[derive(Debug, Default)]
pub(super) struct Heritage(Mutex<Option<Arc<Skeleton>>>);

impl Heritage {
    pub fn set(&self, skeleton: Arc<Skeleton>) {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *newest = Some(skeleton);
    }

    fn get(&self) -> Option<Arc<Skeleton>> {
        let newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        newest.clone()
    }
}

/// The memtables that a factory made last, by column family.
///
/// A skeleton lives as long as a memtable that uses it: RocksDB makes a memtable before it
/// lets go of the one before, so that it is handed on, and a column family that is dropped
/// leaves nothing behind but a few bytes here.
#[derive(Debug, Default)]
pub struct Families(Mutex<HashMap<FamilyId, Weak<Heritage>>>);

impl Families {
    /// Knows no memtable yet.
    pub fn new() -> Families {
        Families::default()
    }

    /// Heap bytes held.
    pub fn memory_usage(&self) -> usize {
        let newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        newest.capacity() * size_of::<(FamilyId, Weak<Heritage>)>()
    }

    /// Makes `heritage` the newest of its family; the skeleton of the one before.
    pub(super) fn succeed(&self, id: FamilyId, heritage: &Arc<Heritage>) -> Option<Arc<Skeleton>> {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.len() == newest.capacity() {
            newest.retain(|_, heritage| heritage.strong_count() > 0);
        }
        newest
            .insert(id, Arc::downgrade(heritage))?
            .upgrade()?
            .get()
    }
}
