// A file's Bloom filter, asked where it lies in memory.
#pragma once

#include "rocksdb/slice.h"
#include "table/block_based/block_based_table_reader.h"
#include "table/block_based/filter_policy_internal.h"
#include "table/block_based/full_filter_block.h"
#include "table/block_based/parsed_full_filter_block.h"
#include "util/bloom_impl.h"
#include "util/hash.h"

namespace mountdb {

// Answers as RocksDB's reader does, by its functions, in two steps: RocksDB asks memory for the line of
// a key and reads it at once, and takes two virtual calls and a look for the filter's block to get there.
class BloomFilter {
 public:
  // A key, of which the filter's line has been asked for.
  struct Question {
    const char* line = nullptr;
    uint32_t hash = 0;
  };

  // The filter of `rep` if that is one of RocksDB's own Bloom filters, in one piece, which stays where
  // it is as long as the table.
  explicit BloomFilter(const rocksdb::BlockBasedTable::Rep& rep) {
    const auto* const filter =
        dynamic_cast<const rocksdb::FullFilterBlockReader*>(rep.filter.get());
    if (filter == nullptr || rep.table_options.cache_index_and_filter_blocks ||
        !rep.whole_key_filtering ||
        dynamic_cast<const rocksdb::BuiltinFilterPolicy*>(rep.filter_policy) == nullptr) {
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
    constexpr size_t kLine = 64;
    if (content.size() < kLine + kMetadata || content.size() > UINT32_MAX) {
      return;
    }
    const char* const metadata = content.data() + content.size() - kMetadata;
    constexpr char kNewBloom = -1;
    constexpr char kFastLocal = 0;
    constexpr int kMostProbes = 30;
    const int probes = static_cast<uint8_t>(metadata[2]);  // and in lines of 64 bytes: no more bits
    if (metadata[0] == kNewBloom && metadata[1] == kFastLocal && 1 <= probes &&
        probes <= kMostProbes && metadata[3] == 0 && metadata[4] == 0) {
      bits_ = content.data();
      bytes_ = static_cast<uint32_t>(content.size() - kMetadata);
      probes_ = probes;
    }
  }

  // Whether it may be asked.
  bool IsKnown() const { return bits_ != nullptr; }

  // Asks memory for what MayMatch reads.
  Question Ask(const rocksdb::Slice& user_key) const {
    const uint64_t hash = rocksdb::GetSliceHash64(user_key);
    uint32_t offset = 0;
    rocksdb::FastLocalBloomImpl::PrepareHash(rocksdb::Lower32of64(hash), bytes_, bits_, &offset);
    return {bits_ + offset, rocksdb::Upper32of64(hash)};
  }

  bool MayMatch(const Question& asked) const {
    return rocksdb::FastLocalBloomImpl::HashMayMatchPrepared(asked.hash, probes_, asked.line);
  }

 private:
  // To name a member that RocksDB keeps for derived classes; there are no objects of this one.
  struct Access : rocksdb::FullFilterBlockReader {
    using rocksdb::FullFilterBlockReader::GetOrReadFilterBlock;
  };

  const char* bits_ = nullptr;
  uint32_t bytes_ = 0;
  int probes_ = 0;
};

}  // namespace mountdb
