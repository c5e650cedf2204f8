// One convolution's data, on which choices are verified and timed. Runs in the child process of measure.h.
#pragma once

#include "tune/conv_with_end.h"
#include "tune/trial_timing.h"

namespace scissionlite::tune {

/// Whether the input of a trial lies plain: pictures do in a network. What asks for the other layout converts it, within its time.
[[nodiscard]] bool comes_plain(const kernels::ConvProblem& problem);

class Trial {
 public:
  /// Makes up values, and computes what every choice has to give.
  /// @throws InternalError when the reference (`direct`) differs from the loop nest in double precision at some hundred places.
  Trial(const ConvWithEnd& conv, const TrialOptions& options);

  /// Packs, verifies all outputs, times. @return the median. @throws InvalidArgument "wrong by ..." when the answer is.
  [[nodiscard]] double run(const kernels::ConvChoice& choice);

 private:
  [[nodiscard]] double one_output(int64_t n, int64_t k, int64_t row, int64_t column) const;
  void check_reference() const;
  [[nodiscard]] std::vector<float> result_of(const kernels::Convolution& conv);
  void run_once(const kernels::Convolution& conv);
  void convert_input(const kernels::Convolution& conv);
  void fill_caches();
  [[nodiscard]] bool comes_plain() const { return tune::comes_plain(problem_); }
  [[nodiscard]] const float* residual() const { return end_.has_residual ? residual_.data() : nullptr; }
  kernels::ConvProblem problem_;
  kernels::ConvEnd end_;
  TrialOptions options_;
  std::vector<float> w_, bias_, plain_x_, plain_residual_;
  kernels::AlignedFloats x_plain_, x_blocked_, x_source_, residual_, y_, scratch_;  // residual_: blocked, empty without one
  OtherData other_;
  std::vector<float> expected_;  // (n, k, h, w)
  double largest_ = 0;           // of expected_
};

}  // namespace scissionlite::tune
