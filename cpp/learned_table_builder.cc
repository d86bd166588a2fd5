#include "mountdb/cpp/learned_table_builder.h"

#include <cstring>
#include <utility>

#include "db/dbformat.h"
#include "mountdb/cpp/index_factory.h"
#include "mountdb/cpp/learned_block.h"

namespace mountdb {

using rocksdb::BlockBasedTableOptions;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;
using rocksdb::Status;
using rocksdb::TableBuilderOptions;
using rocksdb::UserDefinedIndexBuilder;
using rocksdb::WritableFileWriter;

namespace {

// What fills this buffer is longer than what the writer behind it, with its 1 MiB unless somebody
// chose more, wants to copy once more.
rocksdb::FileOptions InFront() {
  rocksdb::FileOptions options;
  options.writable_file_max_buffer_size = (1 << 20) + (1 << 16);
  return options;
}

uint64_t TagOf(const Slice& internal_key) { return rocksdb::ExtractInternalKeyFooter(internal_key); }

}  // namespace

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
    : file_(file),
      write_options_(options.write_options),
      info_log_(options.ioptions.info_log),
      properties_(std::make_shared<rust::Vec<ffi::Property>>()),
      index_(LearnedIndexFactory(info_log_, properties_).NewBuilder()),
      held_(new HeldBackFile(file)),
      front_(std::unique_ptr<rocksdb::FSWritableFile>(held_), file->file_name(), InFront(),
             options.ioptions.clock, /*io_tracer=*/nullptr, options.ioptions.stats,
             rocksdb::Histograms::SST_WRITE_MICROS),
      table_(table_options, options, &front_) {}

void LearnedTableBuilder::Add(const Slice& key, const Slice& value) {
  table_.Add(key, value);
  if (rocksdb::ExtractValueType(key) == rocksdb::kTypeRangeDeletion) {
    return;
  }
  if (front_.GetFileSize() != blocks_end_) {
    // This key did not fit in the block before it.
    AddBlock(front_.GetFileSize(), &key);
  }
  if (key.size() > last_key_buffer_.size()) {
    GrowLastKeyBuffer(key.size());
  }
  std::memcpy(last_key_buffer_.data(), key.data(), key.size());
  last_key_size_ = key.size();
}

void LearnedTableBuilder::GrowLastKeyBuffer(size_t size) { last_key_buffer_.resize(2 * size); }

void LearnedTableBuilder::AddBlock(uint64_t end, const Slice* next_first_key) {
  const Slice last_key(last_key_buffer_.data(), last_key_size_);
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

Status LearnedTableBuilder::Finish() {
  held_->HoldBack();
  Status s = table_.Finish();
  if (!s.ok()) {
    return s;
  }
  const uint64_t data_end = table_.FileSize() - table_.GetTailSize();
  if (data_end != blocks_end_) {
    AddBlock(data_end, nullptr);
  }
  tail_status_ = WriteTail();
  return tail_status_;
}

IOStatus LearnedTableBuilder::WriteTail() {
  IOOptions io_options;
  IOStatus s = WritableFileWriter::PrepareIOOptions(write_options_, io_options);
  if (s.ok()) {
    s = front_.Flush(io_options);
  }
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
  if (blocks_ == table_.GetTableProperties().num_data_blocks) {
    end = WithAddition(table_.FileSize(), tail, addition);
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

Status LearnedTableBuilder::status() const {
  return tail_status_.ok() ? table_.status() : Status(tail_status_);
}

IOStatus LearnedTableBuilder::io_status() const {
  return tail_status_.ok() ? table_.io_status() : tail_status_;
}

uint64_t LearnedTableBuilder::EstimatedTailSize() const {
  // The properties are those few that ffi::not_learned_properties() and its sister make.
  constexpr uint64_t kProperties = 1024;
  return table_.EstimatedTailSize() + index_->EstimatedSize() + kProperties;
}

rocksdb::TableProperties LearnedTableBuilder::GetTableProperties() const {
  rocksdb::TableProperties all = table_.GetTableProperties();
  const rocksdb::UserCollectedProperties ours = AsUserProperties(*properties_);
  all.user_collected_properties.insert(ours.begin(), ours.end());
  all.readable_properties.insert(ours.begin(), ours.end());
  return all;
}

}  // namespace mountdb
