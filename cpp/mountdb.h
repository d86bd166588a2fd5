// mountdb for C and C++ applications: learned index structures for RocksDB 11.8.1.
//
// Call mountdb_register() once, then choose by options string, e.g.
//   GetColumnFamilyOptionsFromString(config, base,
//       "table_factory={id=mountdb;block_size=4096};memtable_factory=mountdb", &cf_options);
// with config.ignore_unsupported_options = false, or RocksDB keeps its own structure in
// silence if the name is unknown.
#ifndef MOUNTDB_H
#define MOUNTDB_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Makes the name `mountdb` known to RocksDB's options parser. Idempotent, callable from
// any thread. Returns 0, or -1 if this library was compiled against another RocksDB than
// the one it is linked to; mountdb_error() then says what differs.
int mountdb_register(void);

// Why mountdb_register() failed; the empty string if it did not. Never freed.
const char* mountdb_error(void);

// What the learned structures have done since the process began.
struct mountdb_counters {
  uint64_t files_learned;      // files opened with their learned index
  uint64_t no_learned_block;   // files read through the standard index: written without
  uint64_t other_comparator;   // ... not the bytewise comparator
  uint64_t sequence_numbers;   // ... ingested, and cut between versions of one key
  uint64_t unknown_version;    // ... learned block of an unknown version
  uint64_t corrupt;            // ... learned block unreadable or damaged
  uint64_t files_not_built;    // files written without the learned block asked for
  uint64_t index_bytes_held;   // stored bytes of the learned indexes open now
  uint64_t index_blocks_held;  // data blocks of the files open now with a learned index
  uint64_t memtables_learned;           // learned memtables made
  uint64_t memtables_other_comparator;  // skip lists made instead: not the bytewise comparator
  uint64_t memtables_from_skeleton;     // learned memtables begun with the one before's skeleton
  uint64_t skeleton_bytes_held;         // bytes of the skeletons of the memtables there are
};
void mountdb_get_counters(struct mountdb_counters* out);

#ifdef __cplusplus
}

namespace rocksdb {
struct ColumnFamilyOptions;
class Status;
}  // namespace rocksdb

namespace mountdb {

// Adds the learned index to a block-based table that was set up in code: cache, filter and all
// other settings stay. InvalidArgument, and nothing changed, if the table is not block-based.
rocksdb::Status UseLearnedTable(rocksdb::ColumnFamilyOptions* options);

}  // namespace mountdb
#endif

#endif  // MOUNTDB_H
