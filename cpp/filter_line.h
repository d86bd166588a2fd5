// Where a file's Bloom filter lies in memory, so that its line can be asked for before the filter is.
#pragma once

#include "rocksdb/slice.h"
#include "table/block_based/block_based_table_reader.h"
#include "table/block_based/full_filter_block.h"
#include "table/block_based/parsed_full_filter_block.h"
#include "util/bloom_impl.h"
#include "util/hash.h"

namespace mountdb {

// RocksDB asks for the line and reads it at once. Nothing of its answer depends on this.
class FilterLine {
 public:
  // Of the filter of `rep` if that is a Bloom filter in one piece which stays where it is as long as
  // the table.
  explicit FilterLine(const rocksdb::BlockBasedTable::Rep& rep) {
    const auto* const filter =
        dynamic_cast<const rocksdb::FullFilterBlockReader*>(rep.filter.get());
    if (filter == nullptr || rep.table_options.cache_index_and_filter_blocks) {
      return;
    }
    rocksdb::CachableEntry<rocksdb::ParsedFullFilterBlock> entry;
    const rocksdb::Status s = (filter->*&Access::GetOrReadFilterBlock)(
        /*get_context=*/nullptr, /*lookup_context=*/nullptr, &entry, rocksdb::ReadOptions());
    if (!s.ok() || entry.GetValue() == nullptr || entry.GetOwnValue()) {
      return;
    }
    // As BuiltinFilterPolicy::GetBloomBitsReader reads what is behind the filter's bits.
    constexpr size_t kMetadata = 5;
    const rocksdb::Slice& content = entry.GetValue()->ContentSlice();
    if (content.size() <= kMetadata || content.size() > UINT32_MAX) {
      return;
    }
    const char* const metadata = content.data() + content.size() - kMetadata;
    constexpr char kNewBloom = -1;
    constexpr char kFastLocal = 0;
    constexpr int kProbesMask = 31;
    if (metadata[0] == kNewBloom && metadata[1] == kFastLocal &&
        (metadata[2] & ~kProbesMask) == 0) {
      bits_ = content.data();
      bytes_ = static_cast<uint32_t>(content.size() - kMetadata);
    }
  }

  bool IsKnown() const { return bits_ != nullptr; }

  void Prefetch(const rocksdb::Slice& user_key) const {
    if (IsKnown()) {
      uint32_t offset = 0;
      rocksdb::FastLocalBloomImpl::PrepareHash(
          rocksdb::Lower32of64(rocksdb::GetSliceHash64(user_key)), bytes_, bits_, &offset);
    }
  }

 private:
  // To name a member that RocksDB keeps for derived classes; there are no objects of this one.
  struct Access : rocksdb::FullFilterBlockReader {
    using rocksdb::FullFilterBlockReader::GetOrReadFilterBlock;
  };

  const char* bits_ = nullptr;
  uint32_t bytes_ = 0;
};

}  // namespace mountdb
