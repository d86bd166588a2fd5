// The data blocks of a file that the operating system maps (allow_mmap_reads), in place.
#pragma once

#include <memory>

#include "mountdb/cpp/held_block.h"
#include "table/block_based/block_based_table_reader.h"

namespace mountdb {

// Memory for the places of entries (ffi::BlockSlots) and for quick indexes, of which the files of a table
// factory together take no more than `limit` bytes.
struct SlotMemory {
  const ffi::SlotMemory& taken;
  const size_t limit;
};

// Every block's checksum is verified when it is first asked for; RocksDB verifies it at every read.
// That it is right is remembered, with where the block's restarts and entries are.
class MappedBlocks {
 public:
  // Null if the file of `rep`, which outlives this, is not mapped, or its blocks may be compressed:
  // as they are read they are in the block cache.
  static std::unique_ptr<MappedBlocks> Open(const rocksdb::BlockBasedTable::Rep& rep,
                                            uint64_t blocks, const SlotMemory& memory);

  // Seeks in the index of the file and in what is known of the block, and asks for what LookUp reads.
  // Where entries' places are, the index is not asked for a guess.
  ffi::Aimed Aim(const ffi::Index& index, const rocksdb::Slice& internal_key) const {
    return slots_->aim(index, file_, AsRust(rocksdb::ExtractUserKey(internal_key)),
                       rocksdb::ExtractInternalKeyFooter(internal_key));
  }
  // Asks for a line of the block.
  void Prefetch(const ffi::Guess& guess) const {
    const uint64_t part = guess.part < 0 ? 0 : static_cast<uint64_t>(guess.part);
    __builtin_prefetch(base_ + guess.at.offset + (guess.at.size * part >> 16));
  }
  // Asks for what Find reads.
  void PrefetchWord(const ffi::Guess& guess) const { slots_->prefetch_word(guess.at.block); }
  // Where in its block the key is, if that is known without a search. `aimed`: of Aim, if it was asked.
  ffi::BlockStep LookUp(const ffi::Position& at, uint64_t aimed,
                        const rocksdb::Slice& internal_key) const {
    return slots_->look_up(at.block, aimed, AsRust(BytesAt(at)),
                           AsRust(rocksdb::ExtractUserKey(internal_key)),
                           rocksdb::ExtractInternalKeyFooter(internal_key));
  }
  // All of this for many keys.
  void LookUpAll(const ffi::Index& index, rust::Slice<const ffi::BatchKey> keys,
                 rust::Slice<ffi::BatchFound> found) const {
    slots_->look_up_all(index, file_, keys, found);
  }
  // The bytes of a block of the index of the file that has been looked at.
  rocksdb::Slice BytesAt(const ffi::Position& at) const {
    return rocksdb::Slice(base_ + at.offset, at.size);
  }
  // Of a block of which LookUp has told something, the restarts are not looked up: only a step to an older
  // version asks for them, and how many there are the block itself says.
  static constexpr uint64_t kUnknownRestarts = 0;
  // A read, in the eyes of those who count how many blocks a lookup takes.
  static void CountRead(const ffi::Position& at);

  // A block that is stored as it is read; otherwise, compressed, damaged or with a hash index,
  // nothing: RocksDB reads it, and says what is wrong. `at` is one of the index of the file.
  // `verify`: whether the block's checksum matters.
  HeldBlock Find(const ffi::Position& at, bool verify) const {
    const uint64_t known = slots_->word(at.block);
    if (known == 0 || (verify && (known & kVerified) == 0)) {
      return FindFirst(at, verify);
    }
    CountRead(at);
    return HeldBlock(BytesAt(at), known);
  }

  size_t ApproximateMemoryUsage() const;

 private:
  // Beside a block's restarts, whose words do not use it.
  static constexpr uint64_t kVerified = uint64_t{1} << 63;

  MappedBlocks(const rocksdb::BlockBasedTable::Rep& rep, const char* base, uint64_t blocks,
               const SlotMemory& memory);

  // Of a block of which nothing, or too little, is known.
  HeldBlock FindFirst(const ffi::Position& at, bool verify) const;
  // Of the block at `data`, with a trailer behind it: 0 if it is not one to be read in place.
  uint64_t Look(const ffi::Position& at, const rocksdb::Slice& data, bool verify) const;
  // Empty if the file ends before the block and what RocksDB stores behind it.
  rocksdb::Slice BytesOf(const ffi::Position& at) const;

  const rocksdb::BlockBasedTable::Rep& rep_;
  const char* const base_;
  const uint64_t blocks_;
  const rust::Slice<const uint8_t> file_;
  // By block: its restarts, as ffi's functions take them, and kVerified if its checksum was right; 0
  // if nobody has looked. Where it was right, also where its entries are.
  const rust::Box<ffi::BlockSlots> slots_;
};

}  // namespace mountdb
