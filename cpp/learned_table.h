// A table file whose learned index is in use: point lookups by the shortest way.
//
// A Get goes from the filter to the learned index to the block, in the block cache or in the mapped
// file, to the entry, without an index iterator, a block iterator or an allocation. In a mapped file it
// is mostly known where in the block the entry is (src/slots.rs); otherwise the block is searched.
// MultiGet takes each of these steps for all keys before the next one, so that waits for memory
// overlap; of the last, it asks for the lines of one block while it searches the one before. For
// iterators see learned_iterator.h.
// Everything else, and every lookup that is out of the ordinary, is the block-based table's.
#pragma once

#include <atomic>
#include <memory>

#include "mountdb/cpp/bloom_filter.h"
#include "mountdb/cpp/held_block.h"
#include "mountdb/cpp/mapped_blocks.h"
#include "mountdb/src/ffi/bridge.rs.h"
#include "table/block_based/block_based_table_reader.h"
#include "table/block_based/block_cache.h"
#include "table/table_reader.h"
#include "trace_replay/block_cache_tracer.h"

namespace mountdb {

class LearnedTable final : public rocksdb::TableReader {
 public:
  // `index` is that of `table` and lives as long as it. `limit_of_hints`: what of the memory hints may
  // take.
  LearnedTable(std::unique_ptr<rocksdb::TableReader> table, const ffi::Index& index,
               const rocksdb::BlockCacheTracer* tracer, const SlotMemory& memory,
               size_t limit_of_hints);

  rocksdb::BlockBasedTable& block_based() const { return *table_; }
  const rocksdb::BlockBasedTable::Rep& rep() const { return rep_; }
  const ffi::Index& index() const { return index_; }
  uint64_t blocks() const { return blocks_; }

  // Whether what is read is recorded at this moment, which RocksDB's ways see to.
  bool IsTraced() const { return tracer_ != nullptr && tracer_->is_tracing_enabled(); }
  // Where a key is.
  ffi::Guess SeekIndex(const rocksdb::Slice& internal_key) const;
  // Asks for what LookUpBlock and a search of the block will read.
  void PrefetchBlock(const rocksdb::ReadOptions& read, const ffi::Guess& guess) const;
  // A data block that takes no reading: in the mapped file, or in the block cache; otherwise
  // nothing. `get_context`: of a Get, or null.
  HeldBlock LookUpBlock(const rocksdb::ReadOptions& read, const ffi::Position& at,
                        rocksdb::GetContext* get_context) const;
  // Notes that such a block turned out to be RocksDB's to read: iterators and MultiGet then leave
  // this file to RocksDB, who has to look the block up anew.
  void NoteUnusualBlock() const { has_unusual_blocks_.store(true, std::memory_order_relaxed); }

  rocksdb::Status Get(const rocksdb::ReadOptions& read, const rocksdb::Slice& key,
                      rocksdb::GetContext* get_context,
                      const rocksdb::SliceTransform* prefix_extractor,
                      bool skip_filters) override;

  rocksdb::InternalIterator* NewIterator(const rocksdb::ReadOptions& read,
                                         const rocksdb::SliceTransform* prefix_extractor,
                                         rocksdb::Arena* arena, bool skip_filters,
                                         rocksdb::TableReaderCaller caller,
                                         size_t compaction_readahead_size,
                                         bool allow_unprepared_value) override;
  rocksdb::FragmentedRangeTombstoneIterator* NewRangeTombstoneIterator(
      const rocksdb::ReadOptions& read) override;
  rocksdb::FragmentedRangeTombstoneIterator* NewRangeTombstoneIterator(
      rocksdb::SequenceNumber read_seqno, const rocksdb::Slice* timestamp) override;
  uint64_t ApproximateOffsetOf(const rocksdb::ReadOptions& read, const rocksdb::Slice& key,
                               rocksdb::TableReaderCaller caller) override;
  uint64_t ApproximateSize(const rocksdb::ReadOptions& read, const rocksdb::Slice& start,
                           const rocksdb::Slice& end,
                           rocksdb::TableReaderCaller caller) override;
  rocksdb::Status ApproximateKeyAnchors(const rocksdb::ReadOptions& read,
                                        std::vector<Anchor>& anchors) override;
  void SetupForCompaction() override;
  std::shared_ptr<const rocksdb::TableProperties> GetTableProperties() const override;
  void Prepare(const rocksdb::Slice& target) override;
  size_t ApproximateMemoryUsage() const override;
  rocksdb::Status MultiGetFilter(const rocksdb::ReadOptions& read,
                                 const rocksdb::SliceTransform* prefix_extractor,
                                 rocksdb::MultiGetContext::Range* range) override;
  void MultiGet(const rocksdb::ReadOptions& read,
                const rocksdb::MultiGetContext::Range* range,
                const rocksdb::SliceTransform* prefix_extractor, bool skip_filters) override;
  rocksdb::Status Prefetch(const rocksdb::ReadOptions& read, const rocksdb::Slice* begin,
                           const rocksdb::Slice* end) override;
  rocksdb::Status DumpTable(rocksdb::WritableFile* out_file,
                            bool show_sequence_number_type) override;
  rocksdb::Status VerifyChecksum(const rocksdb::ReadOptions& read,
                                 rocksdb::TableReaderCaller caller,
                                 bool meta_blocks_only) override;
  void MarkObsolete(uint32_t uncache_aggressiveness) override;

 private:
  struct Lookup;

  // Whether the way of this class is open to lookups in this file at all.
  bool IsOrdinary() const;
  // What the filter says; `asked`: the question, if the filter is a known Bloom filter.
  inline bool MayMatch(const rocksdb::ReadOptions& read, const rocksdb::Slice& key,
                       rocksdb::GetContext* get_context,
                       const BloomFilter::Question& asked) const;
  // What RocksDB's reader of the filter says.
  bool AskFilter(const rocksdb::ReadOptions& read, const rocksdb::Slice& key,
                 rocksdb::GetContext* get_context) const;
  // Of so many keys versions were found behind a filter that had said they may be there.
  void CountTruePositives(uint64_t keys) const;
  // Whether blocks may be looked up here, and in what.
  bool MayLookUp(const rocksdb::ReadOptions& read) const {
    return is_ordinary_ && (IsInMap(read) || IsInCache(read));
  }
  bool IsInMap(const rocksdb::ReadOptions& read) const {
    // Pages that are not in memory are read.
    return map_ != nullptr && read.read_tier != rocksdb::kBlockCacheTier;
  }
  bool IsInCache(const rocksdb::ReadOptions& read) const {
    return read.read_scoped_block_buffer_provider == nullptr
               ? cache_ != nullptr
               : rocksdb::ShouldUseDataBlockCacheForIterator(rep_.table_options, read,
                                                             rep_.ioptions.allow_mmap_reads);
  }
  // Where a key is, as a lookup wants to know it, which then reads what this has asked for.
  ffi::Aimed SeekIndexAhead(const rocksdb::ReadOptions& read,
                            const rocksdb::Slice& internal_key) const;
  // Where keys are: in a mapped file, the entry too where that is known.
  void SeekIndexForAll(const rocksdb::ReadOptions& read, rust::Slice<const ffi::BatchKey> keys,
                       rust::Slice<ffi::BatchFound> found) const;
  // About where in the block the key is: in a mapped file the two above leave that out where they
  // take it that the entry's place is known.
  int32_t PartOf(const rocksdb::ReadOptions& read, const rocksdb::Slice& internal_key,
                 const ffi::Guess& guess) const;
  // The handle of a block in the block cache, or null.
  rocksdb::Cache::Handle* FindInCache(const ffi::Position& at,
                                      rocksdb::GetContext* get_context) const;
  HeldBlock HoldCached(const ffi::Position& at, rocksdb::Cache::Handle* handle) const;
  // Gives the versions in one block to the lookup.
  void LookUpIn(const ffi::Aimed& aimed, Lookup* lookup) const;
  // The same as RocksDB does it, who reads the block if it is not held.
  void ReadIn(const ffi::Position& at, HeldBlock* block, Lookup* lookup) const;
  // Goes on with the blocks behind `block`, if versions of the user key may be there.
  void LookUpBehind(uint64_t block, Lookup* lookup) const;
  // In the bytes of a block, which is taken if it is cached, and released when neither this nor a value
  // needs it; false, and nothing done, if that takes more than this class knows.
  bool InPlace(HeldBlock* block, int32_t part, Lookup* lookup) const;
  // Gives the versions in a block of these bytes, from the one that `step` has come to on, to the
  // lookup. `pinner` keeps the bytes; null: values are to be copied.
  void Versions(const rocksdb::Slice& bytes, uint64_t restarts, rocksdb::Cleanable* pinner,
                ffi::BlockStep step, Lookup* lookup) const;
  // The same in a block of the mapped file.
  void VersionsInMap(const rocksdb::Slice& bytes, uint64_t restarts, const ffi::BlockStep& step,
                     Lookup* lookup) const;
  // Whether iterators with these options may look blocks up by themselves.
  bool IsOrdinaryScan(const rocksdb::ReadOptions& read,
                      const rocksdb::SliceTransform* prefix_extractor, bool skip_filters,
                      rocksdb::TableReaderCaller caller) const;

  const std::unique_ptr<rocksdb::TableReader> owned_;
  rocksdb::BlockBasedTable* const table_;
  const rocksdb::BlockBasedTable::Rep& rep_;
  // Of `rep_`, what every lookup reads.
  rocksdb::FilterBlockReader* const filter_;
  rocksdb::Cache* const cache_;
  rocksdb::Statistics* const statistics_;
  const ffi::Index& index_;
  const uint64_t blocks_;
  const rocksdb::BlockCacheTracer* const tracer_;
  const uint32_t number_;  // of the table, for FilterForecast
  const bool is_ordinary_;
  const BloomFilter bloom_;
  const std::unique_ptr<MappedBlocks> map_;  // null if the file is not mapped
  const rust::Box<ffi::BlockHints> hints_;   // none if it is
  mutable std::atomic<bool> has_unusual_blocks_{false};
};

// The block-based table that `reader`, which one of mountdb's or RocksDB's table factories has
// made, is or stands in front of.
rocksdb::BlockBasedTable& BlockBasedTableOf(rocksdb::TableReader& reader);

}  // namespace mountdb
