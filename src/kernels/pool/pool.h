// Pooling of blocked images: what is asked (PoolProblem), and the loops that do it; a generated kernel may do it as well (pool_kernel.h).
#pragma once

#include <memory>
#include <string>

#include "kernels/vector/arguments.h"

namespace scissionlite::kernels {

/// The largest value or the mean of windows over n images of c channels. Windows may reach beyond the image: what lies there counts as
/// no value, for a mean that counts pads as zeros within the pads. Values are numbers: where one is none, so may the result be.
struct PoolProblem {
  bool is_max = true;
  int64_t n = 1, c = 1, h = 1, w = 1, out_h = 1, out_w = 1;
  int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  int64_t top = 0, left = 0, bottom = 0, right = 0;
  bool counts_padding = false;  // of a mean

  /// "pool max mb1ic64ih112iw112oh56ow56kh3kw3sh2sw2dh1dw1pt1pl1pb1pr1cp0".
  [[nodiscard]] std::string text() const;
  bool operator==(const PoolProblem&) const = default;
};
/// The inverse of text(). @throws InvalidArgument with the position of what was not understood.
[[nodiscard]] PoolProblem parse_pool(const std::string& text);

/// Immutable: any number of threads may run it.
class Pooling {
 public:
  virtual ~Pooling() = default;
  /// x and y are blocked.
  virtual void run(const float* x, float* y, int threads) const = 0;
};

/// By the vectorised loops. Numerics: the largest value is exact; a mean is a sum times 1 / count inside and a quotient at borders.
[[nodiscard]] std::unique_ptr<Pooling> make_pooling(const PoolProblem& problem, const VectorLoops& loops);

}  // namespace scissionlite::kernels
