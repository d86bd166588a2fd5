// The contract of an index iterator, block by block, which no answer of a database shows:
// what key() and user_key() are, and that every block is where Seek, Next and Prev say. The
// same table file is opened twice, through mountdb's table and through the stock table.
//
//   index_reader DIRECTORY       exit status 0 if it is kept
#include <memory>
#include <string>
#include <vector>

#include "check.h"
#include "db/dbformat.h"
#include "file/random_access_file_reader.h"
#include "mountdb.h"
#include "options/cf_options.h"
#include "rocksdb/convenience.h"
#include "rocksdb/db.h"
#include "rocksdb/table.h"
#include "table/block_based/block_based_table_reader.h"
#include "table/table_builder.h"

using namespace rocksdb;

// Allocations by C++; Rust's are counted where Rust is tested.
static size_t allocations = 0;
// Out of line, or the compiler takes the pair for a mismatch.
[[gnu::noinline]] void* operator new(size_t size) {
  allocations++;
  return std::malloc(size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace mountdb {
// cpp/learned_table.h, which needs headers that only the build has.
BlockBasedTable& BlockBasedTableOf(TableReader& reader);
}  // namespace mountdb

namespace {

const InternalKeyComparator kOrder(BytewiseComparator());

std::shared_ptr<TableFactory> Factory(const std::string& id) {
  ConfigOptions config;
  config.ignore_unsupported_options = false;
  std::shared_ptr<TableFactory> factory;
  CheckOk(TableFactory::CreateFromString(config, "{id=" + id + ";block_size=200}", &factory));
  return factory;
}

// Writes a database of one table file and returns the file's path. With `versions` each key
// has several, kept by snapshots, so that versions of one key lie in different blocks.
std::string WriteTable(const std::string& path, bool versions) {
  Options options;
  options.create_if_missing = true;
  options.disable_auto_compactions = true;
  options.compression = kNoCompression;
  options.table_factory = Factory("mountdb");
  std::unique_ptr<DB> db;
  CheckOk(DB::Open(options, path, &db));
  std::vector<const Snapshot*> snapshots;
  for (int version = 0; version < (versions ? 9 : 1); version++) {
    for (int i = 0; i < 400; i++) {
      const std::string key = "key" + std::to_string(i * i) + std::string(i % 3, '\0');
      CheckOk(db->Put(WriteOptions(), key, std::string(60, 'v')));
    }
    snapshots.push_back(db->GetSnapshot());
  }
  CheckOk(db->Flush(FlushOptions()));
  for (const Snapshot* snapshot : snapshots) {
    db->ReleaseSnapshot(snapshot);
  }
  std::vector<LiveFileMetaData> files;
  db->GetLiveFilesMetaData(&files);
  CHECK(files.size() == 1);
  return files[0].directory + "/" + files[0].relative_filename;
}

// A table and everything it holds references to.
struct OpenTable {
  OpenTable(const std::string& id, const std::string& file) : factory(Factory(id)) {
    options.table_factory = factory;
    ioptions = std::make_unique<ImmutableOptions>(options);
    std::unique_ptr<RandomAccessFileReader> reader;
    uint64_t size = 0;
    CheckOk(options.env->GetFileSize(file, &size));
    CheckOk(RandomAccessFileReader::Create(options.env->GetFileSystem(), file, FileOptions(),
                                           &reader, nullptr));
    const TableReaderOptions read(*ioptions, prefix, nullptr, env_options, kOrder, 0);
    CheckOk(factory->NewTableReader(ReadOptions(), read, std::move(reader), size, &table, false));
  }

  BlockBasedTable* get() { return &mountdb::BlockBasedTableOf(*table); }

  std::unique_ptr<InternalIteratorBase<IndexValue>> Index() {
    return std::unique_ptr<InternalIteratorBase<IndexValue>>(
        get()->get_rep()->index_reader->NewIterator(ReadOptions(), false, nullptr, nullptr,
                                                    nullptr));
  }

  Options options;
  std::shared_ptr<TableFactory> factory;
  std::unique_ptr<ImmutableOptions> ioptions;
  std::shared_ptr<const SliceTransform> prefix;
  EnvOptions env_options;
  std::unique_ptr<TableReader> table;
};

// First and last internal key of each data block, from the blocks themselves.
struct Bounds {
  std::string first;
  std::string last;
};

std::vector<std::pair<Bounds, std::vector<std::string>>> Blocks(BlockBasedTable* table) {
  std::vector<KVPairBlock> contents;
  CheckOk(table->GetKVPairsFromDataBlocks(ReadOptions(), &contents));
  std::vector<std::pair<Bounds, std::vector<std::string>>> blocks;
  for (const KVPairBlock& block : contents) {
    std::vector<std::string> keys;
    for (const auto& entry : block) {
      keys.push_back(entry.first);
    }
    blocks.push_back({{keys.front(), keys.back()}, keys});
  }
  return blocks;
}

void CheckKey(const InternalIteratorBase<IndexValue>& index, const Bounds& block,
              const Bounds* next, bool includes_seq) {
  const Comparator* user = BytewiseComparator();
  const Slice user_key = index.user_key();
  CHECK(user->Compare(ExtractUserKey(block.last), user_key) <= 0);
  if (next != nullptr) {
    CHECK(user->Compare(user_key, ExtractUserKey(next->first)) <= 0);
  }
  if (includes_seq) {
    CHECK(index.key().size() == user_key.size() + kNumInternalBytes);
    CHECK(ExtractUserKey(index.key()) == user_key);
    CHECK(kOrder.Compare(block.last, index.key()) <= 0);
    CHECK(next == nullptr || kOrder.Compare(index.key(), next->first) < 0);
    CHECK(ExtractValueType(index.key()) <= kValueTypeForSeek);
  } else {
    CHECK(index.key() == user_key);
  }
}

void CheckTable(const std::string& file, bool versions) {
  OpenTable ours("mountdb", file);
  OpenTable stock("BlockBasedTable", file);
  const bool includes_seq = stock.get()->get_rep()->index_key_includes_seq;
  CHECK(includes_seq == versions);
  const auto blocks = Blocks(stock.get());
  CHECK(blocks.size() > 50);

  auto index = ours.Index();
  auto oracle = stock.Index();
  CHECK(!index->Valid());
  size_t i = 0;
  oracle->SeekToFirst();
  for (index->SeekToFirst(); index->Valid(); index->Next(), oracle->Next(), i++) {
    CHECK(oracle->Valid() && index->value().handle == oracle->value().handle);
    CHECK(index->value().first_internal_key.empty());
    const Bounds* next = i + 1 < blocks.size() ? &blocks[i + 1].first : nullptr;
    CheckKey(*index, blocks[i].first, next, includes_seq);
    CheckKey(*oracle, blocks[i].first, next, includes_seq);  // the check is no stricter
  }
  CHECK(i == blocks.size() && !oracle->Valid());
  index->Next();
  CHECK(!index->Valid() && index->status().ok());

  oracle->SeekToLast();
  for (index->SeekToLast(); index->Valid(); index->Prev(), oracle->Prev(), i--) {
    CHECK(oracle->Valid() && index->value().handle == oracle->value().handle);
  }
  CHECK(i == 0 && !oracle->Valid() && index->status().ok());
  index->Prev();
  index->Next();
  CHECK(!index->Valid() && index->status().ok());

  // Every key of every block, and a seek to its user key at every sequence number.
  for (const auto& [bounds, keys] : blocks) {
    for (const std::string& key : keys) {
      index->Seek(key);
      oracle->Seek(key);
      CHECK(index->Valid() && index->value().handle == oracle->value().handle);
      InternalKey seek(ExtractUserKey(key), kMaxSequenceNumber, kValueTypeForSeek);
      index->Seek(seek.Encode());
      oracle->Seek(seek.Encode());
      CHECK(index->Valid());
      if (index->value().handle != oracle->value().handle) {
        // The standard index may stop in front of the gap that ours goes past.
        oracle->Next();
        CHECK(index->value().handle == oracle->value().handle);
      }
    }
  }
  InternalKey behind("zzz", kMaxSequenceNumber, kValueTypeForSeek);
  index->Seek(behind.Encode());
  CHECK(!index->Valid() && index->status().ok());
  index->SeekForPrev(behind.Encode());
  CHECK(!index->Valid() && index->status().IsNotSupported());
  index->SeekToFirst();
  CHECK(index->Valid() && index->status().ok());

  // A seek by an iterator of its own, as a Get makes it, allocates nothing, once the thread has
  // made one: its memory is kept.
  ours.Index();
  const size_t before = allocations;
  for (const auto& [bounds, keys] : blocks) {
    std::unique_ptr<InternalIteratorBase<IndexValue>> own = ours.Index();
    own->Seek(keys.front());
    CHECK(own->Valid() && own->value().handle.size() > 0);
    own->Next();
    own->Prev();
  }
  CHECK(allocations == before);

  // The learned index is smaller than the index it stands for, which is not kept, unless it may take
  // more to be quick.
  CHECK(ours.get()->ApproximateMemoryUsage() > 0);
  const auto usage = [](OpenTable& table) {
    return table.get()->get_rep()->index_reader->ApproximateMemoryUsage();
  };
  OpenTable small("mountdb;entry_slots_memory=0", file);
  OpenTable little_cache("mountdb;block_cache=8K", file);
  OpenTable no_cache("mountdb;no_block_cache=true", file);
  CHECK(usage(small) < usage(stock));
  CHECK(usage(little_cache) == usage(small) && usage(no_cache) == usage(small));
  const size_t more = usage(ours) - usage(small);
  CHECK(more > 2 * blocks.size() && more < 16 * blocks.size());
  auto slow = small.Index();
  auto quick = ours.Index();
  for (const auto& [bounds, keys] : blocks) {
    for (const std::string& key : keys) {
      slow->Seek(key);
      quick->Seek(key);
      CHECK(slow->Valid() && slow->value().handle == quick->value().handle);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: index_reader DIRECTORY\n");
    return 2;
  }
  CHECK(mountdb_register() == 0);
  for (bool versions : {false, true}) {
    const std::string path = std::string(argv[1]) + (versions ? "/versions" : "/single");
    CheckTable(WriteTable(path, versions), versions);
  }
  std::puts("index iterator: every block where it should be");
  return 0;
}
