// The values that a batch of lookups finds in a mapped file.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <new>

#include "mountdb/cpp/thread_memory.h"
#include "rocksdb/cleanable.h"
#include "rocksdb/slice.h"
#include "table/multiget_context.h"

namespace mountdb {

// Copies values side by side, into memory that lasts until the last of them is dropped. One by one,
// each in memory of its own, a batch frees more small pieces at a time than the C library's malloc
// has room to keep, and it puts them together again at the price of several cache misses.
class ValueCopies {
  struct Piece {
    // Of the piece that is being filled, more than it has values.
    static constexpr uint32_t kOpen = uint32_t{1} << 31;

    std::atomic<uint32_t> users{kOpen};
    char bytes[4096 - sizeof(std::atomic<uint32_t>)];
  };

 public:
  // Of larger values few would share a piece.
  static constexpr size_t kLargest = 1000;
  // For fewer of one file a piece is too much: a batch that lies in many files would take more of
  // them than a thread keeps.
  static constexpr size_t kFewest =
      rocksdb::MultiGetContext::MAX_BATCH_SIZE / ThreadMemory<Piece>::kSlots;

  ValueCopies() = default;
  ValueCopies(const ValueCopies&) = delete;
  ValueCopies& operator=(const ValueCopies&) = delete;
  ~ValueCopies() { Close(); }

  // A copy of `value`, which must not be larger than kLargest. `pinner` keeps it, wherever and in
  // whatever thread that ends.
  rocksdb::Slice Copy(const rocksdb::Slice& value, rocksdb::Cleanable* pinner) {
    if (piece_ == nullptr || sizeof(piece_->bytes) - used_ < value.size()) {
      Close();
      piece_ = new (ThreadMemory<Piece>::Take()) Piece;
      used_ = 0;
      kept_ = 0;
    }
    char* const copy = piece_->bytes + used_;
    memcpy(copy, value.data(), value.size());
    used_ += value.size();
    ++kept_;
    pinner->RegisterCleanup(&DropValue, piece_, nullptr);
    return rocksdb::Slice(copy, value.size());
  }

 private:
  static void DropValue(void* piece, void*) { Drop(static_cast<Piece*>(piece), 1); }

  // What its users have read of a piece is read before it becomes another's.
  static void Drop(Piece* piece, uint32_t users) {
    if (piece->users.fetch_sub(users, std::memory_order_acq_rel) == users) {
      piece->~Piece();
      ThreadMemory<Piece>::Give(piece);
    }
  }

  void Close() {
    if (piece_ != nullptr) {
      // From here on only its values use it; some may have been dropped already.
      Drop(piece_, Piece::kOpen - kept_);
      piece_ = nullptr;
    }
  }

  Piece* piece_ = nullptr;
  size_t used_ = 0;
  uint32_t kept_ = 0;
};

}  // namespace mountdb
