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

  // Asks for what a lookup of `guess` will read first, so that the processor finds out where in
  // memory it is: while it does, it goes on for a few hundred instructions only, so they are better
  // not spent on more requests. HeldBlock::Prefetch asks for the rest.
  void Prefetch(const ffi::Guess& guess) const {
    const uint64_t part = guess.part < 0 ? 0 : static_cast<uint64_t>(guess.part);
    __builtin_prefetch(base_ + guess.at.offset + (guess.at.size * part >> 16));
    __builtin_prefetch(&known_[guess.at.block]);
  }

  // A block that is stored as it is read; otherwise, compressed, damaged or with a hash index,
  // nothing: RocksDB reads it, and says what is wrong. `at` is one of the index of the file.
  // `verify`: whether the block's checksum matters.
  HeldBlock Find(const ffi::Position& at, bool verify) const {
    const uint64_t known = known_[at.block].load(std::memory_order_relaxed);
    if (known == 0 || (verify && (known & kVerified) == 0)) {
      return FindFirst(at, verify);
    }
    CountRead(at);
    return HeldBlock(rocksdb::Slice(base_ + at.offset, at.size), known);
  }

  size_t ApproximateMemoryUsage() const;

 private:
  // Beside a block's restarts, whose words do not use it.
  static constexpr uint64_t kVerified = uint64_t{1} << 63;

  MappedBlocks(const rocksdb::BlockBasedTable::Rep& rep, const char* base, uint64_t blocks);

  // A read, in the eyes of those who count how many blocks a lookup takes.
  static void CountRead(const ffi::Position& at);
  // Of a block of which nothing, or too little, is known.
  HeldBlock FindFirst(const ffi::Position& at, bool verify) const;
  // Of the block at `data`, with a trailer behind it: 0 if it is not one to be read in place.
  uint64_t Look(const ffi::Position& at, const rocksdb::Slice& data, bool verify) const;
  // Empty if the file ends before the block and what RocksDB stores behind it.
  rocksdb::Slice BytesOf(const ffi::Position& at) const;

  const rocksdb::BlockBasedTable::Rep& rep_;
  const char* const base_;
  const uint64_t blocks_;
  // By block: its restarts, as ffi's functions take them, and kVerified if its checksum was right; 0
  // if nobody has looked. They say something of bytes that do not change, and publish nothing.
  const std::unique_ptr<std::atomic<uint64_t>[]> known_;
};

}  // namespace mountdb
