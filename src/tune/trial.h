// One convolution's data, on which choices are verified and timed. Runs in the child process of measure.h.
#pragma once

#include "kernels/conv/panels.h"

namespace scissionlite::tune {

struct TrialOptions {
  const kernels::VectorLoops* loops = nullptr;
  int threads = 1;
  double most_error = 1e-3;  // of max|y|: what a whole network is allowed
  int least_runs = 5, most_runs = 25;
  double enough_us = 12e3;   // of runs; no further ones
};

class Trial {
 public:
  /// Makes up values, and computes what every choice has to give.
  /// @throws InternalError when the reference (`direct`) differs from the loop nest in double precision at some hundred places.
  Trial(const kernels::ConvProblem& problem, const TrialOptions& options);

  /// Packs, verifies all outputs, times. @return the median. @throws InvalidArgument "wrong by ..." when the answer is.
  [[nodiscard]] double run(const kernels::ConvChoice& choice);

 private:
  [[nodiscard]] double one_output(int64_t n, int64_t k, int64_t row, int64_t column) const;
  void check_reference() const;
  [[nodiscard]] std::vector<float> result_of(const kernels::Convolution& conv);
  [[nodiscard]] double time_of(const kernels::Convolution& conv);
  void run_once(const kernels::Convolution& conv);
  void convert_input(const kernels::Convolution& conv);
  void fill_caches();
  [[nodiscard]] bool comes_plain() const;
  kernels::ConvProblem problem_;
  TrialOptions options_;
  std::vector<float> w_, bias_, plain_x_;
  kernels::AlignedFloats x_plain_, x_blocked_, x_source_, y_, scratch_, other_;
  std::vector<float> expected_;  // (n, k, h, w)
  double largest_ = 0;           // of expected_
};

}  // namespace scissionlite::tune
