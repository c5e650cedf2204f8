#include "compress/low_bit_steps.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace scissionlite::compress {
namespace {

constexpr int kRefinements = 2;
constexpr double kSmallestShare = 0.02;  // of the range: steps below it are not tried
// Of the weights' widest step. Beyond 1 few values may lie better between codes; with many codes cutting the range short does not pay, but small
// changes of the step matter.
constexpr double kLargestWeightShare = 1.3, kSmallestShareOfManyCodes = 0.4;
constexpr double kStepOfNothing = 1e-12;  // odd codes are never zero: their step is
constexpr int kManyCodes = 7, kFewestTried = 64, kTriedPerCode = 3;

struct Fit {
  double error = 0, dot = 0, squares = 0;  // of values and codes; of codes
  [[nodiscard]] double step() const { return squares > 0 ? dot / squares : 0; }
};
Fit try_step(std::span<const float> values, const CodeRange& range, double step) {
  Fit out;
  for (const float v : values) {
    const double code = range.code(static_cast<float>(v / step));
    out.error += (v - code * step) * (v - code * step);
    out.dot += v * code, out.squares += code * code;
  }
  return out;
}

/// The step at which what is furthest out on either side has the last code there; 0: no code but zero fits any value.
double widest_step(std::span<const float> values, const CodeRange& range) {
  double step = 0;
  for (const float v : values)
    if (const int last = v > 0 ? range.high : range.low; v != 0 && last != 0) step = std::max(step, static_cast<double>(v) / last);
  return step;
}

struct Rows {
  size_t outputs, length;
  bool is_transposed;
  explicit Rows(const SparseLayer& layer)
      : outputs(static_cast<size_t>(layer.outputs)), length(static_cast<size_t>(layer.inputs * layer.taps)), is_transposed(layer.is_transposed) {}
  [[nodiscard]] size_t at(size_t output, size_t i) const { return is_transposed ? i * outputs + output : output * length + i; }
};

}  // namespace

float fit_step(std::span<const float> values, const CodeRange& range) {
  if (range.is_odd && range.high == 1) {
    double sum = 0;
    for (const float v : values) sum += std::abs(v);
    return static_cast<float>(sum > 0 ? sum / static_cast<double>(values.size()) : kStepOfNothing);
  }
  const double widest = widest_step(values, range);
  if (!(widest > 0)) return range.is_odd ? static_cast<float>(kStepOfNothing) : 1;
  double best = widest, least = try_step(values, range, widest).error;
  const double smallest = range.high < kManyCodes ? kSmallestShare : kSmallestShareOfManyCodes;
  const int tried = std::max(kFewestTried, kTriedPerCode * range.high);
  for (int i = 0; i < tried; ++i) {
    double step = widest * (smallest + (kLargestWeightShare - smallest) * (i + 1) / tried);
    for (int r = 0; r <= kRefinements && step > 0; ++r) {
      const auto fit = try_step(values, range, step);
      if (fit.error < least) least = fit.error, best = step;
      step = fit.step();
    }
  }
  return static_cast<float>(best);
}

std::vector<float> fit_weight_steps(const SparseLayer& layer, const Tensor& weights, const CodeRange& range, bool one_for_all) {
  const auto values = weights.as<float>();
  if (one_for_all) return {fit_step(values, range)};
  const Rows rows(layer);
  std::vector<float> out(rows.outputs), row(rows.length);
  for (size_t c = 0; c < rows.outputs; ++c) {
    for (size_t i = 0; i < rows.length; ++i) row[i] = values[rows.at(c, i)];
    out[c] = fit_step(row, range);
  }
  return out;
}

Tensor weight_codes(const SparseLayer& layer, const Tensor& weights, const CodeRange& range, std::span<const float> steps) {
  const Rows rows(layer);
  const auto values = weights.as<float>();
  Tensor out(range.low < 0 ? Dtype::kI8 : Dtype::kU8, weights.shape());
  for (size_t c = 0; c < rows.outputs; ++c)
    for (size_t i = 0; i < rows.length; ++i) {
      const float code = range.code(values[rows.at(c, i)] / steps[steps.size() > 1 ? c : 0]);
      out.mutable_data()[rows.at(c, i)] = static_cast<std::byte>(static_cast<int>(code));
    }
  return out;
}

void Histogram::widen(std::span<const float> values, const std::string& where) {
  for (const float v : values) {
    if (!std::isfinite(v)) throw InvalidArgument("[low bits] '" + where + "' is not finite on the given images; nothing can be learned from it");
    low_ = std::min(low_, v), high_ = std::max(high_, v);
  }
}

void Histogram::count(std::span<const float> values) {
  counts_.resize(kBins);
  const float width = (high_ - low_) / kBins;
  if (!(width > 0)) return;
  for (const float v : values)
    if (v != 0) ++counts_[std::min(kBins - 1, static_cast<size_t>(std::max(0.0F, (v - low_) / width)))];
}

double Histogram::squared_error(const Step& step, int most) const {
  const double width = (static_cast<double>(high_) - low_) / kBins;
  double error = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] == 0) continue;
    const double v = low_ + width * (static_cast<double>(i) + 0.5);
    const double code = std::clamp(std::nearbyint(v / step.step), -static_cast<double>(step.zero_point), static_cast<double>(most - step.zero_point));
    error += counts_[i] * (v - code * step.step) * (v - code * step.step);
  }
  return error;
}

Histogram::Step Histogram::fit(int bits, bool is_signed) const {
  const int most = activation_range(bits).high;
  const double low = is_signed ? low_ : 0, width = high_ - low;
  if (!(width > 0)) return {};
  Step best;
  double least = INFINITY;
  constexpr int kSteps = 200;
  for (int i = 0; i < kSteps; ++i) {
    const double share = kSmallestShare + (1 - kSmallestShare) * (i + 1) / kSteps;
    Step step{static_cast<float>(width * share / most), 0};
    if (!(step.step > 0)) continue;
    step.zero_point = static_cast<int>(std::clamp(std::nearbyint(-low * share / step.step), 0.0, static_cast<double>(most)));
    const double error = squared_error(step, most);
    if (error <= least) least = error, best = step;
  }
  return best;
}

}  // namespace scissionlite::compress
