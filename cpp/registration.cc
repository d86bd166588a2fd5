#include "mountdb/cpp/registration.h"

#include <array>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "db/lookup_key.h"
#include "db/memtable.h"
#include "mountdb/cpp/index_factory.h"
#include "mountdb/cpp/memtable_rep.h"
#include "mountdb/cpp/mountdb.h"
#include "mountdb/cpp/table_factory.h"
#include "mountdb/src/ffi/bridge.rs.h"
#include "rocksdb/convenience.h"
#include "rocksdb/env.h"
#include "rocksdb/sst_file_reader.h"
#include "rocksdb/sst_file_writer.h"
#include "rocksdb/utilities/object_registry.h"
#include "rocksdb/version.h"
#include "table/block_based/block_based_table_reader.h"

#ifndef NDEBUG
#error "mountdb must be compiled with NDEBUG, as librocksdb-sys compiles RocksDB"
#endif
#if __cplusplus < 202002L
#error "mountdb needs a C++20 compiler"
#endif
#if ROCKSDB_MAJOR != 11 || ROCKSDB_MINOR != 8 || ROCKSDB_PATCH != 1
#error "mountdb works with RocksDB 11.8.1 and no other version"
#endif

namespace mountdb {

using rocksdb::BlockBasedTable;
using rocksdb::BlockBasedTableOptions;
using rocksdb::Options;
using rocksdb::Slice;
using rocksdb::Status;

namespace {

// What the layout check writes: enough for a few blocks.
constexpr int kProbeKeys = 200;

std::string ProbeKey(int i) {
  std::string digits = std::to_string(i);
  return "probe" + std::string(4 - digits.size(), '0') + digits;
}

// Looks at a table that the library has opened through the layouts this file was compiled
// with. Empty if both agree.
std::string CheckTableLayout(BlockBasedTable* table, uint64_t file_size) {
  const BlockBasedTable::Rep* rep = table->get_rep();
  if (rep->file_size != file_size) {
    return "BlockBasedTable::Rep::file_size";
  }
  const auto properties = table->GetTableProperties();  // the library's view
  if (rep->table_properties != properties || properties->num_entries != kProbeKeys) {
    return "BlockBasedTable::Rep::table_properties";
  }
  if (rep->index_type != BlockBasedTableOptions::kBinarySearch ||
      rep->internal_comparator.user_comparator() != rocksdb::BytewiseComparator()) {
    return "BlockBasedTable::Rep::index_type";
  }
  // The library adds its sizeof(Rep) to what the parts say of themselves.
  size_t parts = rep->index_reader->ApproximateMemoryUsage();
  parts += rep->filter ? rep->filter->ApproximateMemoryUsage() : 0;
  parts += properties->ApproximateMemoryUsage();
  if (table->ApproximateMemoryUsage() != parts + rep->ApproximateMemoryUsage()) {
    return "sizeof(BlockBasedTable::Rep)";
  }
  return "";
}

// Checks each table's layout as the library opens it, before the learned index goes in.
class ProbeTableFactory final : public LearnedTableFactory {
 public:
  explicit ProbeTableFactory(const BlockBasedTableOptions& options, std::string* mismatch)
      : LearnedTableFactory(options), mismatch_(mismatch) {}

  using rocksdb::TableFactory::NewTableReader;
  Status NewTableReader(const rocksdb::ReadOptions& ro,
                        const rocksdb::TableReaderOptions& options,
                        std::unique_ptr<rocksdb::RandomAccessFileReader>&& file,
                        uint64_t file_size, std::unique_ptr<rocksdb::TableReader>* reader,
                        bool prefetch) const override {
    Status s = BlockBasedTableFactory::NewTableReader(ro, options, std::move(file), file_size,
                                                      reader, prefetch);
    if (s.ok()) {
      *mismatch_ = CheckTableLayout(static_cast<BlockBasedTable*>(reader->get()), file_size);
    }
    return s;
  }

 private:
  std::string* const mismatch_;
};

// The options struct as the library's parser writes it and as this file reads it.
std::string CheckOptionsLayout() {
  std::unique_ptr<rocksdb::TableFactory> factory(rocksdb::NewBlockBasedTableFactory());
  Status s = factory->ConfigureFromString(
      rocksdb::ConfigOptions(),
      "block_size=12345;format_version=5;num_file_reads_for_auto_readahead=77");
  const auto* options = factory->GetOptions<BlockBasedTableOptions>();
  if (!s.ok() || options->block_size != 12345 || options->format_version != 5 ||
      options->num_file_reads_for_auto_readahead != 77) {
    return "BlockBasedTableOptions";
  }
  return "";
}

// Writes a file with a learned index in memory, opens it, and reads every key back.
std::string CheckRoundTrip(bool learned) {
  std::unique_ptr<rocksdb::Env> env(rocksdb::NewMemEnv(rocksdb::Env::Default()));
  std::string mismatch;
  BlockBasedTableOptions table_options;
  table_options.block_size = 512;
  table_options.no_block_cache = true;
  Options options;
  options.env = env.get();
  options.compression = rocksdb::kNoCompression;
  if (learned) {
    options.table_factory = std::make_shared<LearnedTableFactory>(table_options);
  } else {
    options.table_factory = std::make_shared<ProbeTableFactory>(table_options, &mismatch);
  }
  const std::string path = "/mountdb-probe.sst";
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), options);
  Status s = writer.Open(path);
  for (int i = 0; s.ok() && i < kProbeKeys; i++) {
    s = writer.Put(ProbeKey(i), ProbeKey(i) + " value");
  }
  if (s.ok()) {
    s = writer.Finish();
  }
  rocksdb::SstFileReader reader(options);
  if (s.ok()) {
    s = reader.Open(path);
  }
  if (!s.ok()) {
    return "a table file written and opened in memory: " + s.ToString();
  }
  if (learned) {
    mountdb_counters counters;
    mountdb_get_counters(&counters);
    if (counters.files_learned == 0) {
      return "a learned index written and opened in memory";
    }
    ffi::forget_probe_table();
  }
  std::string value;
  for (int i = 0; i < kProbeKeys; i++) {
    s = reader.Get(rocksdb::ReadOptions(), ProbeKey(i), &value);
    if (!s.ok() || value != ProbeKey(i) + " value") {
      return "a lookup in a table file: " + s.ToString();
    }
  }
  return mismatch;
}

// Lets the library fill a memtable and read it: the factory must recognise the library's own
// comparator object, and an entry must be laid out as the learned memtable reads it.
std::string CheckMemtable() {
  Options options;
  options.memtable_factory = std::make_shared<LearnedMemTableRepFactory>();
  const rocksdb::InternalKeyComparator order(rocksdb::BytewiseComparator());
  rocksdb::MemTable memtable(order, rocksdb::ImmutableOptions(options),
                             rocksdb::MutableCFOptions(options), nullptr, 0, 0);
  mountdb_counters counters;
  mountdb_get_counters(&counters);
  if (counters.memtables_learned != 1) {
    return "MemTable::KeyComparator";
  }
  ffi::forget_probe_memtable();
  for (int i = 0; i < kProbeKeys; i++) {
    const std::string key = ProbeKey(i * 7 % kProbeKeys);
    Status s = memtable.Add(i + 1, rocksdb::kTypeValue, key, key + " value", nullptr);
    if (!s.ok()) {
      return "an insert into a memtable: " + s.ToString();
    }
  }
  for (int i = 0; i < kProbeKeys; i++) {
    std::string value;
    Status s;
    rocksdb::MergeContext merge;
    rocksdb::SequenceNumber tombstone = 0;
    const rocksdb::LookupKey key(ProbeKey(i), rocksdb::kMaxSequenceNumber);
    if (!memtable.Get(key, &value, nullptr, nullptr, &s, &merge, &tombstone,
                      rocksdb::ReadOptions(), /*immutable_memtable=*/false) ||
        !s.ok() || value != ProbeKey(i) + " value") {
      return "a lookup in a memtable: " + s.ToString();
    }
  }
  return "";
}

std::string CheckLibrary() {
  const std::string compiled = std::to_string(ROCKSDB_MAJOR) + "." +
                               std::to_string(ROCKSDB_MINOR) + "." +
                               std::to_string(ROCKSDB_PATCH);
  const std::string linked = rocksdb::GetRocksVersionAsString();
  if (linked != compiled) {
    return "mountdb was compiled against RocksDB " + compiled + " and is linked to RocksDB " +
           linked;
  }
  std::string what = CheckOptionsLayout();
  for (bool learned : {false, true}) {
    if (what.empty()) {
      what = CheckRoundTrip(learned);
    }
  }
  if (what.empty()) {
    what = CheckMemtable();
  }
  return what.empty() ? "" : "mountdb was compiled with other settings than RocksDB: " + what;
}

template <typename T, typename Factory>
void AddFactory(rocksdb::ObjectLibrary* library) {
  library->AddFactory<T>(Factory::kClassName(),
                         [](const std::string&, std::unique_ptr<T>* guard, std::string*) {
                           guard->reset(new Factory());
                           return guard->get();
                         });
}

// Registers on the first call; what went wrong then, or an empty string.
const std::string& RegisterOnce() {
  static const std::string* const error = [] {
    auto* failure = new std::string(CheckLibrary());  // never freed: read at exit
    if (failure->empty()) {
      rocksdb::ObjectLibrary* library = rocksdb::ObjectLibrary::Default().get();
      AddFactory<rocksdb::TableFactory, LearnedTableFactory>(library);
      AddFactory<rocksdb::MemTableRepFactory, LearnedMemTableRepFactory>(library);
      AddFactory<rocksdb::UserDefinedIndexFactory, LearnedIndexFactory>(library);
    }
    return failure;
  }();
  return *error;
}

}  // namespace

namespace ffi {

void register_factories() {
  const std::string& error = RegisterOnce();
  if (!error.empty()) {
    throw std::runtime_error(error);
  }
}

}  // namespace ffi
}  // namespace mountdb

extern "C" {

int mountdb_register(void) {
  try {
    return mountdb::RegisterOnce().empty() ? 0 : -1;
  } catch (...) {
    return -1;
  }
}

const char* mountdb_error(void) {
  try {
    return mountdb::RegisterOnce().c_str();
  } catch (const std::exception& e) {
    return "mountdb_register() ran out of memory";
  }
}

void mountdb_get_counters(struct mountdb_counters* out) {
  std::array<uint64_t, 13> values{};
  static_assert(sizeof(values) == sizeof(*out));
  mountdb::ffi::counters_for_c(values);
  std::memcpy(out, values.data(), sizeof(values));
}

}  // extern "C"
