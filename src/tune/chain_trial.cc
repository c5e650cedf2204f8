#include "tune/chain_trial.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/rng.h"
#include "kernels/generated/chain_kernel.h"
#include "kernels/layout.h"
#include "kernels/sparse24/weights.h"

namespace scissionlite::tune {
namespace {

std::vector<float> random_values(Rng& rng, int64_t count, double most = 1) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& v : values) v = static_cast<float>(rng.uniform(-most, most));
  return values;
}

/// An image of random values, unused lanes included, which hold finite values in a network too.
kernels::AlignedFloats random_image(Rng& rng, int64_t n, int64_t channels, int64_t pixels, int64_t lanes) {
  kernels::AlignedFloats image(n * kernels::round_up(channels, lanes) * pixels);
  for (int64_t i = 0; i < image.size(); ++i) image.data()[i] = static_cast<float>(rng.uniform(-1, 1));
  return image;
}

}  // namespace

ChainTrial::ChainTrial(const ChainOfConvs& chain, const std::vector<kernels::ConvChoice>& separate, const TrialOptions& options)
    : options_(options), problem_(chain.problem()) {
  Rng rng(1);
  const int64_t lanes = options.loops->lanes;
  const auto& first = chain.stages.front().problem;
  x_source_ = random_image(rng, first.n, first.c, first.h * first.w, lanes);
  x_ = kernels::AlignedFloats(x_source_.size());
  std::copy_n(x_source_.data(), x_.size(), x_.data());
  for (const auto& conv : chain.stages) {
    const auto& p = conv.problem;
    const int64_t products = p.c / p.groups * p.kernel_h * p.kernel_w;
    Stage stage{conv, random_values(rng, p.k * products, 1 / std::sqrt(static_cast<double>(products))), random_values(rng, p.k),
                kernels::AlignedFloats(p.n * kernels::round_up(p.k, lanes) * p.out_h() * p.out_w()), nullptr};
    if (p.is_two_four) kernels::make_two_four(stage.w.data(), p.k, p.c, p.kernel_h * p.kernel_w);
    stages_.push_back(std::move(stage));
  }
  const auto& last = chain.stages.back().problem;
  if (chain.stages.back().end.has_residual) residual_ = random_image(rng, last.n, last.k, last.out_h() * last.out_w(), lanes);
  if (problem_.expand) problem_.expand->weights = weights_of(stages_.front());
  problem_.depthwise.weights = weights_of(stages_[problem_.expand ? 1 : 0]);
  if (problem_.project) problem_.project->weights = weights_of(stages_.back());
  keep_expected();
  for (size_t i = 0; i < stages_.size(); ++i) {
    auto& stage = stages_[i];
    stage.alone = separate[i].implementation->make(stage.conv.problem, weights_of(stage), stage.conv.end, separate[i].knobs, *options.loops);
  }
}

/// By `direct`, which trials of single convolutions check against double precision.
void ChainTrial::keep_expected() {
  const auto& direct = kernels::conv_implementation("direct");
  for (size_t i = 0; i < stages_.size(); ++i) {
    const auto& stage = stages_[i];
    run_alone(
        i, *direct.make(stage.conv.problem, weights_of(stage), stage.conv.end, direct.usual(stage.conv.problem, *options_.loops), *options_.loops));
  }
  expected_.assign(stages_.back().y.data(), stages_.back().y.data() + stages_.back().y.size());
}

void ChainTrial::run_alone(size_t i, const kernels::Convolution& conv) {
  auto& stage = stages_[i];
  const auto& p = stage.conv.problem;
  if (scratch_.size() < conv.scratch_floats(options_.threads)) scratch_ = kernels::AlignedFloats(conv.scratch_floats(options_.threads));
  const float* x = input_of(i);
  if (conv.takes_plain_input()) {
    if (plain_.size() < p.n * p.c * p.h * p.w) plain_ = kernels::AlignedFloats(p.n * p.c * p.h * p.w);
    kernels::to_plain(x, plain_.data(), p.n, p.c, p.h * p.w, options_.loops->lanes, options_.threads);
    x = plain_.data();
  }
  conv.run(x, stage.conv.end.has_residual ? residual() : nullptr, stage.y.data(), scratch_.data(), options_.threads);
}

void ChainTrial::run_all_alone() {
  for (size_t i = 0; i < stages_.size(); ++i) run_alone(i, *stages_[i].alone);
}

/// Of the lanes that hold channels.
void ChainTrial::check() const {
  const auto& p = stages_.back().conv.problem;
  const auto& y = stages_.back().y;
  const int64_t lanes = options_.loops->lanes, block = p.out_h() * p.out_w() * lanes, blocks = kernels::blocks_of(p.k, lanes);
  double error = 0, largest = 0;
  for (int64_t i = 0; i < y.size(); ++i) {
    if (i / block % blocks * lanes + i % lanes >= p.k) continue;
    const double right = expected_[static_cast<size_t>(i)], given = y.data()[i];
    error = with_error_of(error, given, right);
    largest = std::max(largest, std::abs(right));
  }
  check_error(error, largest, options_);
}

/// As in a network: the layer before has just written the input, and weights have left the cache since the last image.
double ChainTrial::timed(const std::function<void()>& run) {
  auto& y = stages_.back().y;
  std::fill_n(y.data(), y.size(), std::numeric_limits<float>::quiet_NaN());
  run();
  check();
  const auto before = [this] {
    other_.touch();
    std::memcpy(x_.data(), x_source_.data(), static_cast<size_t>(x_.size()) * sizeof(float));
  };
  return time_of(run, before, options_);
}

double ChainTrial::timed(const kernels::Convolution& chain) {
  kernels::AlignedFloats scratch(chain.scratch_floats(options_.threads));
  return timed([&] { chain.run(x_.data(), residual(), stages_.back().y.data(), scratch.data(), options_.threads); });
}

double ChainTrial::run(int64_t band_rows) { return timed(*kernels::make_chain(problem_, band_rows, *options_.loops)); }

double ChainTrial::run_generated(const kernels::Knobs& knobs) {
  const auto kernel = kernels::kernel_of({kernels::generated_problem(problem_), knobs, kernels::target_of(*options_.loops)});
  return timed(*kernels::make_generated_chain(problem_, knobs, kernel, *options_.loops));
}

double ChainTrial::run_separate() {
  return timed([&] { run_all_alone(); });
}

}  // namespace scissionlite::tune
