// What a table file's properties say of its learned index, for sst_dump and the like.
#pragma once

#include <memory>

#include "db/table_properties_collector.h"
#include "mountdb/src/ffi/bridge.rs.h"

namespace mountdb {

// Filled in by the index builder of a file, read when its properties are written.
using IndexProperties = std::shared_ptr<rust::Vec<ffi::Property>>;

rocksdb::UserCollectedProperties AsUserProperties(const rust::Vec<ffi::Property>& properties);

// `others`, and a collector that adds `ours` to a file's properties. Refers to `others`.
rocksdb::InternalTblPropCollFactories WithIndexProperties(
    const rocksdb::InternalTblPropCollFactories& others, IndexProperties ours);

}  // namespace mountdb
