// Writes a block-based table with a learned index.
//
// RocksDB's own builder writes it, to a file that holds its end back (file_tail.h). Compared with
// a user-defined index, which writes the same learned block, a key costs a copy of its bytes and
// no calls but Add; RocksDB parses each key for such an index, tells it of it, and tells a
// properties collector too: 6 % of a flush.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "mountdb/cpp/file_tail.h"
#include "mountdb/cpp/table_properties.h"
#include "rocksdb/table.h"
#include "rocksdb/user_defined_index.h"
#include "table/block_based/block_based_table_builder.h"
#include "table/table_builder.h"

namespace mountdb {

class LearnedTableBuilder final : public rocksdb::TableBuilder {
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

  void Add(const rocksdb::Slice& key, const rocksdb::Slice& value) override;
  rocksdb::Status Finish() override;
  void Abandon() override { table_.Abandon(); }

  rocksdb::Status status() const override;
  rocksdb::IOStatus io_status() const override;
  uint64_t NumEntries() const override { return table_.NumEntries(); }
  bool IsEmpty() const override { return table_.IsEmpty(); }
  uint64_t PreCompressionSize() const override { return table_.PreCompressionSize() + added_; }
  uint64_t FileSize() const override { return table_.FileSize() + added_; }
  uint64_t EstimatedFileSize() const override { return table_.EstimatedFileSize() + added_; }
  uint64_t EstimatedTailSize() const override;
  uint64_t GetTailSize() const override { return table_.GetTailSize() + added_; }
  bool NeedCompact() const override { return table_.NeedCompact(); }
  rocksdb::TableProperties GetTableProperties() const override;
  std::string GetFileChecksum() const override { return file_->GetFileChecksum(); }
  const char* GetFileChecksumFuncName() const override {
    return file_->GetFileChecksumFuncName();
  }
  void SetSeqnoTimeTableProperties(const rocksdb::SeqnoToTimeMapping& mapping,
                                   uint64_t oldest_ancestor_time) override {
    table_.SetSeqnoTimeTableProperties(mapping, oldest_ancestor_time);
  }
  uint64_t GetWorkerCPUMicros() const override { return table_.GetWorkerCPUMicros(); }

 private:
  // Tells the index of the data block that ends where `end` is. No key follows the last one.
  void AddBlock(uint64_t end, const rocksdb::Slice* next_first_key);
  [[gnu::noinline]] void GrowLastKeyBuffer(size_t size);
  rocksdb::IOStatus WriteTail();

  rocksdb::WritableFileWriter* const file_;
  const rocksdb::WriteOptions write_options_;
  const std::shared_ptr<rocksdb::Logger> info_log_;
  const IndexProperties properties_;
  const std::unique_ptr<rocksdb::UserDefinedIndexBuilder> index_;
  // Belongs to `front_`, the writer that `table_` writes to.
  HeldBackFile* const held_;
  rocksdb::WritableFileWriter front_;
  rocksdb::BlockBasedTableBuilder table_;

  // The newest key of a data block is its first bytes. Not one string: assigning to it takes as
  // long as all the rest of Add.
  std::vector<char> last_key_buffer_;
  size_t last_key_size_ = 0;
  // Data blocks, and where the last of them ends, with its trailer.
  uint64_t blocks_ = 0;
  uint64_t blocks_end_ = 0;
  // Once the tail is written: by how much it is longer than that of `table_`, and what came of
  // writing it.
  uint64_t added_ = 0;
  rocksdb::IOStatus tail_status_;
};

}  // namespace mountdb
