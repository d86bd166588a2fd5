#include "mountdb/cpp/table_properties.h"

#include <string>
#include <utility>

namespace mountdb {

using rocksdb::InternalTblPropColl;
using rocksdb::InternalTblPropCollFactories;
using rocksdb::InternalTblPropCollFactory;
using rocksdb::SequenceNumber;
using rocksdb::Slice;
using rocksdb::Status;
using rocksdb::UserCollectedProperties;

namespace {

class IndexPropertiesCollector final : public InternalTblPropColl {
 public:
  explicit IndexPropertiesCollector(IndexProperties properties)
      : properties_(std::move(properties)) {}

  // RocksDB writes the properties behind the indexes, so these are complete by now.
  Status Finish(UserCollectedProperties* properties) override {
    *properties = GetReadableProperties();
    return Status::OK();
  }
  UserCollectedProperties GetReadableProperties() const override {
    return AsUserProperties(*properties_);
  }

  const char* Name() const override { return "mountdb"; }
  Status InternalAdd(const Slice&, const Slice&, uint64_t) override { return Status::OK(); }
  void BlockAdd(uint64_t, uint64_t, uint64_t) override {}

 private:
  const IndexProperties properties_;
};

class IndexPropertiesCollectorFactory final : public InternalTblPropCollFactory {
 public:
  explicit IndexPropertiesCollectorFactory(IndexProperties properties)
      : properties_(std::move(properties)) {}
  InternalTblPropColl* CreateInternalTblPropColl(uint32_t, int, int, SequenceNumber) override {
    return new IndexPropertiesCollector(properties_);
  }
  const char* Name() const override { return "mountdb"; }

 private:
  const IndexProperties properties_;
};

// The list of factories owns them, and those of RocksDB belong to its own list.
class BorrowedFactory final : public InternalTblPropCollFactory {
 public:
  explicit BorrowedFactory(InternalTblPropCollFactory* factory) : factory_(factory) {}
  InternalTblPropColl* CreateInternalTblPropColl(uint32_t family, int level, int levels,
                                                 SequenceNumber last_level_max) override {
    return factory_->CreateInternalTblPropColl(family, level, levels, last_level_max);
  }
  const char* Name() const override { return factory_->Name(); }

 private:
  InternalTblPropCollFactory* const factory_;
};

}  // namespace

UserCollectedProperties AsUserProperties(const rust::Vec<ffi::Property>& properties) {
  UserCollectedProperties map;
  for (const ffi::Property& property : properties) {
    map.emplace(std::string(property.name), std::string(property.value));
  }
  return map;
}

InternalTblPropCollFactories WithIndexProperties(const InternalTblPropCollFactories& others,
                                                 IndexProperties ours) {
  InternalTblPropCollFactories all;
  for (const auto& factory : others) {
    all.push_back(std::make_unique<BorrowedFactory>(factory.get()));
  }
  all.push_back(std::make_unique<IndexPropertiesCollectorFactory>(std::move(ours)));
  return all;
}

}  // namespace mountdb
