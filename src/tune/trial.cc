#include "tune/trial.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/rng.h"
#include "kernels/layout.h"
#include "kernels/sparse24/weights.h"
#include "ops/activation.h"

namespace scissionlite::tune {
namespace {

constexpr int64_t kImageChannels = 4;  // up to that an input is a picture, which comes plain; all else comes blocked
constexpr int kPlacesChecked = 200;

void fill(std::vector<float>& values, int64_t count, Rng& rng) {
  values.resize(static_cast<size_t>(count));
  for (float& v : values) v = static_cast<float>(rng.uniform(-1, 1));
}

}  // namespace

Trial::Trial(const ConvWithEnd& conv, const TrialOptions& options) : problem_(conv.problem), end_(conv.end), options_(options) {
  const auto& p = problem_;
  const int64_t lanes = options.loops->lanes, pixels = p.h * p.w, out_pixels = p.out_h() * p.out_w();
  Rng rng(1);
  fill(w_, p.k * (p.c / p.groups) * p.kernel_h * p.kernel_w, rng);
  if (p.is_two_four) kernels::make_two_four(w_.data(), p.k, p.c, p.kernel_h * p.kernel_w);
  fill(bias_, p.k, rng);
  fill(plain_x_, p.n * p.c * pixels, rng);
  x_plain_ = kernels::AlignedFloats(static_cast<int64_t>(plain_x_.size()));
  x_blocked_ = kernels::AlignedFloats(p.n * kernels::round_up(p.c, lanes) * pixels);
  y_ = kernels::AlignedFloats(p.n * kernels::round_up(p.k, lanes) * out_pixels);
  if (end_.has_residual) {
    fill(plain_residual_, p.n * p.k * out_pixels, rng);
    residual_ = kernels::AlignedFloats(y_.size());
    kernels::to_blocked(plain_residual_.data(), residual_.data(), p.n, p.k, out_pixels, lanes);
  }
  x_source_ = kernels::AlignedFloats(x_blocked_.size());
  std::copy(plain_x_.begin(), plain_x_.end(), x_plain_.data());
  kernels::to_blocked(plain_x_.data(), x_blocked_.data(), p.n, p.c, pixels, lanes);
  std::copy_n(comes_plain() ? x_plain_.data() : x_blocked_.data(), comes_plain() ? x_plain_.size() : x_blocked_.size(), x_source_.data());
  const auto& direct = kernels::conv_implementation("direct");
  expected_ = result_of(*direct.make(p, {w_.data(), bias_.data()}, end_, direct.usual(p, *options.loops), *options.loops));
  for (const float v : expected_) largest_ = std::max(largest_, std::abs(static_cast<double>(v)));
  check_reference();
}

bool comes_plain(const kernels::ConvProblem& problem) { return problem.c <= kImageChannels; }

double Trial::one_output(int64_t n, int64_t k, int64_t row, int64_t column) const {
  const auto& p = problem_;
  const int64_t in = p.c / p.groups, first = k / (p.k / p.groups) * in;
  double sum = bias_[static_cast<size_t>(k)];
  for (int64_t c = 0; c < in; ++c)
    for (int64_t i = 0; i < p.kernel_h; ++i)
      for (int64_t j = 0; j < p.kernel_w; ++j) {
        const int64_t at_h = row * p.stride_h - p.top + i * p.dilation_h, at_w = column * p.stride_w - p.left + j * p.dilation_w;
        if (at_h < 0 || at_h >= p.h || at_w < 0 || at_w >= p.w) continue;
        sum += static_cast<double>(plain_x_[static_cast<size_t>(((n * p.c + first + c) * p.h + at_h) * p.w + at_w)]) *
               w_[static_cast<size_t>(((k * in + c) * p.kernel_h + i) * p.kernel_w + j)];
      }
  if (end_.has_residual) sum += plain_residual_[static_cast<size_t>(((n * p.k + k) * p.out_h() + row) * p.out_w() + column)];
  return ops::Activation{end_.activation.kind, end_.activation.alpha, end_.activation.beta}(static_cast<float>(sum));
}

void Trial::check_reference() const {
  constexpr double kMostError = 1e-4;  // of sums of some thousand products in single precision
  Rng rng(2);
  const int64_t rows = problem_.out_h(), columns = problem_.out_w();
  for (int i = 0; i < kPlacesChecked; ++i) {
    const auto at = static_cast<int64_t>(rng.below(expected_.size()));
    const double right = one_output(at / (columns * rows * problem_.k), at / (columns * rows) % problem_.k, at / columns % rows, at % columns);
    if (!(std::abs(right - static_cast<double>(expected_[static_cast<size_t>(at)])) <= kMostError * largest_))
      throw InternalError("[tune] `direct` computes " + problem_.text() + " wrongly at output " + std::to_string(at));
  }
}

/// Into y_, which held no number before.
std::vector<float> Trial::result_of(const kernels::Convolution& conv) {
  scratch_ = kernels::AlignedFloats(conv.scratch_floats(options_.threads));
  std::fill_n(y_.data(), y_.size(), std::numeric_limits<float>::quiet_NaN());
  conv.run(conv.takes_plain_input() ? x_plain_.data() : x_blocked_.data(), residual(), y_.data(), scratch_.data(), options_.threads);
  std::vector<float> plain(static_cast<size_t>(problem_.n * problem_.k * problem_.out_h() * problem_.out_w()));
  kernels::to_plain(y_.data(), plain.data(), problem_.n, problem_.k, problem_.out_h() * problem_.out_w(), options_.loops->lanes);
  return plain;
}

double Trial::run(const kernels::ConvChoice& choice) {
  const auto conv = choice.implementation->make(problem_, {w_.data(), bias_.data()}, end_, choice.knobs, *options_.loops);
  const auto result = result_of(*conv);
  double error = 0;
  for (size_t i = 0; i < result.size(); ++i) error = with_error_of(error, result[i], expected_[i]);
  check_error(error, largest_, options_);
  return time_of([&] { run_once(*conv); }, [this] { fill_caches(); }, options_);
}

/// As in a network: the layer before has just written the input, and everything else has left the cache since the last image.
void Trial::fill_caches() {
  other_.touch();
  float* to = comes_plain() ? x_plain_.data() : x_blocked_.data();
  std::memcpy(to, x_source_.data(), static_cast<size_t>(comes_plain() ? x_plain_.size() : x_blocked_.size()) * sizeof(float));
}

/// What asks for the other layout pays for the conversion.
void Trial::convert_input(const kernels::Convolution& conv) {
  const auto& p = problem_;
  if (conv.takes_plain_input() == comes_plain()) return;
  if (comes_plain()) kernels::to_blocked(x_plain_.data(), x_blocked_.data(), p.n, p.c, p.h * p.w, options_.loops->lanes, options_.threads);
  else kernels::to_plain(x_blocked_.data(), x_plain_.data(), p.n, p.c, p.h * p.w, options_.loops->lanes, options_.threads);
}

void Trial::run_once(const kernels::Convolution& conv) {
  convert_input(conv);
  conv.run(conv.takes_plain_input() ? x_plain_.data() : x_blocked_.data(), residual(), y_.data(), scratch_.data(), options_.threads);
}

}  // namespace scissionlite::tune
