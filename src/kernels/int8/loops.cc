#include "kernels/int8/loops.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "base/cpu.h"

namespace scissionlite::kernels {

#define SCISSIONLITE_INT8_LOOPS(name, ...) \
  namespace int8_loops::name {             \
  extern const Int8Loops kLoops;           \
  }
#include "kernels/int8/loops.inc"
#undef SCISSIONLITE_INT8_LOOPS

namespace {

struct Row {
  const Int8Loops* loops;
  std::vector<std::string> needs;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> table{
#define SCISSIONLITE_INT8_LOOPS(name, ...) {&int8_loops::name::kLoops, {__VA_ARGS__}},
#include "kernels/int8/loops.inc"
#undef SCISSIONLITE_INT8_LOOPS
  };
  return table;
}

}  // namespace

std::vector<const Int8Loops*> all_int8_loops() {
  std::vector<const Int8Loops*> out;
  for (const auto& row : rows())
    if (has_isa(row.needs)) out.push_back(row.loops);
  return out;
}

const Int8Loops& best_int8_loops() {
  static const Int8Loops& best = []() -> const Int8Loops& {
    const char* asked = std::getenv("SCISSIONLITE_ISA");
    const std::string most = asked ? asked : "";
    const auto all = all_int8_loops();
    const auto it = std::find_if(all.begin(), all.end(), [&](const Int8Loops* loops) { return most.empty() || most == loops->isa; });
    return it == all.end() ? *all.back() : **it;
  }();
  return best;
}

}  // namespace scissionlite::kernels
