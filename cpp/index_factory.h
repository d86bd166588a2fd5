// The learned index through RocksDB's user-defined-index interface: how mountdb's table writes
// it where LearnedTableBuilder cannot, and how an application without that table may use it, with
//   block_based_table_factory={user_defined_index_factory=mountdb;
//                              use_udi_as_primary_index=true}
#pragma once

#include <memory>

#include "mountdb/cpp/table_properties.h"
#include "rocksdb/env.h"
#include "rocksdb/user_defined_index.h"

namespace mountdb {

class LearnedIndexFactory final : public rocksdb::UserDefinedIndexFactory {
 public:
  // Builders report to `info_log` why they could not build, and leave in `properties` what
  // there is to say of the index; both may be null.
  explicit LearnedIndexFactory(std::shared_ptr<rocksdb::Logger> info_log = nullptr,
                               IndexProperties properties = nullptr);

  static const char* kClassName() { return "mountdb"; }
  const char* Name() const override { return kClassName(); }

  rocksdb::UserDefinedIndexBuilder* NewBuilder() const override;
  std::unique_ptr<rocksdb::UserDefinedIndexReader> NewReader(
      rocksdb::Slice& index_block) const override;

  // For other comparators than the bytewise one the builder writes an empty block, which
  // RocksDB takes for no user-defined index.
  rocksdb::Status NewBuilder(
      const rocksdb::UserDefinedIndexOption& option,
      std::unique_ptr<rocksdb::UserDefinedIndexBuilder>& builder) const override;
  rocksdb::Status NewReader(
      const rocksdb::UserDefinedIndexOption& option, rocksdb::Slice& index_block,
      std::unique_ptr<rocksdb::UserDefinedIndexReader>& reader) const override;

 private:
  const std::shared_ptr<rocksdb::Logger> info_log_;
  const IndexProperties properties_;
};

}  // namespace mountdb
