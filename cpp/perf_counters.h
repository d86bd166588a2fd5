// RocksDB's counters of a thread (PerfContext), looked up once: in RocksDB's macros every mention of them
// is a call, and a timer asks for them before it knows whether it runs.
#pragma once

#include <cstdint>
#include <utility>

#include "monitoring/perf_context_imp.h"

namespace mountdb {

// The thread's counters, or null if it does not count.
inline rocksdb::PerfContext* Counters() {
  return rocksdb::perf_level >= rocksdb::PerfLevel::kEnableCount ? &rocksdb::perf_context : nullptr;
}

// As PERF_COUNTER_BY_LEVEL_ADD. `counters`: of Counters. `level` is read only if it matters.
inline void CountAtLevel(rocksdb::PerfContext* counters,
                         uint64_t rocksdb::PerfContextByLevel::*metric, const int& level,
                         uint64_t count = 1) {
  if (counters != nullptr && counters->per_level_perf_context_enabled &&
      counters->level_to_perf_context != nullptr) {
    (*counters->level_to_perf_context)[static_cast<uint32_t>(level)].*metric += count;
  }
}

// What `search` returns, timed as a search of blocks.
template <typename Search>
auto TimeBlockSeek(Search&& search) {
  using rocksdb::perf_context;
  using rocksdb::PerfLevel;
  using rocksdb::PerfStepTimer;
  if (rocksdb::perf_level < PerfLevel::kEnableTimeExceptForMutex) [[likely]] {
    return std::forward<Search>(search)();
  }
  PERF_TIMER_GUARD(block_seek_nanos);
  return std::forward<Search>(search)();
}

}  // namespace mountdb
