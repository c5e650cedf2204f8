// Strips: elementwise programs, whose steps all go over some values that stay in L1 before they go on to the next ones.
//
// What lives here: the program over blocked images as a problem (strip_problem.h), how operands are read (strip_walk.h), calls of vector loops
// and places of values (strip_plan.h), and what runs them (this file). A generated kernel may run a problem too (kernels/generated/strip_kernel.h).
#pragma once

#include <memory>

#include "kernels/strip/strip_walk.h"

namespace scissionlite::kernels {

/// Immutable: any number of threads may run it.
class Strip {
 public:
  virtual ~Strip() = default;
  /// Of all threads that it was made for.
  [[nodiscard]] virtual int64_t scratch_floats() const { return 0; }
  /// @param inputs  one an operand. y is none of them.
  virtual void run(const float* const* inputs, float* y, float* scratch, int threads) const = 0;
};

/// By the vectorised loops, for up to `threads` threads. Numerics: each step as its loop alone.
[[nodiscard]] std::unique_ptr<Strip> make_strip(const ops::StripProgram& program, StripWalk walk, const VectorLoops& loops, int threads);

/// Of a problem, in one row where that can be.
[[nodiscard]] StripWalk joined_walk(const StripProblem& problem, int64_t lanes);

}  // namespace scissionlite::kernels
