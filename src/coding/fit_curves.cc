// The curve of rates from a formula, the curve of shape by expectation and maximisation, then each octave of the rates by
// trying: a piecewise straight distribution is a mixture of uniform ones, so that each round gives every piece the share of
// the symbols that it explains.
#include <algorithm>
#include <cmath>

#include "coding/context.h"
#include "coding/fit_internal.h"

namespace scissionlite::coding {
namespace {

constexpr int kRounds = 20;
constexpr int64_t kMostSeen = 400000;  // symbols
constexpr double kLeastShare = 1e-7;   // of a piece

/// Mean |value| of a double exponential of that scale, rounded.
double mean_error_of(double scale) { return std::exp(-0.5 / scale) / (1 - std::exp(-1 / scale)); }

void set_rates(ModelData& data) {
  for (int i = 0; i <= kCurvePieces; ++i)
    data.rate_curve[i] = static_cast<uint16_t>(std::clamp(std::lround(kRateOne / scale_of(std::exp2(i + kLowestOctave))), 1L, 65535L));
}

/// A symbol's edges, seen from its mean and in pieces of the curve.
struct Edges {
  float low, high;
};

std::vector<Edges> edges_of(const ModelData& data, const Samples& samples) {
  const int64_t places = samples.images * samples.positions, step = std::max<int64_t>(1, places * data.shape.channels / kMostSeen);
  std::vector<Edges> out;
  GroupContexts contexts;
  for (int64_t i = 0; i < places; ++i)
    for (int group = 0; group < data.groups; ++group) {
      if (data.quiet[group] || (i * 31 + group) % step != 0) continue;
      PlainOps::rates(data, data.fields[group], samples.around[i], samples.before[i * data.groups + group], contexts);
      for (int j = 0; j < data.channels_of(group); ++j) {
        const int64_t k = int64_t{group} * kGroup + j;
        const float edge =
            static_cast<float>(kMeanUnit * (samples.symbols[i * samples.padded + k] - data.zeros[k]) - samples.means[i * samples.padded + k]);
        const float rate = static_cast<float>(contexts.rate[j]) / (65536.0F * static_cast<float>(data.rate_unit[k]));
        out.push_back({(edge - kMeanUnit / 2) * rate, (edge + kMeanUnit / 2) * rate});
      }
    }
  return out;
}

using Shares = std::array<double, kCurvePieces>;

/// Calls visit(piece, share of the piece that is between the edges, on both sides of the mean).
template <typename Visit>
void each_overlap(const Edges& edges, Visit&& visit) {
  const auto side = [&](float low, float high) {
    low = std::max(low, 0.0F), high = std::min(high, static_cast<float>(kCurvePieces));
    for (int i = static_cast<int>(low); static_cast<float>(i) < high; ++i)
      visit(i, (std::min(high, static_cast<float>(i + 1)) - std::max(low, static_cast<float>(i))) / 2);
  };
  side(edges.low, edges.high), side(-edges.high, -edges.low);
}

Shares improved(const Shares& shares, const std::vector<Edges>& seen) {
  Shares sums{};
  for (const Edges& edges : seen) {
    double p = 1e-9;
    each_overlap(edges, [&](int i, float part) { p += shares[i] * part; });
    each_overlap(edges, [&](int i, float part) { sums[i] += shares[i] * part / p; });
  }
  double all = 0;
  for (double& sum : sums) all += sum = std::max(sum / static_cast<double>(seen.size()), kLeastShare);
  for (double& sum : sums) sum /= all;
  return sums;
}

void set_shape(ModelData& data, const Shares& shares) {
  double inside = 0;
  for (int i = 0; i < kCurvePieces; ++i)
    data.shape_curve[i] = static_cast<uint16_t>(std::lround(kHalf * (1 - std::min(inside, 1.0)))), inside += shares[i];
  data.shape_curve[kCurvePieces] = 0;
}

}  // namespace

double scale_of(double mean_error) {
  double low = 0.05, high = 1000;
  for (int i = 0; i < 40; ++i) {
    const double middle = std::sqrt(low * high);
    (mean_error_of(middle) < mean_error ? low : high) = middle;
  }
  return high;
}

void fit_curves(ModelData& data, const Samples& samples) {
  set_rates(data);
  const auto seen = edges_of(data, samples);
  Shares shares;
  for (int i = 0; i < kCurvePieces; ++i) shares[i] = std::exp(-0.5 * i) * (1 - std::exp(-0.5));
  if (!seen.empty())
    for (int round = 0; round < kRounds; ++round) shares = improved(shares, seen);
  set_shape(data, shares);
}

}  // namespace scissionlite::coding
