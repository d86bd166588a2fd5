#include "mountdb/cpp/mapped_blocks.h"

#include "file/random_access_file_reader.h"
#include "monitoring/statistics_impl.h"
#include "mountdb/cpp/perf_counters.h"
#include "table/block_based/data_block_footer.h"
#include "table/block_based/reader_common.h"
#include "table/format.h"

namespace mountdb {

using rocksdb::BlockBasedTable;
using rocksdb::DataBlockFooter;
using rocksdb::Slice;

namespace {

constexpr size_t kTrailer = BlockBasedTable::kBlockTrailerSize;

// Where byte `offset` of the file is mapped; null if it is not.
const char* Mapped(rocksdb::FSRandomAccessFile* file, uint64_t offset) {
  char scratch = 0;
  Slice result;
  const auto s = file->Read(offset, 1, rocksdb::IOOptions(), &result, &scratch, nullptr);
  return s.ok() && result.size() == 1 && result.data() != &scratch ? result.data() : nullptr;
}

}  // namespace

std::unique_ptr<MappedBlocks> MappedBlocks::Open(const BlockBasedTable::Rep& rep,
                                                 uint64_t blocks, const SlotMemory& memory) {
  if (!rep.ioptions.allow_mmap_reads || rep.file->use_direct_io() || rep.file_size == 0 ||
      rep.decompressor != nullptr || rep.footer.GetBlockTrailerSize() != kTrailer) {
    return nullptr;
  }
  // File systems may answer from buffers of their own; a mapping has all bytes side by side, and
  // always at the same place.
  rocksdb::FSRandomAccessFile* const file = rep.file->file();
  const char* const first = Mapped(file, 0);
  const char* const last = Mapped(file, rep.file_size - 1);
  if (first == nullptr || last != first + (rep.file_size - 1) || Mapped(file, 0) != first) {
    return nullptr;
  }
  return std::unique_ptr<MappedBlocks>(new MappedBlocks(rep, first, blocks, memory));
}

MappedBlocks::MappedBlocks(const BlockBasedTable::Rep& rep, const char* base, uint64_t blocks,
                           const SlotMemory& memory)
    : rep_(rep),
      base_(base),
      blocks_(blocks),
      file_(AsRust(Slice(base, rep.file_size))),
      slots_(ffi::new_block_slots(
          blocks, rep.table_properties != nullptr ? rep.table_properties->num_entries : 0,
          rep.file_size, memory.taken, memory.limit)) {}

void MappedBlocks::CountRead(const ffi::Position& at) {
  if (rocksdb::PerfContext* const counters = Counters()) {
    counters->block_read_count += 1;
    counters->block_read_byte += at.size + kTrailer;
    counters->data_block_read_byte += at.size + kTrailer;
  }
}

HeldBlock MappedBlocks::FindFirst(const ffi::Position& at, bool verify) const {
  const Slice data = BytesOf(at);
  const uint64_t known = data.empty() ? 0 : Look(at, data, verify);
  if (known == 0) {
    return HeldBlock();
  }
  slots_->note(at.block, AsRust(data), known);
  CountRead(at);
  return HeldBlock(data, known);
}

uint64_t MappedBlocks::Look(const ffi::Position& at, const Slice& data, bool verify) const {
  DataBlockFooter footer;
  Slice rest = data;
  if (BlockBasedTable::GetBlockCompressionType(data.data(), data.size()) !=
          rocksdb::kNoCompression ||
      !footer.DecodeFrom(&rest).ok() || footer.separated_kv ||
      footer.index_type != rocksdb::BlockBasedTableOptions::kDataBlockBinarySearch) {
    return 0;
  }
  if (verify) {
    const rocksdb::Status s =
        rocksdb::VerifyBlockChecksum(rep_.footer, data.data(), data.size(),
                                     rep_.file->file_name(), at.offset,
                                     rocksdb::BlockType::kData);
    if (!s.ok()) {
      return 0;
    }
    rocksdb::RecordTick(rep_.ioptions.stats, rocksdb::BLOCK_CHECKSUM_COMPUTE_COUNT);
  }
  const uint64_t restarts = ffi::restarts_of_block(AsRust(data));
  return verify && restarts != 0 ? restarts | kVerified : restarts;
}

size_t MappedBlocks::ApproximateMemoryUsage() const {
  return sizeof(*this) + slots_->memory_usage();
}

Slice MappedBlocks::BytesOf(const ffi::Position& at) const {
  const uint64_t end = rep_.file_size;
  if (at.block >= blocks_ || at.size < sizeof(uint32_t) || at.offset > end ||
      at.size > end - at.offset || end - at.offset - at.size < kTrailer) {
    return Slice();
  }
  return Slice(base_ + at.offset, at.size);
}

}  // namespace mountdb
