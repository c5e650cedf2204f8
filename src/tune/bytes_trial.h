// A convolution of bytes: data on which the ways to do it are verified and timed. Runs in a child process (tune_bytes.h).
#pragma once

#include "kernels/int8/buffer.h"
#include "kernels/int8/conv.h"
#include "tune/trial_timing.h"

namespace scissionlite::tune {

/// (k, c / groups, kernel_h, kernel_w) of that problem's codes, as large as its most_sum lets them be, and with about as many large pairs; small ones
/// are more frequent, as in a network.
[[nodiscard]] std::vector<int16_t> random_weights(const kernels::Int8Problem& problem);

class BytesTrial {
 public:
  /// Makes up codes, weights and scales, and computes the bytes that every way has to give.
  /// @param problem  as parse_int8_problem gives it.
  /// @throws InternalError when the reference (`direct`) differs from sums in int64 at some hundred places.
  BytesTrial(const kernels::Int8Problem& problem, const kernels::Int8Loops& loops, const TrialOptions& options);

  /// Packs, verifies every byte, times. @return the median in us. @throws InvalidArgument "wrong at ..." when a byte differs.
  [[nodiscard]] double run(const kernels::Int8ConvImplementation& way);

 private:
  [[nodiscard]] kernels::Int8Weights weights() const { return {w_.data(), bias_.data(), scale_.data()}; }
  void set_codes();
  void set_ends();
  [[nodiscard]] uint8_t one_output(int64_t at) const;
  void check_reference() const;
  void check() const;

  kernels::Int8Problem problem_;
  const kernels::Int8Loops& loops_;
  TrialOptions options_;
  std::vector<int16_t> w_;
  std::vector<int32_t> bias_;
  std::vector<float> scale_;
  kernels::Buffer<uint8_t> x_, x_source_, y_, scratch_;  // channels last
  OtherData other_;
  std::vector<uint8_t> expected_;
};

}  // namespace scissionlite::tune
