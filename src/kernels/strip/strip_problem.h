// A strip over blocked images as a problem: sizes, how operands are read, and the program.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/strip/strip_plan.h"
#include "ops/strip_program.h"

namespace scissionlite::kernels {

/// The program over n images of c channels; the result and operands read whole are blocked, all others plain.
struct StripProblem {
  struct Operand {
    Second second = Second::kWhole;
    bool is_own = false;  // each image has its own; of one that is not whole
    bool operator==(const Operand&) const = default;
  };
  int64_t n = 1, c = 1, h = 1, w = 1;
  std::vector<Operand> operands;
  ops::StripProgram program;

  [[nodiscard]] std::vector<Second> seconds() const;
  /// Of an operand that is not whole, for one image.
  [[nodiscard]] int64_t floats_of(const Operand& operand) const {
    return operand.second == Second::kOne ? 1 : operand.second == Second::kPerChannel ? c : h * w;
  }
  /// Whether lanes that belong to no channel end up finite by themselves, or there are none.
  [[nodiscard]] bool leaves_lanes_finite(int64_t lanes) const;
  /// "strip mb1ic64ih112iw112 whole channel own-one; Mul %0 %1; Add %3 %2; Clip %4 0 6": sizes, operands, steps.
  [[nodiscard]] std::string text() const;
  bool operator==(const StripProblem&) const = default;
};
/// The inverse of text(). @throws InvalidArgument saying what was not understood.
[[nodiscard]] StripProblem parse_strip(const std::string& text);

}  // namespace scissionlite::kernels
