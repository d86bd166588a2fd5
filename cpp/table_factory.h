// table_factory={id=mountdb;...}: the block-based table with a learned index beside the
// standard one.
//
// Files are block-based table files that any RocksDB reads. The learned block is one more
// meta block (learned_table_builder.h); on open it takes the standard index's place if it is
// there and sound.
#pragma once

#include <memory>
#include <string>

#include "cache/cache_reservation_manager.h"
#include "mountdb/src/ffi/bridge.rs.h"
#include "table/block_based/block_based_table_factory.h"

namespace mountdb {

// Fields beside those of BlockBasedTableOptions.
struct LearnedTableOptions {
  static const char* kName() { return "LearnedTableOptions"; }

  // Write a learned index into new files.
  bool write_learned_index = true;
  // Use the learned index of files that have one. Files opened before a change keep
  // theirs until they are reopened.
  bool read_learned_index = true;
  // Bytes that the places of entries of mapped files may take, about three an entry that is near one
  // that was read, the quick form of indexes, seven a block, and hints where cached blocks are, sixteen;
  // all files opened with this factory or a copy of it together.
  size_t entry_slots_memory = size_t{256} << 20;
};

class LearnedTableFactory : public rocksdb::BlockBasedTableFactory {
 public:
  explicit LearnedTableFactory(
      const rocksdb::BlockBasedTableOptions& table_options = DefaultTableOptions(),
      const LearnedTableOptions& learned_options = LearnedTableOptions());

  // What an options string starts from: RocksDB's defaults, but every second key of the standard
  // index is stored as what differs from the one before. RocksDB is as fast with such an index
  // (the price of walking one entry is the gain of half as many restarts), and what it saves is
  // about what the learned index takes.
  static rocksdb::BlockBasedTableOptions DefaultTableOptions();

  static const char* kClassName() { return "mountdb"; }
  const char* Name() const override { return kClassName(); }
  // RocksDB asks for a block-based table in many places; this is one.
  bool IsInstanceOf(const std::string& name) const override;
  std::unique_ptr<rocksdb::TableFactory> Clone() const override;

  using rocksdb::TableFactory::NewTableReader;
  rocksdb::Status NewTableReader(
      const rocksdb::ReadOptions& ro, const rocksdb::TableReaderOptions& options,
      std::unique_ptr<rocksdb::RandomAccessFileReader>&& file, uint64_t file_size,
      std::unique_ptr<rocksdb::TableReader>* table_reader,
      bool prefetch_index_and_filter_in_cache) const override;

  rocksdb::TableBuilder* NewTableBuilder(const rocksdb::TableBuilderOptions& options,
                                         rocksdb::WritableFileWriter* file) const override;

  rocksdb::Status ValidateOptions(
      const rocksdb::DBOptions& db_opts,
      const rocksdb::ColumnFamilyOptions& cf_opts) const override;

  std::string GetPrintableOptions() const override;

 private:
  const rocksdb::BlockBasedTableOptions& table_options() const;

  LearnedTableOptions learned_options_;
  // Charges table readers to the block cache, if cache_usage_options asks for it; else null.
  // Shared with clones.
  std::shared_ptr<rocksdb::CacheReservationManager> charge_;
  // Shared with clones.
  std::shared_ptr<rust::Box<ffi::SlotMemory>> slot_memory_;
};

}  // namespace mountdb
