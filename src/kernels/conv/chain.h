// A 1x1 convolution, the depthwise one behind it and the 1x1 behind that as one step, band of rows by band of rows: the widened
// tensors between them stay in the cache instead of going out to memory and back. First and last may be absent.
#pragma once

#include <memory>
#include <optional>

#include "kernels/conv/conv.h"

namespace scissionlite::kernels {

/// One convolution of a chain.
struct ChainStage {
  ConvProblem problem;
  ConvWeights weights;
  ActivationArguments activation;
};

struct ChainProblem {
  std::optional<ChainStage> expand;  // 1x1, stride 1, no pads, one group
  ChainStage depthwise;
  std::optional<ChainStage> project;  // as expand; may have a residual
  bool has_residual = false;
  /// Bytes of what lies between the stages, which a chain keeps in the cache.
  [[nodiscard]] int64_t inner_bytes() const;
};

/// Rows of the depthwise output at a time, so that a band takes about half of a core's L2.
[[nodiscard]] int64_t usual_band_rows(const ChainProblem& problem, const VectorLoops& loops, int threads);

/// x, residual and y are blocked. @throws InternalError when the stages do not fit together.
[[nodiscard]] std::unique_ptr<Convolution> make_chain(const ChainProblem& problem, int64_t band_rows, const VectorLoops& loops);

}  // namespace scissionlite::kernels
