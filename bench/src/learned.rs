//! What mountdb's counters say of one database.

/// Learned indexes that came to life while a database was opened or first read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// Files with a learned index.
    pub files: u64,
    /// Files that mountdb left to the stock index.
    pub fallen_back: u64,
    /// Stored size of the learned indexes in bytes.
    pub bytes: u64,
    /// Data blocks that they index.
    pub blocks: u64,
}

impl Learned {
    /// Runs `work` and adds what the counters rose by. They belong to the whole
    /// process, so nothing else may open or close a database at the same time.
    pub fn watch<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let before = mountdb::counters();
        let result = work();
        let after = mountdb::counters();
        self.files += after.files_learned.saturating_sub(before.files_learned);
        self.fallen_back += after
            .files_fallen_back
            .saturating_sub(before.files_fallen_back);
        self.bytes += after
            .index_bytes_held
            .saturating_sub(before.index_bytes_held);
        self.blocks += after
            .index_blocks_held
            .saturating_sub(before.index_blocks_held);
        result
    }
}
