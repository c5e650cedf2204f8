// What trials of convolutions and of chains share: how often a candidate runs, when its answer is wrong, and what leaves the cache
// between two images.
#pragma once

#include <functional>
#include <vector>

#include "kernels/conv/panels.h"

namespace scissionlite::tune {

struct TrialOptions {
  const kernels::VectorLoops* loops = nullptr;
  int threads = 1;
  double most_error = 1e-3;  // of max|y|: what a whole network is allowed
  int least_runs = 5, most_runs = 25;
  double enough_us = 12e3;  // of runs; no further ones
};

/// Stands for everything else that a network touches between two runs of a layer: more than an L2 of today holds.
class OtherData {
 public:
  OtherData();
  void touch();

 private:
  kernels::AlignedFloats values_;
};

/// The larger of the error so far and that of one value; infinite where it is no number.
[[nodiscard]] double with_error_of(double error, double given, double expected);
/// @throws InvalidArgument "wrong by ..." when the error is more than the options allow of the largest value.
void check_error(double error, double largest, const TrialOptions& options);

/// @return the median us of `run`. @param before  runs ahead of each, untimed.
[[nodiscard]] double time_of(const std::function<void()>& run, const std::function<void()>& before, const TrialOptions& options);

}  // namespace scissionlite::tune
