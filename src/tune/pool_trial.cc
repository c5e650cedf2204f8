#include "tune/pool_trial.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/rng.h"

namespace scissionlite::tune {

PoolTrial::PoolTrial(const kernels::PoolProblem& problem, const TrialOptions& options) : problem_(problem), options_(options) {
  Rng rng(1);
  const int64_t planes = problem.n * kernels::blocks_of(problem.c, options.loops->lanes), lanes = options.loops->lanes;
  x_source_ = kernels::AlignedFloats(planes * problem.h * problem.w * lanes);
  for (int64_t i = 0; i < x_source_.size(); ++i) x_source_.data()[i] = static_cast<float>(rng.uniform(-1, 1));
  x_ = kernels::AlignedFloats(x_source_.size());
  y_ = kernels::AlignedFloats(planes * problem.out_h * problem.out_w * lanes);
  std::copy_n(x_source_.data(), x_.size(), x_.data());
  kernels::make_pooling(problem, *options.loops)->run(x_.data(), y_.data(), options.threads);
  expected_.assign(y_.data(), y_.data() + y_.size());
}

void PoolTrial::check() const {
  double error = 0, largest = 0;
  for (int64_t i = 0; i < y_.size(); ++i) {
    const double right = expected_[static_cast<size_t>(i)];
    error = with_error_of(error, y_.data()[i], right);
    largest = std::max(largest, std::abs(right));
  }
  check_error(error, largest, options_);
}

/// As in a network: the layer before has just written the input, and everything else has left the cache since the last image.
double PoolTrial::run(const kernels::Pooling& pooling) {
  const auto once = [&] { pooling.run(x_.data(), y_.data(), options_.threads); };
  std::fill_n(y_.data(), y_.size(), std::numeric_limits<float>::quiet_NaN());
  once();
  check();
  const auto before = [this] {
    other_.touch();
    std::memcpy(x_.data(), x_source_.data(), static_cast<size_t>(x_.size()) * sizeof(float));
  };
  return time_of(once, before, options_);
}

}  // namespace scissionlite::tune
