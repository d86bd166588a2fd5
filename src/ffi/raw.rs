//! The C++ objects behind the `rocksdb` crate's objects.
//!
//! The C API's handles are structs whose first member is the C++ object or a pointer to
//! it (db/c.cc of RocksDB 11.8.1, the version this crate pins: `rocksdb_options_t` holds
//! an `Options`, `rocksdb_t` a `DB*`, `rocksdb_column_family_handle_t` a
//! `ColumnFamilyHandle*`).
#![expect(unsafe_code, reason = "casts between a C handle and what it holds")]

use super::bridge::cpp;
use rocksdb::{AsColumnFamilyRef, AsRawPtr, DB, Options};
use std::pin::Pin;

pub(super) fn options(options: &Options) -> &cpp::Options {
    // SAFETY: the handle begins with the C++ `Options` and lives as long as the borrow.
    unsafe { &*options.as_raw_ptr().cast() }
}

pub(super) fn options_mut(options: &mut Options) -> Pin<&mut cpp::Options> {
    // SAFETY: as above; the exclusive borrow makes it the only reference, and nothing
    // moves the C++ object out of the handle.
    unsafe { Pin::new_unchecked(&mut *options.as_raw_ptr().cast()) }
}

/// Names of the factories that a column family of `db` (the default one if `None`) uses.
pub(super) fn factory_names<F: AsColumnFamilyRef>(
    db: &DB,
    family: Option<&F>,
) -> cpp::FactoryNames {
    // SAFETY: both handles begin with a pointer to the C++ object and live as long as the
    // borrows; RocksDB allows the calls made on them from any thread.
    unsafe {
        let db = *db.as_raw_ptr().cast::<*mut cpp::DB>();
        let family = family.map_or(std::ptr::null_mut(), |f| {
            *f.inner().cast::<*mut cpp::ColumnFamilyHandle>()
        });
        cpp::db_factory_names(db, family)
    }
}
