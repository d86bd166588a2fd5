#include "mountdb/cpp/index_factory.h"

#include <string>
#include <utility>

#include "db/dbformat.h"
#include "mountdb/cpp/index_reader.h"
#include "rocksdb/comparator.h"

namespace mountdb {

using rocksdb::IterateResult;
using rocksdb::IterBoundCheck;
using rocksdb::Slice;
using rocksdb::Status;
using rocksdb::UserDefinedIndexBuilder;
using rocksdb::UserDefinedIndexIterator;
using rocksdb::UserDefinedIndexOption;
using rocksdb::UserDefinedIndexReader;

namespace {

class LearnedIndexBuilder final : public UserDefinedIndexBuilder {
 public:
  LearnedIndexBuilder(std::shared_ptr<rocksdb::Logger> info_log, IndexProperties properties)
      : info_log_(std::move(info_log)),
        properties_(std::move(properties)),
        builder_(ffi::new_index_builder()) {}

  Slice AddIndexEntry(const Slice& last_key, const Slice* next_first_key,
                      const BlockHandle& handle, std::string* /*separator_scratch*/,
                      const IndexEntryContext& context) override {
    const Slice first_key = next_first_key != nullptr ? *next_first_key : Slice();
    builder_->add_block(AsRust(last_key), context.last_key_tag, next_first_key != nullptr,
                        AsRust(first_key), context.first_key_tag,
                        ffi::Position{0, handle.offset, handle.size});
    return last_key;
  }

  Status Finish(Slice* contents) override {
    try {
      builder_->finish();
      const rust::Slice<const uint8_t> bytes = builder_->bytes();
      *contents = Slice(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      SetProperties(builder_->properties());
    } catch (const rust::Error& e) {
      // The file is complete without it: never fail a flush for want of an index.
      ffi::count_not_built();
      rocksdb::Warn(info_log_, "mountdb: no learned index for this file: %s", e.what());
      *contents = Slice();
      SetProperties(ffi::not_learned_properties(e.what()));
    }
    return Status::OK();
  }

  uint64_t EstimatedSize() const override { return builder_->estimated_size(); }

 private:
  void SetProperties(rust::Vec<ffi::Property> properties) {
    if (properties_) {
      *properties_ = std::move(properties);
    }
  }

  const std::shared_ptr<rocksdb::Logger> info_log_;
  const IndexProperties properties_;
  rust::Box<ffi::IndexBuilder> builder_;
};

class EmptyIndexBuilder final : public UserDefinedIndexBuilder {
 public:
  Slice AddIndexEntry(const Slice& last_key, const Slice*, const BlockHandle&, std::string*,
                      const IndexEntryContext&) override {
    return last_key;
  }
  Status Finish(Slice* contents) override {
    *contents = Slice();
    return Status::OK();
  }
  uint64_t EstimatedSize() const override { return 0; }
};

class LearnedUserDefinedIterator final : public UserDefinedIndexIterator {
 public:
  explicit LearnedUserDefinedIterator(const ffi::Index& index)
      : index_(index), blocks_(index.blocks()) {}

  void Prepare(const rocksdb::ScanOptions*, size_t) override {}

  Status SeekToFirstAndGetResult(IterateResult* result) override {
    return Report(index_.position(0), result);
  }
  Status SeekToLastAndGetResult(IterateResult* result) override {
    return Report(index_.position(blocks_ > 0 ? blocks_ - 1 : 0), result);
  }
  Status SeekAndGetResult(const Slice& target, IterateResult* result,
                          const SeekContext& context) override {
    return Report(index_.seek(AsRust(target), context.target_tag), result);
  }
  Status NextAndGetResult(IterateResult* result) override {
    return Report(index_.position(at_.block + 1), result);
  }
  Status PrevAndGetResult(IterateResult* result) override {
    return Report(index_.position(at_.block > 0 ? at_.block - 1 : blocks_), result);
  }

  UserDefinedIndexBuilder::BlockHandle value() override {
    return {at_.offset, at_.size};
  }

 private:
  Status Report(const ffi::Position& position, IterateResult* result) {
    at_ = position;
    result->value_prepared = true;
    if (at_.block == UINT64_MAX) {
      return Status::Corruption("internal error in the learned index");
    }
    if (at_.block == blocks_) {
      // The end of one file says nothing about the bounds of the scan: not kOutOfBound.
      result->bound_check_result = IterBoundCheck::kUnknown;
      result->key = Slice();
      return Status::OK();
    }
    result->key = rocksdb::ExtractUserKey(SeparatorOf(index_, at_.block, &key_buffer_));
    result->bound_check_result = IterBoundCheck::kInbound;
    return Status::OK();
  }

  const ffi::Index& index_;
  const uint64_t blocks_;
  ffi::Position at_{0, 0, 0};
  rust::Vec<uint8_t> key_buffer_;
};

class LearnedUserDefinedReader final : public UserDefinedIndexReader {
 public:
  explicit LearnedUserDefinedReader(rust::Box<ffi::Index> index) : index_(std::move(index)) {}

  std::unique_ptr<UserDefinedIndexIterator> NewIterator(
      const rocksdb::ReadOptions&) override {
    return std::make_unique<LearnedUserDefinedIterator>(*index_);
  }
  size_t ApproximateMemoryUsage() const override {
    return sizeof(*this) + index_->memory_usage();
  }

 private:
  const rust::Box<ffi::Index> index_;
};

}  // namespace

LearnedIndexFactory::LearnedIndexFactory(std::shared_ptr<rocksdb::Logger> info_log,
                                         IndexProperties properties)
    : info_log_(std::move(info_log)), properties_(std::move(properties)) {}

UserDefinedIndexBuilder* LearnedIndexFactory::NewBuilder() const {
  return new LearnedIndexBuilder(info_log_, properties_);
}

Status LearnedIndexFactory::NewBuilder(
    const UserDefinedIndexOption& option,
    std::unique_ptr<UserDefinedIndexBuilder>& builder) const {
  if (option.comparator == rocksdb::BytewiseComparator()) {
    builder.reset(NewBuilder());
  } else {
    builder = std::make_unique<EmptyIndexBuilder>();
  }
  return Status::OK();
}

std::unique_ptr<UserDefinedIndexReader> LearnedIndexFactory::NewReader(
    Slice& index_block) const {
  std::unique_ptr<UserDefinedIndexReader> reader;
  NewReader(UserDefinedIndexOption(), index_block, reader).PermitUncheckedError();
  return reader;
}

Status LearnedIndexFactory::NewReader(
    const UserDefinedIndexOption& option, Slice& index_block,
    std::unique_ptr<UserDefinedIndexReader>& reader) const {
  if (option.comparator != rocksdb::BytewiseComparator()) {
    return Status::NotSupported("mountdb: the learned index needs the bytewise comparator");
  }
  try {
    // The interface tells nothing else of the file.
    reader = std::make_unique<LearnedUserDefinedReader>(
        ffi::open_index(AsRust(index_block), UINT64_MAX, ffi::Expected{}, *ffi::new_slot_memory(),
                        /*limit=*/0));
    return Status::OK();
  } catch (const rust::Error& e) {
    return Status::Corruption(e.what());
  }
}

}  // namespace mountdb
