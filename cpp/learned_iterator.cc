#include "mountdb/cpp/learned_iterator.h"

#include <string>

#include "db/pinned_iterators_manager.h"
#include "mountdb/cpp/perf_counters.h"
#include "mountdb/cpp/thread_memory.h"

namespace mountdb {

using ffi::BlockPlace;
using ffi::BlockPlaceKind;
using rocksdb::IterateResult;
using rocksdb::IterBoundCheck;
using rocksdb::RecordTick;
using rocksdb::Slice;
using rocksdb::Status;

LearnedIterator::LearnedIterator(const LearnedTable& table, const rocksdb::ReadOptions& read,
                                 const rocksdb::SliceTransform* prefix_extractor,
                                 bool skip_filters, bool allow_unprepared_value)
    : table_(table),
      read_(read),
      prefix_extractor_(prefix_extractor),
      skip_filters_(skip_filters),
      allow_unprepared_value_(allow_unprepared_value) {}

LearnedIterator::~LearnedIterator() { Leave(); }

void* LearnedIterator::operator new(size_t) { return ThreadMemory<LearnedIterator>::Take(); }

void LearnedIterator::operator delete(void* memory) {
  ThreadMemory<LearnedIterator>::Give(memory);
}

bool LearnedIterator::Valid() const {
  return at_ == At::kStock ? stock_->Valid() : at_ == At::kHere && !is_out_of_bound_;
}

void LearnedIterator::SeekToFirst() {
  HeldBlock kept;
  HandOver(&kept).SeekToFirst();
}

void LearnedIterator::SeekToLast() {
  HeldBlock kept;
  HandOver(&kept).SeekToLast();
}

void LearnedIterator::SeekForPrev(const Slice& target) {
  HeldBlock kept;
  HandOver(&kept).SeekForPrev(target);
}

void LearnedIterator::Seek(const Slice& target) {
  if (is_all_stocks_ || table_.IsTraced() || !SeekHere(target)) {
    HeldBlock kept;
    HandOver(&kept).Seek(target);
  } else if (stock_ != nullptr && !IsPinning()) {
    stock_.reset();  // with the block that it holds
  }
}

bool LearnedIterator::SeekHere(const Slice& target) {
  status_ = Status::OK();
  is_block_counted_ = false;
  is_use_to_be_counted_ = false;
  const Slice user_key = rocksdb::ExtractUserKey(target);
  const uint64_t tag = rocksdb::ExtractInternalKeyFooter(target);
  const ffi::Guess guess = table_.SeekIndex(target);
  const ffi::Position& at = guess.at;
  if (at.block >= table_.blocks()) {
    Leave();
    if (at.block == kFailed) {
      status_ = IndexFailed();
    }
    return true;
  }
  if (!block_ || number_ != at.block) {
    table_.PrefetchBlock(read_, guess);
    HeldBlock block = LookUp(at);
    if (!block) {
      return false;
    }
    if (!block.IsExpected()) {
      block.Prefetch(guess.part);
    }
    Hold(std::move(block), at.block);
  }
  const BlockPlace place = TimeBlockSeek([&] {
    return ffi::place_in_block(block_.bytes(), block_.restarts(), AsRust(user_key), tag, guess.part);
  });
  switch (place.kind) {
    case BlockPlaceKind::Entry:
      key_.SetInternalKey(Slice(target.data(), place.shared));
      Take(place);
      return true;
    case BlockPlaceKind::Version: {
      uint64_t sequence;
      rocksdb::ValueType type;
      rocksdb::UnPackSequenceAndType(place.tag, &sequence, &type);
      key_.SetInternalKey(user_key, sequence, type);
      value_ = place.value;
      value_len_ = place.value_len;
      CheckUpperBound();
      return true;
    }
    case BlockPlaceKind::Beyond:
      return TakeBeyond(place.restart, place.at);
    case BlockPlaceKind::End:
      return NextBlockHere();
    default:
      return false;  // RocksDB's iterator will say what is wrong
  }
}

void LearnedIterator::Next() {
  if (at_ == At::kStock) {
    stock_->Next();
  } else if (!NextHere()) {
    const std::string current = key_.GetInternalKey().ToString();
    HeldBlock kept;
    rocksdb::InternalIterator& stock = HandOver(&kept);
    stock.Seek(current);
    if (stock.Valid() && stock.key() == Slice(current) && stock.PrepareValue()) {
      stock.Next();
    }
  }
}

bool LearnedIterator::NextHere() {
  const BlockPlace place = ffi::entry_in_block(block_.bytes(), block_.restarts(),
                                               value_ + value_len_, key_.Size());
  if (place.kind == BlockPlaceKind::Entry) {
    Take(place);
    return true;
  }
  return place.kind == BlockPlaceKind::End && NextBlockHere();
}

bool LearnedIterator::NextBlockHere() {
  if (number_ + 1 >= table_.blocks()) {
    Leave();
    return true;
  }
  if (read_.iterate_upper_bound != nullptr && IsNextBlockOutOfBound()) {
    Leave();
    at_ = At::kHere;
    is_out_of_bound_ = true;  // and nobody reads it
    return true;
  }
  const ffi::Position next = table_.index().position(number_ + 1);
  if (next.block >= table_.blocks()) {
    return false;
  }
  HeldBlock block = LookUp(next);
  if (!block) {
    return false;
  }
  const BlockPlace place = ffi::entry_in_block(block.bytes(), block.restarts(), 0, 0);
  if (place.kind != BlockPlaceKind::Entry) {
    return false;
  }
  Hold(std::move(block), next.block);
  Take(place);
  return true;
}

bool LearnedIterator::NextAndGetResult(IterateResult* result) {
  if (at_ == At::kStock) {
    return stock_->NextAndGetResult(result);
  }
  Next();
  if (!Valid()) {
    return false;
  }
  result->key = key();
  result->bound_check_result = UpperBoundCheckResult();
  result->value_prepared = at_ == At::kHere;
  return true;
}

void LearnedIterator::Prev() {
  if (at_ == At::kHere) {
    const std::string current = key_.GetInternalKey().ToString();
    HeldBlock kept;
    HandOver(&kept).SeekForPrev(current);
    if (!stock_->Valid()) {
      return;
    }
  }
  stock_->Prev();
}

Slice LearnedIterator::key() const {
  return at_ == At::kStock ? stock_->key() : key_.GetInternalKey();
}

Slice LearnedIterator::user_key() const {
  return at_ == At::kStock ? stock_->user_key() : key_.GetUserKey();
}

Slice LearnedIterator::value() const {
  if (at_ == At::kStock) {
    return stock_->value();
  }
  if (is_use_to_be_counted_) {
    RecordTick(table_.rep().ioptions.stats,
               table_.block_based().IsLastLevel()
                   ? rocksdb::LAST_LEVEL_SEEK_DATA_USEFUL_NO_FILTER
                   : rocksdb::NON_LAST_LEVEL_SEEK_DATA_USEFUL_NO_FILTER);
    is_use_to_be_counted_ = false;
  }
  return Slice(block_.data() + value_, value_len_);
}

Status LearnedIterator::status() const {
  return at_ == At::kStock ? stock_->status() : status_;
}

bool LearnedIterator::PrepareValue() {
  return at_ == At::kStock ? stock_->PrepareValue() : true;
}

uint64_t LearnedIterator::write_unix_time() const {
  if (at_ == At::kStock) {
    return stock_->write_unix_time();
  }
  // As BlockBasedTableIterator does; DBIter asks for every entry.
  const rocksdb::SeqnoToTimeMapping& times = table_.block_based().GetSeqnoToTimeMapping();
  rocksdb::ParsedInternalKey parsed;
  if (!rocksdb::ParseInternalKey(key(), &parsed, /*log_err_key=*/false).ok()) {
    return UINT64_MAX;
  }
  if (parsed.sequence == rocksdb::kUnknownSeqnoBeforeAll) {
    return rocksdb::kUnknownTimeBeforeAll;
  }
  if (times.Empty()) {
    return UINT64_MAX;
  }
  return times.GetProximalTimeBeforeSeqno(parsed.type == rocksdb::kTypeValuePreferredSeqno
                                              ? rocksdb::ParsePackedValueForSeqno(value())
                                              : parsed.sequence);
}

IterBoundCheck LearnedIterator::UpperBoundCheckResult() {
  if (at_ == At::kStock) {
    return stock_->UpperBoundCheckResult();
  }
  if (is_out_of_bound_) {
    return IterBoundCheck::kOutOfBound;
  }
  return at_ == At::kHere && read_.iterate_upper_bound != nullptr ? IterBoundCheck::kInbound
                                                                  : IterBoundCheck::kUnknown;
}

void LearnedIterator::SetPinnedItersMgr(rocksdb::PinnedIteratorsManager* manager) {
  pinned_ = manager;
  if (stock_ != nullptr) {
    stock_->SetPinnedItersMgr(manager);
  }
}

bool LearnedIterator::IsKeyPinned() const {
  return at_ == At::kStock && stock_->IsKeyPinned();
}

bool LearnedIterator::IsValuePinned() const {
  // What is pinned stays as long as the table is open, and so does a mapping.
  return at_ == At::kStock ? stock_->IsValuePinned() : IsPinning();
}

void LearnedIterator::Prepare(const rocksdb::MultiScanArgs* scans) {
  is_all_stocks_ = true;
  HeldBlock kept;
  HandOver(&kept).Prepare(scans);
}

std::unique_ptr<rocksdb::InternalIterator> LearnedIterator::NewStock() const {
  return std::unique_ptr<rocksdb::InternalIterator>(table_.block_based().NewIterator(
      read_, prefix_extractor_, /*arena=*/nullptr, skip_filters_,
      rocksdb::TableReaderCaller::kUserIterator, /*compaction_readahead_size=*/0,
      allow_unprepared_value_));
}

rocksdb::InternalIterator& LearnedIterator::HandOver(HeldBlock* kept) {
  *kept = block_.Share();
  Leave();
  at_ = At::kStock;
  if (stock_ == nullptr) {
    stock_ = NewStock();
    stock_->SetPinnedItersMgr(pinned_);
  }
  return *stock_;
}

HeldBlock LearnedIterator::LookUp(const ffi::Position& at) const {
  HeldBlock block = table_.LookUpBlock(read_, at, /*get_context=*/nullptr);
  if (block && !block.IsPlain()) {
    table_.NoteUnusualBlock();
    block.Release();
  }
  return block;
}

void LearnedIterator::Hold(HeldBlock block, uint64_t number) {
  Release();
  block_ = std::move(block);
  number_ = number;
  if (!is_block_counted_) {
    RecordTick(table_.rep().ioptions.stats, table_.block_based().IsLastLevel()
                                                ? rocksdb::LAST_LEVEL_SEEK_DATA
                                                : rocksdb::NON_LAST_LEVEL_SEEK_DATA);
    is_block_counted_ = true;
    is_use_to_be_counted_ = true;
  }
}

void LearnedIterator::Take(const BlockPlace& place) {
  const char* const own = block_.data() + place.value - place.own;
  if (place.shared == 0) {
    key_.SetInternalKey(Slice(own, place.own), /*copy=*/false);
  } else {
    key_.TrimAppend(place.shared, own, place.own);
  }
  value_ = place.value;
  value_len_ = place.value_len;
  CheckUpperBound();
}

bool LearnedIterator::TakeBeyond(size_t restart, size_t at) {
  size_t key_len = 0;
  for (size_t from = restart;; from = value_ + value_len_) {
    const BlockPlace place =
        ffi::entry_in_block(block_.bytes(), block_.restarts(), from, key_len);
    if (place.kind != BlockPlaceKind::Entry || from > at) {
      return false;
    }
    Take(place);
    if (from == at) {
      return true;
    }
    key_len = key_.Size();
  }
}

// The standard comparator's order: a file with another one has no learned index.
void LearnedIterator::CheckUpperBound() {
  at_ = At::kHere;
  const Slice* const bound = read_.iterate_upper_bound;
  is_out_of_bound_ = bound != nullptr && bound->compare(key_.GetUserKey()) <= 0;
}

bool LearnedIterator::IsNextBlockOutOfBound() const {
  // All keys in blocks behind the one where the bound would be are behind the bound.
  const ffi::Position of_bound =
      table_.index().seek(AsRust(*read_.iterate_upper_bound), TagBeforeAllVersions());
  return of_bound.block <= number_;
}

void LearnedIterator::Release() {
  if (IsPinning()) {
    block_.GiveTo(pinned_);
  } else {
    block_.Release();
  }
}

void LearnedIterator::Leave() {
  Release();
  number_ = UINT64_MAX;
  at_ = At::kNowhere;
  is_out_of_bound_ = false;
}

bool LearnedIterator::IsPinning() const {
  return pinned_ != nullptr && pinned_->PinningEnabled();
}

}  // namespace mountdb
