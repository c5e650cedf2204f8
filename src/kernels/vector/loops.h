// Which vectorised loops this CPU can run.
#pragma once

#include <string>
#include <vector>

#include "kernels/vector/arguments.h"

namespace scissionlite::kernels {

/// Widest first; the last one runs everywhere.
[[nodiscard]] std::vector<const VectorLoops*> all_loops();
/// "avx512", "avx2" or "base". @throws InvalidArgument for another name, Unsupported where the CPU lacks it.
[[nodiscard]] const VectorLoops& loops_named(const std::string& isa);
/// The same without asking the CPU: to pack weights for a machine that has it, never to run. "neon" is "base": four lanes.
[[nodiscard]] const VectorLoops& described_loops(const std::string& isa);
/// The widest, or what the environment variable SCISSIONLITE_ISA names.
[[nodiscard]] const VectorLoops& best_loops();

}  // namespace scissionlite::kernels
