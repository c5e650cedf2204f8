#include "kernels/lowbit/loops.h"

#include "kernels/lowbit/loops_beside.h"

namespace scissionlite::kernels {

#define SCISSIONLITE_LOW_BIT_LOOPS(name, ...) \
  namespace low_bit_loops::name {             \
  extern const LowBitLoops kLoops;            \
  }
#include "kernels/lowbit/loops.inc"
#undef SCISSIONLITE_LOW_BIT_LOOPS

const LowBitLoops& low_bit_loops_beside(const Int8Loops& loops) {
  static const std::vector<LoopsRow<LowBitLoops>> rows{
#define SCISSIONLITE_LOW_BIT_LOOPS(name, beside, ...) {&low_bit_loops::name::kLoops, beside, {__VA_ARGS__}},
#include "kernels/lowbit/loops.inc"
#undef SCISSIONLITE_LOW_BIT_LOOPS
  };
  return loops_beside(rows, loops);
}

}  // namespace scissionlite::kernels
