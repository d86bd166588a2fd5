// The contract of MemTableRep, function by function: the learned memtable and RocksDB's skip
// list get the same inserts and must give the same answers.
//
//   memtable_rep DIRECTORY       exit status 0 if they do; nothing is written
#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "check.h"
#include "db/dbformat.h"
#include "db/lookup_key.h"
#include "db/memtable.h"
#include "memory/concurrent_arena.h"
#include "mountdb.h"
#include "rocksdb/comparator.h"
#include "rocksdb/convenience.h"
#include "rocksdb/memtablerep.h"
#include "util/coding.h"

using namespace rocksdb;

namespace {

using Random64 = std::mt19937_64;

mountdb_counters Counters() {
  mountdb_counters counters;
  mountdb_get_counters(&counters);
  return counters;
}

std::shared_ptr<MemTableRepFactory> Factory(const std::string& value) {
  ConfigOptions config;
  config.ignore_unsupported_options = false;
  std::shared_ptr<MemTableRepFactory> factory;
  CheckOk(MemTableRepFactory::CreateFromString(config, value, &factory));
  return factory;
}

struct Key {
  std::string user;
  SequenceNumber seq;
  ValueType type = kTypeValue;

  std::string Internal() const { return InternalKey(user, seq, type).Encode().ToString(); }
  // What RocksDB calls a memtable key.
  std::string Encoded() const {
    std::string encoded;
    PutLengthPrefixedSlice(&encoded, Internal());
    return encoded;
  }
};

// A memtable's rep and all that it refers to, in the order in which MemTable owns them.
struct Table {
  explicit Table(MemTableRepFactory* factory, const Comparator* comparator = BytewiseComparator(),
                 Logger* logger = nullptr, uint32_t family = 0)
      : order(InternalKeyComparator(comparator)),
        rep(factory->CreateMemTableRep(order, &arena, nullptr, logger, family)) {}

  KeyHandle Entry(const Key& key, const std::string& value, char** buffer) {
    std::string entry = key.Encoded();
    PutLengthPrefixedSlice(&entry, value);
    KeyHandle handle = rep->Allocate(entry.size(), buffer);
    memcpy(*buffer, entry.data(), entry.size());
    return handle;
  }

  KeyHandle Entry(const Key& key, const std::string& value) {
    char* buffer = nullptr;
    return Entry(key, value, &buffer);
  }

  bool Insert(const Key& key, const std::string& value) {
    return rep->InsertKey(Entry(key, value));
  }

  ConcurrentArena arena;
  MemTable::KeyComparator order;
  std::unique_ptr<MemTableRep> rep;
};

std::string UserKeyOf(const char* entry) {
  return ExtractUserKey(GetLengthPrefixedSlice(entry)).ToString();
}

// Internal key and value.
std::string Describe(const char* entry) {
  const Slice key = GetLengthPrefixedSlice(entry);
  return key.ToString() + "=" + GetLengthPrefixedSlice(key.data() + key.size()).ToString();
}

std::string Describe(const MemTableRep::Iterator& iter) {
  return iter.Valid() ? Describe(iter.key()) : "end";
}

// An iterator on the heap or in an arena, destroyed as RocksDB destroys each.
class Iter {
 public:
  explicit Iter(const Table& table, bool in_arena = false)
      : in_arena_(in_arena), iter_(table.rep->GetIterator(in_arena ? &arena_ : nullptr)) {}
  ~Iter() {
    if (in_arena_) {
      iter_->~Iterator();
    } else {
      delete iter_;
    }
  }
  MemTableRep::Iterator* operator->() const { return iter_; }
  MemTableRep::Iterator& operator*() const { return *iter_; }

 private:
  Arena arena_;
  const bool in_arena_;
  MemTableRep::Iterator* const iter_;
};

// What Get calls back for: at most `limit` entries of one user key.
struct Found {
  std::string user;
  size_t limit = 1;
  std::vector<std::string> entries;

  static bool Save(void* arg, const char* entry) {
    auto* found = static_cast<Found*>(arg);
    if (UserKeyOf(entry) != found->user) {
      return false;
    }
    found->entries.push_back(Describe(entry));
    return found->entries.size() < found->limit;
  }
};

// The two tables with the same contents, and what these are.
struct Twins {
  Twins()
      : factory(Factory("mountdb")),
        ours(factory.get()),
        stock(Factory("skip_list").get()) {}

  void Both(const std::function<void(Table*)>& work) {
    work(&ours);
    work(&stock);
  }

  // Keys are short, so that many have several versions, and some are long.
  void Fill(size_t n, uint64_t seed) {
    Random64 random(seed);
    void* our_hint = nullptr;
    void* stock_hint = nullptr;
    void* stock_heap_hint = nullptr;
    std::set<std::pair<std::string, SequenceNumber>> seen;
    while (keys.size() < n) {
      Key key{RandomUserKey(&random), random() % (2 * n), kTypeValue};
      key.type = random() % 5 == 0 ? kTypeDeletion : random() % 5 == 0 ? kTypeMerge : kTypeValue;
      if (!seen.insert({key.user, key.seq}).second) {
        CheckDuplicate(key);
        continue;
      }
      const std::string value(random() % 20, 'v');
      KeyHandle our_entry = ours.Entry(key, value);
      KeyHandle stock_entry = stock.Entry(key, value);
      switch (random() % 8) {
        case 0:
          ours.rep->Insert(our_entry);
          stock.rep->Insert(stock_entry);
          break;
        case 1:
          ours.rep->InsertConcurrently(our_entry);
          stock.rep->InsertConcurrently(stock_entry);
          break;
        case 2:
          ours.rep->InsertWithHint(our_entry, &our_hint);
          stock.rep->InsertWithHint(stock_entry, &stock_hint);
          break;
        case 3:
          ours.rep->InsertWithHintConcurrently(our_entry, &our_hint);
          stock.rep->InsertWithHintConcurrently(stock_entry, &stock_heap_hint);
          break;
        case 4:
          CHECK(ours.rep->InsertKeyWithHint(our_entry, &our_hint));
          CHECK(stock.rep->InsertKeyWithHint(stock_entry, &stock_hint));
          break;
        case 5:
          CHECK(ours.rep->InsertKeyWithHintConcurrently(our_entry, &our_hint));
          CHECK(stock.rep->InsertKeyWithHintConcurrently(stock_entry, &stock_heap_hint));
          break;
        case 6:
          CHECK(ours.rep->InsertKeyConcurrently(our_entry));
          CHECK(stock.rep->InsertKeyConcurrently(stock_entry));
          break;
        default:
          CHECK(ours.rep->InsertKey(our_entry));
          CHECK(stock.rep->InsertKey(stock_entry));
      }
      keys.push_back(key);
    }
    CHECK(our_hint == nullptr);
    delete[] static_cast<char*>(stock_heap_hint);
    const InternalKeyComparator order(BytewiseComparator());
    std::sort(keys.begin(), keys.end(), [&](const Key& a, const Key& b) {
      return order.CompareKeySeq(a.Internal(), b.Internal()) < 0;
    });
  }

  static std::string RandomUserKey(Random64* random) {
    switch ((*random)() % 4) {
      case 0:
        return std::to_string((*random)() % 500);
      case 1:
        return std::string((*random)() % 4, '\0') + std::string((*random)() % 4, '\xff');
      case 2:
        return std::string(100, 'p') + std::to_string((*random)() % 5000);
      default: {
        const uint64_t bits = (*random)();
        return {reinterpret_cast<const char*>(&bits), sizeof(bits)};
      }
    }
  }

  // A key that is there already, with whatever type.
  void CheckDuplicate(Key key) {
    Both([&](Table* table) {
      for (ValueType type : {kTypeValue, kTypeDeletion}) {
        key.type = type;
        void* hint = nullptr;
        void* heap_hint = nullptr;
        CHECK(!table->rep->InsertKey(table->Entry(key, "again")));
        CHECK(!table->rep->InsertKeyConcurrently(table->Entry(key, "again")));
        CHECK(!table->rep->InsertKeyWithHint(table->Entry(key, "again"), &hint));
        CHECK(!table->rep->InsertKeyWithHintConcurrently(table->Entry(key, "again"), &heap_hint));
        delete[] static_cast<char*>(heap_hint);
      }
    });
  }

  // Keys of the table and keys around them.
  std::vector<Key> Targets(uint64_t seed) const {
    Random64 random(seed);
    std::vector<Key> targets = {{"", kMaxSequenceNumber, kValueTypeForSeek},
                                {"", 0, kTypeDeletion},
                                {std::string(20, '\xff'), 0, kTypeDeletion}};
    for (int i = 0; i < 3000; i++) {
      Key key = keys[random() % keys.size()];
      switch (random() % 6) {
        case 0:
          key.seq = kMaxSequenceNumber;
          key.type = kValueTypeForSeek;
          break;
        case 1:
          key.seq = 0;
          key.type = kValueTypeForSeekForPrev;
          break;
        case 2:
          key.seq += random() % 3 - 1;
          key.seq &= kMaxSequenceNumber;
          break;
        case 3:
          key.user += '\0';
          break;
        case 4:
          key.user = RandomUserKey(&random);
          break;
        default:
          key.type = kValueTypeForSeek;
      }
      targets.push_back(key);
    }
    return targets;
  }

  std::shared_ptr<MemTableRepFactory> factory;
  Table ours;
  Table stock;
  std::vector<Key> keys;
};

void FactoryIsAsDeclared() {
  auto factory = Factory("{id=mountdb;reuse=false}");
  CHECK(std::string(factory->Name()) == "mountdb" && factory->GetId() == "mountdb");
  CHECK(factory->IsInstanceOf("mountdb") && !factory->IsInstanceOf("SkipListFactory"));
  CHECK(factory->IsInsertConcurrentlySupported() && factory->CanHandleDuplicatedKey());
  std::string value;
  CheckOk(factory->GetOption(ConfigOptions(), "reuse", &value));
  CHECK(value == "false");
  CheckOk(factory->GetOption(ConfigOptions(), "model", &value));
  CHECK(value == "true");
  std::string mismatch;
  auto same = Factory(factory->ToString(ConfigOptions()));
  CHECK(factory->AreEquivalent(ConfigOptions(), same.get(), &mismatch));
  CHECK(!factory->AreEquivalent(ConfigOptions(), Factory("mountdb").get(), &mismatch));

  Table table(factory.get());
  CHECK(table.rep->IsMergeOperatorSupported() && table.rep->IsSnapshotSupported());
  table.rep->BatchPostProcess();
}

void EmptyTablesAgree() {
  Twins twins;
  const std::string key = Key{"a", 1}.Encoded();
  twins.Both([&](Table* table) {
    for (bool in_arena : {false, true}) {
      Iter iter(*table, in_arena);
      CHECK(!iter->Valid());
      iter->SeekToFirst();
      CHECK(!iter->Valid());
      iter->SeekToLast();
      CHECK(!iter->Valid());
      iter->Seek(Slice(), key.data());
      CHECK(!iter->Valid());
      iter->SeekForPrev(Slice(), key.data());
      CHECK(!iter->Valid());
      iter->RandomSeek();
      CHECK(!iter->Valid());
      CheckOk(iter->SeekAndValidate(Slice(), key.data(), true, true, nullptr));
      CHECK(!iter->Valid());
    }
    CHECK(!table->rep->Contains(key.data()));
    CHECK(table->rep->ApproximateNumEntries(Key{"a", 9}.Internal(), Key{"b", 9}.Internal()) == 0);
    Found found{"a", 9, {}};
    table->rep->Get(LookupKey("a", 9), &found, Found::Save);
    CHECK(found.entries.empty());
  });
  std::unordered_set<const char*> sample;
  twins.ours.rep->UniqueRandomSample(10, 2, &sample);
  twins.ours.rep->UniqueRandomSample(10, 9, &sample);
  CHECK(sample.empty());
}

void ScansAgree(const Twins& twins) {
  for (bool in_arena : {false, true}) {
    for (bool validate : {false, true}) {
      Iter ours(twins.ours, in_arena);
      Iter stock(twins.stock, in_arena);
      const auto next = [&](MemTableRep::Iterator* iter) {
        return validate ? iter->NextAndValidate(true) : (iter->Next(), Status::OK());
      };
      const auto prev = [&](MemTableRep::Iterator* iter) {
        return validate ? iter->PrevAndValidate(true) : (iter->Prev(), Status::OK());
      };
      ours->SeekToFirst();
      stock->SeekToFirst();
      for (const Key& key : twins.keys) {
        CHECK(ours->Valid() && Describe(*ours) == Describe(*stock));
        CHECK(GetLengthPrefixedSlice(ours->key()) == key.Internal());
        CheckOk(next(&*ours));
        CheckOk(next(&*stock));
      }
      CHECK(!ours->Valid() && !stock->Valid());
      ours->SeekToLast();
      stock->SeekToLast();
      for (size_t i = twins.keys.size(); i > 0; i--) {
        CHECK(ours->Valid() && Describe(*ours) == Describe(*stock));
        CheckOk(prev(&*ours));
        CheckOk(prev(&*stock));
      }
      CHECK(!ours->Valid() && !stock->Valid());
    }
  }
  Iter dynamic_ours(twins.ours);
  std::unique_ptr<MemTableRep::Iterator> dynamic(twins.ours.rep->GetDynamicPrefixIterator());
  dynamic->SeekToLast();
  dynamic_ours->SeekToLast();
  CHECK(Describe(*dynamic) == Describe(*dynamic_ours));
}

void SeeksAgree(const Twins& twins, uint64_t seed) {
  Iter ours(twins.ours);
  Iter stock(twins.stock);
  Random64 random(seed);
  for (const Key& target : twins.Targets(seed)) {
    const std::string internal = target.Internal();
    const std::string encoded = target.Encoded();
    // The memtable key goes first, and then nobody looks at the internal key.
    const bool by_memtable_key = random() % 2 == 0;
    const Slice key = by_memtable_key ? Slice() : Slice(internal);
    const char* memtable_key = by_memtable_key ? encoded.data() : nullptr;
    const bool back = random() % 2 == 0;
    for (MemTableRep::Iterator* iter : {&*ours, &*stock}) {
      if (back) {
        iter->SeekForPrev(key, memtable_key);
      } else {
        iter->Seek(key, memtable_key);
      }
    }
    CHECK(Describe(*ours) == Describe(*stock));
    for (int step = 0; step < 4 && ours->Valid(); step++) {
      const bool forward = random() % 2 == 0;
      for (MemTableRep::Iterator* iter : {&*ours, &*stock}) {
        if (forward) {
          iter->Next();
        } else {
          iter->Prev();
        }
      }
      CHECK(Describe(*ours) == Describe(*stock));
    }
    CHECK(twins.ours.rep->Contains(encoded.data()) == twins.stock.rep->Contains(encoded.data()));
  }
  for (const Key& key : twins.keys) {
    CHECK(twins.ours.rep->Contains(key.Encoded().data()));
  }
}

void ValidatingSeeksAgree(const Twins& twins, uint64_t seed) {
  Iter ours(twins.ours);
  Iter stock(twins.stock);
  for (const Key& target : twins.Targets(seed)) {
    const std::string encoded = target.Encoded();
    for (bool order : {false, true}) {
      for (bool with_callback : {false, true}) {
        std::unordered_set<const char*> visited;
        std::function<Status(const char*, bool)> validate;
        if (with_callback) {
          validate = [&](const char* entry, bool allow_data) {
            CHECK(allow_data);
            visited.insert(entry);
            return Status::OK();
          };
        }
        CheckOk(stock->SeekAndValidate(Slice(), encoded.data(), true, order, validate));
        visited.clear();
        CheckOk(ours->SeekAndValidate(Slice(), encoded.data(), true, order, validate));
        CHECK(Describe(*ours) == Describe(*stock));
        CHECK(!with_callback || !ours->Valid() || visited.count(ours->key()) == 1);
      }
    }
    // The callback's refusal is the answer.
    const auto refuse = [](const char*, bool) { return Status::Corruption("refused"); };
    const std::string internal = target.Internal();
    Status s = ours->SeekAndValidate(internal, nullptr, true, false, refuse);
    CHECK(!ours->Valid());
    CHECK(s.ok() || (s.IsCorruption() && s.ToString().find("refused") != std::string::npos));
    ours->Seek(internal, nullptr);
    CHECK(!ours->Valid() || !s.ok());
  }
}

void GetsAgree(const Twins& twins, uint64_t seed) {
  const auto accept = [](const char*, bool) { return Status::OK(); };
  for (const Key& target : twins.Targets(seed)) {
    const LookupKey key(target.user, target.seq);
    for (size_t limit : {1, 3, 100000}) {
      Found expected{target.user, limit, {}};
      twins.stock.rep->Get(key, &expected, Found::Save);
      Found found{target.user, limit, {}};
      twins.ours.rep->Get(key, &found, Found::Save);
      CHECK(found.entries == expected.entries);
      for (bool order : {false, true}) {
        Found validated{target.user, limit, {}};
        CheckOk(twins.ours.rep->GetAndValidate(key, &validated, Found::Save, true, order, accept));
        CHECK(validated.entries == expected.entries);
      }
    }
  }
}

void MultiGetsAgree(const Twins& twins, uint64_t seed) {
  std::vector<Key> targets = twins.Targets(seed);
  Random64 random(seed);
  for (size_t batch : {1, 2, 16, 17, 32, 100}) {
    for (int round = 0; round < 30; round++) {
      std::vector<Key> chosen;
      for (size_t i = 0; i < batch; i++) {
        chosen.push_back(targets[random() % targets.size()]);
        chosen.back().seq = kMaxSequenceNumber - random() % 2;
        chosen.back().type = kValueTypeForSeek;
      }
      const InternalKeyComparator order(BytewiseComparator());
      std::sort(chosen.begin(), chosen.end(), [&](const Key& a, const Key& b) {
        return order.Compare(a.Internal(), b.Internal()) < 0;
      });
      std::vector<std::string> encoded;
      for (const Key& key : chosen) {
        encoded.push_back(key.Encoded());
      }
      std::vector<const char*> keys;
      for (const std::string& key : encoded) {
        keys.push_back(key.data());
      }
      const auto run = [&](const Table& table, bool detect, bool callback) {
        std::vector<Found> found;
        std::vector<void*> args;
        found.reserve(batch);
        for (const Key& key : chosen) {
          found.push_back({key.user, 1 + key.user.size() % 3, {}});
          args.push_back(&found.back());
        }
        std::function<Status(const char*, bool)> validate;
        if (callback) {
          validate = [](const char*, bool) { return Status::OK(); };
        }
        CheckOk(table.rep->MultiGet(batch, keys.data(), args.data(), Found::Save, true, detect,
                                    validate));
        std::vector<std::vector<std::string>> entries;
        for (const Found& one : found) {
          entries.push_back(one.entries);
        }
        return entries;
      };
      const auto expected = run(twins.stock, false, false);
      for (bool detect : {false, true}) {
        for (bool callback : {false, true}) {
          CHECK(run(twins.ours, detect, callback) == expected);
        }
      }
    }
  }
}

void EstimatesAreClose(const Twins& twins, uint64_t seed) {
  Random64 random(seed);
  for (int i = 0; i < 300; i++) {
    size_t a = random() % twins.keys.size();
    size_t b = random() % twins.keys.size();
    if (a > b) {
      std::swap(a, b);
    }
    const std::string start = twins.keys[a].Internal();
    const std::string end = twins.keys[b].Internal();
    const uint64_t truth = b - a;
    const uint64_t estimate = twins.ours.rep->ApproximateNumEntries(start, end);
    CHECK(truth < 200 || (estimate >= truth / 2 && estimate <= truth * 2));
    CHECK(truth >= 200 || estimate <= 2 * 200 + 2 * truth);
    CHECK(twins.ours.rep->ApproximateNumEntries(start, start) <= 200);
  }
}

void SamplesAreSamples(const Twins& twins) {
  std::unordered_set<const char*> all;
  Iter iter(twins.ours);
  for (iter->SeekToFirst(); iter->Valid(); iter->Next()) {
    all.insert(iter->key());
  }
  const uint64_t n = all.size();
  // Few by seeks, many by a scan, more than there are.
  for (uint64_t size : {uint64_t{1}, uint64_t{10}, n / 3, n, n + 50}) {
    std::unordered_set<const char*> sample = {nullptr};  // what is there goes
    twins.ours.rep->UniqueRandomSample(n, size, &sample);
    CHECK(sample.size() <= size && sample.size() * 10 >= std::min(size, n) * 9);
    for (const char* entry : sample) {
      CHECK(all.count(entry) == 1);
    }
  }
  // The caller may know of fewer entries than there are.
  std::unordered_set<const char*> sample;
  twins.ours.rep->UniqueRandomSample(n / 2, n, &sample);
  CHECK(sample.size() <= n);
  // Seeks reach the whole table.
  std::unordered_set<const char*> reached;
  for (int i = 0; i < 2000; i++) {
    iter->RandomSeek();
    CHECK(iter->Valid());
    reached.insert(iter->key());
  }
  CHECK(reached.size() > std::min<size_t>(n, 2000) / 3);
}

// One bit of a key in memory is turned round, and whoever validates must notice.
void DamageIsNoticed(Twins* twins, uint64_t seed) {
  Random64 random(seed);
  std::vector<char*> entries;
  Iter iter(twins->ours);
  for (iter->SeekToFirst(); iter->Valid(); iter->Next()) {
    entries.push_back(const_cast<char*>(iter->key()));
  }
  for (int round = 0; round < 200; round++) {
    const size_t at = 1 + random() % (entries.size() - 2);
    const Slice internal = GetLengthPrefixedSlice(entries[at]);
    if (internal.size() == kNumInternalBytes) {
      continue;
    }
    const std::string before = internal.ToString();
    const std::string user = ExtractUserKey(internal).ToString();
    char* byte = const_cast<char*>(internal.data()) + random() % user.size();
    const char bit = static_cast<char>(1 << random() % 8);
    const auto noticed = [](const Status& s) {
      return s.IsCorruption() && s.ToString().find("memtable") != std::string::npos;
    };
    *byte ^= bit;

    Status s = iter->SeekAndValidate(before, nullptr, true, true, nullptr);
    CHECK(noticed(s) && !iter->Valid());
    Found found{user, 1, {}};
    s = twins->ours.rep->GetAndValidate(LookupKey(user, GetInternalKeySeqno(before)), &found,
                                        Found::Save, false, true, nullptr);
    CHECK(noticed(s) && found.entries.empty());
    std::string encoded;
    PutLengthPrefixedSlice(&encoded, before);
    const char* key = encoded.data();
    void* arg = &found;
    s = twins->ours.rep->MultiGet(1, &key, &arg, Found::Save, true, true, nullptr);
    CHECK(noticed(s) && found.entries.empty());

    // Steps from its neighbours, to which a seek goes without looking.
    iter->SeekToFirst();
    size_t steps = 0;
    for (s = Status::OK(); s.ok() && iter->Valid(); steps++) {
      s = iter->NextAndValidate(true);
    }
    CHECK(noticed(s) && !iter->Valid() && steps <= at + 1);
    iter->SeekToLast();
    steps = 0;
    for (s = Status::OK(); s.ok() && iter->Valid(); steps++) {
      s = iter->PrevAndValidate(false);
    }
    CHECK(noticed(s) && !iter->Valid() && steps <= entries.size() - at);
    // Data is in the message only if it may be.
    CHECK(s.ToString().find(" key: ") == std::string::npos);

    *byte ^= bit;
    CheckOk(iter->SeekAndValidate(before, nullptr, true, true, nullptr));
    CHECK(iter->Valid() && iter->key() == entries[at]);
  }
}

void ReadOnlyTablesAgree(Twins* twins) {
  twins->ours.rep->MarkReadOnly();
  twins->ours.rep->MarkReadOnly();  // RocksDB says it twice
  twins->ours.rep->MarkFlushed();
  ScansAgree(*twins);
  GetsAgree(*twins, 99);
}

void ConcurrentInsertsAllArrive() {
  constexpr int kThreads = 4;
  constexpr int kEach = 20000;
  auto factory = Factory("mountdb");
  Table table(factory.get());
  std::atomic<int> refused{0};
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; t++) {
    threads.emplace_back([&, t] {
      Random64 random(t % 2);  // two threads insert the same keys
      for (int i = 0; i < kEach; i++) {
        const Key key{std::to_string(random() % 100000), SequenceNumber(i)};
        refused += table.rep->InsertKeyConcurrently(table.Entry(key, "v")) ? 0 : 1;
      }
    });
  }
  std::thread reader([&] {
    while (!done) {
      Iter iter(table);
      std::string last;
      for (iter->SeekToFirst(); iter->Valid(); iter->Next()) {
        const std::string key = UserKeyOf(iter->key());
        CHECK(last <= key);
        last = key;
      }
    }
  });
  for (std::thread& thread : threads) {
    thread.join();
  }
  done = true;
  reader.join();
  std::set<std::pair<std::string, int>> expected;
  for (int t = 0; t < 2; t++) {
    Random64 random(t);
    for (int i = 0; i < kEach; i++) {
      expected.insert({std::to_string(random() % 100000), -i});
    }
  }
  CHECK(refused == kThreads * kEach - static_cast<int>(expected.size()));
  Iter iter(table);
  iter->SeekToFirst();
  for (const auto& [user, seq] : expected) {
    CHECK(iter->Valid() && UserKeyOf(iter->key()) == user);
    CHECK(GetInternalKeySeqno(GetLengthPrefixedSlice(iter->key())) == SequenceNumber(-seq));
    iter->Next();
  }
  CHECK(!iter->Valid());
}

// Orders as MemTable's comparator does, but is another class.
struct OtherKeyComparator final : MemTableRep::KeyComparator {
  int operator()(const char* a, const char* b) const override {
    return order.CompareKeySeq(GetLengthPrefixedSlice(a), GetLengthPrefixedSlice(b));
  }
  int operator()(const char* a, const Slice& b) const override {
    return order.CompareKeySeq(GetLengthPrefixedSlice(a), b);
  }
  InternalKeyComparator order{BytewiseComparator()};
};

void OtherComparatorsGetASkipList() {
  auto factory = Factory("mountdb");
  const mountdb_counters before = Counters();
  std::vector<const Comparator*> others = {ReverseBytewiseComparator(),
                                           BytewiseComparatorWithU64Ts()};
  for (const Comparator* comparator : others) {
    Table table(factory.get(), comparator);
    for (int i = 0; i < 100; i++) {
      CHECK(table.Insert({"userkey" + std::to_string(i), 1}, "v"));
    }
    Iter iter(table);
    iter->SeekToFirst();
    std::string last = iter->key();
    for (iter->Next(); iter->Valid(); iter->Next()) {
      CHECK(table.order(last.data(), iter->key()) < 0);
      last.assign(iter->key());
    }
  }
  ConcurrentArena arena;
  const OtherKeyComparator other;
  std::unique_ptr<MemTableRep> rep(factory->CreateMemTableRep(other, &arena, nullptr, nullptr));
  const mountdb_counters after = Counters();
  CHECK(after.memtables_other_comparator == before.memtables_other_comparator + 3);
  CHECK(after.memtables_learned == before.memtables_learned);
}

void SkeletonsAreKeptByFamily() {
  for (bool reuse : {true, false}) {
    auto factory = Factory(reuse ? "mountdb" : "{id=mountdb;reuse=false}");
    auto* one = reinterpret_cast<Logger*>(0x10);  // never used, only told apart
    auto* two = reinterpret_cast<Logger*>(0x20);
    const mountdb_counters before = Counters();
    // RocksDB makes a family's next memtable before it lets go of the last.
    std::map<std::pair<Logger*, uint32_t>, std::unique_ptr<Table>> last;
    const auto from_skeleton = [&](Logger* database, uint32_t family) {
      const uint64_t begun = Counters().memtables_from_skeleton;
      auto table =
          std::make_unique<Table>(factory.get(), BytewiseComparator(), database, family);
      for (int i = 0; i < 20000; i++) {
        CHECK(table->Insert({std::to_string(i * 7919 % 20000), 1}, "v"));
      }
      table->rep->MarkReadOnly();
      last[{database, family}] = std::move(table);
      return Counters().memtables_from_skeleton - begun == 1;
    };
    CHECK(!from_skeleton(one, 3));
    CHECK(!from_skeleton(one, 4));
    CHECK(!from_skeleton(two, 3));
    CHECK(from_skeleton(one, 3) == reuse);
    CHECK(from_skeleton(two, 3) == reuse);
    const mountdb_counters after = Counters();
    CHECK(after.memtables_learned == before.memtables_learned + 5);
    CHECK(after.skeleton_bytes_held > before.skeleton_bytes_held);
    last.clear();
    factory.reset();
    CHECK(Counters().skeleton_bytes_held == before.skeleton_bytes_held);
  }
}

}  // namespace

int main(int argc, char**) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: memtable_rep DIRECTORY\n");
    return 2;
  }
  CHECK(mountdb_register() == 0);
  FactoryIsAsDeclared();
  EmptyTablesAgree();
  for (size_t n : {3, 100, 10000}) {
    Twins twins;
    twins.Fill(n, n);
    ScansAgree(twins);
    SeeksAgree(twins, 1);
    ValidatingSeeksAgree(twins, 2);
    GetsAgree(twins, 3);
    MultiGetsAgree(twins, 4);
    EstimatesAreClose(twins, 5);
    SamplesAreSamples(twins);
    DamageIsNoticed(&twins, 6);
    ReadOnlyTablesAgree(&twins);
    CHECK(n < 10000 || twins.ours.rep->ApproximateMemoryUsage() < size_t{200} * n);
  }
  ConcurrentInsertsAllArrive();
  OtherComparatorsGetASkipList();
  SkeletonsAreKeptByFamily();
  std::puts("memtable: every function agrees with the skip list");
  return 0;
}
