// The learned index as RocksDB's block-based table sees it.
#pragma once

#include <memory>

#include "db/dbformat.h"
#include "mountdb/src/ffi/bridge.rs.h"
#include "rocksdb/slice.h"
#include "rocksdb/status.h"
#include "table/block_based/block_based_table_reader.h"

namespace mountdb {

inline rust::Slice<const uint8_t> AsRust(const rocksdb::Slice& slice) {
  return {reinterpret_cast<const uint8_t*>(slice.data()), slice.size()};
}

// The `block` of a position if the index failed, and what to say of it.
constexpr uint64_t kFailed = UINT64_MAX;
inline rocksdb::Status IndexFailed() {
  return rocksdb::Status::Corruption("internal error in the learned index");
}

// The tag of a seek to a user key: in front of all its versions.
inline uint64_t TagBeforeAllVersions() {
  return rocksdb::PackSequenceAndType(rocksdb::kMaxSequenceNumber, rocksdb::kValueTypeForSeek);
}

// The internal key of block `block`'s separator, kept in `*buffer`. A separator in front of
// all versions of its user key carries the tag of a seek to that key.
rocksdb::Slice SeparatorOf(const ffi::Index& index, uint64_t block,
                           rust::Vec<uint8_t>* buffer);

// Stands in for the index reader that the block-based table made when it opened the file.
class LearnedIndexReader final : public rocksdb::BlockBasedTable::IndexReader {
 public:
  // `key_includes_seq`: whether the standard index's keys are internal keys, because
  // callers read keys the way the file's properties say.
  LearnedIndexReader(rust::Box<ffi::Index> index, bool key_includes_seq);

  const ffi::Index& index() const { return *index_; }

  rocksdb::InternalIteratorBase<rocksdb::IndexValue>* NewIterator(
      const rocksdb::ReadOptions& read_options, bool disable_prefix_seek,
      rocksdb::IndexBlockIter* iter, rocksdb::GetContext* get_context,
      rocksdb::BlockCacheLookupContext* lookup_context) override;

  size_t ApproximateMemoryUsage() const override;

  // Nothing of it is in the block cache.
  void EraseFromCacheBeforeDestruction(uint32_t) override {}

 private:
  const rust::Box<ffi::Index> index_;
  const size_t memory_usage_;
  const uint64_t blocks_;
  const bool key_includes_seq_;
};

}  // namespace mountdb
