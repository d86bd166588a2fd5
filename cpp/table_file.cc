#include "mountdb/cpp/table_file.h"

#include <stdexcept>
#include <utility>

#include "db/dbformat.h"
#include "file/random_access_file_reader.h"
#include "mountdb/cpp/learned_block.h"
#include "mountdb/cpp/learned_table.h"
#include "mountdb/src/ffi/bridge.rs.h"
#include "options/cf_options.h"
#include "rocksdb/env.h"
#include "rocksdb/file_system.h"
#include "rocksdb/table.h"
#include "table/block_based/block_based_table_reader.h"
#include "table/table_builder.h"

namespace mountdb::ffi {

using rocksdb::BlockBasedTable;
using rocksdb::IndexBlockIter;
using rocksdb::IndexValue;
using rocksdb::InternalIteratorBase;
using rocksdb::ReadOptions;
using rocksdb::Slice;
using rocksdb::Status;

namespace {

void ThrowUnlessOk(const Status& s) {
  if (!s.ok()) {
    throw std::runtime_error(s.ToString());
  }
}

}  // namespace

// The table, and all that it refers to.
struct TableFile::Open {
  explicit Open(const rocksdb::Options& from)
      : options(from), ioptions(options), order(options.comparator) {}

  const BlockBasedTable::Rep& rep() const {
    return *BlockBasedTableOf(*table).get_rep();
  }

  const rocksdb::Options options;
  const rocksdb::ImmutableOptions ioptions;
  const rocksdb::EnvOptions env_options;
  const rocksdb::InternalKeyComparator order;
  uint64_t size = 0;
  std::unique_ptr<rocksdb::TableReader> table;
};

TableFile::TableFile(const rocksdb::Options& options, const std::string& path)
    : open_(std::make_unique<Open>(options)) {
  if (!options.table_factory->IsInstanceOf(rocksdb::TableFactory::kBlockBasedTableName())) {
    throw std::runtime_error(std::string("a table file is opened as a block-based table, not as ") +
                             options.table_factory->Name());
  }
  const auto& files = options.env->GetFileSystem();
  rocksdb::IODebugContext debug;
  ThrowUnlessOk(files->GetFileSize(path, rocksdb::IOOptions(), &open_->size, &debug));
  std::unique_ptr<rocksdb::RandomAccessFileReader> file;
  ThrowUnlessOk(rocksdb::RandomAccessFileReader::Create(files, path, rocksdb::FileOptions(), &file,
                                                        nullptr));
  rocksdb::TableReaderOptions read(open_->ioptions, options.prefix_extractor, nullptr,
                                   open_->env_options, open_->order, 0);
  // Unknown, as to SstFileReader: what an ingested file says itself is believed.
  read.largest_seqno = rocksdb::kMaxSequenceNumber;
  ThrowUnlessOk(options.table_factory->NewTableReader(ReadOptions(), read, std::move(file),
                                                      open_->size, &open_->table, false));
}

TableFile::~TableFile() = default;

FileFacts TableFile::facts() const {
  const auto properties = open_->table->GetTableProperties();
  FileFacts facts{};
  facts.file_bytes = open_->size;
  facts.entries = properties->num_entries;
  facts.blocks = properties->num_data_blocks;
  facts.data_bytes = properties->data_size;
  facts.filter_bytes = properties->filter_size;
  facts.standard_index_bytes = properties->index_size;
  facts.index_memory = open_->rep().index_reader->ApproximateMemoryUsage();
  return facts;
}

rust::Vec<Property> TableFile::properties(rust::Str prefix) const {
  rust::Vec<Property> properties;
  for (const auto& [name, value] : open_->table->GetTableProperties()->user_collected_properties) {
    if (Slice(name).starts_with(Slice(prefix.data(), prefix.size()))) {
      // Another program may have written them.
      properties.push_back({rust::String::lossy(name), rust::String::lossy(value)});
    }
  }
  return properties;
}

rust::Vec<uint8_t> TableFile::learned_block() const {
  rocksdb::BlockContents contents;
  bool found = false;
  ThrowUnlessOk(ReadLearnedBlock(ReadOptions(), open_->rep(), &contents, &found));
  rust::Vec<uint8_t> bytes;
  if (found) {
    bytes.reserve(contents.data.size());
    for (const char c : contents.data.ToStringView()) {
      bytes.push_back(static_cast<uint8_t>(c));
    }
  }
  return bytes;
}

uint64_t TableFile::seek_all(rust::Slice<const uint8_t> keys,
                             rust::Slice<const size_t> ends) const {
  const ReadOptions read;
  BlockBasedTable::IndexReader* const index = open_->rep().index_reader.get();
  uint64_t sum = 0;
  size_t begin = 0;
  for (const size_t end : ends) {
    const Slice target(reinterpret_cast<const char*>(keys.data()) + begin, end - begin);
    begin = end;
    // As in BlockBasedTable::Get.
    IndexBlockIter on_stack;
    InternalIteratorBase<IndexValue>* iter =
        index->NewIterator(read, /*disable_prefix_seek=*/false, &on_stack, nullptr, nullptr);
    const std::unique_ptr<InternalIteratorBase<IndexValue>> on_heap(
        iter != &on_stack ? iter : nullptr);
    iter->Seek(target);
    if (!iter->Valid()) {
      ThrowUnlessOk(iter->status());
      throw std::runtime_error("a target of a seek lies behind the end of the file");
    }
    sum += iter->value().handle.offset();
  }
  return sum;
}

std::unique_ptr<TableFile> open_table_file(const rocksdb::Options& options, rust::Str path) {
  return std::make_unique<TableFile>(options, std::string(path));
}

uint64_t seek_tag() { return TagBeforeAllVersions(); }

}  // namespace mountdb::ffi
