// Memory that the C library keeps for later, and the system could use now.
#pragma once

#include <cstdint>

namespace scissionlite {

/// Gives freed memory back to the system, as free() does for the end of the heap only. Milliseconds for hundreds of MB.
void return_freed_memory();

/// Counts what is freed and gives it back in portions: once for each `portion_bytes`.
class FreedMemory {
 public:
  explicit FreedMemory(int64_t portion_bytes) : portion_bytes_(portion_bytes) {}
  void add(int64_t bytes) {
    if ((bytes_ += bytes) < portion_bytes_) return;
    return_freed_memory();
    bytes_ = 0;
  }

 private:
  int64_t portion_bytes_, bytes_ = 0;
};

}  // namespace scissionlite
