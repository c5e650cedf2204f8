// An elementwise program as calls of vector loops over registers: its operands, pieces of scratch memory and the result's own memory.
#pragma once

#include <vector>

#include "kernels/vector/arguments.h"
#include "ops/strip_program.h"

namespace scissionlite::kernels {

using Second = BinaryArguments::Second;

/// One call. Registers are numbered: operands of the program first, the result, then buffers.
struct StripOperation {
  enum class Kind { kBinary, kUnary, kActivation, kScaleShift };
  Kind kind = Kind::kActivation;
  BinaryKind binary = BinaryKind::kAdd;
  Second second = Second::kWhole;  // of a binary one: how b is read
  bool is_swapped = false;         // b op a
  UnaryKind unary = UnaryKind::kNeg;
  ActivationArguments activation;  // of kActivation, and what ends kScaleShift
  int a = -1, b = -1, c = -1;      // kScaleShift: a * b + c, of which b and c hold a value a channel
  int y = -1;
};

struct StripPlan {
  std::vector<StripOperation> operations;
  int operands = 0, buffers = 0;
  bool makes_finite = true;  // of finite values; else lanes that belong to no channel may end up as no number
  [[nodiscard]] int result() const { return operands; }
  [[nodiscard]] int first_buffer() const { return operands + 1; }
};

/// @param seconds  how each operand is read. Two operands of one step that are both repeated cannot be combined: see `can_plan_strip`.
[[nodiscard]] StripPlan plan_strip(const ops::StripProgram& program, const std::vector<Second>& seconds);

/// Whether one operand of each step has a value for each of the result's.
[[nodiscard]] bool can_plan_strip(const ops::StripProgram& program, const std::vector<Second>& seconds);

}  // namespace scissionlite::kernels
