// Where objects live that a lookup makes and drops.
#pragma once

#include <cstddef>
#include <new>

namespace mountdb {

// Keeps the memory of the last few objects of `T` that a thread has dropped: the allocator would be a
// measurable part of a lookup.
template <class T>
class ThreadMemory {
 public:
  // How many are kept.
  static constexpr size_t kSlots = 8;

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
  // At the end of the thread; objects may still be dropped behind it.
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
