// Spreads: E|error| = a + b T + c P for each channel, by iterated weighted least squares.
//
// With weights 1 / spread^2 the fixed point is the maximum of the likelihood of exponential errors with that mean.
#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "coding/fit_internal.h"

namespace scissionlite::coding {
namespace {

constexpr int kRounds = 5;
constexpr double kFloor = 1.0 / 256;               // of a spread, in symbols
constexpr double kRidge = 1e-3;                    // of each diagonal element
constexpr double kAround = 12288, kBefore = 8192;  // ordinary T and P

struct Rows {
  std::vector<float> around, before, errors;
};

/// Least squares with the features in `used`; the others get 0.
Eigen::Vector3d solve(const Eigen::Matrix3d& a, const Eigen::Vector3d& b, const std::array<bool, 3>& used) {
  Eigen::Matrix3d kept = a;
  Eigen::Vector3d right = b;
  for (int i = 0; i < 3; ++i) {
    kept(i, i) *= 1 + kRidge, kept(i, i) += 1e-9;
    if (used[i]) continue;
    kept.row(i).setZero(), kept.col(i).setZero();
    kept(i, i) = 1, right[i] = 0;
  }
  return kept.ldlt().solve(right);
}

/// No coefficient is negative: the most negative one is left out, and again.
Eigen::Vector3d solve_positive(const Eigen::Matrix3d& a, const Eigen::Vector3d& b) {
  std::array<bool, 3> used{true, true, true};
  for (;;) {
    const Eigen::Vector3d w = solve(a, b, used);
    int worst = 0;
    if (w.minCoeff(&worst) >= 0) return w;
    used[worst] = false;
  }
}

Eigen::Vector3d fit_channel(const Rows& rows) {
  const size_t n = rows.errors.size();
  double mean = 0;
  for (const float error : rows.errors) mean += error;
  Eigen::Vector3d w(std::max(mean / static_cast<double>(n), kFloor), 0, 0);
  for (int round = 0; round < kRounds; ++round) {
    double s[9] = {};
    for (size_t i = 0; i < n; ++i) {
      const double t = rows.around[i], p = rows.before[i], y = rows.errors[i];
      const double spread = std::max(w[0] + w[1] * t + w[2] * p, kFloor), g = 1 / (spread * spread);
      s[0] += g, s[1] += g * t, s[2] += g * p, s[3] += g * t * t, s[4] += g * t * p, s[5] += g * p * p;
      s[6] += g * y, s[7] += g * t * y, s[8] += g * p * y;
    }
    Eigen::Matrix3d a;
    a << s[0], s[1], s[2], s[1], s[3], s[4], s[2], s[4], s[5];
    w = solve_positive(a, {s[6], s[7], s[8]});
  }
  return w;
}

uint16_t to_u16(double value) { return static_cast<uint16_t>(std::lround(std::clamp(value, 0.0, 65535.0))); }

void store(ModelData& data, int64_t k, const Eigen::Vector3d& w) {
  const double ordinary = std::max(w.sum(), kFloor);
  const int octave = static_cast<int>(std::lround(std::log2(ordinary)));
  const double scale = std::exp2(octave);
  data.scales[k] = static_cast<int16_t>(256 * (octave - kLowestOctave - static_cast<int>(std::log2(kSpreadOne))));
  data.fineness[k] = static_cast<uint8_t>(std::clamp(static_cast<int>(std::lround(std::log2(4 * scale_of(ordinary)))), 0, kMostFineness));
  data.spread_base[k] = to_u16(w[0] / scale * kSpreadOne);
  data.spread_around[k] = to_u16(w[1] / kAround / scale * kSpreadOne * 65536);
  data.spread_before[k] = to_u16(w[2] / kBefore / scale * kSpreadOne * 65536);
}

}  // namespace

void fit_spreads(ModelData& data, const Samples& samples) {
  const int64_t places = samples.images * samples.positions;
  Rows rows;
  rows.around.resize(places), rows.before.resize(places), rows.errors.resize(places);
  for (int64_t i = 0; i < places; ++i) rows.around[i] = static_cast<float>(samples.around[i] / kAround);
  for (int64_t k = 0; k < data.shape.channels; ++k) {
    const int64_t group = k / kGroup;
    for (int64_t i = 0; i < places; ++i) {
      rows.before[i] = static_cast<float>(samples.before[i * data.groups + group] / kBefore);
      const int value = samples.symbols[i * samples.padded + k] - data.zeros[k];
      rows.errors[i] = static_cast<float>(std::abs(value * kMeanUnit - samples.means[i * samples.padded + k])) / kMeanUnit;
    }
    store(data, k, fit_channel(rows));
  }
}

}  // namespace scissionlite::coding
