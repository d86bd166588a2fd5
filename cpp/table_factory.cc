#include "mountdb/cpp/table_factory.h"

#include <optional>
#include <unordered_map>
#include <utility>

#include "mountdb/cpp/index_factory.h"
#include "mountdb/cpp/index_reader.h"
#include "rocksdb/comparator.h"
#include "rocksdb/utilities/options_type.h"
#include "table/block_based/block_based_table_builder.h"
#include "table/block_based/block_based_table_reader.h"
#include "table/block_fetcher.h"
#include "table/meta_blocks.h"
#include "table/persistent_cache_options.h"
#include "table/table_builder.h"

namespace mountdb {

using rocksdb::BlockBasedTable;
using rocksdb::BlockBasedTableFactory;
using rocksdb::BlockBasedTableOptions;
using rocksdb::BlockContents;
using rocksdb::BlockHandle;
using rocksdb::OptionTypeInfo;
using rocksdb::ReadOptions;
using rocksdb::Status;

namespace {

const std::unordered_map<std::string, OptionTypeInfo>& LearnedOptionTypes() {
  using rocksdb::OptionType;
  using rocksdb::OptionVerificationType;
  static const auto* types = new std::unordered_map<std::string, OptionTypeInfo>{
      {"write_learned_index",
       {offsetof(LearnedTableOptions, write_learned_index), OptionType::kBoolean,
        OptionVerificationType::kNormal}},
      {"read_learned_index",
       {offsetof(LearnedTableOptions, read_learned_index), OptionType::kBoolean,
        OptionVerificationType::kNormal}},
  };
  return *types;
}

std::string LearnedBlockName() {
  return std::string(rocksdb::kUserDefinedIndexPrefix) + LearnedIndexFactory::kClassName();
}

// Reads a meta block of an open table, which is never compressed.
Status ReadBlock(const ReadOptions& ro, const BlockBasedTable::Rep& rep, const BlockHandle& handle,
                 rocksdb::BlockType type, BlockContents* contents) {
  return rocksdb::BlockFetcher(rep.file.get(), /*prefetch_buffer=*/nullptr, rep.footer, ro, handle,
                               contents, rep.ioptions, /*do_uncompress=*/false,
                               /*maybe_compressed=*/false, type, /*decompressor=*/nullptr,
                               rocksdb::PersistentCacheOptions::kEmpty)
      .ReadBlockContents();
}

// Reads the learned block of an open table. `*found` is false if the file has none; an
// error if it has one that cannot be read. Two reads: RocksDB does not keep the metaindex.
Status ReadLearnedBlock(const ReadOptions& ro, const BlockBasedTable::Rep& rep,
                        BlockContents* contents, bool* found) {
  *found = false;
  BlockContents metaindex_contents;
  Status s = ReadBlock(ro, rep, rep.footer.metaindex_handle(), rocksdb::BlockType::kMetaIndex,
                       &metaindex_contents);
  if (!s.ok()) {
    return s;
  }
  rocksdb::Block metaindex(std::move(metaindex_contents));
  std::unique_ptr<rocksdb::InternalIterator> iter(metaindex.NewMetaIterator());
  BlockHandle handle;
  s = rocksdb::FindOptionalMetaBlock(iter.get(), LearnedBlockName(), &handle);
  // An empty block stands for none.
  if (!s.ok() || handle.IsNull() || handle.size() == 0) {
    return s;
  }
  *found = true;
  return ReadBlock(ro, rep, handle, rocksdb::BlockType::kUserDefinedIndex, contents);
}

// The file's learned index, or why the standard index is used; the reason is counted.
std::optional<rust::Box<ffi::Index>> OpenLearnedIndex(const ReadOptions& ro,
                                                      const BlockBasedTable::Rep& rep,
                                                      uint64_t file_size) {
  const char* file = rep.file->file_name().c_str();
  rocksdb::Logger* log = rep.ioptions.logger;
  if (rep.internal_comparator.user_comparator() != rocksdb::BytewiseComparator()) {
    ffi::count_not_learned(ffi::NotLearned::Comparator);
    rocksdb::Info(log, "mountdb: standard index for %s: comparator is %s", file,
                   rep.internal_comparator.user_comparator()->Name());
    return std::nullopt;
  }
  BlockContents contents;
  bool found = false;
  Status s = ReadLearnedBlock(ro, rep, &contents, &found);
  if (!s.ok()) {
    ffi::count_not_learned(ffi::NotLearned::Unreadable);
    rocksdb::Warn(log, "mountdb: standard index for %s: cannot read the learned block: %s",
                   file, s.ToString().c_str());
    return std::nullopt;
  }
  if (!found) {
    ffi::count_not_learned(ffi::NotLearned::NoLearnedBlock);
    rocksdb::Info(log, "mountdb: standard index for %s: no learned block", file);
    return std::nullopt;
  }
  ffi::Expected expected{};
  if (rep.table_properties != nullptr) {
    expected.known = true;
    expected.blocks = rep.table_properties->num_data_blocks;
  }
  expected.translated_seqnos = rep.global_seqno != rocksdb::kDisableGlobalSequenceNumber;
  try {
    return ffi::open_index(AsRust(contents.data), file_size, expected);
  } catch (const rust::Error& e) {
    rocksdb::Warn(log, "mountdb: standard index for %s: %s", file, e.what());
    return std::nullopt;
  }
}

void InstallLearnedIndex(const ReadOptions& ro, BlockBasedTable* table, uint64_t file_size) {
  BlockBasedTable::Rep* rep = table->get_rep();
  auto index = OpenLearnedIndex(ro, *rep, file_size);
  if (!index) {
    return;
  }
  std::unique_ptr<BlockBasedTable::IndexReader> standard = std::move(rep->index_reader);
  if (!rep->table_options.cache_index_and_filter_blocks &&
      rep->index_type != BlockBasedTableOptions::kTwoLevelIndexSearch) {
    // It holds nothing but its own copy of the index on the heap.
    standard.reset();
  }
  rep->index_reader = std::make_unique<LearnedIndexReader>(
      std::move(*index), std::move(standard), rep->index_key_includes_seq);
}

}  // namespace

LearnedTableFactory::LearnedTableFactory(const BlockBasedTableOptions& table_options,
                                         const LearnedTableOptions& learned_options)
    : BlockBasedTableFactory(table_options), learned_options_(learned_options) {
  RegisterOptions(&learned_options_, &LearnedOptionTypes());
}

bool LearnedTableFactory::IsInstanceOf(const std::string& name) const {
  return name == kClassName() || name == kBlockBasedTableName() ||
         BlockBasedTableFactory::IsInstanceOf(name);
}

std::unique_ptr<rocksdb::TableFactory> LearnedTableFactory::Clone() const {
  return std::make_unique<LearnedTableFactory>(*this);
}

const BlockBasedTableOptions& LearnedTableFactory::table_options() const {
  return *GetOptions<BlockBasedTableOptions>();
}

Status LearnedTableFactory::NewTableReader(
    const ReadOptions& ro, const rocksdb::TableReaderOptions& options,
    std::unique_ptr<rocksdb::RandomAccessFileReader>&& file, uint64_t file_size,
    std::unique_ptr<rocksdb::TableReader>* table_reader,
    bool prefetch_index_and_filter_in_cache) const {
  Status s = BlockBasedTableFactory::NewTableReader(
      ro, options, std::move(file), file_size, table_reader, prefetch_index_and_filter_in_cache);
  if (s.ok() && learned_options_.read_learned_index) {
    InstallLearnedIndex(ro, static_cast<BlockBasedTable*>(table_reader->get()), file_size);
  }
  return s;
}

rocksdb::TableBuilder* LearnedTableFactory::NewTableBuilder(
    const rocksdb::TableBuilderOptions& options, rocksdb::WritableFileWriter* file) const {
  if (!learned_options_.write_learned_index ||
      options.internal_comparator.user_comparator() != rocksdb::BytewiseComparator()) {
    return BlockBasedTableFactory::NewTableBuilder(options, file);
  }
  if (options.moptions.compression_opts.parallel_threads > 1 ||
      options.moptions.bottommost_compression_opts.parallel_threads > 1) {
    // RocksDB refuses a user-defined index then, and the user's threads come first.
    ffi::count_not_built();
    // Not the ROCKS_LOG macros: they read past the end of short file names outside RocksDB.
    rocksdb::Warn(options.ioptions.logger,
                   "mountdb: no learned index for this file: parallel compression");
    return BlockBasedTableFactory::NewTableBuilder(options, file);
  }
  BlockBasedTableOptions with_index = table_options();
  with_index.user_defined_index_factory =
      std::make_shared<LearnedIndexFactory>(options.ioptions.info_log);
  with_index.use_udi_as_primary_index = false;
  return new rocksdb::BlockBasedTableBuilder(with_index, options, file);
}

Status LearnedTableFactory::ValidateOptions(
    const rocksdb::DBOptions& db_opts, const rocksdb::ColumnFamilyOptions& cf_opts) const {
  if (table_options().user_defined_index_factory != nullptr) {
    return Status::InvalidArgument(
        "table_factory=mountdb brings its own index: leave user_defined_index_factory unset, "
        "or use table_factory=BlockBasedTable");
  }
  return BlockBasedTableFactory::ValidateOptions(db_opts, cf_opts);
}

std::string LearnedTableFactory::GetPrintableOptions() const {
  std::string text = BlockBasedTableFactory::GetPrintableOptions();
  text.append("  write_learned_index: ");
  text.append(learned_options_.write_learned_index ? "1\n" : "0\n");
  text.append("  read_learned_index: ");
  text.append(learned_options_.read_learned_index ? "1\n" : "0\n");
  return text;
}

}  // namespace mountdb
