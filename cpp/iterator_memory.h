// Where short-lived iterators live.
#pragma once

#include <cstddef>
#include <new>

namespace mountdb {

// Keeps the memory of a thread's last few objects of `T`: a lookup makes and drops one, and the
// allocator would be a measurable part of it.
template <class T>
class IteratorMemory {
 public:
  static void* Take() { return count_ > 0 ? slots_[--count_] : ::operator new(sizeof(T)); }

  static void Give(void* memory) {
    if (count_ < kSlots && !closed_) {
      thread_local const Closer closer;
      slots_[count_++] = memory;
    } else {
      ::operator delete(memory);
    }
  }

 private:
  static constexpr size_t kSlots = 8;

  // At the end of the thread; iterators may still be dropped behind it.
  struct Closer {
    ~Closer() {
      closed_ = true;
      while (count_ > 0) {
        ::operator delete(slots_[--count_]);
      }
    }
  };

  // Without a constructor: nothing is called to get at them.
  static constinit inline thread_local void* slots_[kSlots] = {};
  static constinit inline thread_local size_t count_ = 0;
  static constinit inline thread_local bool closed_ = false;
};

}  // namespace mountdb
