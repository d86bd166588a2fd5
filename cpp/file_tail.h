// The end of a table file that BlockBasedTableBuilder writes, with one more meta block.
//
//   ... [properties][metaindex][footer]   becomes   ... [block][properties][metaindex][footer]
//
// RocksDB writes meta blocks of others for user-defined indexes only, and asks for these at every
// key. So its builder writes to a HeldBackFile, which lets the data pass; what follows the data is
// taken from it, and its end written anew by RocksDB's own builders of these blocks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "file/writable_file_writer.h"
#include "rocksdb/file_system.h"
#include "rocksdb/table_properties.h"

namespace mountdb {

// Stands between two writers, of which that in front buffers: hands on what it is given until it
// is told to hold back.
class HeldBackFile final : public rocksdb::FSWritableFile {
 public:
  explicit HeldBackFile(rocksdb::WritableFileWriter* to) : to_(to) {}

  // From here on the writer behind it is not used, and may go.
  void HoldBack() { holding_ = true; }
  void Reserve(size_t bytes) { held_.reserve(bytes); }
  // All that came since.
  std::string TakeHeld() { return std::move(held_); }

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext*) override;
  using rocksdb::FSWritableFile::Append;
  // Called when the buffer in front is full, as it is for the file itself without it.
  rocksdb::IOStatus Flush(const rocksdb::IOOptions& options, rocksdb::IODebugContext*) override;
  // The writer behind it is synced and closed by those who own it.
  rocksdb::IOStatus Sync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::OK();
  }
  rocksdb::IOStatus Close(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::OK();
  }
  // For listeners, of which the writer in front has none.
  uint64_t GetFileSize(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override { return 0; }

 private:
  rocksdb::WritableFileWriter* const to_;
  bool holding_ = false;
  std::string held_;
};

// What is to be added to a file.
struct Addition {
  std::string name;
  // No block if it is empty.
  rocksdb::Slice block;
  rocksdb::UserCollectedProperties properties;
};

// How the end of a file goes on.
struct NewEnd {
  // As many bytes of the old end remain.
  size_t kept = 0;
  std::string bytes;
};

// `end` with the addition; it is the end of a table file of `file_size` bytes. None unless it is
// what BlockBasedTableBuilder of RocksDB 11.8.1 writes. Checksums are not verified: it has never
// left memory.
std::optional<NewEnd> WithAddition(uint64_t file_size, const std::string& end,
                                   const Addition& addition);

}  // namespace mountdb
