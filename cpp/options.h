// Options by string, checked, and what an Options or a DB really uses.
#pragma once

#include "rocksdb/db.h"
#include "rocksdb/options.h"
#include "rust/cxx.h"

namespace mountdb::ffi {

struct FactoryNames;
struct Available;
struct MemtableSettings;

// *out = base with `text` applied. Throws with an explanation if any part is unknown.
void options_from_string(const rocksdb::Options& base, rust::Str text, rocksdb::Options& out);

// Throws if the table is not block-based.
void use_learned_table(rocksdb::Options& options);

void use_learned_memtable(rocksdb::Options& options, MemtableSettings settings);

FactoryNames factory_names(const rocksdb::Options& options);

// `family` may be null for the default column family.
FactoryNames db_factory_names(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family);

Available available_factories();

}  // namespace mountdb::ffi
