// A chain of convolutions (kernels/conv/chain.h) as something to measure: by itself, and as its convolutions one by one.
#pragma once

#include <vector>

#include "kernels/conv/chain.h"
#include "tune/conv_with_end.h"

namespace scissionlite::tune {

/// The convolutions in order: an optional 1x1, a depthwise one, an optional 1x1, at least two; the last may have a residual.
struct ChainOfConvs {
  std::vector<ConvWithEnd> stages;
  /// "chain " and the stages' texts, joined by " + ".
  [[nodiscard]] std::string text() const;
  /// Heights of bands that are worth a try: a few between one row and a thread's share of the image, the usual one included. Ascending.
  [[nodiscard]] std::vector<int64_t> band_rows(const kernels::VectorLoops& loops, int threads) const;
  /// For the kernel, without weights. @throws InvalidArgument when the stages make no chain.
  [[nodiscard]] kernels::ChainProblem problem() const;
};

/// The inverse of text(). @throws InvalidArgument saying what was not understood.
[[nodiscard]] ChainOfConvs parse_chain(const std::string& text);

}  // namespace scissionlite::tune
