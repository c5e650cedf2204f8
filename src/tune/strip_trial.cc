#include "tune/strip_trial.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/rng.h"

namespace scissionlite::tune {
namespace {

constexpr double kLeastInput = 0.25, kMostInput = 8;  // of random values: no quotient without a meaning, and on both sides of usual bounds

}  // namespace

StripTrial::StripTrial(const kernels::StripProblem& problem, const TrialOptions& options)
    : problem_(problem),
      options_(options),
      own_(kernels::make_strip(problem.program, kernels::joined_walk(problem, options.loops->lanes), *options.loops, options.threads)) {
  Rng rng(1);
  for (const auto& operand : problem_.operands) {
    auto& source = sources_.emplace_back(floats_of(operand));
    for (int64_t i = 0; i < source.size(); ++i)
      source.data()[i] = static_cast<float>(rng.uniform(kLeastInput, kMostInput) * (rng.below(2) == 0 ? 1 : -1));
    pointers_.push_back(inputs_.emplace_back(source.size()).data());
  }
  y_ = kernels::AlignedFloats(floats_of({})), scratch_ = kernels::AlignedFloats(own_->scratch_floats());
  fill();
  own_->run(pointers_.data(), y_.data(), scratch_.data(), options_.threads);
  expected_.assign(y_.data(), y_.data() + y_.size());
}

int64_t StripTrial::floats_of(const kernels::StripProblem::Operand& operand) const {
  const auto& p = problem_;
  if (operand.second == kernels::Second::kWhole) return p.n * kernels::round_up(p.c, options_.loops->lanes) * p.h * p.w;
  return p.floats_of(operand) * (operand.is_own ? p.n : 1);
}

void StripTrial::fill() {
  for (size_t i = 0; i < inputs_.size(); ++i)
    std::memcpy(inputs_[i].data(), sources_[i].data(), static_cast<size_t>(sources_[i].size()) * sizeof(float));
}

/// Values that are no finite number have to be the same kind of it.
void StripTrial::check() const {
  double error = 0, largest = 0;
  for (int64_t i = 0; i < y_.size(); ++i) {
    const double right = expected_[static_cast<size_t>(i)], given = y_.data()[i];
    if ((std::isnan(right) && std::isnan(given)) || right == given) continue;
    error = with_error_of(error, given, right);
  }
  for (const double right : expected_)
    if (std::isfinite(right)) largest = std::max(largest, std::abs(right));
  check_error(error, largest, options_);
}

/// As in a network: the layer before has just written the operands, and everything else has left the cache since the last image.
double StripTrial::run(const kernels::Strip& strip) {
  const auto once = [&] { strip.run(pointers_.data(), y_.data(), scratch_.data(), options_.threads); };
  std::fill_n(y_.data(), y_.size(), std::numeric_limits<float>::quiet_NaN());
  once();
  check();
  const auto before = [this] {
    other_.touch();
    fill();
  };
  return time_of(once, before, options_);
}

}  // namespace scissionlite::tune
