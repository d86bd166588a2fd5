// memtable_factory={id=mountdb;...}: the learned memtable.
//
// Nothing on disk depends on it. Column families whose comparator is not the bytewise one get
// RocksDB's skip list.
#pragma once

#include <cstddef>
#include <cstdint>

#include "memory/allocator.h"
#include "rocksdb/memtablerep.h"
#include "rust/cxx.h"

namespace mountdb {

namespace ffi {

struct MemtableFamilies;

// `bytes` bytes aligned to 16.
uint8_t* allocate_aligned(rocksdb::Allocator* allocator, size_t bytes);

}  // namespace ffi

struct LearnedMemTableOptions {
  static const char* kName() { return "LearnedMemTableOptions"; }

  // Begin a memtable with the skeleton of the one before it in its column family.
  bool reuse = true;
  // Find keys through a model of their distribution; without it by binary search.
  bool model = true;
};

class LearnedMemTableRepFactory final : public rocksdb::MemTableRepFactory {
 public:
  explicit LearnedMemTableRepFactory(
      const LearnedMemTableOptions& options = LearnedMemTableOptions());
  ~LearnedMemTableRepFactory() override;

  static const char* kClassName() { return "mountdb"; }
  const char* Name() const override { return kClassName(); }

  rocksdb::MemTableRep* CreateMemTableRep(const rocksdb::MemTableRep::KeyComparator& order,
                                          rocksdb::Allocator* allocator,
                                          const rocksdb::SliceTransform* prefix,
                                          rocksdb::Logger* logger) override;
  rocksdb::MemTableRep* CreateMemTableRep(const rocksdb::MemTableRep::KeyComparator& order,
                                          rocksdb::Allocator* allocator,
                                          const rocksdb::SliceTransform* prefix,
                                          rocksdb::Logger* logger,
                                          uint32_t column_family_id) override;

  bool IsInsertConcurrentlySupported() const override { return true; }
  bool CanHandleDuplicatedKey() const override { return true; }

 private:
  LearnedMemTableOptions options_;
  // What one memtable leaves to the next.
  const rust::Box<ffi::MemtableFamilies> families_;
};

}  // namespace mountdb
