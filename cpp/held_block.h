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
      : cache_(cache), handle_(handle), block_(block) {}
  HeldBlock(HeldBlock&& other) noexcept { *this = std::move(other); }
  HeldBlock& operator=(HeldBlock&& other) noexcept {
    if (this != &other) {
      Release();
      cache_ = other.cache_;
      handle_ = std::exchange(other.handle_, nullptr);
      block_ = std::exchange(other.block_, nullptr);
    }
    return *this;
  }
  ~HeldBlock() { Release(); }

  explicit operator bool() const { return block_ != nullptr; }

  // Whether ffi's functions read it: with a hash index, or keys apart from values, it is
  // RocksDB's to read.
  bool IsPlain() const {
    using rocksdb::BlockBasedTableOptions;
    return block_->size() > 0 && !block_->HasSeparatedKV() &&
           block_->IndexType() == BlockBasedTableOptions::kDataBlockBinarySearch;
  }
  const char* data() const { return block_->data(); }
  rust::Slice<const uint8_t> bytes() const {
    return AsRust(rocksdb::Slice(block_->data(), block_->size()));
  }
  uint32_t restarts() const { return block_->NumRestarts(); }

  void Release() {
    if (handle_ != nullptr) {
      cache_->Release(handle_);
    }
    handle_ = nullptr;
    block_ = nullptr;
  }
  // `other` keeps the bytes from here on.
  void GiveTo(rocksdb::Cleanable* other) {
    if (handle_ != nullptr) {
      other->RegisterCleanup(&ReleaseHandle, cache_, handle_);
    }
    handle_ = nullptr;
    block_ = nullptr;
  }
  // As RocksDB holds one.
  rocksdb::CachableEntry<rocksdb::Block> IntoEntry() {
    rocksdb::CachableEntry<rocksdb::Block> entry;
    entry.As<rocksdb::Block_kData>().SetCachedValue(block_, cache_, handle_);
    handle_ = nullptr;
    block_ = nullptr;
    return entry;
  }

 private:
  static void ReleaseHandle(void* cache, void* handle) {
    static_cast<rocksdb::Cache*>(cache)->Release(
        static_cast<rocksdb::Cache::Handle*>(handle));
  }

  rocksdb::Cache* cache_ = nullptr;
  rocksdb::Cache::Handle* handle_ = nullptr;
  rocksdb::Block_kData* block_ = nullptr;
};

}  // namespace mountdb
