// The learned block of a table file.
#pragma once

#include <string>

#include "rocksdb/options.h"
#include "rocksdb/status.h"
#include "table/block_based/block_based_table_reader.h"

namespace mountdb {

// Its name in the metaindex: that of a user-defined index.
std::string LearnedBlockName();

// Reads the learned block of an open table. `*found` is false if the file has none; an
// error if it has one that cannot be read. Two reads: RocksDB does not keep the metaindex.
rocksdb::Status ReadLearnedBlock(const rocksdb::ReadOptions& ro,
                                 const rocksdb::BlockBasedTable::Rep& rep,
                                 rocksdb::BlockContents* contents, bool* found);

}  // namespace mountdb
