// Writes a block-based table with a learned index.
//
// It is RocksDB's own builder, which writes to a file that holds its end back (file_tail.h), and
// asks a flush-block policy of ours whether a data block ends before a key. That is all a key
// costs. RocksDB writes the same block for a user-defined index, but then parses every key, tells
// the index of it, and a properties collector too.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mountdb/cpp/file_tail.h"
#include "mountdb/cpp/table_properties.h"
#include "rocksdb/table.h"
#include "rocksdb/user_defined_index.h"
#include "table/block_based/block_based_table_builder.h"
#include "table/table_builder.h"

namespace mountdb {

// What must be there before RocksDB's builder is, and after it: the file it writes to, and who
// watches where its blocks end.
class LearnedTableParts {
 public:
  LearnedTableParts(const rocksdb::TableBuilderOptions& options, rocksdb::WritableFileWriter* file);

  // Before each key of a data block is added: whether RocksDB will end the block before it. That
  // block will have been written when the next key comes.
  void Watch(const rocksdb::Slice& key, bool ends_block) {
    SeeNewestBlock();
    if (ends_block) {
      std::swap(last_, before_);
      waiting_ = true;
    }
    last_.Assign(key);
  }

 protected:
  // An internal key. Not a string: assigning to one takes as long as all the rest.
  class Key {
   public:
    rocksdb::Slice key() const { return rocksdb::Slice(bytes_.data(), size_); }
    void Assign(const rocksdb::Slice& key) {
      if (key.size() > bytes_.size()) {
        Grow(key.size());
      }
      std::memcpy(bytes_.data(), key.data(), key.size());
      size_ = key.size();
    }

   private:
    [[gnu::noinline]] void Grow(size_t size) { bytes_.resize(2 * size); }

    std::vector<char> bytes_;
    size_t size_ = 0;
  };

  // Of the block that was waited for, if there is one.
  void SeeNewestBlock() {
    if (waiting_) {
      waiting_ = false;
      const rocksdb::Slice first = last_.key();
      AddBlock(front_.GetFileSize(), before_.key(), &first);
    }
  }
  // Of the last block, which ends there with its trailer; nothing if there are no blocks.
  void AddLastBlock(uint64_t end) {
    if (!last_.key().empty()) {
      AddBlock(end, last_.key(), nullptr);
    }
  }

  rocksdb::WritableFileWriter* const file_;
  const rocksdb::WriteOptions write_options_;
  const std::shared_ptr<rocksdb::Logger> info_log_;
  const IndexProperties properties_;
  const std::unique_ptr<rocksdb::UserDefinedIndexBuilder> index_;
  // Belongs to `front_`, the writer that RocksDB's builder writes to.
  HeldBackFile* const held_;
  rocksdb::WritableFileWriter front_;
  // Data blocks that the index knows, and where the last of them ends.
  uint64_t blocks_ = 0;

 private:
  // Tells the index of the data block that ends there. No key follows the last one.
  void AddBlock(uint64_t end, const rocksdb::Slice& last_key, const rocksdb::Slice* next_first_key);

  uint64_t blocks_end_ = 0;
  // The newest key. While the block before it is being written, `before_` is the last key of that.
  Key last_;
  Key before_;
  bool waiting_ = false;
};

class LearnedTableBuilder final : private LearnedTableParts, public rocksdb::BlockBasedTableBuilder {
 public:
  // Whether the data blocks of such a table are written one by one as keys are added, by the
  // same thread and with nothing between them. Where not, a user-defined index is called for.
  static bool CanWrite(const rocksdb::BlockBasedTableOptions& table_options,
                       const rocksdb::TableBuilderOptions& options);

  // The comparator must be the bytewise one, and CanWrite(). The options name no user-defined
  // index. Like BlockBasedTableBuilder it does not close `file`.
  LearnedTableBuilder(const rocksdb::BlockBasedTableOptions& table_options,
                      const rocksdb::TableBuilderOptions& options,
                      rocksdb::WritableFileWriter* file);

  // The file may be gone: RocksDB keeps builders of compactions that failed for longer.
  ~LearnedTableBuilder() override { held_->HoldBack(); }

  rocksdb::Status Finish() override;
  // RocksDB asks for this, and for sizes, at every key.
  rocksdb::Status status() const override {
    if (!tail_status_.ok()) {
      return tail_status_;
    }
    return BlockBasedTableBuilder::status();
  }
  rocksdb::IOStatus io_status() const override {
    if (!tail_status_.ok()) {
      return tail_status_;
    }
    return BlockBasedTableBuilder::io_status();
  }
  uint64_t FileSize() const override { return front_.GetFileSize() + added_; }
  uint64_t EstimatedFileSize() const override { return FileSize(); }
  uint64_t PreCompressionSize() const override {
    return BlockBasedTableBuilder::PreCompressionSize() + added_;
  }
  uint64_t EstimatedTailSize() const override;
  uint64_t GetTailSize() const override { return BlockBasedTableBuilder::GetTailSize() + added_; }
  rocksdb::TableProperties GetTableProperties() const override;
  std::string GetFileChecksum() const override { return file_->GetFileChecksum(); }
  const char* GetFileChecksumFuncName() const override {
    return file_->GetFileChecksumFuncName();
  }

 private:
  rocksdb::IOStatus WriteTail(const rocksdb::IOOptions& io_options);

  // By how much the tail that was written is longer than what RocksDB's builder made, and what
  // came of writing it.
  uint64_t added_ = 0;
  rocksdb::IOStatus tail_status_;
};

}  // namespace mountdb
