#include "kernels/lowbit/loops.h"

#include "kernels/lowbit/loops_beside.h"

namespace scissionlite::kernels {

#define SCISSIONLITE_LOW_BIT_LOOPS(name, ...) \
  namespace low_bit_loops::name {             \
  extern const LowBitLoops kLoops;            \
  }
#include "kernels/lowbit/loops.inc"
#undef SCISSIONLITE_LOW_BIT_LOOPS

namespace {

const std::vector<LoopsRow<LowBitLoops>>& rows() {
  static const std::vector<LoopsRow<LowBitLoops>> table{
#define SCISSIONLITE_LOW_BIT_LOOPS(name, beside, ...) {&low_bit_loops::name::kLoops, beside, {__VA_ARGS__}},
#include "kernels/lowbit/loops.inc"
#undef SCISSIONLITE_LOW_BIT_LOOPS
  };
  return table;
}

}  // namespace

std::vector<const LowBitLoops*> all_low_bit_loops() {
  std::vector<const LowBitLoops*> out;
  for (const auto& row : rows())
    if (has_isa(row.needs)) out.push_back(row.loops);
  return out;
}

const LowBitLoops& low_bit_loops_beside(const Int8Loops& loops) { return loops_beside(rows(), loops); }

}  // namespace scissionlite::kernels
