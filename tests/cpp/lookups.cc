// What only C++ can see of lookups, against RocksDB's table on the same files, in the block cache and
// mapped: where values lie and who keeps them, memory that a Get takes, what a block-cache trace records,
// and files that are RocksDB's to read though their index is learned.
//
//   lookups DIRECTORY       exit status 0 if both agree
#include <cerrno>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "databases.h"
#include "rocksdb/advanced_cache.h"
#include "rocksdb/block_cache_trace_writer.h"
#include "rocksdb/cache.h"
#include "rocksdb/db.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/merge_operator.h"
#include "rocksdb/sst_file_writer.h"
#include "rocksdb/statistics.h"

using namespace rocksdb;

namespace {

thread_local uint64_t allocations = 0;

}  // namespace

#ifdef __GLIBC__
// glibc's, and counted: C++'s operator new and Rust's allocator come here, too.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
void __libc_free(void* old);

void free(void* old) { __libc_free(old); }

void* malloc(size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* old, size_t size) {
  ++allocations;
  return __libc_realloc(old, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  ++allocations;
  return __libc_memalign(alignment, size);
}
void* memalign(size_t alignment, size_t size) { return aligned_alloc(alignment, size); }
int posix_memalign(void** result, size_t alignment, size_t size) {
  *result = aligned_alloc(alignment, size);
  return *result == nullptr ? ENOMEM : 0;
}
}
#endif

namespace {

constexpr int kKeys = 3000;

struct Concat : AssociativeMergeOperator {
  bool Merge(const Slice&, const Slice* old, const Slice& operand, std::string* merged,
             Logger*) const override {
    *merged = (old != nullptr ? old->ToString() : "") + operand.ToString();
    return true;
  }
  const char* Name() const override { return "Concat"; }
};

struct How {
  bool learned;
  bool mapped;
  uint32_t read_amp = 0;
  uint8_t protection = 0;
};

Options OptionsFor(const How& how) {
  BlockBasedTableOptions table;
  table.block_size = 1000;
  table.filter_policy.reset(NewBloomFilterPolicy(10));
  table.block_cache = NewLRUCache(64 << 20);
  table.read_amp_bytes_per_bit = how.read_amp;
  Options options = WithTable(table, how.learned);
  options.allow_mmap_reads = how.mapped;
  options.block_protection_bytes_per_key = how.protection;
  options.merge_operator = std::make_shared<Concat>();
  options.statistics = CreateDBStatistics();
  options.enable_blob_files = true;
  options.min_blob_size = 400;
  return options;
}

// The one file, then others in front of it, with all that a Get may find.
void Write(const std::string& path, int files) {
  std::unique_ptr<DB> db;
  CheckOk(DB::Open(OptionsFor({.learned = true, .mapped = false}), path, &db));
  ColumnFamilyHandle* const family = db->DefaultColumnFamily();
  for (int file = 0; file < files; file++) {
    for (int i = file; i < kKeys; i += 1 + 2 * file) {
      const std::string value = std::to_string(file) + "/" + std::to_string(i);
      switch (files == 1 ? 0 : i % 7) {
        case 1:
          CheckOk(db->Merge(WriteOptions(), Key(i), value));
          break;
        case 2:
          CheckOk(db->Put(WriteOptions(), Key(i), value + std::string(500, 'b')));  // a blob
          break;
        case 3:
          CheckOk(db->PutEntity(WriteOptions(), family, Key(i), WideColumns{{"", value}, {"a", "1"}}));
          break;
        case 4:
          CheckOk(db->PutEntity(WriteOptions(), family, Key(i), WideColumns{{"a", value}, {"b", "2"}}));
          break;
        case 5:
          CheckOk(file == 1 ? db->Delete(WriteOptions(), Key(i)) : db->Put(WriteOptions(), Key(i), value));
          break;
        default:
          CheckOk(db->Put(WriteOptions(), Key(i), value + std::string(i % 90, 'v')));
      }
    }
    CheckOk(db->Flush(FlushOptions()));
  }
}

// A database with files, whose learned indexes are in use if its table is mountdb's.
std::unique_ptr<DB> Open(const std::string& path, const Options& options, bool read_only) {
  mountdb_counters before, after;
  mountdb_get_counters(&before);
  std::unique_ptr<DB> db;
  CheckOk(read_only ? DB::OpenForReadOnly(options, path, &db) : DB::Open(options, path, &db));
  mountdb_get_counters(&after);
  CHECK((after.files_learned > before.files_learned) == options.table_factory->IsInstanceOf("mountdb"));
  CHECK(after.no_learned_block == before.no_learned_block && after.corrupt == before.corrupt);
  return db;
}

// Of every key, what it is, whether the value is pinned, and whether it lies in one place for all.
std::string Places(DB* db, bool batches) {
  std::string text;
  const auto tell = [&](int i, const Status& s, const PinnableSlice& a, const PinnableSlice& b) {
    text += std::to_string(i) + s.ToString() + (s.ok() ? a.ToString() : "") +
            (s.ok() && a.IsPinned() ? " pinned" : "") +
            (s.ok() && a.IsPinned() && a.data() == b.data() ? " there" : "") + "\n";
  };
  constexpr int kBatch = 29;
  for (int first = 0; first < kKeys + 2 * kBatch; first += kBatch) {
    PinnableSlice a[kBatch], b[kBatch];
    Status s[kBatch];
    std::string keys[kBatch];
    Slice slices[kBatch];
    for (int i = 0; i < kBatch; i++) {
      keys[i] = Key(first + i);
      slices[i] = keys[i];
    }
    ColumnFamilyHandle* const family = db->DefaultColumnFamily();
    for (PinnableSlice* values : {a, b}) {
      if (batches) {
        db->MultiGet(ReadOptions(), family, kBatch, slices, values, s);
        continue;
      }
      for (int i = 0; i < kBatch; i++) {
        s[i] = db->Get(ReadOptions(), family, slices[i], &values[i]);
      }
    }
    for (int i = 0; i < kBatch; i++) {
      tell(first + i, s[i], a[i], b[i]);
    }
  }
  return text;
}

// Without what it says of places.
std::string Answers(std::string text) {
  for (const std::string mark : {" pinned", " there"}) {
    for (size_t at = 0; (at = text.find(mark, at)) != std::string::npos;) {
      text.erase(at, mark.size());
    }
  }
  return text;
}

size_t Count(const std::string& text, const char* part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    count++;
  }
  return count;
}

void ValuesLieWhereRocksDbLeavesThem(const std::string& path) {
  Write(path, 3);
  for (bool mapped : {false, true}) {
    for (bool read_only : {false, true}) {
      for (bool batches : {false, true}) {
        std::string texts[2];
        for (bool learned : {false, true}) {
          const auto db = Open(path, OptionsFor({.learned = learned, .mapped = mapped}), read_only);
          Places(db.get(), batches);  // what was not cached is, and of mapped files places are known
          texts[learned] = Places(db.get(), batches);
        }
        CHECK(Answers(texts[true]) == Answers(texts[false]));
        // Batches of mapped files, which RocksDB copies one by one, share memory.
        if (!mapped || read_only || !batches) {
          CHECK(texts[true] == texts[false]);
          CHECK((Count(texts[true], " there") > kKeys / 3) == (!mapped || read_only));
        }
        CHECK(Count(texts[true], "OK") > kKeys / 2);
        CHECK(Count(texts[true], "NotFound") > 74 + kKeys / 100);  // more than there are behind the end
      }
    }
  }
}

// Those of a database that is open for reading lie in its files, as long as it is open.
void ValuesOfAReadOnlyDatabaseLast(const std::string& path) {
  Write(path, 1);
  for (bool mapped : {false, true}) {
    const Options options = OptionsFor({.learned = true, .mapped = mapped});
    const auto db = Open(path, options, /*read_only=*/true);
    std::vector<PinnableSlice> values(kKeys);
    for (int i = 0; i < kKeys; i++) {
      CheckOk(db->Get(ReadOptions(), db->DefaultColumnFamily(), Key(i), &values[i]));
      CHECK(values[i].IsPinned());
    }
    const auto cache = options.table_factory->GetOptions<BlockBasedTableOptions>()->block_cache;
    cache->SetCapacity(0);
    cache->EraseUnRefEntries();
    for (int i = 0; i < kKeys; i++) {
      CHECK(values[i].ToString() == "0/" + std::to_string(i) + std::string(i % 90, 'v'));
    }
  }
}

// What Gets of these keys allocate, in the turns asked for one after the other.
std::vector<uint64_t> Allocated(DB* db, const std::vector<std::string>& keys, int turns) {
  std::vector<uint64_t> allocated;
  PinnableSlice value;
  for (int turn = 0; turn < turns; turn++) {
    const uint64_t before = allocations;
    for (const std::string& key : keys) {
      value.Reset();
      const Status s = db->Get(ReadOptions(), db->DefaultColumnFamily(), key, &value);
      CHECK(s.ok() || s.IsNotFound());
    }
    const uint64_t grown = allocations - before;
    allocated.push_back(grown);
  }
  return allocated;
}

// The same of batches.
std::vector<uint64_t> AllocatedInBatches(DB* db, const std::vector<std::string>& keys, int turns) {
  const std::vector<Slice> slices(keys.begin(), keys.end());
  std::vector<PinnableSlice> values(keys.size());
  std::vector<Status> s(keys.size());
  std::vector<uint64_t> allocated;
  for (int turn = 0; turn < turns; turn++) {
    for (PinnableSlice& value : values) {
      value.Reset();
    }
    const uint64_t before = allocations;
    db->MultiGet(ReadOptions(), db->DefaultColumnFamily(), keys.size(), slices.data(), values.data(),
                 s.data());
    const uint64_t grown = allocations - before;
    allocated.push_back(grown);
  }
  return allocated;
}

void LookupsAllocateNothing(const std::string& path) {
  std::vector<std::string> keys;
  for (int i = 0; i < kKeys; i++) {
    keys.push_back(Key(i));
    keys.push_back(Key(i) + "x");
  }
  // What RocksDB allocates before it asks a table: in a database without any.
  std::unique_ptr<DB> empty;
  CheckOk(DB::Open(OptionsFor({.learned = true, .mapped = false}), path + "-empty", &empty));
  const uint64_t around = Allocated(empty.get(), keys, 2)[1];
  Write(path, 1);
  for (bool mapped : {false, true}) {
    std::vector<uint64_t> batches[2];
    for (bool learned : {false, true}) {
      const auto db = Open(path, OptionsFor({.learned = learned, .mapped = mapped}), /*read_only=*/false);
      const std::vector<uint64_t> gets = Allocated(db.get(), keys, 3);
      if (learned) {
        // At first blocks are read, or it is noted where their entries are.
        CHECK(gets[0] > around && gets[1] == around && gets[2] == around);
      }
      batches[learned] = AllocatedInBatches(db.get(), keys, 3);
    }
    CHECK(batches[true][2] <= batches[false][2]);
  }
}

struct Recorder : BlockCacheTraceWriter {
  explicit Recorder(std::string* to) : text(to) {}
  Status WriteBlockAccess(const BlockCacheTraceRecord& record, const Slice& block_key,
                          const Slice& cf_name, const Slice& referenced_key) override {
    for (uint64_t number :
         {uint64_t{static_cast<uint8_t>(record.block_type)}, record.block_size, record.cf_id,
          uint64_t{record.level}, record.sst_fd_number, uint64_t{static_cast<uint8_t>(record.caller)},
          uint64_t{record.is_cache_hit}, uint64_t{record.no_insert}, record.get_id,
          uint64_t{record.get_from_user_specified_snapshot}, record.referenced_data_size,
          record.num_keys_in_block, uint64_t{record.referenced_key_exist_in_block}}) {
      *text += std::to_string(number) + " ";
    }
    *text += block_key.ToString(/*hex=*/true) + " " + cf_name.ToString() + " " +
             referenced_key.ToString(/*hex=*/true) + "\n";
    return Status::OK();
  }
  Status WriteHeader() override { return Status::OK(); }
  std::string* const text;
};

// Also of what was opened and looked up before the trace began, and goes on when it has ended. (Of keys that
// are there, each in one block: RocksDB's table reads others in vain at times, and records that.)
void TracesRecordTheSame(const std::string& path) {
  Write(path, 1);
  for (bool mapped : {false, true}) {
    std::string texts[2];
    for (bool learned : {false, true}) {
      const auto db = Open(path, OptionsFor({.learned = learned, .mapped = mapped}), /*read_only=*/false);
      const std::unique_ptr<Iterator> scan(db->NewIterator(ReadOptions()));
      const auto read = [&] {
        Places(db.get(), /*batches=*/false);
        Places(db.get(), /*batches=*/true);
        for (scan->Seek(Key(kKeys / 3)); scan->Valid() && scan->key().compare(Key(kKeys / 2)) < 0;
             scan->Next()) {
        }
        CheckOk(scan->status());
      };
      std::string value;
      for (int i = 0; i < kKeys; i += 40) {
        db->Get(ReadOptions(), Key(i), &value).PermitUncheckedError();
      }
      CheckOk(db->StartBlockCacheTrace(BlockCacheTraceOptions(),
                                       std::make_unique<Recorder>(&texts[learned])));
      read();
      CheckOk(db->EndBlockCacheTrace());
      const size_t ended = texts[learned].size();
      read();
      CHECK(texts[learned].size() == ended);
    }
    CHECK(texts[true] == texts[false]);
    CHECK(Count(texts[true], "\n") > 2 * kKeys);
  }
}

// Blocks whose entries are counted or verified one by one as they are read.
void CountedAndVerifiedEntries(const std::string& path, int files) {
  Write(path, files);
  for (bool mapped : {false, true}) {
    for (bool counted : {true, false}) {
      std::string texts[2];
      uint64_t useful[2], total[2];
      for (bool learned : {false, true}) {
        const Options options = OptionsFor({.learned = learned,
                                            .mapped = mapped,
                                            .read_amp = counted ? 16u : 0,
                                            .protection = counted ? uint8_t{0} : uint8_t{8}});
        const auto db = Open(path, options, /*read_only=*/true);
        texts[learned] = Places(db.get(), /*batches=*/false) + Places(db.get(), /*batches=*/true);
        useful[learned] = options.statistics->getTickerCount(READ_AMP_ESTIMATE_USEFUL_BYTES);
        total[learned] = options.statistics->getTickerCount(READ_AMP_TOTAL_READ_BYTES);
      }
      CHECK(texts[true] == texts[false]);
      CHECK((useful[true] > 0) == counted);
      if (files == 1) {  // else RocksDB's table reads some in vain
        CHECK(total[true] == total[false]);
        // Where its bits begin in a block is drawn by lot.
        CHECK(useful[true] >= useful[false] / 10 * 9 && useful[false] >= useful[true] / 10 * 9);
      }
    }
  }
}

// An entry that changes in the cache is noticed if entries are protected there.
void ChangedEntriesAreNoticed(const std::string& path) {
  Write(path, 1);
  Status batched[2];
  for (bool learned : {false, true}) {
    const auto db = Open(path, OptionsFor({.learned = learned, .mapped = false, .protection = 8}),
                         /*read_only=*/false);
    ColumnFamilyHandle* const family = db->DefaultColumnFamily();
    const std::string key = Key(70);
    PinnableSlice value, again;
    CheckOk(db->Get(ReadOptions(), family, key, &value));
    CHECK(value.IsPinned());
    const_cast<char*>(value.data())[0] ^= 1;
    CHECK(db->Get(ReadOptions(), family, key, &again).IsCorruption());
    const Slice slice = key;
    again.Reset();
    db->MultiGet(ReadOptions(), family, 1, &slice, &again, &batched[learned]);
  }
  CHECK(!batched[true].ok() && batched[true] == batched[false]);
}

// Values that lie between the data blocks of a file.
void EmbeddedBlobs(const std::string& path) {
  Options writing = OptionsFor({.learned = true, .mapped = false});
  auto* const table = writing.table_factory->GetOptions<BlockBasedTableOptions>();
  table->format_version = 7;
  SstFileWriter writer(EnvOptions(), writing);
  SstFileWriterEmbeddedBlobOptions blobs;
  blobs.min_blob_size = 60;
  const std::string file = path + ".sst";
  CheckOk(writer.OpenWithEmbeddedBlobs(file, blobs));
  for (int i = 0; i < kKeys; i++) {
    CheckOk(writer.Put(Key(i), std::to_string(i) + std::string(i % 90, 'v')));
  }
  CheckOk(writer.Finish());
  {
    std::unique_ptr<DB> db;
    CheckOk(DB::Open(writing, path, &db));
    CheckOk(db->IngestExternalFile({file}, IngestExternalFileOptions()));
  }
  for (bool mapped : {false, true}) {
    std::string texts[2];
    for (bool learned : {false, true}) {
      const auto db = Open(path, OptionsFor({.learned = learned, .mapped = mapped}), /*read_only=*/false);
      for (int turn = 0; turn < 2; turn++) {
        texts[learned] += Places(db.get(), /*batches=*/false) + Places(db.get(), /*batches=*/true);
      }
    }
    CHECK(texts[true] == texts[false]);
    CHECK(Count(texts[true], "OK") == 4 * kKeys);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: lookups DIRECTORY\n");
    return 2;
  }
  CHECK(mountdb_register() == 0);
  const std::string directory = argv[1];
  ValuesLieWhereRocksDbLeavesThem(directory + "/places");
  ValuesOfAReadOnlyDatabaseLast(directory + "/last");
#ifdef __GLIBC__
  LookupsAllocateNothing(directory + "/allocations");
#endif
  TracesRecordTheSame(directory + "/traces");
  CountedAndVerifiedEntries(directory + "/one-file", 1);
  CountedAndVerifiedEntries(directory + "/files", 3);
  ChangedEntriesAreNoticed(directory + "/changed");
  EmbeddedBlobs(directory + "/blobs");
  std::puts("lookups: values, memory and traces as with RocksDB's table");
  return 0;
}
