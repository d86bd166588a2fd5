#include "mountdb/cpp/table_factory.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "mountdb/cpp/index_factory.h"
#include "mountdb/cpp/index_reader.h"
#include "mountdb/cpp/learned_block.h"
#include "mountdb/cpp/learned_table.h"
#include "mountdb/cpp/learned_table_builder.h"
#include "mountdb/cpp/table_properties.h"
#include "rocksdb/comparator.h"
#include "rocksdb/utilities/options_type.h"
#include "table/block_based/block_based_table_builder.h"
#include "table/block_based/block_based_table_reader.h"
#include "table/table_builder.h"

namespace mountdb {

using rocksdb::BlockBasedTable;
using rocksdb::BlockBasedTableFactory;
using rocksdb::BlockBasedTableOptions;
using rocksdb::BlockContents;
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
      {"entry_slots_memory",
       {offsetof(LearnedTableOptions, entry_slots_memory), OptionType::kSizeT,
        OptionVerificationType::kNormal}},
  };
  return *types;
}

// How much of `memory` indexes may take to be quick, and hints. Where few of the data blocks find room
// in the block cache, the little memory there is is better spent on them.
size_t LimitInFrontOfCache(const BlockBasedTable::Rep& rep, const SlotMemory& memory) {
  // Of blocks of 4 KiB a quick index takes 1/600 and hints 1/256. Half is for the first alone: there
  // may be more data than the cache holds.
  constexpr size_t kShareOfCache = 64;
  if (rep.ioptions.allow_mmap_reads) {
    return memory.limit;
  }
  const auto& cache = rep.table_options.block_cache;
  return cache == nullptr ? 0 : std::min(memory.limit, cache->GetCapacity() / kShareOfCache);
}

// The file's learned index, or why the standard index is used; the reason is counted.
std::optional<rust::Box<ffi::Index>> OpenLearnedIndex(const ReadOptions& ro,
                                                      const BlockBasedTable::Rep& rep,
                                                      uint64_t file_size,
                                                      const SlotMemory& memory) {
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
    return ffi::open_index(AsRust(contents.data), file_size, expected, memory.taken,
                           LimitInFrontOfCache(rep, memory));
  } catch (const rust::Error& e) {
    rocksdb::Warn(log, "mountdb: standard index for %s: %s", file, e.what());
    return std::nullopt;
  }
}

// Puts the file's learned index, if it has a sound one, in the standard one's place, and a reader
// that makes use of it in front of the table. `charge` and `tracer` may be null.
Status InstallLearnedIndex(const ReadOptions& ro, uint64_t file_size,
                           rocksdb::CacheReservationManager* charge,
                           const rocksdb::BlockCacheTracer* tracer, const SlotMemory& memory,
                           std::unique_ptr<rocksdb::TableReader>* table) {
  BlockBasedTable::Rep* rep = static_cast<BlockBasedTable*>(table->get())->get_rep();
  auto index = OpenLearnedIndex(ro, *rep, file_size, memory);
  if (!index) {
    return Status::OK();
  }
  // The standard index was read when the file was opened. From here on it takes no memory,
  // neither on the heap nor, partitions included, in the block cache. (Another database of this
  // process that shares both the cache and the file will read it again when it has to.)
  const bool in_cache = rep->table_options.cache_index_and_filter_blocks ||
                        rep->index_type == BlockBasedTableOptions::kTwoLevelIndexSearch;
  // RocksDB has seen this fail for mapped files, without knowing why.
  if (in_cache && !rep->ioptions.allow_mmap_reads) {
    rep->index_reader->EraseFromCacheBeforeDestruction(UINT32_MAX);
  }
  auto reader =
      std::make_unique<LearnedIndexReader>(std::move(*index), rep->index_key_includes_seq);
  const ffi::Index& learned = reader->index();
  rep->index_reader = std::move(reader);
  *table = std::make_unique<LearnedTable>(std::move(*table), learned, tracer, memory,
                                          LimitInFrontOfCache(*rep, memory) / 2);
  if (charge == nullptr) {
    return Status::OK();
  }
  // What was charged until now is a reader with the standard index.
  rep->table_reader_cache_res_handle.reset();
  Status s = charge->MakeCacheReservation((*table)->ApproximateMemoryUsage(),
                                          &rep->table_reader_cache_res_handle);
  if (s.IsMemoryLimit()) {
    s = Status::MemoryLimit("no room in the block cache to charge the table reader of",
                            rep->file->file_name());
  }
  return s;
}

}  // namespace

LearnedTableFactory::LearnedTableFactory(const BlockBasedTableOptions& table_options,
                                         const LearnedTableOptions& learned_options)
    : BlockBasedTableFactory(table_options),
      learned_options_(learned_options),
      slot_memory_(std::make_shared<rust::Box<ffi::SlotMemory>>(ffi::new_slot_memory())) {
  RegisterOptions(&learned_options_, &LearnedOptionTypes());
  // As the base class does for its own, which nobody else can ask for.
  using Role = rocksdb::CacheEntryRole;
  const auto& cache = this->table_options().block_cache;
  const auto& usage = this->table_options().cache_usage_options.options_overrides;
  if (cache != nullptr && usage.at(Role::kBlockBasedTableReader).charged ==
                              rocksdb::CacheEntryRoleOptions::Decision::kEnabled) {
    charge_ = std::make_shared<rocksdb::ConcurrentCacheReservationManager>(
        std::make_shared<rocksdb::CacheReservationManagerImpl<Role::kBlockBasedTableReader>>(
            cache));
  }
}

BlockBasedTableOptions LearnedTableFactory::DefaultTableOptions() {
  BlockBasedTableOptions options;
  options.index_block_restart_interval = 2;
  return options;
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
    s = InstallLearnedIndex(ro, file_size, charge_.get(), options.block_cache_tracer,
                            {**slot_memory_, learned_options_.entry_slots_memory},
                            table_reader);
    if (!s.ok()) {
      table_reader->reset();
    }
  }
  return s;
}

rocksdb::TableBuilder* LearnedTableFactory::NewTableBuilder(
    const rocksdb::TableBuilderOptions& options, rocksdb::WritableFileWriter* file) const {
  if (!learned_options_.write_learned_index) {
    return BlockBasedTableFactory::NewTableBuilder(options, file);
  }
  const rocksdb::Comparator* comparator = options.internal_comparator.user_comparator();
  const bool bytewise = comparator == rocksdb::BytewiseComparator();
  // SstFileWriter does not ask ValidateOptions().
  BlockBasedTableOptions own = table_options();
  own.user_defined_index_factory = nullptr;
  own.use_udi_as_primary_index = false;
  if (bytewise && LearnedTableBuilder::CanWrite(own, options)) {
    return new LearnedTableBuilder(own, options, file);
  }
  const auto properties = std::make_shared<rust::Vec<ffi::Property>>();
  // The builder makes its collectors at once and keeps no reference to the factories.
  const auto collectors =
      WithIndexProperties(*options.internal_tbl_prop_coll_factories, properties);
  rocksdb::TableBuilderOptions with_properties = options;
  with_properties.internal_tbl_prop_coll_factories = &collectors;

  if (!bytewise) {
    *properties =
        ffi::not_learned_properties(std::string("the comparator is ") + comparator->Name());
    return BlockBasedTableFactory::NewTableBuilder(with_properties, file);
  }
  if (options.moptions.compression_opts.parallel_threads > 1 ||
      options.moptions.bottommost_compression_opts.parallel_threads > 1) {
    // RocksDB refuses a user-defined index then, and the user's threads come first.
    ffi::count_not_built();
    // Not the ROCKS_LOG macros: they read past the end of short file names outside RocksDB.
    rocksdb::Warn(options.ioptions.logger,
                  "mountdb: no learned index for this file: parallel compression");
    *properties = ffi::not_learned_properties("parallel compression");
    return BlockBasedTableFactory::NewTableBuilder(with_properties, file);
  }
  own.user_defined_index_factory =
      std::make_shared<LearnedIndexFactory>(options.ioptions.info_log, properties);
  return new rocksdb::BlockBasedTableBuilder(own, with_properties, file);
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
  text.append("  entry_slots_memory: ");
  text.append(std::to_string(learned_options_.entry_slots_memory)).append("\n");
  return text;
}

}  // namespace mountdb
