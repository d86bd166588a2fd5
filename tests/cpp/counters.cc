// What a thread's perf context counts of Gets and MultiGets, by level too: with the learned table the
// same as with RocksDB's, whether blocks are in the block cache or mapped, and times only where times are
// wanted.
//
//   counters DIRECTORY       exit status 0 if that is so
#include <memory>
#include <string>
#include <vector>

#include "databases.h"
#include "rocksdb/cache.h"
#include "rocksdb/db.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/perf_context.h"
#include "rocksdb/perf_level.h"

using namespace rocksdb;

namespace {

constexpr int kKeys = 20000;  // of which the even ones are there

Options OptionsFor(bool learned, bool mapped, bool bloom) {
  BlockBasedTableOptions table;
  // Ribbon filters are RocksDB's to ask.
  table.filter_policy.reset(bloom ? NewBloomFilterPolicy(10) : NewRibbonFilterPolicy(10));
  table.block_cache = NewLRUCache(64 << 20);
  Options options = WithTable(table, learned);
  options.allow_mmap_reads = mapped;
  return options;
}

void Write(const std::string& path, bool bloom) {
  std::unique_ptr<DB> db;
  CheckOk(DB::Open(OptionsFor(/*learned=*/true, /*mapped=*/false, bloom), path, &db));
  for (int i = 0; i < kKeys; i += 2) {
    CheckOk(db->Put(WriteOptions(), Key(i), "value"));
  }
  CheckOk(db->Flush(FlushOptions()));
}

struct Counted {
  std::vector<uint64_t> counts;
  uint64_t bytes;  // of blocks in the cache: what malloc gave, which may differ
  uint64_t block_reads;
  uint64_t nanos;
};

// Every key once, in batches as large as RocksDB takes them, or one by one.
void ReadAll(DB* db, bool batches) {
  constexpr int kBatch = 32;
  for (int first = 0; first < kKeys; first += kBatch) {
    std::string keys[kBatch];
    Slice slices[kBatch];
    PinnableSlice values[kBatch];
    Status s[kBatch];
    for (int i = 0; i < kBatch; i++) {
      keys[i] = Key(first + i);
      slices[i] = keys[i];
    }
    if (batches) {
      db->MultiGet(ReadOptions(), db->DefaultColumnFamily(), kBatch, slices, values, s);
    }
    for (int i = 0; i < kBatch; i++) {
      if (!batches) {
        s[i] = db->Get(ReadOptions(), db->DefaultColumnFamily(), slices[i], &values[i]);
      }
      CHECK(i % 2 == 0 ? s[i].ok() && values[i] == "value" : s[i].IsNotFound());
    }
  }
}

Counted Read(const std::string& path, bool learned, bool mapped, bool bloom, bool batches,
             PerfLevel perf) {
  std::unique_ptr<DB> db;
  CheckOk(DB::Open(OptionsFor(learned, mapped, bloom), path, &db));
  PerfContext& context = *get_perf_context();
  context.EnablePerLevelPerfContext();
  for (bool warm : {false, true}) {
    context.Reset();
    SetPerfLevel(warm ? perf : kDisable);
    ReadAll(db.get(), batches);
    SetPerfLevel(kDisable);
  }
  Counted found{{context.bloom_sst_hit_count, context.bloom_sst_miss_count},
                context.block_cache_read_byte,
                context.block_read_count,
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

bool AreNear(uint64_t a, uint64_t b) { return a >= b / 100 * 99 && b >= a / 100 * 99; }

void LookupsAreCountedAsStockDoes(const std::string& path, bool bloom) {
  Write(path, bloom);
  for (bool mapped : {false, true}) {
    for (bool batches : {false, true}) {
      for (PerfLevel perf : {kDisable, kEnableCount, kEnableTime}) {
        const Counted stock = Read(path, /*learned=*/false, mapped, bloom, batches, perf);
        const Counted ours = Read(path, /*learned=*/true, mapped, bloom, batches, perf);
        CHECK(ours.counts == stock.counts);
        CHECK(mapped || AreNear(ours.bytes, stock.bytes));
        CHECK(AreNear(ours.block_reads, stock.block_reads));
        CHECK((ours.block_reads > 0) == (mapped && perf != kDisable));
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
  LookupsAreCountedAsStockDoes(argv[1] + std::string("/bloom"), /*bloom=*/true);
  LookupsAreCountedAsStockDoes(argv[1] + std::string("/ribbon"), /*bloom=*/false);
  std::puts("counters: as RocksDB's table counts");
  return 0;
}
