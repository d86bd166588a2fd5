// What a thread's perf context counts of Gets, by level too: with the learned table the same as with
// RocksDB's, whether blocks are in the block cache or mapped, and times only where times are wanted.
//
//   counters DIRECTORY       exit status 0 if that is so
#include <memory>
#include <string>
#include <vector>

#include "check.h"
#include "mountdb.h"
#include "rocksdb/cache.h"
#include "rocksdb/db.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/perf_context.h"
#include "rocksdb/perf_level.h"
#include "rocksdb/table.h"

using namespace rocksdb;

namespace {

constexpr int kKeys = 20000;

Options WithTable(bool learned, bool mapped, bool bloom) {
  BlockBasedTableOptions table;
  // Ribbon filters are RocksDB's to ask.
  table.filter_policy.reset(bloom ? NewBloomFilterPolicy(10) : NewRibbonFilterPolicy(10));
  table.block_cache = NewLRUCache(64 << 20);
  Options options;
  options.create_if_missing = true;
  options.disable_auto_compactions = true;
  options.compression = kNoCompression;
  options.allow_mmap_reads = mapped;
  options.table_factory.reset(NewBlockBasedTableFactory(table));
  if (learned) {
    CheckOk(mountdb::UseLearnedTable(&options));
  }
  return options;
}

// Even numbers are keys.
std::string Key(int i) {
  char key[20];
  std::snprintf(key, sizeof(key), "key%010d", i * 17);
  return key;
}

void Write(const std::string& path, bool bloom) {
  std::unique_ptr<DB> db;
  CheckOk(DB::Open(WithTable(/*learned=*/true, /*mapped=*/false, bloom), path, &db));
  for (int i = 0; i < kKeys; i += 2) {
    CheckOk(db->Put(WriteOptions(), Key(i), "value"));
  }
  CheckOk(db->Flush(FlushOptions()));
}

struct Counted {
  std::vector<uint64_t> counts;
  uint64_t bytes;  // of blocks in the cache: what malloc gave, which may differ
  uint64_t nanos;
};

Counted Read(const std::string& path, bool learned, bool mapped, bool bloom, PerfLevel perf) {
  std::unique_ptr<DB> db;
  CheckOk(DB::Open(WithTable(learned, mapped, bloom), path, &db));
  PerfContext& context = *get_perf_context();
  context.EnablePerLevelPerfContext();
  std::string value;
  for (bool warm : {false, true}) {
    context.Reset();
    SetPerfLevel(warm ? perf : kDisable);
    for (int i = 0; i < kKeys; i++) {
      const Status s = db->Get(ReadOptions(), Key(i), &value);
      CHECK(i % 2 == 0 ? s.ok() : s.IsNotFound());
    }
    SetPerfLevel(kDisable);
  }
  Counted found{{context.bloom_sst_hit_count, context.bloom_sst_miss_count},
                context.block_cache_read_byte,
                context.block_seek_nanos};
  const PerfContextByLevel level = (*context.level_to_perf_context)[0];
  found.counts.insert(found.counts.end(), {level.bloom_filter_useful, level.bloom_filter_full_positive,
                                           level.bloom_filter_full_true_positive});
  if (!mapped) {
    found.counts.insert(found.counts.end(),
                        {context.block_cache_hit_count, context.block_read_count,
                         level.block_cache_hit_count, level.block_cache_miss_count});
  }
  context.ClearPerLevelPerfContext();
  return found;
}

void GetsAreCountedAsStockDoes(const std::string& path) {
  for (bool bloom : {false, true}) {
    const std::string name = path + (bloom ? "/bloom" : "/ribbon");
    Write(name, bloom);
    for (bool mapped : {false, true}) {
      for (PerfLevel perf : {kDisable, kEnableCount, kEnableTime}) {
        const Counted stock = Read(name, /*learned=*/false, mapped, bloom, perf);
        const Counted ours = Read(name, /*learned=*/true, mapped, bloom, perf);
        CHECK(ours.counts == stock.counts);
        CHECK(mapped || (ours.bytes >= stock.bytes / 100 * 99 && stock.bytes >= ours.bytes / 100 * 99));
        CHECK((ours.nanos > 0) == (perf == kEnableTime) && (stock.nanos > 0) == (ours.nanos > 0));
        CHECK((ours.counts[4] == kKeys / 2) == (perf != kDisable));
        CHECK((ours.counts[2] > kKeys / 3) == (perf != kDisable));
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: counters DIRECTORY\n");
    return 2;
  }
  CHECK(mountdb_register() == 0);
  GetsAreCountedAsStockDoes(argv[1]);
  std::puts("counters: as RocksDB's table counts");
  return 0;
}
