#include "tune/bytes_trial.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <numeric>

#include "base/rng.h"
#include "kernels/int8/problem_text.h"

namespace scissionlite::tune {
namespace {

constexpr int kPlacesChecked = 200;
constexpr double kShareOfMostSum = 0.75;  // of the largest |sum| that there may be, in the mean: most_sum is known to a factor of two
constexpr double kSpread = 40;            // of the results, in bytes: most are no bound of a byte

int64_t weights_of_output(const kernels::ConvProblem& p) { return p.c / p.groups * p.kernel_h * p.kernel_w; }

int64_t most_of_x(const kernels::Int8Problem& p) { return std::max(std::abs(p.x_zero - p.least_x()), std::abs(p.most_x() - p.x_zero)); }

/// The weight there is that is nearest.
int16_t nearest(const kernels::Int8Problem& p, double value) {
  const double step = std::nearbyint((std::clamp<double>(value, p.w_least, p.w_most) - p.w_least) / p.w_step);
  return static_cast<int16_t>(p.w_least + static_cast<int32_t>(step) * p.w_step);
}

int64_t magnitude(const int16_t* w, int64_t count) {
  return std::accumulate(w, w + count, int64_t{0}, [](int64_t sum, int16_t v) { return sum + std::abs(v); });
}

/// Takes steps towards 0, each weight's turn after the other's, until the sum of magnitudes is no more than `most`, or all are as near as they can
/// be.
void shrink(const kernels::Int8Problem& p, int64_t most, int16_t* w, int64_t count) {
  int64_t sum = magnitude(w, count);
  for (bool is_stuck = false; sum > most && !is_stuck;) {
    is_stuck = true;
    for (int64_t i = 0; i < count && sum > most; ++i) {
      const int32_t less = w[i] > 0 ? w[i] - p.w_step : w[i] + p.w_step;
      if (less < p.w_least || less > p.w_most || std::abs(less) >= std::abs(w[i])) continue;
      sum -= std::abs(w[i]) - std::abs(less);
      w[i] = static_cast<int16_t>(less);
      is_stuck = false;
    }
  }
}

/// Lets about as many neighbouring weights of a tap exceed 16-bit sums together as problem.large_pairs says. w: of an output.
void set_large_pairs(const kernels::Int8Problem& problem, int16_t* w, Rng& rng) {
  const auto& p = problem.conv;
  const int64_t taps = p.kernel_h * p.kernel_w;
  for (int64_t c = 0; c + 1 < p.c / p.groups; c += 2)
    for (int64_t tap = 0; tap < taps; ++tap) {
      int16_t &one = w[c * taps + tap], &other = w[(c + 1) * taps + tap];
      auto& larger = std::abs(one) > std::abs(other) ? one : other;
      const int32_t sum = std::abs(one) + std::abs(other), room = kernels::kMostOfWord - (sum - std::abs(larger));
      const bool is_large = rng.uniform(0, 1) < problem.large_pairs;
      if (is_large != (sum > kernels::kMostOfWord)) larger = nearest(problem, (larger < 0 ? -1 : 1) * (is_large ? room + 1 : room));
    }
}

double mean_square(const std::vector<int16_t>& values) {
  double sum = 0;
  for (const double v : values) sum += v * v;
  return sum / static_cast<double>(values.size());
}

}  // namespace

std::vector<int16_t> random_weights(const kernels::Int8Problem& problem) {
  const auto& p = problem.conv;
  const int64_t count = weights_of_output(p), most = problem.most_sum / most_of_x(problem);
  const double mean = kShareOfMostSum * static_cast<double>(most) / static_cast<double>(count), deviation = mean * std::sqrt(std::numbers::pi / 2);
  Rng rng(1);
  std::vector<int16_t> w(static_cast<size_t>(p.k * count));
  for (auto& v : w) v = nearest(problem, rng.normal() * deviation);
  for (int64_t k = 0; k < p.k; ++k) {
    set_large_pairs(problem, w.data() + k * count, rng);
    shrink(problem, most, w.data() + k * count, count);
  }
  return w;
}

BytesTrial::BytesTrial(const kernels::Int8Problem& problem, const kernels::Int8Loops& loops, const TrialOptions& options)
    : problem_(problem), loops_(loops), options_(options), w_(random_weights(problem)) {
  const auto& p = problem_.conv;
  x_ = kernels::Buffer<uint8_t>(p.n * p.h * p.w * p.c), x_source_ = kernels::Buffer<uint8_t>(x_.size());
  set_codes();
  y_ = kernels::Buffer<uint8_t>(p.n * p.out_h() * p.out_w() * p.k);
  set_ends();
  const auto direct = kernels::find_int8_conv("direct")->make(problem_, weights(), loops_);
  scratch_ = kernels::Buffer<uint8_t>(direct->scratch_bytes(options_.threads));
  direct->run(x_.data(), y_.data(), reinterpret_cast<std::byte*>(scratch_.data()), options_.threads);
  expected_.assign(y_.data(), y_.data() + y_.size());
  check_reference();
}

/// Any, but none so far from the zero point that a sum could exceed most_sum.
void BytesTrial::set_codes() {
  const int64_t length = weights_of_output(problem_.conv);
  int64_t most = 1;
  for (int64_t k = 0; k < problem_.conv.k; ++k) most = std::max(most, magnitude(w_.data() + k * length, length));
  const auto reach = static_cast<int32_t>(std::min<int64_t>(problem_.most_sum / most, 255));
  const int32_t least = std::max(problem_.least_x(), problem_.x_zero - reach), largest = std::min(problem_.most_x(), problem_.x_zero + reach);
  Rng rng(2);
  for (int64_t i = 0; i < x_.size(); ++i)
    x_source_[i] = static_cast<uint8_t>(least + static_cast<int32_t>(rng.below(static_cast<uint64_t>(largest - least + 1))));
  std::copy_n(x_source_.data(), x_.size(), x_.data());
}

/// Bytes of all sizes.
void BytesTrial::set_ends() {
  problem_.y_zero = 128, problem_.low = 0, problem_.high = 255;
  const double of_x = static_cast<double>(most_of_x(problem_)) / 2,
               spread = std::sqrt(static_cast<double>(weights_of_output(problem_.conv)) * (mean_square(w_) + 1)) * of_x;
  Rng rng(3);
  for (int64_t k = 0; k < problem_.conv.k; ++k) {
    bias_.push_back(static_cast<int32_t>(rng.uniform(-spread, spread)));
    scale_.push_back(static_cast<float>(rng.uniform(0.5, 1.5) * kSpread / spread));
  }
}

uint8_t BytesTrial::one_output(int64_t at) const {
  const auto& p = problem_.conv;
  const int64_t k = at % p.k, column = at / p.k % p.out_w(), row = at / (p.k * p.out_w()) % p.out_h(), n = at / (p.k * p.out_w() * p.out_h());
  const int64_t in = p.c / p.groups, first = k / (p.k / p.groups) * in;
  int64_t sum = bias_[static_cast<size_t>(k)];
  for (int64_t i = 0; i < p.kernel_h; ++i)
    for (int64_t j = 0; j < p.kernel_w; ++j) {
      const int64_t h = row * p.stride_h - p.top + i * p.dilation_h, w = column * p.stride_w - p.left + j * p.dilation_w;
      if (h < 0 || h >= p.h || w < 0 || w >= p.w) continue;
      for (int64_t c = 0; c < in; ++c) {
        const uint8_t byte = x_source_[((n * p.h + h) * p.w + w) * p.c + first + c];
        sum += ((problem_.is_x_signed ? static_cast<int8_t>(byte) : static_cast<int32_t>(byte)) - problem_.x_zero) *
               w_[static_cast<size_t>(((k * in + c) * p.kernel_h + i) * p.kernel_w + j)];
      }
    }
  const float value = static_cast<float>(static_cast<int32_t>(static_cast<uint32_t>(sum))) * scale_[static_cast<size_t>(k)];  // sums wrap
  return static_cast<uint8_t>(std::clamp<double>(std::nearbyint(value) + problem_.y_zero, problem_.low, problem_.high));
}

void BytesTrial::check_reference() const {
  Rng rng(4);
  for (int i = 0; i < kPlacesChecked; ++i) {
    const auto at = static_cast<int64_t>(rng.below(expected_.size()));
    if (one_output(at) != expected_[static_cast<size_t>(at)])
      throw InternalError("[tune] `direct` computes " + kernels::text_of(problem_) + " wrongly at output " + std::to_string(at));
  }
}

void BytesTrial::check() const {
  int64_t wrong = 0, first = 0;
  for (int64_t i = y_.size(); i-- > 0;)
    if (y_[i] != expected_[static_cast<size_t>(i)]) ++wrong, first = i;
  if (wrong > 0)
    throw InvalidArgument("wrong at " + std::to_string(wrong) + " of " + std::to_string(y_.size()) + " bytes, first at " + std::to_string(first));
}

/// As in a network: the layer before has just written the input, and everything else has left the cache since the last image.
double BytesTrial::run(const kernels::Int8ConvImplementation& way) {
  const auto conv = way.make(problem_, weights(), loops_);
  scratch_ = kernels::Buffer<uint8_t>(conv->scratch_bytes(options_.threads));
  const auto once = [&] { conv->run(x_.data(), y_.data(), reinterpret_cast<std::byte*>(scratch_.data()), options_.threads); };
  for (int64_t i = 0; i < y_.size(); ++i) y_[i] = static_cast<uint8_t>(~expected_[static_cast<size_t>(i)]);  // what is not written is wrong
  once();
  check();
  const auto before = [this] {
    other_.touch();
    std::memcpy(x_.data(), x_source_.data(), static_cast<size_t>(x_.size()));
  };
  return time_of(once, before, options_);
}

}  // namespace scissionlite::tune
