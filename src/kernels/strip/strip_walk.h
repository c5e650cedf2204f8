// How a pass over a result goes: rows of it, and where each operand lies that is repeated over rows or along them.
#pragma once

#include <optional>
#include <span>

#include "base/tensor.h"
#include "kernels/strip/strip_plan.h"
#include "kernels/strip/strip_problem.h"

namespace scissionlite::kernels {

struct StripWalk {
  struct Operand {
    Second second = Second::kWhole;  // how it is read along a row
    std::vector<int64_t> strides;    // of `outer`, in floats
    bool is_continuous = false;      // a row begins where the one before ends, or every row reads the same value
  };
  Shape outer;                       // that rows are counted through
  int64_t length = 1;                // floats of a row
  int64_t lanes = 1;                 // of blocks, whose rows are pixels of one block; 1 in the plain layout
  int64_t blocks = 1, channels = 0;  // of an image in blocks; outer is (images, blocks) or nothing
  std::vector<Operand> operands;
  [[nodiscard]] int64_t rows() const { return element_count(outer); }
  [[nodiscard]] std::vector<Second> seconds() const;
};

/// Over plain tensors of any rank; operands are broadcast to `result`.
[[nodiscard]] StripWalk plain_walk(const Shape& result, std::span<const Shape> operands);

/// What a program over an image in blocks asks for, with operands of its shape in blocks too and all others plain: one value, or one an image, a
/// channel or a pixel, of all images or of each its own. Nothing where an operand is none of these, or a step has none of the result's shape.
[[nodiscard]] std::optional<StripProblem> strip_problem(const ops::StripProgram& program, const Shape& result, std::span<const Shape> operands);

[[nodiscard]] StripWalk walk_of(const StripProblem& problem, int64_t lanes);

/// Makes one row of all blocks, where no operand is read otherwise in one than in another.
void join_blocks(StripWalk& walk);

}  // namespace scissionlite::kernels
