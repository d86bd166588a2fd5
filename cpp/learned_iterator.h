// Walks a table file through its learned index, as long as its blocks take no reading.
#pragma once

#include <memory>

#include "db/dbformat.h"
#include "mountdb/cpp/held_block.h"
#include "mountdb/cpp/learned_table.h"
#include "rocksdb/options.h"
#include "table/internal_iterator.h"

namespace mountdb {

// Seek and Next in cached or mapped blocks, without an index iterator or a block iterator. For everything
// else, a block that has to be read, damage, and going backward among it, RocksDB's iterator over
// the same file takes over, until the next Seek.
class LearnedIterator final : public rocksdb::InternalIterator {
 public:
  // `table`, `read` and `prefix_extractor` outlive it.
  LearnedIterator(const LearnedTable& table, const rocksdb::ReadOptions& read,
                  const rocksdb::SliceTransform* prefix_extractor, bool skip_filters,
                  bool allow_unprepared_value);
  ~LearnedIterator() override;

  static void* operator new(size_t size);
  static void* operator new(size_t, void* memory) { return memory; }
  static void operator delete(void* memory);
  static void operator delete(void*, void*) {}

  bool Valid() const override;
  void SeekToFirst() override;
  void SeekToLast() override;
  void Seek(const rocksdb::Slice& target) override;
  void SeekForPrev(const rocksdb::Slice& target) override;
  void Next() override;
  bool NextAndGetResult(rocksdb::IterateResult* result) override;
  void Prev() override;
  rocksdb::Slice key() const override;
  rocksdb::Slice user_key() const override;
  rocksdb::Slice value() const override;
  rocksdb::Status status() const override;
  bool PrepareValue() override;
  uint64_t write_unix_time() const override;
  rocksdb::IterBoundCheck UpperBoundCheckResult() override;
  void SetPinnedItersMgr(rocksdb::PinnedIteratorsManager* manager) override;
  bool IsKeyPinned() const override;
  bool IsValuePinned() const override;
  void Prepare(const rocksdb::MultiScanArgs* scans) override;

 private:
  // Who stands where the iterator stands.
  enum class At { kNowhere, kHere, kStock };

  std::unique_ptr<rocksdb::InternalIterator> NewStock() const;
  // From here on RocksDB's iterator is asked, which is still to be positioned. `kept` gets the
  // block that was held here, until it is: the cache may have no room to keep it for nobody.
  rocksdb::InternalIterator& HandOver(HeldBlock* kept);

  // The three below: whether it could be done here; if not, the iterator stands where it stood.
  bool SeekHere(const rocksdb::Slice& target);
  bool NextHere();
  bool NextBlockHere();
  // A block that can be read here, if it is in the cache.
  HeldBlock LookUp(const ffi::Position& at) const;
  void Hold(HeldBlock block, uint64_t number);
  // `place` is an entry of the block that is held; `key_` begins with the bytes that it shares.
  void Take(const ffi::BlockPlace& place);
  // The same for an entry that is reached from one that shares nothing.
  bool TakeBeyond(size_t restart, size_t at);
  void CheckUpperBound();
  bool IsNextBlockOutOfBound() const;
  // Lets go of the block; the key goes with it.
  void Release();
  void Leave();
  bool IsPinning() const;

  const LearnedTable& table_;
  const rocksdb::ReadOptions& read_;
  const rocksdb::SliceTransform* const prefix_extractor_;
  rocksdb::PinnedIteratorsManager* pinned_ = nullptr;
  std::unique_ptr<rocksdb::InternalIterator> stock_;

  // What follows is of At::kHere.
  HeldBlock block_;
  uint64_t number_ = UINT64_MAX;  // of the block that is held
  rocksdb::IterKey key_;
  size_t value_ = 0;  // in the block
  size_t value_len_ = 0;
  rocksdb::Status status_;

  At at_ = At::kNowhere;
  bool is_out_of_bound_ = false;
  // As RocksDB counts them: since the last Seek a block was looked at, and its use to the reader
  // is not counted yet.
  bool is_block_counted_ = false;
  mutable bool is_use_to_be_counted_ = false;
  const bool skip_filters_;
  const bool allow_unprepared_value_;
  bool is_all_stocks_ = false;
};

}  // namespace mountdb
