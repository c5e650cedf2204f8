#include <malloc.h>

#include "train_cli/command.h"

namespace {

/// Activations of tens of megabytes come and go with each step. By default each of them is mapped and unmapped, and the
/// kernel clears its pages anew: 45 % of the CPU time of a calibration. This keeps freed memory in the process.
void keep_freed_memory() {
  constexpr int kLargestOnHeap = 32 << 20;  // glibc's upper limit
  constexpr int kKept = 1 << 30;
  mallopt(M_MMAP_THRESHOLD, kLargestOnHeap);
  mallopt(M_TRIM_THRESHOLD, kKept);
}

}  // namespace

int main(int argc, char** argv) {
  keep_freed_memory();
  return scissionlite::cli::train_main(argc, argv);
}
