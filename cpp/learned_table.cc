#include "mountdb/cpp/learned_table.h"

#include <array>
#include <utility>

#include "db/dbformat.h"
#include "memory/arena.h"
#include "mountdb/cpp/filter_forecast.h"
#include "mountdb/cpp/learned_iterator.h"
#include "mountdb/cpp/perf_counters.h"
#include "mountdb/cpp/value_copies.h"
#include "table/block_based/filter_block.h"
#include "table/get_context.h"

namespace mountdb {

using rocksdb::Block_kData;
using rocksdb::BlockBasedTable;
using rocksdb::BlockBasedTableOptions;
using rocksdb::BlockCacheLookupContext;
using rocksdb::BlockHandle;
using rocksdb::Cleanable;
using rocksdb::FilterBlockReader;
using rocksdb::GetContext;
using rocksdb::ParsedInternalKey;
using rocksdb::PerfContext;
using rocksdb::PerfContextByLevel;
using rocksdb::ReadOptions;
using rocksdb::RecordTick;
using rocksdb::Slice;
using rocksdb::SliceTransform;
using rocksdb::Status;
using rocksdb::TableReaderCaller;

using DataBlockCache = rocksdb::BlockCacheInterface<Block_kData>;

namespace {

constexpr size_t kCacheLine = 64;

uint32_t NextNumber() {
  static std::atomic<uint32_t> next{0};
  return next.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

// One Get in one file.
struct LearnedTable::Lookup {
  Lookup(const ReadOptions& read_options, const Slice& internal_key, GetContext* context)
      : read(read_options), key(internal_key), get_context(context) {}

  const ReadOptions& read;
  const Slice& key;
  GetContext* const get_context;
  ValueCopies* copies = nullptr;  // of one of many in a batch
  bool matched = false;  // a version of the user key was met
  bool done = false;
  Status status;

  // Gives a version, copied if it is one of many in a batch and nothing keeps its bytes; whether to go on.
  bool Save(const ParsedInternalKey& found, const Slice& value, Cleanable* pinner) {
    if (pinner == nullptr && copies != nullptr && value.size() <= ValueCopies::kLargest &&
        found.type == rocksdb::kTypeValue) {
      Cleanable copy;
      return Give(found, copies->Copy(value, &copy), &copy);
    }
    return Give(found, value, pinner);
  }

  // As BlockBasedTable::Get calls it; whether to go on.
  bool Give(const ParsedInternalKey& found, const Slice& value, Cleanable* pinner) {
    const bool more = get_context->SaveValue(found, value, &matched, &status, pinner, nullptr);
    if (!status.ok()) [[unlikely]] {
      return false;
    }
    done = !more;
    return more;
  }

  // All versions in the block of `iter`, as BlockBasedTable::Get goes through them.
  void Through(rocksdb::DataBlockIter* iter) {
    status = iter->status();
    if (!status.ok()) {
      if (read.read_tier == rocksdb::kBlockCacheTier && status.IsIncomplete()) {
        // Not in the cache, and no other place may be asked.
        get_context->MarkKeyMayExist();
      }
      return;
    }
    if (!iter->SeekForGet(key)) {
      done = true;  // the block's hash index says so
      return;
    }
    for (; iter->Valid(); iter->Next()) {
      ParsedInternalKey found;
      status = rocksdb::ParseInternalKey(iter->key(), &found, /*log_err_key=*/false);
      if (!status.ok() || !Give(found, iter->value(), iter->IsValuePinned() ? iter : nullptr)) {
        return;
      }
    }
    status = iter->status();
  }
};

LearnedTable::LearnedTable(std::unique_ptr<rocksdb::TableReader> table,
                           const ffi::Index& index, const rocksdb::BlockCacheTracer* tracer,
                           const SlotMemory& memory, size_t limit_of_hints)
    : owned_(std::move(table)),
      table_(static_cast<BlockBasedTable*>(owned_.get())),
      rep_(*table_->get_rep()),
      filter_(rep_.filter.get()),
      cache_(rep_.table_options.block_cache.get()),
      statistics_(rep_.ioptions.stats),
      index_(index),
      blocks_(index.blocks()),
      tracer_(tracer),
      number_(NextNumber()),
      is_ordinary_(IsOrdinary()),
      bloom_(rep_),
      map_(MappedBlocks::Open(rep_, blocks_, memory)),
      hints_(ffi::new_block_hints(is_ordinary_ && map_ == nullptr && cache_ != nullptr ? blocks_ : 0,
                                  memory.taken, limit_of_hints)) {}

bool LearnedTable::IsOrdinary() const {
  const BlockBasedTableOptions& options = rep_.table_options;
  // Else keys in blocks are not as readers see them.
  return rep_.global_seqno == rocksdb::kDisableGlobalSequenceNumber &&
         rep_.user_defined_timestamps_persisted &&
         // Checked, or counted, entry by entry.
         rep_.create_context.protection_bytes_per_key == 0 &&
         options.read_amp_bytes_per_bit == 0 &&
         // Values that lie elsewhere.
         !rep_.separate_key_value_in_data_block && !rep_.has_embedded_blobs &&
         // Blocks that take another block to read.
         rep_.uncompression_dict_reader == nullptr;
}

Status LearnedTable::Get(const ReadOptions& read, const Slice& key, GetContext* get_context,
                         const SliceTransform* prefix_extractor, bool skip_filters) {
  FilterBlockReader* const filter = skip_filters ? nullptr : filter_;
  if (!MayLookUp(read) || IsTraced() || (filter != nullptr && !rep_.whole_key_filtering)) {
    return table_->Get(read, key, get_context, prefix_extractor, skip_filters);
  }
  // While memory answers for the filter it is asked for more: for the entry in a mapped file, and for
  // what the index reads. The processor gets no further than a few hundred instructions beyond the
  // first that it waits for, so the filter's line is asked for before all that.
  BloomFilter::Question asked;
  if (filter != nullptr && bloom_.IsKnown()) {
    asked = bloom_.Ask(rocksdb::ExtractUserKey(key));
  }
  FilterForecast* const forecast =
      filter != nullptr && (IsInMap(read) || bloom_.IsKnown()) ? &FilterForecast::Of(number_)
                                                              : nullptr;
  const bool ahead = forecast != nullptr && forecast->MayMatch();
  ffi::Aimed aimed;
  if (ahead) {
    aimed = SeekIndexAhead(read, key);
  }
  if (filter != nullptr) {
    const bool may_match = MayMatch(read, key, get_context, asked);
    if (forecast != nullptr) {
      forecast->Note(may_match);
    }
    if (!may_match) {
      return Status::OK();
    }
  }
  if (!ahead) {
    aimed = SeekIndexAhead(read, key);
  }
  Lookup lookup(read, key, get_context);
  const uint64_t block = aimed.guess.at.block;
  if (block < blocks_) {
    LookUpIn(aimed, &lookup);
    LookUpBehind(block, &lookup);
  } else if (block == kFailed) {
    lookup.status = IndexFailed();
  }
  if (lookup.matched && filter != nullptr) {
    CountTruePositives(1);
  }
  return std::move(lookup.status);
}

void LearnedTable::CountTruePositives(uint64_t keys) const {
  RecordTick(statistics_,
             rep_.whole_key_filtering ? rocksdb::BLOOM_FILTER_FULL_TRUE_POSITIVE
                                      : rocksdb::BLOOM_FILTER_PREFIX_TRUE_POSITIVE,
             keys);
  CountAtLevel(Counters(), &PerfContextByLevel::bloom_filter_full_true_positive, rep_.level, keys);
}

// As BlockBasedTable::FullFilterKeyMayMatch does for whole keys.
bool LearnedTable::MayMatch(const ReadOptions& read, const Slice& key, GetContext* get_context,
                            const BloomFilter::Question& asked) const {
  PerfContext* const counters = Counters();
  bool may_match;
  if (bloom_.IsKnown()) [[likely]] {
    may_match = bloom_.MayMatch(asked);
    if (counters != nullptr) {
      // As FullFilterBlockReader::MayMatch.
      ++(may_match ? counters->bloom_sst_hit_count : counters->bloom_sst_miss_count);
    }
  } else {
    may_match = AskFilter(read, key, get_context);
  }
  if (may_match) {
    RecordTick(statistics_, rocksdb::BLOOM_FILTER_FULL_POSITIVE);
    CountAtLevel(counters, &PerfContextByLevel::bloom_filter_full_positive, rep_.level);
    return true;
  }
  RecordTick(statistics_, rocksdb::BLOOM_FILTER_USEFUL);
  CountAtLevel(counters, &PerfContextByLevel::bloom_filter_useful, rep_.level);
  return false;
}

[[gnu::noinline]] bool LearnedTable::AskFilter(const ReadOptions& read, const Slice& key,
                                               GetContext* get_context) const {
  BlockCacheLookupContext context{TableReaderCaller::kUserGet, get_context->get_tracing_get_id(),
                                  /*get_from_user_specified_snapshot=*/read.snapshot != nullptr};
  return filter_->KeyMayMatch(rocksdb::ExtractUserKey(key), &key, get_context, &context, read);
}

namespace {

// As BlockBasedTable::UpdateCacheHitMetrics does for a data block.
void CountHit(GetContext* get_context, rocksdb::Statistics* statistics, size_t bytes,
              const int& level) {
  if (PerfContext* const counters = Counters()) {
    counters->block_cache_hit_count += 1;
    counters->block_cache_read_byte += bytes;
    CountAtLevel(counters, &PerfContextByLevel::block_cache_hit_count, level);
  }
  if (get_context != nullptr) {
    ++get_context->get_context_stats_.num_cache_hit;
    get_context->get_context_stats_.num_cache_bytes_read += bytes;
    ++get_context->get_context_stats_.num_cache_data_hit;
  } else {
    RecordTick(statistics, rocksdb::BLOCK_CACHE_HIT);
    RecordTick(statistics, rocksdb::BLOCK_CACHE_BYTES_READ, bytes);
    RecordTick(statistics, rocksdb::BLOCK_CACHE_DATA_HIT);
  }
}

// As BlockBasedTable::UpdateCacheMissMetrics does for a data block.
void CountMiss(GetContext* get_context, const int& level) {
  CountAtLevel(Counters(), &PerfContextByLevel::block_cache_miss_count, level);
  ++get_context->get_context_stats_.num_cache_miss;
  ++get_context->get_context_stats_.num_cache_data_miss;
}

}  // namespace

ffi::Guess LearnedTable::SeekIndex(const Slice& internal_key) const {
  return index_.seek_and_guess(AsRust(rocksdb::ExtractUserKey(internal_key)),
                               rocksdb::ExtractInternalKeyFooter(internal_key));
}

ffi::Aimed LearnedTable::SeekIndexAhead(const ReadOptions& read, const Slice& internal_key) const {
  if (IsInMap(read)) {
    return map_->Aim(index_, internal_key);
  }
  return {hints_->aim(index_, AsRust(rocksdb::ExtractUserKey(internal_key)),
                      rocksdb::ExtractInternalKeyFooter(internal_key)),
          0};
}

void LearnedTable::PrefetchBlock(const ReadOptions& read, const ffi::Guess& guess) const {
  if (IsInMap(read)) {
    map_->PrefetchWord(guess);
    map_->Prefetch(guess);
  } else {
    hints_->prefetch(guess);
  }
}

int32_t LearnedTable::PartOf(const ReadOptions& read, const Slice& internal_key,
                             const ffi::Guess& guess) const {
  return guess.part < 0 && IsInMap(read) ? SeekIndex(internal_key).part : guess.part;
}

void LearnedTable::SeekIndexForAll(const ReadOptions& read, rust::Slice<const ffi::BatchKey> keys,
                                   rust::Slice<ffi::BatchFound> found) const {
  if (IsInMap(read)) {
    TimeBlockSeek([&] { map_->LookUpAll(index_, keys, found); });
  } else {
    hints_->aim_all(index_, keys, found);
  }
}

HeldBlock LearnedTable::LookUpBlock(const ReadOptions& read, const ffi::Position& at,
                                    GetContext* get_context) const {
  if (IsInMap(read)) {
    HeldBlock block = map_->Find(at, read.verify_checksums);
    if (block) {
      return block;
    }
  }
  if (!IsInCache(read)) {
    return HeldBlock();
  }
  auto* const cached = FindInCache(at, get_context);
  return cached != nullptr ? HoldCached(at, cached) : HeldBlock();
}

rocksdb::Cache::Handle* LearnedTable::FindInCache(const ffi::Position& at,
                                                  GetContext* get_context) const {
  const auto key =
      BlockBasedTable::GetCacheKey(rep_.base_cache_key, BlockHandle(at.offset, at.size));
  DataBlockCache cache{cache_};
  auto* const cached = cache.LookupFull(
      key.AsSlice(), const_cast<rocksdb::BlockCreateContext*>(&rep_.create_context),
      rocksdb::Cache::Priority::LOW, statistics_,
      rep_.ioptions.lowest_used_cache_tier);
  if (cached != nullptr) {
    CountHit(get_context, statistics_, cache_->GetUsage(cached), rep_.level);
  }
  return cached;
}

HeldBlock LearnedTable::HoldCached(const ffi::Position& at, rocksdb::Cache::Handle* handle) const {
  auto* const object = static_cast<Block_kData*>(cache_->Value(handle));
  HeldBlock block(cache_, handle, object);
  const auto address = [](const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); };
  // Bytes that are compressed in the file are not where their size there would let expect them.
  const char* const bytes = block.contents().size() == at.size ? block.data() : nullptr;
  block.SetExpected(hints_->note(at.block, address(handle), address(object), address(bytes),
                                 block.restarts()));
  return block;
}

void LearnedTable::LookUpBehind(uint64_t block, Lookup* lookup) const {
  while (!lookup->done && lookup->status.ok() && index_.splits_a_user_key(block)) {
    const ffi::Position at = index_.position(++block);
    if (at.block >= blocks_) {
      if (at.block == kFailed) {
        lookup->status = IndexFailed();
      }
      return;
    }
    const ffi::Guess begin{at, 0};  // versions that go on begin the block
    PrefetchBlock(lookup->read, begin);
    LookUpIn({begin, 0}, lookup);
  }
}

void LearnedTable::LookUpIn(const ffi::Aimed& aimed, Lookup* lookup) const {
  const ffi::Guess& guess = aimed.guess;
  if (IsInMap(lookup->read)) {
    const ffi::BlockStep step =
        TimeBlockSeek([&] { return map_->LookUp(guess.at, aimed.word, lookup->key); });
    if (step.kind != ffi::BlockStepKind::Unknown) {
      MappedBlocks::CountRead(guess.at);
      VersionsInMap(map_->BytesAt(guess.at), MappedBlocks::kUnknownRestarts, step, lookup);
      return;
    }
  }
  HeldBlock block = LookUpBlock(lookup->read, guess.at, lookup->get_context);
  const int32_t part = PartOf(lookup->read, lookup->key, guess);
  if (!block.IsExpected()) {
    block.Prefetch(part);
  }
  if (!InPlace(&block, part, lookup)) {
    ReadIn(guess.at, &block, lookup);
  }
}

void LearnedTable::ReadIn(const ffi::Position& at, HeldBlock* block, Lookup* lookup) const {
  rocksdb::DataBlockIter iter;
  if (block->IsCached()) {
    auto entry = block->IntoEntry();
    table_->NewDataBlockIterator<rocksdb::DataBlockIter>(lookup->read, entry, &iter,
                                                         Status::OK());
    lookup->Through(&iter);
    return;
  }
  if (!*block && IsInCache(lookup->read)) {
    CountMiss(lookup->get_context, rep_.level);
  }
  BlockCacheLookupContext context{
      TableReaderCaller::kUserGet, lookup->get_context->get_tracing_get_id(),
      /*get_from_user_specified_snapshot=*/lookup->read.snapshot != nullptr};
  Status s;
  table_->NewDataBlockIterator<rocksdb::DataBlockIter>(
      lookup->read, BlockHandle(at.offset, at.size), &iter, rocksdb::BlockType::kData,
      lookup->get_context, &context, /*prefetch_buffer=*/nullptr, /*for_compaction=*/false,
      /*async_read=*/false, s, /*use_block_cache_for_lookup=*/false);
  lookup->Through(&iter);
}

bool LearnedTable::InPlace(HeldBlock* block, int32_t part, Lookup* lookup) const {
  if (!block->IsPlain()) {
    return false;
  }
  const ffi::BlockStep step = TimeBlockSeek([&] {
    return ffi::seek_in_block(block->bytes(), block->restarts(),
                              AsRust(rocksdb::ExtractUserKey(lookup->key)),
                              rocksdb::ExtractInternalKeyFooter(lookup->key), part);
  });
  if (step.kind == ffi::BlockStepKind::Corrupt) {
    return false;  // RocksDB's iterator will say what is wrong
  }
  const Slice bytes = block->contents();
  const uint64_t restarts = block->restarts();
  if (block->IsCached()) {
    Cleanable pinner;
    block->GiveTo(&pinner);
    Versions(bytes, restarts, &pinner, step, lookup);
  } else {
    VersionsInMap(bytes, restarts, step, lookup);
  }
  return true;
}

void LearnedTable::VersionsInMap(const Slice& bytes, uint64_t restarts, const ffi::BlockStep& step,
                                 Lookup* lookup) const {
  // A mapping goes when the table is closed. One of our own, kept for values, would not do: RocksDB
  // truncates files that it deletes at a limited rate, and whoever reads on is killed.
  if (!rep_.immortal_table) [[likely]] {
    Versions(bytes, restarts, /*pinner=*/nullptr, step, lookup);
  } else {
    Cleanable nothing;
    Versions(bytes, restarts, &nothing, step, lookup);
  }
}

void LearnedTable::Versions(const Slice& bytes, uint64_t restarts, Cleanable* pinner,
                            ffi::BlockStep step, Lookup* lookup) const {
  const Slice user_key = rocksdb::ExtractUserKey(lookup->key);
  while (step.kind == ffi::BlockStepKind::Version) {
    const ParsedInternalKey found(user_key, step.tag >> 8,
                                  static_cast<rocksdb::ValueType>(step.tag & 0xff));
    if (!rocksdb::IsExtendedValueType(found.type)) {
      lookup->status = Status::Corruption("Corrupted Key: unknown type of entry",
                                          rep_.file->file_name());
      return;
    }
    const Slice value(bytes.data() + step.value, step.value_len);
    if (!lookup->Save(found, value, pinner)) {
      return;
    }
    step = ffi::next_in_block(AsRust(bytes), restarts, AsRust(user_key), step);
  }
  if (step.kind == ffi::BlockStepKind::Corrupt) {
    lookup->status = Status::Corruption("bad entry in block", rep_.file->file_name());
  }
  lookup->done = step.kind == ffi::BlockStepKind::Larger;
}

bool LearnedTable::IsOrdinaryScan(const ReadOptions& read,
                                  const SliceTransform* prefix_extractor, bool skip_filters,
                                  TableReaderCaller caller) const {
  const bool asks_filter = !skip_filters && prefix_extractor != nullptr &&
                           (!read.total_order_seek || read.auto_prefix_mode ||
                            read.prefix_same_as_start);
  return MayLookUp(read) && !has_unusual_blocks_.load(std::memory_order_relaxed) &&
         caller == TableReaderCaller::kUserIterator && !asks_filter &&
         // Keys and values that stay, reads under way and what is told from file to file.
         !read.pin_data && !read.async_io && !read.adaptive_readahead;
}

rocksdb::InternalIterator* LearnedTable::NewIterator(
    const ReadOptions& read, const SliceTransform* prefix_extractor, rocksdb::Arena* arena,
    bool skip_filters, TableReaderCaller caller, size_t compaction_readahead_size,
    bool allow_unprepared_value) {
  if (!IsOrdinaryScan(read, prefix_extractor, skip_filters, caller)) {
    return table_->NewIterator(read, prefix_extractor, arena, skip_filters, caller,
                               compaction_readahead_size, allow_unprepared_value);
  }
  if (arena == nullptr) {
    return new LearnedIterator(*this, read, prefix_extractor, skip_filters,
                               allow_unprepared_value);
  }
  return new (arena->AllocateAligned(sizeof(LearnedIterator)))
      LearnedIterator(*this, read, prefix_extractor, skip_filters, allow_unprepared_value);
}

rocksdb::FragmentedRangeTombstoneIterator* LearnedTable::NewRangeTombstoneIterator(
    const ReadOptions& read) {
  // Asked at every Get.
  return rep_.fragmented_range_dels == nullptr ? nullptr : table_->NewRangeTombstoneIterator(read);
}

rocksdb::FragmentedRangeTombstoneIterator* LearnedTable::NewRangeTombstoneIterator(
    rocksdb::SequenceNumber read_seqno, const Slice* timestamp) {
  return table_->NewRangeTombstoneIterator(read_seqno, timestamp);
}

uint64_t LearnedTable::ApproximateOffsetOf(const ReadOptions& read, const Slice& key,
                                           TableReaderCaller caller) {
  return table_->ApproximateOffsetOf(read, key, caller);
}

uint64_t LearnedTable::ApproximateSize(const ReadOptions& read, const Slice& start,
                                       const Slice& end, TableReaderCaller caller) {
  return table_->ApproximateSize(read, start, end, caller);
}

Status LearnedTable::ApproximateKeyAnchors(const ReadOptions& read,
                                           std::vector<Anchor>& anchors) {
  return table_->ApproximateKeyAnchors(read, anchors);
}

void LearnedTable::SetupForCompaction() { table_->SetupForCompaction(); }

std::shared_ptr<const rocksdb::TableProperties> LearnedTable::GetTableProperties() const {
  return table_->GetTableProperties();
}

void LearnedTable::Prepare(const Slice& target) { owned_->Prepare(target); }

size_t LearnedTable::ApproximateMemoryUsage() const {
  return sizeof(*this) + table_->ApproximateMemoryUsage() + hints_->memory_usage() +
         (map_ != nullptr ? map_->ApproximateMemoryUsage() : 0);
}

Status LearnedTable::MultiGetFilter(const ReadOptions& read,
                                    const SliceTransform* prefix_extractor,
                                    rocksdb::MultiGetContext::Range* range) {
  return table_->MultiGetFilter(read, prefix_extractor, range);
}

void LearnedTable::MultiGet(const ReadOptions& read,
                            const rocksdb::MultiGetContext::Range* range,
                            const SliceTransform* prefix_extractor, bool skip_filters) {
  if (!MayLookUp(read) || has_unusual_blocks_.load(std::memory_order_relaxed) || IsTraced()) {
    table_->MultiGet(read, range, prefix_extractor, skip_filters);
    return;
  }
  constexpr size_t kMost = rocksdb::MultiGetContext::MAX_BATCH_SIZE;
  rocksdb::MultiGetContext::Range rest(*range, range->begin(), range->end());
  const bool filters = !skip_filters && filter_ != nullptr;
  if (filters) {
    table_->MultiGetFilter(read, prefix_extractor, &rest).PermitUncheckedError();  // always OK
  }
  std::array<ffi::BatchKey, kMost> targets;
  std::array<ffi::BatchFound, kMost> found;
  size_t asked = 0;
  for (auto it = rest.begin(); it != rest.end(); ++it) {
    targets[asked++] = {AsRust(rocksdb::ExtractUserKey(it->ikey)),
                        rocksdb::ExtractInternalKeyFooter(it->ikey)};
  }
  SeekIndexForAll(read, {targets.data(), asked}, {found.data(), asked});

  struct Key {
    rocksdb::KeyContext* context;
    size_t index;  // in the range
    ffi::Guess guess;
    rocksdb::Cache::Handle* cached;
    HeldBlock block;
  };
  // Those whose blocks are to be searched.
  std::array<Key, kMost> keys;
  size_t count = 0;
  ValueCopies copies;
  uint64_t true_positives = 0;
  const auto look_up = [&](const Key& key, auto&& in_block) {
    Lookup lookup(read, key.context->ikey, key.context->get_context);
    lookup.copies = asked >= ValueCopies::kFewest ? &copies : nullptr;
    if (!in_block(&lookup)) {
      return false;
    }
    LookUpBehind(key.guess.at.block, &lookup);
    *key.context->s = std::move(lookup.status);
    true_positives += filters && lookup.matched;
    rest.SkipIndex(key.index);
    return true;
  };
  uint64_t last = kFailed;
  const ffi::BatchFound* next = found.data();
  rocksdb::MultiGetContext::Range all(rest, rest.begin(), rest.end());
  for (auto it = all.begin(); it != all.end(); ++it, ++next) {
    const ffi::Position& at = next->guess.at;
    Key key{&*it, it.index(), next->guess, nullptr, HeldBlock()};
    if (at.block >= blocks_) {
      *it->s = at.block == kFailed ? IndexFailed() : Status::OK();
      rest.SkipIndex(key.index);
    } else if (next->step.kind == ffi::BlockStepKind::Unknown) {
      key.guess.part = PartOf(read, it->ikey, key.guess);
      keys[count++] = std::move(key);
    } else {
      look_up(key, [&](Lookup* lookup) {
        if (at.block != std::exchange(last, at.block)) {
          MappedBlocks::CountRead(at);
        }
        VersionsInMap(map_->BytesAt(at), MappedBlocks::kUnknownRestarts, next->step, lookup);
        return true;
      });
    }
  }

  const auto shares = [&](size_t i) {
    return i > 0 && keys[i].guess.at.block == keys[i - 1].guess.at.block;
  };
  if (!IsInMap(read)) {
    for (size_t i = 0; i < count; i++) {
      // RocksDB counts for the batch what it counts for its first key.
      if (!shares(i) && (keys[i].cached = FindInCache(keys[i].guess.at,
                                                      keys[0].context->get_context))) {
        const char* const block = static_cast<const char*>(cache_->Value(keys[i].cached));
        for (size_t offset = 0; offset < sizeof(rocksdb::Block); offset += kCacheLine) {
          __builtin_prefetch(block + offset);
        }
      }
    }
  }
  for (size_t i = 0; i < count; i++) {
    Key& key = keys[i];
    if (shares(i)) {
      key.block = keys[i - 1].block.Share();
    } else if (IsInMap(read)) {
      key.block = LookUpBlock(read, key.guess.at, key.context->get_context);
    } else if (key.cached != nullptr) {
      key.block = HoldCached(key.guess.at, key.cached);
    }
  }
  // A core has room for so many requests at a time, and more are lost: the lines of one block are
  // asked for while the one before is searched.
  const auto prefetch = [&](size_t i) {
    if (i < count) {
      keys[i].block.Prefetch(keys[i].guess.part);
    }
  };
  prefetch(0);
  for (size_t i = 0; i < count; i++) {
    prefetch(i + 1);
    Key& key = keys[i];
    const auto in_place = [&](Lookup* lookup) {
      return InPlace(&key.block, key.guess.part, lookup);
    };
    if (!key.block.IsPlain() || !look_up(key, in_place)) {
      if (key.block) {
        NoteUnusualBlock();
      }
      key.block.Release();  // with the rest, whose blocks are read together
    }
  }
  if (!rest.empty()) {
    rocksdb::MultiGetContext::Mask unmatched = 0;
    for (auto it = rest.begin(); filters && it != rest.end(); ++it) {
      if (it->get_context->State() == GetContext::kNotFound) {
        unmatched |= rocksdb::MultiGetContext::Mask{1} << it.index();
      }
    }
    table_->MultiGet(read, &rest, prefix_extractor, /*skip_filters=*/true);
    // It counts this of filters it has asked itself. (Matches that follow a merge's operands of
    // another file are left out.)
    for (size_t i = 0; i < count; i++) {
      true_positives += (unmatched >> keys[i].index & 1) != 0 &&
                        keys[i].context->get_context->State() != GetContext::kNotFound;
    }
  }
  if (true_positives > 0) {
    CountTruePositives(true_positives);
  }
}

Status LearnedTable::Prefetch(const ReadOptions& read, const Slice* begin, const Slice* end) {
  return table_->Prefetch(read, begin, end);
}

Status LearnedTable::DumpTable(rocksdb::WritableFile* out_file, bool show_sequence_number_type) {
  return table_->DumpTable(out_file, show_sequence_number_type);
}

Status LearnedTable::VerifyChecksum(const ReadOptions& read, TableReaderCaller caller,
                                    bool meta_blocks_only) {
  return table_->VerifyChecksum(read, caller, meta_blocks_only);
}

void LearnedTable::MarkObsolete(uint32_t uncache_aggressiveness) {
  table_->MarkObsolete(uncache_aggressiveness);
}

BlockBasedTable& BlockBasedTableOf(rocksdb::TableReader& reader) {
  auto* const learned = dynamic_cast<LearnedTable*>(&reader);
  return learned != nullptr ? learned->block_based() : static_cast<BlockBasedTable&>(reader);
}

}  // namespace mountdb
