#include "kernels/lowbit/loops.h"

#include <string>

#include "base/cpu.h"

namespace scissionlite::kernels {

#define SCISSIONLITE_LOW_BIT_LOOPS(name, ...) \
  namespace low_bit_loops::name {             \
  extern const LowBitLoops kLoops;            \
  }
#include "kernels/lowbit/loops.inc"
#undef SCISSIONLITE_LOW_BIT_LOOPS

namespace {

struct Row {
  const LowBitLoops* loops;
  std::string beside;
  std::vector<std::string> needs;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> table{
#define SCISSIONLITE_LOW_BIT_LOOPS(name, beside, ...) {&low_bit_loops::name::kLoops, beside, {__VA_ARGS__}},
#include "kernels/lowbit/loops.inc"
#undef SCISSIONLITE_LOW_BIT_LOOPS
  };
  return table;
}

}  // namespace

const LowBitLoops& low_bit_loops_beside(const Int8Loops& loops) {
  bool is_wider = true;
  for (const auto* bytes : all_int8_loops()) {  // fastest first
    is_wider = is_wider && bytes != &loops;
    for (const auto& row : rows())
      if (!is_wider && row.beside == bytes->isa && has_isa(row.needs)) return *row.loops;
  }
  return *rows().back().loops;
}

}  // namespace scissionlite::kernels
