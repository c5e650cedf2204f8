#include "kernels/bitserial/loops.h"

#include "kernels/lowbit/loops_beside.h"

namespace scissionlite::kernels {

#define SCISSIONLITE_BIT_SERIAL_LOOPS(name, ...) \
  namespace bit_serial_loops::name {             \
  extern const BitSerialLoops kLoops;            \
  }
#include "kernels/bitserial/loops.inc"
#undef SCISSIONLITE_BIT_SERIAL_LOOPS

const BitSerialLoops& bit_serial_loops_beside(const Int8Loops& loops) {
  static const std::vector<LoopsRow<BitSerialLoops>> rows{
#define SCISSIONLITE_BIT_SERIAL_LOOPS(name, beside, ...) {&bit_serial_loops::name::kLoops, beside, {__VA_ARGS__}},
#include "kernels/bitserial/loops.inc"
#undef SCISSIONLITE_BIT_SERIAL_LOOPS
  };
  return loops_beside(rows, loops);
}

}  // namespace scissionlite::kernels
