// A strip's data, on which generated kernels are verified against our own loops and timed. Runs in a child process (tune_strip.h).
#pragma once

#include "kernels/strip/strip.h"
#include "tune/trial_timing.h"

namespace scissionlite::tune {

class StripTrial {
 public:
  StripTrial(const kernels::StripProblem& problem, const TrialOptions& options);

  /// @return the median in us. @throws InvalidArgument "wrong by ..." when it differs from our own loops.
  [[nodiscard]] double run(const kernels::Strip& strip);
  /// Our own loops.
  [[nodiscard]] double run_own() { return run(*own_); }

 private:
  void check() const;
  [[nodiscard]] int64_t floats_of(const kernels::StripProblem::Operand& operand) const;
  /// Fresh values of the operands: what is read is as in a network, just written.
  void fill();

  kernels::StripProblem problem_;
  TrialOptions options_;
  std::unique_ptr<kernels::Strip> own_;
  std::vector<kernels::AlignedFloats> inputs_, sources_;
  std::vector<const float*> pointers_;
  kernels::AlignedFloats y_, scratch_;
  OtherData other_;
  std::vector<float> expected_;
};

}  // namespace scissionlite::tune
