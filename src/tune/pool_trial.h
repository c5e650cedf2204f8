// A pooling's data, on which generated kernels are verified against our own loops and timed. Runs in a child process (tune_pool.h).
#pragma once

#include "kernels/pool/pool.h"
#include "tune/trial_timing.h"

namespace scissionlite::tune {

class PoolTrial {
 public:
  PoolTrial(const kernels::PoolProblem& problem, const TrialOptions& options);

  /// @return the median in us. @throws InvalidArgument "wrong by ..." when it differs from our own loops.
  [[nodiscard]] double run(const kernels::Pooling& pooling);

 private:
  void check() const;
  kernels::PoolProblem problem_;
  TrialOptions options_;
  kernels::AlignedFloats x_, x_source_, y_;  // blocked
  OtherData other_;
  std::vector<float> expected_;
};

}  // namespace scissionlite::tune
