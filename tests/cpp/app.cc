// mountdb as a C++ application uses it, and what only C++ can reach: wide columns, user
// timestamps, MultiScan, asynchronous scans. Two databases get the same work, one with
// mountdb's table and one with the stock table, and must give the same answers.
//
//   app DIRECTORY       exit status 0 if they do
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "check.h"
#include "mountdb.h"
#include "rocksdb/comparator.h"
#include "rocksdb/convenience.h"
#include "rocksdb/db.h"
#include "rocksdb/multi_scan.h"
#include "rocksdb/options.h"
#include "rocksdb/table.h"
#include "rocksdb/utilities/transaction_db.h"
#include "rocksdb/wide_columns.h"

using namespace rocksdb;

mountdb_counters Counters() {
  mountdb_counters counters;
  mountdb_get_counters(&counters);
  return counters;
}

std::unique_ptr<DB> OpenDb(const std::string& path, const char* table,
                           const Comparator* comparator, const std::string& more) {
  ConfigOptions config;
  config.ignore_unsupported_options = false;  // or an unknown name is ignored in silence
  Options base;
  base.create_if_missing = true;
  base.comparator = comparator;
  Options options;
  CheckOk(GetOptionsFromString(
      config, base,
      "target_file_size_base=65536;compression=kNoCompression;" + more +
          "table_factory={id=" + std::string(table) + ";block_size=200}",
      &options));
  CHECK(options.table_factory->IsInstanceOf(table));
  CHECK(options.table_factory->IsInstanceOf(TableFactory::kBlockBasedTableName()));
  std::unique_ptr<DB> db;
  CheckOk(DB::Open(options, path, &db));
  return db;
}

// The two databases of a test.
struct Twins {
  // `more`: options that both have.
  Twins(const std::string& path, const Comparator* comparator, const std::string& more = "")
      : ours(OpenDb(path + "-ours", "mountdb", comparator, more)),
        stock(OpenDb(path + "-stock", "BlockBasedTable", comparator, more)) {}

  template <typename Work>
  void Both(const Work& work) {
    work(ours.get());
    work(stock.get());
  }

  // `describe` turns a database's answers into text.
  template <typename Describe>
  size_t CheckAgree(const char* what, const Describe& describe) {
    const std::string a = describe(ours.get());
    const std::string b = describe(stock.get());
    if (a != b) {
      std::fprintf(stderr, "%s: mountdb and stock differ\n", what);
      std::exit(1);
    }
    return a.size();
  }

  std::unique_ptr<DB> ours;
  std::unique_ptr<DB> stock;
};

std::string Key(int i) {
  char key[32];
  std::snprintf(key, sizeof(key), "tenant%02d/%06d", i % 7, i);
  return key;
}

void Flush(DB* db) { CheckOk(db->Flush(FlushOptions())); }

std::string Describe(const WideColumns& columns) {
  std::string text;
  for (const WideColumn& column : columns) {
    text += column.name().ToString() + ":" + column.value().ToString() + ",";
  }
  return text;
}

std::string Dump(DB* db, const ReadOptions& read, bool backward) {
  std::string text;
  std::unique_ptr<Iterator> it(db->NewIterator(read));
  for (backward ? it->SeekToLast() : it->SeekToFirst(); it->Valid();
       backward ? it->Prev() : it->Next()) {
    text += it->key().ToString() + "=" + it->value().ToString() + ";" + Describe(it->columns());
  }
  CheckOk(it->status());
  return text;
}

// Every key, whatever was put there, as a value and as an entity, one by one and in batches.
std::string ReadEntities(DB* db, int count) {
  constexpr size_t kBatch = 25;
  ColumnFamilyHandle* const family = db->DefaultColumnFamily();
  std::string text;
  for (int first = 0; first < count; first += kBatch) {
    std::vector<std::string> keys;
    for (size_t i = 0; i < kBatch; i++) {
      keys.push_back(Key(first + i * 7 % kBatch));  // in no order
    }
    const std::vector<Slice> slices(keys.begin(), keys.end());
    std::vector<PinnableSlice> values(kBatch);
    std::vector<PinnableWideColumns> entities(kBatch);
    std::vector<Status> of_values(kBatch), of_entities(kBatch);
    db->MultiGet(ReadOptions(), family, kBatch, slices.data(), values.data(), of_values.data());
    db->MultiGetEntity(ReadOptions(), family, kBatch, slices.data(), entities.data(),
                       of_entities.data());
    for (size_t i = 0; i < kBatch; i++) {
      std::string value;
      PinnableWideColumns columns;
      const Status of_value = db->Get(ReadOptions(), slices[i], &value);
      const Status of_entity = db->GetEntity(ReadOptions(), family, slices[i], &columns);
      text += keys[i] + of_values[i].ToString() + values[i].ToString() + of_value.ToString() + value +
              of_entities[i].ToString() + Describe(entities[i].columns()) + of_entity.ToString() +
              Describe(columns.columns()) + ";";
    }
  }
  return text;
}

void WideColumnsAgree(const std::string& path, const std::string& more) {
  Twins twins(path, BytewiseComparator(),
              "disable_auto_compactions=true;merge_operator=stringappend;" + more);
  twins.Both([](DB* db) {
    ColumnFamilyHandle* const family = db->DefaultColumnFamily();
    for (int generation = 0; generation < 3; generation++) {
      for (int i = generation * 3; i < 2000; i += 1 + generation * 4) {
        const std::string value = std::to_string(i) + "." + std::to_string(generation);
        switch ((i + generation) % 5) {
          case 0:
            CheckOk(db->Put(WriteOptions(), Key(i), value));
            break;
          case 1:
            CheckOk(db->Merge(WriteOptions(), Key(i), value));
            break;
          case 2:  // without a default column
            CheckOk(db->PutEntity(WriteOptions(), family, Key(i), WideColumns{{"a", value}}));
            break;
          default:
            CheckOk(db->PutEntity(WriteOptions(), family, Key(i),
                                  WideColumns{{"", value}, {"a", value + "a"}, {"b", "b"}}));
        }
      }
      Flush(db);
      if (generation == 0) {
        CheckOk(db->CompactRange(CompactRangeOptions(), nullptr, nullptr));
      }
    }
  });
  // The second time blocks are cached, and of mapped files it is known where entries are.
  for (int turn = 0; turn < 2; turn++) {
    size_t size = twins.CheckAgree("entities", [](DB* db) { return ReadEntities(db, 2100); });
    CHECK(size > 2000 * 40);
  }
  for (bool backward : {false, true}) {
    twins.CheckAgree("scan of entities",
                     [&](DB* db) { return Dump(db, ReadOptions(), backward); });
  }
}

void MultiScansAgree(const std::string& path) {
  Twins twins(path, BytewiseComparator());
  twins.Both([](DB* db) {
    for (int i = 0; i < 5000; i++) {
      CheckOk(db->Put(WriteOptions(), Key(i), "v" + std::to_string(i)));
    }
    Flush(db);
    CheckOk(db->CompactRange(CompactRangeOptions(), nullptr, nullptr));
  });
  std::vector<std::string> bounds;
  for (int tenant = 0; tenant < 7; tenant++) {
    for (int step = 0; step < 4; step++) {
      bounds.push_back(Key(tenant + 7 * 150 * step));
    }
  }
  // Ranges that are apart, and ranges that touch.
  for (int stride : {2, 1}) {
    size_t size = twins.CheckAgree("multi-scan", [&](DB* db) {
      MultiScanArgs args(BytewiseComparator());
      for (size_t i = 0; i + 1 < bounds.size(); i += stride) {
        args.insert(bounds[i], bounds[i + 1]);
      }
      std::string text;
      std::unique_ptr<MultiScan> scans =
          db->NewMultiScan(ReadOptions(), db->DefaultColumnFamily(), args);
      for (auto scan : *scans) {
        for (auto entry : scan) {
          text += entry.first.ToString() + "=" + entry.second.ToString() + ";";
        }
        text += "|";
      }
      return text;
    });
    CHECK(size > 1000);
  }
  for (bool async : {false, true}) {
    for (size_t readahead : {0, 4096}) {
      ReadOptions read;
      read.async_io = async;
      read.readahead_size = readahead;
      read.auto_readahead_size = true;
      const Slice upper = bounds[20];
      read.iterate_upper_bound = &upper;
      size_t size = twins.CheckAgree("scan", [&](DB* db) { return Dump(db, read, false); });
      CHECK(size > 1000);
    }
  }
  twins.CheckAgree("checksums", [](DB* db) { return db->VerifyChecksum().ToString(); });
}

void TimestampsFallBack(const std::string& path) {
  const mountdb_counters before = Counters();
  Twins twins(path, BytewiseComparatorWithU64Ts());
  twins.Both([](DB* db) {
    for (uint64_t ts = 1; ts <= 3; ts++) {
      std::string buffer;
      const Slice stamp = EncodeU64Ts(ts, &buffer);
      for (int i = 0; i < 500; i++) {
        CheckOk(db->Put(WriteOptions(), Key(i), stamp, "v" + std::to_string(ts * i)));
      }
    }
    Flush(db);
  });
  for (uint64_t ts : {1, 2, 9}) {
    std::string buffer;
    const Slice stamp = EncodeU64Ts(ts, &buffer);
    ReadOptions read;
    read.timestamp = &stamp;
    size_t size = twins.CheckAgree("timestamps", [&](DB* db) {
      std::string text, value;
      for (int i = 0; i < 510; i++) {
        value.clear();
        text += db->Get(read, Key(i), &value).ToString() + value;
      }
      return text + Dump(db, read, false) + Dump(db, read, true);
    });
    CHECK(size > 500 * 10);
  }
  const mountdb_counters after = Counters();
  CHECK(after.other_comparator > before.other_comparator);
  CHECK(after.files_learned == before.files_learned);
}

// Reads of write-prepared transactions ask, version by version, which of them they may see: also in
// table files, where versions that are not committed lie.
void TransactionsAgree(const std::string& path) {
  const auto run = [&](const std::string& table, const std::string& more) {
    Options base;
    base.create_if_missing = true;
    Options options;
    CheckOk(GetOptionsFromString(ConfigOptions(), base,
                                 "disable_auto_compactions=true;compression=kNoCompression;" + more +
                                     "table_factory={id=" + table +
                                     ";block_size=400;filter_policy=bloomfilter:10}",
                                 &options));
    TransactionDBOptions transactions;
    transactions.write_policy = TxnDBWritePolicy::WRITE_PREPARED;
    // Keys that an open transaction has locked are left alone.
    transactions.default_lock_timeout = 0;
    transactions.transaction_lock_timeout = 0;
    const auto done = [](const Status& s) { return s.ok() || s.IsTimedOut(); };
    TransactionDB* opened = nullptr;
    const std::string directory = path + "-" + table + (more.empty() ? "" : "-mapped");
    CheckOk(TransactionDB::Open(options, transactions, directory, &opened));
    const std::unique_ptr<TransactionDB> db(opened);
    std::vector<std::unique_ptr<Transaction>> open;
    std::vector<const Snapshot*> snapshots;
    for (int generation = 0; generation < 4; generation++) {
      for (int i = generation; i < 600; i += 1 + generation) {
        CHECK(done(db->Put(WriteOptions(), Key(i), "put " + std::to_string(generation))));
      }
      snapshots.push_back(db->GetSnapshot());
      for (int n = 0; n < 20; n++) {
        open.emplace_back(db->BeginTransaction(WriteOptions()));
        CheckOk(open.back()->SetName(std::to_string(generation) + "/" + std::to_string(n)));
        for (int i = n; i < 600; i += 80) {
          CHECK(done(open.back()->Put(Key(generation * 20 + i), "prepared")));
        }
        CheckOk(open.back()->Prepare());
        if (n % 3 == 0) {
          CheckOk(open.back()->Commit());
          open.pop_back();
        }
      }
      CheckOk(db->Flush(FlushOptions()));
      snapshots.push_back(db->GetSnapshot());
      if (!open.empty()) {
        CheckOk(generation % 2 == 0 ? open.front()->Commit() : open.front()->Rollback());
        open.erase(open.begin());
      }
    }
    snapshots.push_back(nullptr);
    std::string text;
    for (const Snapshot* snapshot : snapshots) {
      ReadOptions read;
      read.snapshot = snapshot;
      std::vector<std::string> keys;
      for (int i = 0; i < 700; i++) {
        std::string value;
        const Status s = db->Get(read, Key(i), &value);
        CHECK(s.ok() || s.IsNotFound());
        text += s.ok() ? value + ";" : "-;";
        keys.push_back(Key(i));
      }
      const std::vector<Slice> slices(keys.begin(), keys.end());
      std::vector<std::string> values;
      for (const Status& s : db->MultiGet(read, slices, &values)) {
        text += s.ok() ? "+" : "-";
      }
      for (const std::string& value : values) {
        text += value;
      }
      text += Dump(db.get(), read, /*backward=*/false);
      text += Dump(db.get(), read, /*backward=*/true);
    }
    for (const Snapshot* snapshot : snapshots) {
      if (snapshot != nullptr) {
        db->ReleaseSnapshot(snapshot);
      }
    }
    for (auto& transaction : open) {
      CheckOk(transaction->Rollback());
    }
    open.clear();
    return text;
  };
  for (const std::string more : {"", "allow_mmap_reads=true;"}) {
    const std::string ours = run("mountdb", more);
    CHECK(ours.find("prepared") != std::string::npos && ours.find("put 3") != std::string::npos);
    CHECK(ours == run("BlockBasedTable", more));
  }
}

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: app DIRECTORY\n");
    return 2;
  }
  if (mountdb_register() != 0) {
    std::fprintf(stderr, "%s\n", mountdb_error());
    return 1;
  }
  CHECK(std::string(mountdb_error()).empty());
  const std::string directory = argv[1];
  WideColumnsAgree(directory + "/columns", "");
  WideColumnsAgree(directory + "/mapped-columns", "allow_mmap_reads=true;");
  MultiScansAgree(directory + "/scans");
  TransactionsAgree(directory + "/transactions");
  CHECK(Counters().files_learned > 0);
  CHECK(Counters().corrupt == 0);
  TimestampsFallBack(directory + "/timestamps");
  std::puts("C++ application: every answer agrees");
  return 0;
}
