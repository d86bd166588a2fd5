#include "mountdb/cpp/memtable_rep.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <unordered_map>

#include "db/lookup_key.h"
#include "db/memtable.h"
#include "memory/arena.h"
#include "mountdb/cpp/index_reader.h"
#include "mountdb/src/ffi/bridge.rs.h"
#include "rocksdb/comparator.h"
#include "rocksdb/utilities/options_type.h"
#include "util/random.h"

namespace mountdb {

using rocksdb::Allocator;
using rocksdb::Arena;
using rocksdb::KeyHandle;
using rocksdb::MemTableRep;
using rocksdb::OptionTypeInfo;
using rocksdb::Slice;
using rocksdb::Status;

namespace {

using KeyValidation = std::function<Status(const char*, bool)>;
using EntryCallback = bool (*)(void* arg, const char* entry);

const std::unordered_map<std::string, OptionTypeInfo>& LearnedOptionTypes() {
  using rocksdb::OptionType;
  using rocksdb::OptionVerificationType;
  static const auto* types = new std::unordered_map<std::string, OptionTypeInfo>{
      {"reuse",
       {offsetof(LearnedMemTableOptions, reuse), OptionType::kBoolean,
        OptionVerificationType::kNormal}},
      {"model",
       {offsetof(LearnedMemTableOptions, model), OptionType::kBoolean,
        OptionVerificationType::kNormal}},
  };
  return *types;
}

// Whether entries are ordered as bytes. RocksDB's memtables bring an object of this one final
// class; of any other class nothing is known.
bool IsBytewise(const MemTableRep::KeyComparator& order) {
  const auto* known = dynamic_cast<const rocksdb::MemTable::KeyComparator*>(&order);
  return known != nullptr &&
         known->comparator.user_comparator() == rocksdb::BytewiseComparator();
}

const char* AsEntry(const uint8_t* entry) { return reinterpret_cast<const char*>(entry); }
const uint8_t* AsRustEntry(const void* entry) { return static_cast<const uint8_t*>(entry); }

// The internal key that an entry, or a memtable key, begins with.
rust::Slice<const uint8_t> InternalKey(const char* entry) {
  return AsRust(rocksdb::GetLengthPrefixedSlice(entry));
}

// For messages. An entry that is damaged may have any length.
std::string Hex(const char* entry) {
  constexpr size_t kShown = 256;
  const Slice key = rocksdb::GetLengthPrefixedSlice(entry);
  return Slice(key.data(), std::min(key.size(), kShown)).ToString(/*hex=*/true);
}

class LearnedIterator final : public MemTableRep::Iterator {
 public:
  LearnedIterator(const ffi::Memtable& memtable, const MemTableRep::KeyComparator& order)
      : iter_(memtable.iter()), order_(order) {}

  bool Valid() const override { return entry_ != nullptr; }
  const char* key() const override { return entry_; }

  void Next() override { Come(iter_->next()); }
  void Prev() override { Come(iter_->prev()); }
  void SeekToFirst() override { Come(iter_->seek_to_first()); }
  void SeekToLast() override { Come(iter_->seek_to_last()); }
  void RandomSeek() override {
    rocksdb::Random* random = rocksdb::Random::GetTLSInstance();  // 31 bits at a time
    const uint64_t high = random->Next();
    Come(iter_->seek_to_random(high << 33 ^ uint64_t{random->Next()} << 16 ^ random->Next()));
  }
  void Seek(const Slice& internal_key, const char* memtable_key) override {
    Come(iter_->seek(Target(internal_key, memtable_key)));
  }
  void SeekForPrev(const Slice& internal_key, const char* memtable_key) override {
    Come(iter_->seek_for_prev(Target(internal_key, memtable_key)));
  }

  Status NextAndValidate(bool allow_data_in_errors) override {
    const char* before = entry_;
    iter_->check_reads();
    entry_ = AsEntry(iter_->next());
    return CheckStep(before, entry_, allow_data_in_errors);
  }

  Status PrevAndValidate(bool allow_data_in_errors) override {
    const char* after = entry_;
    iter_->check_reads();
    entry_ = AsEntry(iter_->prev());
    return CheckStep(entry_, after, allow_data_in_errors);
  }

  Status SeekAndValidate(const Slice& internal_key, const char* memtable_key,
                         bool allow_data_in_errors, bool detect_key_out_of_order,
                         const KeyValidation& validate) override {
    const auto target = Target(internal_key, memtable_key);
    iter_->check_reads();
    entry_ = AsEntry(iter_->seek(target));
    Status s = CheckRead(detect_key_out_of_order, allow_data_in_errors);
    if (s.ok() && detect_key_out_of_order && entry_ != nullptr &&
        order_(entry_, AsSlice(target)) < 0) {
      s = OutOfOrder(nullptr, entry_, allow_data_in_errors);
    }
    if (s.ok() && validate != nullptr) {
      s = ValidateVisited(validate, allow_data_in_errors);
    }
    if (!s.ok()) {
      entry_ = nullptr;
    }
    return s;
  }

 private:
  static rust::Slice<const uint8_t> Target(const Slice& internal_key, const char* memtable_key) {
    return memtable_key != nullptr ? InternalKey(memtable_key) : AsRust(internal_key);
  }

  static Slice AsSlice(rust::Slice<const uint8_t> key) {
    return {AsEntry(key.data()), key.size()};
  }

  // An end that is none would be a wrong answer.
  void Come(const uint8_t* entry) {
    entry_ = AsEntry(entry);
    if (entry_ == nullptr && iter_->failed()) {
      ffi::abort_on_bug();
    }
  }

  // Whether the last step came to an end at all, and, if `order`, all reads what was inserted.
  Status CheckRead(bool order, bool allow_data_in_errors) {
    if (iter_->failed()) {
      return Status::Corruption("Internal error in the learned memtable (a bug in mountdb).");
    }
    return order && !iter_->is_sound() ? OutOfOrder(nullptr, entry_, allow_data_in_errors)
                                    : Status::OK();
  }

  // After a step between neighbours, of which null is the end that was come to.
  Status CheckStep(const char* before, const char* after, bool allow_data_in_errors) {
    Status s = CheckRead(/*order=*/true, allow_data_in_errors);
    if (s.ok() && before != nullptr && after != nullptr && order_(before, after) >= 0) {
      s = OutOfOrder(before, after, allow_data_in_errors);
    }
    if (!s.ok()) {
      entry_ = nullptr;
    }
    return s;
  }

  Status ValidateVisited(const KeyValidation& validate, bool allow_data_in_errors) const {
    for (const uintptr_t entry : iter_->visited()) {
      Status s = validate(reinterpret_cast<const char*>(entry), allow_data_in_errors);
      if (!s.ok()) {
        return s;
      }
    }
    return Status::OK();
  }

  static Status OutOfOrder(const char* before, const char* at, bool allow_data_in_errors) {
    std::string text = "Out-of-order keys found in the learned memtable.";
    if (allow_data_in_errors && before != nullptr) {
      text.append(" prev key: ").append(Hex(before));
    }
    if (allow_data_in_errors && at != nullptr) {
      text.append(" next key: ").append(Hex(at));
    }
    return Status::Corruption(text);
  }

  rust::Box<ffi::MemtableIter> iter_;
  const MemTableRep::KeyComparator& order_;
  // Where iter_ is.
  const char* entry_ = nullptr;
};

class LearnedMemTableRep final : public MemTableRep {
 public:
  LearnedMemTableRep(const KeyComparator& order, Allocator* allocator,
                     rust::Box<ffi::Memtable> memtable)
      : MemTableRep(allocator), order_(order), memtable_(std::move(memtable)) {}

  // Hints are for skip lists; none is ever made.
  void Insert(KeyHandle handle) override { InsertKey(handle); }
  void InsertWithHint(KeyHandle handle, void** /*hint*/) override { InsertKey(handle); }
  void InsertConcurrently(KeyHandle handle) override { InsertKeyConcurrently(handle); }
  void InsertWithHintConcurrently(KeyHandle handle, void** /*hint*/) override {
    InsertKeyConcurrently(handle);
  }
  bool InsertKeyWithHint(KeyHandle handle, void** /*hint*/) override { return InsertKey(handle); }
  bool InsertKeyWithHintConcurrently(KeyHandle handle, void** /*hint*/) override {
    return InsertKeyConcurrently(handle);
  }
  bool InsertKey(KeyHandle handle) override { return memtable_->insert(AsRustEntry(handle)); }
  bool InsertKeyConcurrently(KeyHandle handle) override {
    return memtable_->insert_concurrently(AsRustEntry(handle));
  }

  bool Contains(const char* key) const override { return memtable_->contains(InternalKey(key)); }

  void Get(const rocksdb::LookupKey& k, void* callback_args, EntryCallback callback) override {
    Report(k.internal_key(), callback_args, callback);
  }

  Status GetAndValidate(const rocksdb::LookupKey& k, void* callback_args, EntryCallback callback,
                        bool allow_data_in_errors, bool detect_key_out_of_order,
                        const KeyValidation& validate) override {
    LearnedIterator iter(*memtable_, order_);
    Status s = iter.SeekAndValidate(k.internal_key(), nullptr, allow_data_in_errors,
                                    detect_key_out_of_order, validate);
    while (s.ok() && iter.Valid() && callback(callback_args, iter.key())) {
      s = iter.NextAndValidate(allow_data_in_errors);
    }
    return s;
  }

  Status MultiGet(size_t num_keys, const char* const* keys, void** callback_args,
                  EntryCallback callback, bool allow_data_in_errors, bool detect_key_out_of_order,
                  const KeyValidation& validate) override {
    if (detect_key_out_of_order || validate != nullptr) {
      return MultiGetAndValidate(num_keys, keys, callback_args, callback, allow_data_in_errors,
                                 detect_key_out_of_order, validate);
    }
    // As many cache misses at a time as a processor core has in flight.
    constexpr size_t kGroup = 16;
    for (size_t begin = 0; begin < num_keys; begin += kGroup) {
      const size_t end = std::min(begin + kGroup, num_keys);
      for (size_t i = begin; i < end; i++) {
        memtable_->prefetch(InternalKey(keys[i]));
      }
      for (size_t i = begin; i < end; i++) {
        Report(rocksdb::GetLengthPrefixedSlice(keys[i]), callback_args[i], callback);
      }
    }
    return Status::OK();
  }

  uint64_t ApproximateNumEntries(const Slice& start_ikey, const Slice& end_ikey) override {
    return memtable_->approximate_entries(AsRust(start_ikey), AsRust(end_ikey));
  }

  // As the skip list does it: a draw for each entry, or for each entry of the sample.
  void UniqueRandomSample(const uint64_t num_entries, const uint64_t target_sample_size,
                          std::unordered_set<const char*>* entries) override {
    entries->clear();
    LearnedIterator iter(*memtable_, order_);
    if (target_sample_size > static_cast<uint64_t>(std::sqrt(1.0 * num_entries))) {
      SampleByScan(num_entries, target_sample_size, &iter, entries);
    } else {
      SampleBySeeks(target_sample_size, &iter, entries);
    }
  }

  size_t ApproximateMemoryUsage() override { return memtable_->memory_usage(); }

  void MarkReadOnly() override { memtable_->mark_read_only(); }

  MemTableRep::Iterator* GetIterator(Arena* arena) override {
    void* memory = arena != nullptr ? arena->AllocateAligned(sizeof(LearnedIterator))
                                    : operator new(sizeof(LearnedIterator));
    return new (memory) LearnedIterator(*memtable_, order_);
  }

 private:
  // The versions of one user key that `internal_key` sees, until the callback has enough.
  void Report(const Slice& internal_key, void* callback_args, EntryCallback callback) const {
    const uint8_t* entry = memtable_->find(AsRust(internal_key));
    while (entry != nullptr && callback(callback_args, AsEntry(entry))) {
      entry = memtable_->next_version(entry);
    }
  }

  // Unlike NextAndValidate, validates each entry come to, and the order only if asked to.
  Status MultiGetAndValidate(size_t num_keys, const char* const* keys, void** callback_args,
                             EntryCallback callback, bool allow_data_in_errors,
                             bool detect_key_out_of_order, const KeyValidation& validate) const {
    LearnedIterator iter(*memtable_, order_);
    for (size_t i = 0; i < num_keys; i++) {
      Status s = iter.SeekAndValidate(Slice(), keys[i], allow_data_in_errors,
                                      detect_key_out_of_order, validate);
      while (s.ok() && iter.Valid() && callback(callback_args[i], iter.key())) {
        if (detect_key_out_of_order) {
          s = iter.NextAndValidate(allow_data_in_errors);
        } else {
          iter.Next();
        }
        if (s.ok() && iter.Valid() && validate != nullptr) {
          s = validate(iter.key(), allow_data_in_errors);
        }
      }
      if (!s.ok()) {
        return s;
      }
    }
    return Status::OK();
  }

  static void SampleByScan(uint64_t num_entries, uint64_t wanted, LearnedIterator* iter,
                           std::unordered_set<const char*>* entries) {
    rocksdb::Random* random = rocksdb::Random::GetTLSInstance();
    iter->SeekToFirst();
    // Concurrent inserts may have made more entries than the caller knew of.
    for (uint64_t left = num_entries; left > 0 && wanted > 0 && iter->Valid(); left--) {
      if (random->Next() % left < wanted) {
        entries->insert(iter->key());
        wanted--;
      }
      iter->Next();
    }
  }

  static void SampleBySeeks(uint64_t wanted, LearnedIterator* iter,
                            std::unordered_set<const char*>* entries) {
    constexpr int kAttempts = 5;
    for (uint64_t i = 0; i < wanted; i++) {
      for (int attempt = 0; attempt < kAttempts; attempt++) {
        iter->RandomSeek();
        if (!iter->Valid() || entries->insert(iter->key()).second) {
          break;
        }
      }
    }
  }

  const KeyComparator& order_;
  const rust::Box<ffi::Memtable> memtable_;
};

}  // namespace

namespace ffi {

uint8_t* allocate_aligned(Allocator* allocator, size_t bytes) {
  constexpr uintptr_t kAlignment = 16;
  // A ConcurrentArena aligns to pointers and no further.
  const auto memory = reinterpret_cast<uintptr_t>(
      allocator->AllocateAligned(bytes + kAlignment - sizeof(void*)));
  return reinterpret_cast<uint8_t*>((memory + kAlignment - 1) & ~(kAlignment - 1));
}

}  // namespace ffi

LearnedMemTableRepFactory::LearnedMemTableRepFactory(const LearnedMemTableOptions& options)
    : options_(options), families_(ffi::new_memtable_families()) {
  RegisterOptions(&options_, &LearnedOptionTypes());
}

LearnedMemTableRepFactory::~LearnedMemTableRepFactory() = default;

MemTableRep* LearnedMemTableRepFactory::CreateMemTableRep(const MemTableRep::KeyComparator& order,
                                                          Allocator* allocator,
                                                          const rocksdb::SliceTransform* prefix,
                                                          rocksdb::Logger* logger) {
  return CreateMemTableRep(order, allocator, prefix, logger, /*column_family_id=*/0);
}

MemTableRep* LearnedMemTableRepFactory::CreateMemTableRep(const MemTableRep::KeyComparator& order,
                                                          Allocator* allocator,
                                                          const rocksdb::SliceTransform* prefix,
                                                          rocksdb::Logger* logger,
                                                          uint32_t column_family_id) {
  if (!IsBytewise(order)) {
    ffi::count_memtable_delegated();
    return rocksdb::SkipListFactory().CreateMemTableRep(order, allocator, prefix, logger);
  }
  // Databases may share a factory; each has its logger.
  const auto database = reinterpret_cast<uintptr_t>(logger);
  try {
    auto memtable = families_->new_memtable(allocator, {options_.reuse, options_.model}, database,
                                            column_family_id);
    return new LearnedMemTableRep(order, allocator, std::move(memtable));
  } catch (const rust::Error& e) {
    rocksdb::Error(logger, "mountdb: skip list for a memtable: %s", e.what());
    return rocksdb::SkipListFactory().CreateMemTableRep(order, allocator, prefix, logger);
  }
}

}  // namespace mountdb
