// The data blocks of a file that the operating system maps (allow_mmap_reads), in place.
#pragma once

#include <atomic>
#include <memory>

#include "mountdb/cpp/held_block.h"
#include "table/block_based/block_based_table_reader.h"

namespace mountdb {

// Every block's checksum is verified when it is first asked for, and remembered as a bit: RocksDB
// verifies it at every read.
class MappedBlocks {
 public:
  // Null if the file of `rep`, which outlives this, is not mapped, or its blocks may be compressed:
  // as they are read they are in the block cache.
  static std::unique_ptr<MappedBlocks> Open(const rocksdb::BlockBasedTable::Rep& rep,
                                            uint64_t blocks);

  // A block that is stored as it is read; otherwise, compressed, damaged or with a hash index,
  // nothing: RocksDB reads it, and says what is wrong. `verify`: whether its checksum matters.
  HeldBlock Find(const ffi::Position& at, bool verify) const;

  // Asks for the lines that a lookup will read; see ffi::prefetch_in_block.
  void Prefetch(const ffi::Position& at, int32_t part) const;

  size_t ApproximateMemoryUsage() const;

 private:
  MappedBlocks(const rocksdb::BlockBasedTable::Rep& rep, const char* base, uint64_t blocks);

  bool IsVerified(uint64_t block) const;
  // As the bytes of one block and what RocksDB stores behind it; empty if they are not all there.
  rocksdb::Slice BytesOf(const ffi::Position& at) const;

  const rocksdb::BlockBasedTable::Rep& rep_;
  const char* const base_;
  const uint64_t blocks_;
  // A bit a block. It says something of bytes that do not change, and nothing is published by it.
  const std::unique_ptr<std::atomic<uint64_t>[]> verified_;
};

}  // namespace mountdb
