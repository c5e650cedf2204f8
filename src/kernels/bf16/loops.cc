#include "kernels/bf16/loops.h"

#include <string>

#include "base/cpu.h"

namespace scissionlite::kernels {

#define SCISSIONLITE_BF16_LOOPS(name, ...) \
  namespace bf16_loops_of::name {          \
  extern const Bf16Loops kLoops;           \
  }
#include "kernels/bf16/loops.inc"
#undef SCISSIONLITE_BF16_LOOPS

namespace {

struct Row {
  const Bf16Loops* loops;
  std::vector<std::string> needs;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> table{
#define SCISSIONLITE_BF16_LOOPS(name, ...) {&bf16_loops_of::name::kLoops, {__VA_ARGS__}},
#include "kernels/bf16/loops.inc"
#undef SCISSIONLITE_BF16_LOOPS
  };
  return table;
}

}  // namespace

std::vector<const Bf16Loops*> bf16_loops(int lanes) {
  std::vector<const Bf16Loops*> out;
  for (const auto& row : rows())
    if (row.loops->lanes == lanes && (row.loops->way == Bf16Way::kWidened || has_isa(row.needs))) out.push_back(row.loops);
  return out;
}

const Bf16Loops& bf16_loops(int lanes, Bf16Way most) {
  const auto all = bf16_loops(lanes);
  for (const auto* loops : all)
    if (loops->way <= most) return *loops;
  return *all.back();
}

}  // namespace scissionlite::kernels
