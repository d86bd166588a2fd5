// Whether a file's filter will say that a key may be there, going by what it said last.
//
// A lookup that waits for the filter might as well ask for the block meanwhile, if it is going to be
// read. In one file lookups mostly come to one end: those at the last level find their keys, those
// above it do not.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace mountdb {

// One thread's, about one of many files: wrong where two files have one number, which costs a
// moment. Threads have their own so that they do not write to one cache line at every lookup.
class FilterForecast {
 public:
  static FilterForecast& Of(uint32_t file) {
    thread_local std::array<FilterForecast, 256> forecasts;
    return forecasts[file % forecasts.size()];
  }

  bool MayMatch() const { return passes_ >= kSure / 2; }
  void Note(bool matched) {
    if (matched) {
      passes_ += passes_ < kSure;
    } else {
      passes_ -= passes_ > 0;
    }
  }

 private:
  static constexpr uint8_t kSure = 4;
  uint8_t passes_ = 0;
};

}  // namespace mountdb
