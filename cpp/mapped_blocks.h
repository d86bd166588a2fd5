// The data blocks of a file that the operating system maps (allow_mmap_reads), in place.
#pragma once

#include <atomic>
#include <memory>

#include "mountdb/cpp/held_block.h"
#include "table/block_based/block_based_table_reader.h"

namespace mountdb {

// Every block's checksum is verified when it is first asked for; RocksDB verifies it at every read.
// That it is right is remembered, with where the block's restarts are, in a word a block.
class MappedBlocks {
 public:
  // Null if the file of `rep`, which outlives this, is not mapped, or its blocks may be compressed:
  // as they are read they are in the block cache.
  static std::unique_ptr<MappedBlocks> Open(const rocksdb::BlockBasedTable::Rep& rep,
                                            uint64_t blocks);

  // A block that is stored as it is read; otherwise, compressed, damaged or with a hash index,
  // nothing: RocksDB reads it, and says what is wrong. `verify`: whether its checksum matters.
  HeldBlock Find(const ffi::Position& at, bool verify) const;

  // Asks for the lines that a lookup will read; `part` as in ffi::Guess.
  void Prefetch(const ffi::Position& at, int32_t part) const;

  size_t ApproximateMemoryUsage() const;

 private:
  MappedBlocks(const rocksdb::BlockBasedTable::Rep& rep, const char* base, uint64_t blocks);

  // Of the block at `data`, with a trailer behind it: 0 if it is not one to be read in place.
  uint64_t Look(const ffi::Position& at, const rocksdb::Slice& data, bool verify) const;
  // As the bytes of one block and what RocksDB stores behind it; empty if they are not all there.
  rocksdb::Slice BytesOf(const ffi::Position& at) const;

  const rocksdb::BlockBasedTable::Rep& rep_;
  const char* const base_;
  const uint64_t blocks_;
  // By block: its restarts, as ffi's functions take them, and kVerified if its checksum was right; 0
  // if nobody has looked. They say something of bytes that do not change, and publish nothing.
  const std::unique_ptr<std::atomic<uint64_t>[]> known_;
};

}  // namespace mountdb
