// The bytes of a data block, and what keeps them.
#pragma once

#include <utility>

#include "mountdb/cpp/index_reader.h"
#include "rocksdb/cleanable.h"
#include "table/block_based/block_cache.h"

namespace mountdb {

class HeldBlock {
 public:
  HeldBlock() = default;
  // `handle` of `cache` keeps `block`.
  HeldBlock(rocksdb::Cache* cache, rocksdb::Cache::Handle* handle, rocksdb::Block_kData* block)
      : cache_(cache), handle_(handle), block_(block) {
    using rocksdb::BlockBasedTableOptions;
    if (block->size() > 0 && !block->HasSeparatedKV() &&
        block->IndexType() == BlockBasedTableOptions::kDataBlockBinarySearch) {
      data_ = rocksdb::Slice(block->data(), block->size());
      restarts_ = ffi::count_of_restarts(block->NumRestarts());
    }
  }
  // Bytes in a mapped file, which has to outlive this.
  HeldBlock(const rocksdb::Slice& data, uint64_t restarts) : data_(data), restarts_(restarts) {}
  HeldBlock(HeldBlock&& other) noexcept : HeldBlock(std::as_const(other)) { other.Forget(); }
  HeldBlock& operator=(HeldBlock&& other) noexcept {
    if (this != &other) {
      Release();
      *this = std::as_const(other);
      other.Forget();
    }
    return *this;
  }
  ~HeldBlock() { Release(); }

  explicit operator bool() const { return handle_ != nullptr || IsPlain(); }
  bool IsCached() const { return handle_ != nullptr; }

  // Whether ffi's functions read it: with a hash index, or keys apart from values, it is
  // RocksDB's to read, and what follows is empty.
  bool IsPlain() const { return !data_.empty(); }
  const char* data() const { return data_.data(); }
  const rocksdb::Slice& contents() const { return data_; }
  rust::Slice<const uint8_t> bytes() const { return AsRust(data_); }
  // As ffi's functions take them.
  uint64_t restarts() const { return restarts_; }
  // Whether it was where LearnedTable had taken it to be, and had asked for its lines.
  bool IsExpected() const { return is_expected_; }
  void SetExpected(bool is_expected) { is_expected_ = is_expected; }
  // Asks for the lines that a lookup will read; `part` as in ffi::Guess.
  void Prefetch(int32_t part) const {
    if (IsPlain()) {
      ffi::prefetch_in_block(reinterpret_cast<uintptr_t>(data_.data()), data_.size(), restarts_,
                             part);
    }
  }

  // The same bytes, held once more.
  HeldBlock Share() const {
    return handle_ == nullptr || cache_->Ref(handle_) ? HeldBlock(*this) : HeldBlock();
  }
  void Release() {
    if (handle_ != nullptr) {
      cache_->Release(handle_);
    }
    Forget();
  }
  // `other` keeps the bytes from here on.
  void GiveTo(rocksdb::Cleanable* other) {
    if (handle_ != nullptr) {
      other->RegisterCleanup(&ReleaseHandle, cache_, handle_);
    }
    Forget();
  }
  // A cached block as RocksDB holds one.
  rocksdb::CachableEntry<rocksdb::Block> IntoEntry() {
    rocksdb::CachableEntry<rocksdb::Block> entry;
    entry.As<rocksdb::Block_kData>().SetCachedValue(block_, cache_, handle_);
    Forget();
    return entry;
  }

 private:
  // Member by member: one of the two has to let go, or to hold once more.
  HeldBlock(const HeldBlock&) = default;
  HeldBlock& operator=(const HeldBlock&) = default;

  static void ReleaseHandle(void* cache, void* handle) {
    static_cast<rocksdb::Cache*>(cache)->Release(
        static_cast<rocksdb::Cache::Handle*>(handle));
  }

  void Forget() {
    handle_ = nullptr;
    block_ = nullptr;
    data_ = rocksdb::Slice();
  }

  rocksdb::Cache* cache_ = nullptr;
  rocksdb::Cache::Handle* handle_ = nullptr;
  rocksdb::Block_kData* block_ = nullptr;
  rocksdb::Slice data_;
  uint64_t restarts_ = 0;
  bool is_expected_ = false;
};

}  // namespace mountdb
