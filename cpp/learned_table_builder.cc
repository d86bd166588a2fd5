#include "mountdb/cpp/learned_table_builder.h"

#include <optional>
#include <typeinfo>

#include "db/dbformat.h"
#include "mountdb/cpp/index_factory.h"
#include "mountdb/cpp/learned_block.h"
#include "rocksdb/flush_block_policy.h"
#include "table/block_based/block_based_table_reader.h"
#include "table/block_based/block_builder.h"

namespace mountdb {

using rocksdb::BlockBasedTableBuilder;
using rocksdb::BlockBasedTableOptions;
using rocksdb::BlockBuilder;
using rocksdb::FlushBlockBySizePolicyFactory;
using rocksdb::FlushBlockPolicy;
using rocksdb::FlushBlockPolicyFactory;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;
using rocksdb::Status;
using rocksdb::TableBuilderOptions;
using rocksdb::UserDefinedIndexBuilder;
using rocksdb::WritableFileWriter;

namespace {

// Ends blocks exactly where `policy` does.
class WatchedPolicy final : public FlushBlockPolicy {
 public:
  // `enough`: it ends no block that stays below this size with the next entry.
  WatchedPolicy(std::unique_ptr<FlushBlockPolicy> policy, uint64_t enough,
                const BlockBuilder& block, LearnedTableParts* table)
      : policy_(std::move(policy)), enough_(enough), block_(block), table_(table) {}

  bool Update(const Slice& key, const Slice& value) override {
    const uint64_t at_most =
        block_.CurrentSizeEstimate() + key.size() + value.size() + kMostBesideKeyAndValue;
    // A policy may say so before the first key too, to which RocksDB pays no attention.
    const bool ends_block =
        at_most > enough_ && policy_->Update(key, value) && !block_.empty();
    table_->Watch(key, ends_block);
    return ends_block;
  }

 private:
  // More than BlockBuilder::EstimateSizeAfterKV counts beside key and value, and the trailer: a
  // restart and the shared length of 4 bytes each, varints of 5 bytes for two lengths and an
  // offset, and 5.
  static constexpr uint64_t kMostBesideKeyAndValue = 64;

  const std::unique_ptr<FlushBlockPolicy> policy_;
  const uint64_t enough_;
  const BlockBuilder& block_;
  LearnedTableParts* const table_;
};

class WatchedPolicyFactory final : public FlushBlockPolicyFactory {
 public:
  WatchedPolicyFactory(std::shared_ptr<FlushBlockPolicyFactory> factory, LearnedTableParts* table)
      : factory_(std::move(factory)), table_(table) {}

  // Its decisions are those of the factory of this name.
  const char* Name() const override { return factory_->Name(); }

  FlushBlockPolicy* NewFlushBlockPolicy(const BlockBasedTableOptions& options,
                                        const BlockBuilder& block) const override {
    // RocksDB's policy ends a block that has its size, or would have with the next entry. To learn
    // the latter it sums up that entry's parts, for every key; a bound is enough for most.
    const FlushBlockPolicyFactory& factory = *factory_;
    const bool by_size = typeid(factory) == typeid(FlushBlockBySizePolicyFactory);
    return new WatchedPolicy(
        std::unique_ptr<FlushBlockPolicy>(factory_->NewFlushBlockPolicy(options, block)),
        by_size ? options.block_size : 0, block, table_);
  }

 private:
  const std::shared_ptr<FlushBlockPolicyFactory> factory_;
  LearnedTableParts* const table_;
};

BlockBasedTableOptions Watched(BlockBasedTableOptions options, LearnedTableParts* table) {
  options.flush_block_policy_factory =
      std::make_shared<WatchedPolicyFactory>(options.flush_block_policy_factory, table);
  return options;
}

// What fills this buffer is longer than what the writer behind it, with its 1 MiB unless somebody
// chose more, wants to copy once more.
//
// Files that will be mapped are written in pieces of a huge page (and synced so, where
// bytes_per_sync is less): file systems with large folios, such as ext4 and XFS, then have them in
// huge pages of the page cache, and map them by these.
rocksdb::FileOptions InFront(bool will_be_mapped) {
  rocksdb::FileOptions options;
  options.writable_file_max_buffer_size =
      will_be_mapped ? size_t{2} << 20 : (size_t{1} << 20) + (size_t{1} << 16);
  return options;
}

uint64_t TagOf(const Slice& internal_key) { return rocksdb::ExtractInternalKeyFooter(internal_key); }

}  // namespace

LearnedTableParts::LearnedTableParts(const TableBuilderOptions& options, WritableFileWriter* file)
    : file_(file),
      write_options_(options.write_options),
      info_log_(options.ioptions.info_log),
      properties_(std::make_shared<rust::Vec<ffi::Property>>()),
      index_(LearnedIndexFactory(info_log_, properties_).NewBuilder()),
      held_(new HeldBackFile(file)),
      front_(std::unique_ptr<rocksdb::FSWritableFile>(held_), file->file_name(),
             InFront(options.ioptions.allow_mmap_reads),
             options.ioptions.clock, /*io_tracer=*/nullptr, options.ioptions.stats,
             rocksdb::Histograms::SST_WRITE_MICROS) {}

void LearnedTableParts::AddBlock(uint64_t end, const Slice& last_key,
                                 const Slice* next_first_key) {
  const uint64_t size = end - blocks_end_ - rocksdb::BlockBasedTable::kBlockTrailerSize;
  const UserDefinedIndexBuilder::BlockHandle handle{blocks_end_, size};
  UserDefinedIndexBuilder::IndexEntryContext tags;
  tags.last_key_tag = TagOf(last_key);
  Slice first;
  if (next_first_key != nullptr) {
    tags.first_key_tag = TagOf(*next_first_key);
    first = rocksdb::ExtractUserKey(*next_first_key);
  }
  index_->AddIndexEntry(rocksdb::ExtractUserKey(last_key),
                        next_first_key != nullptr ? &first : nullptr, handle,
                        /*separator_scratch=*/nullptr, tags);
  ++blocks_;
  blocks_end_ = end;
}

bool LearnedTableBuilder::CanWrite(const BlockBasedTableOptions& table_options,
                                   const TableBuilderOptions& options) {
  // A dictionary is made of blocks that wait for it; a compression manager may ask for one, or
  // for threads.
  return options.compression_opts.parallel_threads <= 1 &&
         options.compression_opts.max_dict_bytes == 0 &&
         options.moptions.compression_manager == nullptr && !table_options.block_align &&
         table_options.super_block_alignment_size == 0 && options.embedded_blob_options == nullptr;
}

LearnedTableBuilder::LearnedTableBuilder(const BlockBasedTableOptions& table_options,
                                         const TableBuilderOptions& options,
                                         WritableFileWriter* file)
    : LearnedTableParts(options, file),
      BlockBasedTableBuilder(Watched(table_options, this), options, &front_) {}

Status LearnedTableBuilder::Finish() {
  IOOptions io_options;
  if (BlockBasedTableBuilder::status().ok()) {
    SeeNewestBlock();
    tail_status_ = WritableFileWriter::PrepareIOOptions(write_options_, io_options);
    // Data is not held back, unless it is so little that it takes a write of its own.
    constexpr uint64_t kLittle = 1 << 16;
    if (tail_status_.ok() && front_.GetFileSize() - front_.GetFlushedSize() > kLittle) {
      tail_status_ = front_.Flush(io_options);
    }
    if (!tail_status_.ok()) {
      Abandon();
      return tail_status_;
    }
  }
  held_->HoldBack();
  held_->Reserve(EstimatedTailSize());
  Status s = BlockBasedTableBuilder::Finish();
  if (!s.ok()) {
    return s;
  }
  AddLastBlock(front_.GetFileSize() - BlockBasedTableBuilder::GetTailSize());
  tail_status_ = WriteTail(io_options);
  return tail_status_;
}

IOStatus LearnedTableBuilder::WriteTail(const IOOptions& io_options) {
  IOStatus s = front_.Flush(io_options);
  if (!s.ok()) {
    return s;
  }
  Addition addition;
  addition.name = LearnedBlockName();
  // Never fails: the properties say so if there is no index.
  index_->Finish(&addition.block).PermitUncheckedError();
  addition.properties = AsUserProperties(*properties_);
  const std::string tail = held_->TakeHeld();
  std::optional<NewEnd> end;
  // A block that was missed would be noticed when the file is opened, and its index refused.
  if (blocks_ == BlockBasedTableBuilder::GetTableProperties().num_data_blocks) {
    end = WithAddition(front_.GetFileSize(), tail, addition);
  }
  if (!end) {
    // The file is complete as it is. Its properties, too, stay what they are.
    ffi::count_not_built();
    rocksdb::Warn(info_log_,
                  "mountdb: no learned index for this file: it is laid out in an unknown way");
    properties_->clear();
    return file_->Append(io_options, tail);
  }
  s = file_->Append(io_options, Slice(tail.data(), end->kept));
  if (s.ok()) {
    s = file_->Append(io_options, end->bytes);
    added_ = end->kept + end->bytes.size() - tail.size();
  }
  return s;
}

uint64_t LearnedTableBuilder::EstimatedTailSize() const {
  // The properties are those few that ffi::not_learned_properties() and its sister make.
  constexpr uint64_t kProperties = 1024;
  return BlockBasedTableBuilder::EstimatedTailSize() + index_->EstimatedSize() + kProperties;
}

rocksdb::TableProperties LearnedTableBuilder::GetTableProperties() const {
  rocksdb::TableProperties all = BlockBasedTableBuilder::GetTableProperties();
  const rocksdb::UserCollectedProperties ours = AsUserProperties(*properties_);
  all.user_collected_properties.insert(ours.begin(), ours.end());
  all.readable_properties.insert(ours.begin(), ours.end());
  return all;
}

}  // namespace mountdb
