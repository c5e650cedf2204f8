// Steps (sizes of a code's unit) that fit given values, by least squared error. Without gradients.
#pragma once

#include <span>

#include "compress/low_bit.h"
#include "compress/two_four.h"

namespace scissionlite::compress {

/// Step of the least squared error of `values` against their codes times it; 1 where all values are zero, or where no code but zero fits any
/// (negative values alone, unsigned); next to nothing for zeros in odd codes, none of which is zero. Cost: 200 passes over the values, 1200 for eight
/// bits. Numerics: for bipolar weights of one bit exact (the mean magnitude), else a search over a grid that is refined by least squares for the
/// codes found; the error is at most that of the largest magnitude as the largest code.
[[nodiscard]] float fit_step(std::span<const float> values, const CodeRange& range);

/// A step for each output of the layer, or one for all.
[[nodiscard]] std::vector<float> fit_weight_steps(const SparseLayer& layer, const Tensor& weights, const CodeRange& range, bool one_for_all = false);

/// Codes of weights, as int8, or uint8 where no code is negative. @param steps  one, or one an output.
[[nodiscard]] Tensor weight_codes(const SparseLayer& layer, const Tensor& weights, const CodeRange& range, std::span<const float> steps);

/// How often values of an activation come up: seen twice, first for their range, then for the counts.
class Histogram {
 public:
  /// @throws InvalidArgument for values that are not finite. @param where  for the message.
  void widen(std::span<const float> values, const std::string& where);
  void count(std::span<const float> values);
  [[nodiscard]] float low() const { return low_; }
  [[nodiscard]] float high() const { return high_; }

  /// value = (code - zero_point) * step.
  struct Step {
    float step = 1;
    int zero_point = 0;
  };
  /// Of the least squared error; step 1 where all values are zero.
  /// @param is_signed  values below zero have codes too: an integer zero point.
  [[nodiscard]] Step fit(int bits, bool is_signed) const;

 private:
  static constexpr size_t kBins = 2048;
  [[nodiscard]] double squared_error(const Step& step, int most) const;
  float low_ = 0, high_ = 0;
  std::vector<double> counts_;
};

}  // namespace scissionlite::compress
