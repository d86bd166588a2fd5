#include "mountdb/cpp/index_reader.h"

#include <optional>
#include <utility>

#include "mountdb/cpp/thread_memory.h"
#include "table/internal_iterator.h"

namespace mountdb {

using rocksdb::BlockBasedTable;
using rocksdb::IndexValue;
using rocksdb::Slice;
using rocksdb::Status;

namespace {

// What an index iterator is made for.
enum class Purpose {
  kScan,
  // A Get, or one key after the other of a MultiGet: Next() is asked for the block where the
  // versions of the user key sought go on, if there is one.
  kLookup,
};

// Walks the blocks of one file. A position is a block number and its handle; the key, which
// point lookups never ask for, is put together on demand.
class LearnedIndexIterator final : public rocksdb::InternalIteratorBase<IndexValue> {
 public:
  LearnedIndexIterator(const ffi::Index& index, uint64_t blocks, bool key_includes_seq,
                       Purpose purpose)
      : index_(index),
        blocks_(blocks),
        key_includes_seq_(key_includes_seq),
        purpose_(purpose) {}

  static void* operator new(size_t) { return ThreadMemory<LearnedIndexIterator>::Take(); }
  static void operator delete(void* memory) {
    ThreadMemory<LearnedIndexIterator>::Give(memory);
  }

  bool Valid() const override { return at_.block < blocks_; }
  void SeekToFirst() override { MoveTo(index_.position(0)); }
  void SeekToLast() override { MoveTo(index_.position(blocks_ > 0 ? blocks_ - 1 : 0)); }

  void Seek(const Slice& target) override {
    MoveTo(index_.seek(AsRust(rocksdb::ExtractUserKey(target)),
                       rocksdb::ExtractInternalKeyFooter(target)));
  }

  void SeekForPrev(const Slice&) override {
    // As in the standard index: the table iterator seeks and steps back.
    at_.block = kFailed;
    status_ = Status::NotSupported("SeekForPrev is not called on index iterators");
  }

  void Next() override {
    if (!Valid()) {
      return;
    }
    if (purpose_ == Purpose::kLookup && !index_.splits_a_user_key(at_.block)) {
      // All that follows lies behind the user key sought. The standard index would have the
      // next block read to find that out.
      at_.block = blocks_;
    } else {
      MoveTo(index_.position(at_.block + 1));
    }
  }

  void Prev() override {
    if (at_.block == 0 || !Valid()) {
      at_.block = kFailed;  // not Valid, and no error
    } else {
      MoveTo(index_.position(at_.block - 1));
    }
  }

  Slice key() const override { return key_includes_seq_ ? InternalKey() : user_key(); }
  Slice user_key() const override { return rocksdb::ExtractUserKey(InternalKey()); }

  IndexValue value() const override {
    return IndexValue(rocksdb::BlockHandle(at_.offset, at_.size), Slice());
  }

  Status status() const override { return status_; }

 private:
  void MoveTo(const ffi::Position& position) {
    at_ = position;
    if (at_.block == kFailed) {
      status_ = IndexFailed();
    } else if (!status_.ok()) {
      status_ = Status::OK();
    }
  }

  Slice InternalKey() const {
    if (key_of_ != at_.block) {
      if (!key_buffer_) {
        key_buffer_.emplace();
      }
      key_ = SeparatorOf(index_, at_.block, &*key_buffer_);
      key_of_ = at_.block;
    }
    return key_;
  }

  const ffi::Index& index_;
  const uint64_t blocks_;
  ffi::Position at_{kFailed, 0, 0};
  Status status_;
  mutable std::optional<rust::Vec<uint8_t>> key_buffer_;
  mutable Slice key_;  // the internal key of the separator of block `key_of_`
  mutable uint64_t key_of_ = kFailed;
  const bool key_includes_seq_;
  const Purpose purpose_;
};

}  // namespace

Slice SeparatorOf(const ffi::Index& index, uint64_t block, rust::Vec<uint8_t>* buffer) {
  index.separator(block, TagBeforeAllVersions(), *buffer);
  return Slice(reinterpret_cast<const char*>(buffer->data()), buffer->size());
}

LearnedIndexReader::LearnedIndexReader(rust::Box<ffi::Index> index, bool key_includes_seq)
    : index_(std::move(index)),
      memory_usage_(index_->memory_usage()),
      blocks_(index_->blocks()),
      key_includes_seq_(key_includes_seq) {}

rocksdb::InternalIteratorBase<IndexValue>* LearnedIndexReader::NewIterator(
    const rocksdb::ReadOptions&, bool, rocksdb::IndexBlockIter*,
    rocksdb::GetContext* get_context, rocksdb::BlockCacheLookupContext*) {
  // RocksDB gives a GetContext for Get and MultiGet only.
  const Purpose purpose = get_context != nullptr ? Purpose::kLookup : Purpose::kScan;
  return new LearnedIndexIterator(*index_, blocks_, key_includes_seq_, purpose);
}

size_t LearnedIndexReader::ApproximateMemoryUsage() const {
  return sizeof(*this) + memory_usage_;
}

}  // namespace mountdb
