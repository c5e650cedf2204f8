// What a Strip computes, without graphs: its steps and their texts. Kernels know it too.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ops/activation.h"

namespace scissionlite::ops {

/// Of float32: Add, Sub, Mul, Div, Min, Max of two values; Floor, Ceil, Round, Neg, Abs, Sqrt, Reciprocal; and every activation of activation.h.
struct StripStep {
  std::string op;                     // "Add", "Floor", "Clip": the operator's name
  std::vector<int> operands;          // numbers of earlier values
  std::vector<float> constants = {};  // of an activation, as far as it has them: alpha and beta of Activation
  bool operator==(const StripStep&) const = default;
};

struct StripProgram {
  int inputs = 0;
  std::vector<StripStep> steps;  // one or more
  /// The number of a step's result.
  [[nodiscard]] int value_of(size_t step) const { return inputs + static_cast<int>(step); }
  bool operator==(const StripProgram&) const = default;
};

/// Of a step that is no activation: 2 or 1; 0 for other operators.
[[nodiscard]] size_t arithmetic_operands(std::string_view op);

/// "Mul %0 %1", "Clip %2 0 6"; constants as the shortest text that is read as the same float.
[[nodiscard]] std::string text_of(const StripStep& step);
/// @param values  before it, which its operands may be. @throws InvalidArgument with what is wrong with the text.
[[nodiscard]] StripStep parse_step(const std::string& text, int values);

[[nodiscard]] StripStep step_of(const Activation& activation, int operand);
/// The function that the step is; nothing for other operators.
[[nodiscard]] std::optional<Activation> activation_of(const StripStep& step);

}  // namespace scissionlite::ops
