#include "mountdb/cpp/file_tail.h"

#include <map>
#include <memory>
#include <utility>

#include "rocksdb/iostats_context.h"
#include "rocksdb/perf_level.h"
#include "rocksdb/system_clock.h"
#include "table/block_based/block.h"
#include "table/block_based/block_based_table_builder.h"
#include "table/block_based/block_based_table_reader.h"
#include "table/format.h"
#include "table/meta_blocks.h"
#include "util/coding.h"

namespace mountdb {

using rocksdb::Block;
using rocksdb::BlockContents;
using rocksdb::BlockHandle;
using rocksdb::Footer;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {

constexpr size_t kTrailerSize = rocksdb::BlockBasedTable::kBlockTrailerSize;

// The end of a file, by offsets in the file.
class End {
 public:
  End(uint64_t file_size, const std::string& bytes)
      : offset_(file_size - bytes.size()), bytes_(bytes) {}

  // Whether an uncompressed block lies in it, and ends with its trailer where `next` begins.
  bool HasBefore(uint64_t next, const BlockHandle& block) const {
    return block.offset() >= offset_ && block.offset() <= next &&
           block.size() <= next - block.offset() &&
           next - block.offset() - block.size() == kTrailerSize &&
           bytes_[next - kTrailerSize - offset_] == rocksdb::kNoCompression;
  }

  Slice At(const BlockHandle& block) const {
    return Slice(bytes_.data() + (block.offset() - offset_), block.size());
  }

 private:
  const uint64_t offset_;
  const std::string& bytes_;
};

using Entries = std::map<std::string, std::string>;

// The entries of a meta block; false if it is damaged.
bool ReadEntries(const Slice& contents, Entries* entries) {
  Block block{BlockContents(contents)};
  const std::unique_ptr<rocksdb::InternalIterator> iter(block.NewMetaIterator());
  for (iter->SeekToFirst(); iter->Valid(); iter->Next()) {
    entries->emplace(iter->key().ToString(), iter->value().ToString());
  }
  return iter->status().ok();
}

// Appends blocks and a footer to what lies before `offset` in a file.
class Writer {
 public:
  Writer(const Footer& like, uint64_t offset) : like_(like), offset_(offset) {}

  BlockHandle Add(const Slice& contents) {
    const BlockHandle handle(offset_ + bytes_.size(), contents.size());
    const char type = rocksdb::kNoCompression;
    const uint32_t checksum =
        rocksdb::ComputeBuiltinChecksumWithLastByte(like_.checksum_type(), contents.data(),
                                                    contents.size(), type) +
        rocksdb::ChecksumModifierForContext(like_.base_context_checksum(), handle.offset());
    bytes_.append(contents.data(), contents.size());
    bytes_.push_back(type);
    rocksdb::PutFixed32(&bytes_, checksum);
    return handle;
  }

  bool AddFooter(const BlockHandle& metaindex) {
    rocksdb::FooterBuilder footer;
    const rocksdb::Status s = footer.Build(
        rocksdb::kBlockBasedTableMagicNumber, like_.format_version(), offset_ + bytes_.size(),
        like_.checksum_type(), metaindex, like_.index_handle(), like_.base_context_checksum());
    if (s.ok()) {
      bytes_.append(footer.GetSlice().data(), footer.GetSlice().size());
    }
    return s.ok();
  }

  std::string TakeBytes() { return std::move(bytes_); }

 private:
  const Footer& like_;
  const uint64_t offset_;
  std::string bytes_;
};

// The writer in front is timing what it takes for a write: what the writer behind does, which times
// its writes itself. So that time is taken off beforehand.
class FrontTimers {
 public:
  FrontTimers()
      : clock_(rocksdb::SystemClock::Default().get()), level_(rocksdb::GetPerfLevel()) {
    if (level_ >= rocksdb::PerfLevel::kEnableTimeExceptForMutex) {
      nanos_ = clock_->NowNanos();
    }
    if (level_ >= rocksdb::PerfLevel::kEnableTimeAndCPUTimeExceptForMutex) {
      cpu_nanos_ = clock_->CPUNanos();
    }
  }

  void Discount(rocksdb::IOStatsContext* stats) const {
    if (level_ >= rocksdb::PerfLevel::kEnableTimeExceptForMutex) {
      stats->write_nanos -= clock_->NowNanos() - nanos_;
    }
    if (level_ >= rocksdb::PerfLevel::kEnableTimeAndCPUTimeExceptForMutex) {
      stats->cpu_write_nanos -= clock_->CPUNanos() - cpu_nanos_;
    }
  }

 private:
  rocksdb::SystemClock* const clock_;
  const rocksdb::PerfLevel level_;
  uint64_t nanos_ = 0;
  uint64_t cpu_nanos_ = 0;
};

}  // namespace

IOStatus HeldBackFile::Append(const Slice& data, const IOOptions& options,
                              rocksdb::IODebugContext*) {
  IOStatus s;
  rocksdb::IOStatsContext* const stats = rocksdb::get_iostats_context();
  if (holding_) {
    held_.append(data.data(), data.size());
  } else {
    const FrontTimers timers;
    s = to_->Append(options, data);
    timers.Discount(stats);
  }
  if (s.ok() && !stats->disable_iostats) {
    // The writer in front is about to count them, and the one behind does when it writes them.
    stats->bytes_written -= data.size();
  }
  return s;
}

IOStatus HeldBackFile::Flush(const IOOptions& options, rocksdb::IODebugContext*) {
  // Where the writer behind keeps to bytes_per_sync. Direct I/O knows no such thing, and it would
  // write a page that is not full.
  return holding_ || to_->use_direct_io() ? IOStatus::OK() : to_->Flush(options);
}

std::optional<NewEnd> WithAddition(uint64_t file_size, const std::string& end,
                                   const Addition& addition) {
  // RocksDB writes no other length for the formats that it still writes.
  constexpr size_t kFooterSize = Footer::kNewVersionsEncodedLength;
  if (end.size() < kFooterSize || file_size < end.size()) {
    return std::nullopt;
  }
  const End old(file_size, end);
  const uint64_t footer_offset = file_size - kFooterSize;
  Footer footer;
  if (!footer
           .DecodeFrom(Slice(end.data() + end.size() - kFooterSize, kFooterSize), footer_offset,
                       rocksdb::kBlockBasedTableMagicNumber)
           .ok() ||
      !old.HasBefore(footer_offset, footer.metaindex_handle())) {
    return std::nullopt;
  }
  Entries metaindex;
  if (!ReadEntries(old.At(footer.metaindex_handle()), &metaindex)) {
    return std::nullopt;
  }
  std::map<std::string, BlockHandle> blocks;
  for (const auto& [name, encoded] : metaindex) {
    Slice rest(encoded);
    if (!blocks[name].DecodeFrom(&rest).ok()) {
      return std::nullopt;
    }
  }
  const auto properties = blocks.find(rocksdb::kPropertiesBlockName);
  Entries all_properties;
  if (blocks.count(addition.name) != 0 || properties == blocks.end() ||
      !old.HasBefore(footer.metaindex_handle().offset(), properties->second) ||
      !ReadEntries(old.At(properties->second), &all_properties)) {
    return std::nullopt;
  }

  const uint64_t kept_until = properties->second.offset();
  Writer anew(footer, kept_until);
  if (!addition.block.empty()) {
    blocks[addition.name] = anew.Add(addition.block);
  }
  all_properties.insert(addition.properties.begin(), addition.properties.end());
  rocksdb::PropertyBlockBuilder properties_builder;
  for (const auto& [name, value] : all_properties) {
    properties_builder.Add(name, value);
  }
  blocks[rocksdb::kPropertiesBlockName] = anew.Add(properties_builder.Finish());
  rocksdb::MetaIndexBuilder metaindex_builder;
  for (const auto& [name, handle] : blocks) {
    metaindex_builder.Add(name, handle);
  }
  if (!anew.AddFooter(anew.Add(metaindex_builder.Finish()))) {
    return std::nullopt;
  }
  return NewEnd{end.size() - (file_size - kept_until), anew.TakeBytes()};
}

}  // namespace mountdb
