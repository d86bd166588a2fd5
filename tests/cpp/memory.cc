// What a learned file holds in memory: its learned index, charged to the block cache where
// cache_usage_options asks for that, and nothing of the standard index, wherever stock RocksDB
// would keep it. The counters of RocksDB's perf context and the cache itself tell.
//
//   memory DIRECTORY       exit status 0 if that is so
#include <map>
#include <memory>
#include <string>

#include "databases.h"
#include "rocksdb/advanced_cache.h"
#include "rocksdb/cache.h"
#include "rocksdb/db.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/perf_context.h"
#include "rocksdb/perf_level.h"
#include "rocksdb/utilities/sim_cache.h"

using namespace rocksdb;

namespace {

constexpr int kKeys = 60000;

// The number of blocks of each role in a cache.
std::map<CacheEntryRole, size_t> Roles(Cache* cache) {
  std::map<CacheEntryRole, size_t> roles;
  cache->ApplyToAllEntries(
      [&](const Slice&, Cache::ObjectPtr, size_t, const Cache::CacheItemHelper* helper) {
        roles[helper->role]++;
      },
      {});
  return roles;
}

struct Found {
  size_t index_blocks = 0;       // in the cache when all has been read
  size_t charged = 0;            // dummy entries that stand for table readers
  uint64_t index_reads = 0;      // of Gets
  uint64_t index_hits = 0;
  uint64_t blocks_at_most = 0;   // that a Get has read
  size_t readers = 0;            // memory of the table readers
};

Found Read(const std::string& path, BlockBasedTableOptions table, bool learned) {
  table.block_cache = NewLRUCache(64 << 20, /*num_shard_bits=*/0);
  Found found;
  std::unique_ptr<DB> db;
  CheckOk(DB::Open(WithTable(table, learned), path, &db));
  get_perf_context()->Reset();
  SetPerfLevel(kEnableCount);
  for (int i = 0; i < kKeys; i += 7) {
    std::string value;
    const uint64_t before = get_perf_context()->block_read_count;
    CheckOk(db->Get(ReadOptions(), Key(i), &value));
    found.blocks_at_most =
        std::max(found.blocks_at_most, get_perf_context()->block_read_count - before);
    CHECK(value == "value" + std::to_string(i));
  }
  SetPerfLevel(kDisable);
  found.index_reads = get_perf_context()->index_block_read_count;
  found.index_hits = get_perf_context()->block_cache_index_hit_count;
  auto roles = Roles(table.block_cache.get());
  found.index_blocks = roles[CacheEntryRole::kIndexBlock];
  found.charged = roles[CacheEntryRole::kBlockBasedTableReader];
  CHECK(roles[CacheEntryRole::kDataBlock] > 0);
  std::string readers;
  CHECK(db->GetProperty(DB::Properties::kEstimateTableReadersMem, &readers));
  found.readers = std::stoul(readers);
  return found;
}

void Write(const std::string& path, const BlockBasedTableOptions& table) {
  std::unique_ptr<DB> db;
  CheckOk(DB::Open(WithTable(table, /*learned=*/true), path, &db));
  for (int i = 0; i < kKeys; i++) {
    CheckOk(db->Put(WriteOptions(), Key(i), "value" + std::to_string(i)));
  }
  CheckOk(db->Flush(FlushOptions()));
  // The file that the flush has opened already; ours, so nothing was left of its index.
  std::string value;
  CheckOk(db->Get(ReadOptions(), Key(1), &value));
}

void TheStandardIndexTakesNothing(const std::string& path) {
  for (bool partitioned : {false, true}) {
    for (bool pinned : {false, true}) {
      BlockBasedTableOptions table;
      table.block_size = 256;
      table.metadata_block_size = 512;
      table.cache_index_and_filter_blocks = true;
      table.pin_top_level_index_and_filter = pinned;
      if (pinned) {
        table.metadata_cache_options = {PinningTier::kAll, PinningTier::kAll, PinningTier::kAll};
      }
      if (partitioned) {
        table.index_type = BlockBasedTableOptions::kTwoLevelIndexSearch;
        table.partition_filters = true;
        table.filter_policy.reset(NewBloomFilterPolicy(10));
      }
      const std::string name = path + "/" + (partitioned ? "partitioned" : "whole") +
                               (pinned ? "-pinned" : "");
      Write(name, table);
      const Found ours = Read(name, table, /*learned=*/true);
      const Found stock = Read(name, table, /*learned=*/false);
      CHECK(ours.index_blocks == 0 && stock.index_blocks > 0);
      CHECK(ours.index_hits == 0 && ours.index_reads == 0);
      CHECK(stock.index_hits > 0 || pinned);
      CHECK(partitioned || ours.blocks_at_most == 1);
    }
  }
}

void ReadersAreCharged(const std::string& path) {
  BlockBasedTableOptions table;
  table.block_size = 64;  // so many blocks that an index takes several dummy entries
  const auto charged = CacheEntryRoleOptions::Decision::kEnabled;
  table.cache_usage_options.options_overrides[CacheEntryRole::kBlockBasedTableReader] = {charged};
  Write(path, table);
  const Found ours = Read(path, table, /*learned=*/true);
  const Found stock = Read(path, table, /*learned=*/false);
  // RocksDB charges in steps of 256 KiB.
  const auto steps = [](size_t bytes) { return (bytes + (256 << 10) - 1) / (256 << 10); };
  CHECK(ours.charged == steps(ours.readers) && stock.charged == steps(stock.readers));
  CHECK(ours.charged < stock.charged && ours.charged > 0);

  // What does not fit is refused, as stock refuses it, and given back when the file is closed.
  table.block_cache = NewLRUCache(100 << 10, 0, /*strict_capacity_limit=*/true);
  std::unique_ptr<DB> db;
  Status s = DB::Open(WithTable(table, /*learned=*/true), path, &db);
  CHECK(s.IsMemoryLimit());
  db.reset();
  CHECK(table.block_cache->GetPinnedUsage() == 0);
  table.block_cache = NewLRUCache(64 << 20, 0);
  CheckOk(DB::Open(WithTable(table, /*learned=*/true), path, &db));
  CHECK(table.block_cache->GetPinnedUsage() >= ours.readers);
  db.reset();
  CHECK(table.block_cache->GetPinnedUsage() == 0);
}

// A Get asks the cache for a block once, whether it is there or not, and of whatever kind it is.
void BlocksAreLookedUpOnce(const std::string& path) {
  for (bool hash : {false, true}) {
    BlockBasedTableOptions table;
    table.block_size = 512;
    if (hash) {
      table.data_block_index_type = BlockBasedTableOptions::kDataBlockBinaryAndHash;
    }
    const std::string name = path + (hash ? "/hash" : "/plain");
    Write(name, table);
    uint64_t hits[2], misses[2];
    for (bool learned : {false, true}) {
      auto cache = NewSimCache(NewLRUCache(64 << 20), 64 << 20, 0);
      table.block_cache = cache;
      std::unique_ptr<DB> db;
      CheckOk(DB::Open(WithTable(table, learned), name, &db));
      for (int i = 0; i < kKeys; i += 3) {
        std::string value;
        CheckOk(db->Get(ReadOptions(), Key(i), &value));
      }
      hits[learned] = cache->get_hit_counter();
      misses[learned] = cache->get_miss_counter();
    }
    CHECK(hits[0] > 1000 && misses[0] > 1000);
    CHECK(hits[1] == hits[0] && misses[1] == misses[0]);
  }
}

void OtherTablesAreRefused() {
  Options options;
  options.table_factory.reset(NewPlainTableFactory());
  Status s = mountdb::UseLearnedTable(&options);
  CHECK(s.IsInvalidArgument() && s.ToString().find("PlainTable") != std::string::npos);
  CHECK(std::string(options.table_factory->Name()) == "PlainTable");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: memory DIRECTORY\n");
    return 2;
  }
  CHECK(mountdb_register() == 0);
  TheStandardIndexTakesNothing(argv[1]);
  ReadersAreCharged(std::string(argv[1]) + "/charged");
  BlocksAreLookedUpOnce(argv[1]);
  OtherTablesAreRefused();
  std::puts("memory: the learned index, charged, and nothing of the standard one");
  return 0;
}
