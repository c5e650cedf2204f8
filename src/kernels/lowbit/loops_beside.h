// Choice among loops of few-bit values: those of an instruction set that go with given loops of bytes.
#pragma once

#include <string>
#include <vector>

#include "base/cpu.h"
#include "kernels/int8/loops.h"

namespace scissionlite::kernels {

template <typename Loops>
struct LoopsRow {
  const Loops* loops;
  std::string beside;              // loops of bytes that need no narrower a CPU
  std::vector<std::string> needs;  // as MachineInfo names it
};

/// Of rows, fastest first, the first that this CPU runs and that needs no wider instructions than `loops` do; the last one runs everywhere.
template <typename Loops>
[[nodiscard]] const Loops& loops_beside(const std::vector<LoopsRow<Loops>>& rows, const Int8Loops& loops) {
  bool is_wider = true;
  for (const auto* bytes : all_int8_loops()) {  // fastest first
    is_wider = is_wider && bytes != &loops;
    for (const auto& row : rows)
      if (!is_wider && row.beside == bytes->isa && has_isa(row.needs)) return *row.loops;
  }
  return *rows.back().loops;
}

}  // namespace scissionlite::kernels
