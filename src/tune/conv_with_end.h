// A convolution as a network has it: with the residual and the activation that end it.
#pragma once

#include <string>

#include "kernels/conv/conv.h"

namespace scissionlite::tune {

struct ConvWithEnd {
  kernels::ConvProblem problem;
  kernels::ConvEnd end;
  ConvWithEnd(const kernels::ConvProblem& of, const kernels::ConvEnd& with = {})
      : problem(of), end(with) {}  // NOLINT: one without an end is one as well
  /// ConvProblem::text(), then the activation's name and "residual" where there are such: "conv mb1ic64 ... g1 Relu residual".
  /// The activation's parameters, which take no time, are left out.
  [[nodiscard]] std::string text() const;
};

/// The inverse of text(); parameters are usual ones of the activation. The same shorthands as in kernels::parse_problem.
/// @throws InvalidArgument saying what was not understood.
[[nodiscard]] ConvWithEnd parse_conv_with_end(const std::string& text);

}  // namespace scissionlite::tune
