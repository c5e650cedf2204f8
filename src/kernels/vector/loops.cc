#include "kernels/vector/loops.h"

#include <algorithm>
#include <cstdlib>

#include "base/cpu.h"
#include "base/error.h"
#include "base/text.h"

namespace scissionlite::kernels {

namespace base {
extern const VectorLoops kLoops;
}
#ifdef SCISSIONLITE_LOOPS_X86
namespace avx2 {
extern const VectorLoops kLoops;
}
namespace avx512 {
extern const VectorLoops kLoops;
}
#endif

namespace {

struct Row {
  const VectorLoops* loops;
  std::vector<std::string> needs;  // as MachineInfo names them
};

const std::vector<Row>& rows() {
  static const std::vector<Row> table{
#ifdef SCISSIONLITE_LOOPS_X86
      {&avx512::kLoops, {"avx512f", "avx512bw"}},
      {&avx2::kLoops, {"avx2", "fma", "f16c"}},
#endif
      {&base::kLoops, {}}};
  return table;
}

bool can_run(const Row& row) { return has_isa(row.needs); }

}  // namespace

std::vector<const VectorLoops*> all_loops() {
  std::vector<const VectorLoops*> out;
  for (const auto& row : rows())
    if (can_run(row)) out.push_back(row.loops);
  return out;
}

namespace {

const Row& row_named(const std::string& isa) {
  std::vector<std::string> names;
  for (const auto& row : rows()) {
    names.emplace_back(row.loops->isa);
    if (isa == row.loops->isa) return row;
  }
  throw InvalidArgument("[kernels] unknown instruction set '" + isa + "'" + did_you_mean(isa, names));
}

}  // namespace

const VectorLoops& loops_named(const std::string& isa) {
  const auto& row = row_named(isa);
  if (!can_run(row)) throw Unsupported("[kernels] this CPU (" + this_machine().cpu + ") has no " + isa);
  return *row.loops;
}

const VectorLoops& described_loops(const std::string& isa) { return *row_named(isa == "neon" ? "base" : isa).loops; }

const VectorLoops& best_loops() {
  static const VectorLoops& best = [&]() -> const VectorLoops& {
    const char* asked = std::getenv("SCISSIONLITE_ISA");
    return asked && *asked ? loops_named(asked) : *all_loops().front();
  }();
  return best;
}

}  // namespace scissionlite::kernels
