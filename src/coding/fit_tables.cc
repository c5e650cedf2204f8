// Rows of frequencies: counts of residuals by class of spread and place of the mean, on top of a parametric guess.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "coding/context.h"
#include "coding/fit_internal.h"
#include "coding/rans.h"

namespace scissionlite::coding {
namespace {

constexpr int kReach = 320, kResiduals = 2 * kReach + 1;  // more than 255 + 1/2 on either side
constexpr double kPriorCounts = 40;                       // what the guess weighs, in symbols
using Distribution = std::array<double, kResiduals>;

/// Of a double exponential with mean absolute value `spread`, below x.
double below(double x, double spread) { return x < 0 ? 0.5 * std::exp(x / spread) : 1 - 0.5 * std::exp(-x / spread); }

/// Mixture of two double exponentials around a mean that lies `place` (0 .. 7) from its rounding.
struct Guess {
  double spread = 1, wide = 0;  // share of one three times as wide
  [[nodiscard]] double probability(int residual, int place) const {
    const double x = residual - ((place + 0.5) / (2 * kFractions) - 0.5);
    const auto mass = [&](double s) { return below(x + 0.5, s) - below(x - 0.5, s); };
    return (1 - wide) * mass(spread) + wide * mass(3 * spread) + 1e-9;
  }
};

double spread_of_class(int spread_class) { return std::exp2((spread_class + 0.5) / kClassesPerOctave + kLowestOctave); }

/// The likeliest of a grid; `counts` of the class, by place.
Guess guess(const std::array<Distribution, kFractions>& counts, double centre) {
  Guess best{centre, 0.05};
  double best_cost = std::numeric_limits<double>::infinity();
  for (int i = -12; i <= 6; ++i)
    for (const double wide : {0.0, 0.03, 0.1, 0.25}) {
      const Guess candidate{centre * std::exp2(i / 4.0), wide};
      double cost = 0.02 * i * i;  // few counts keep the centre
      for (int place = 0; place < kFractions; ++place)
        for (int r = 0; r < kResiduals; ++r)
          if (counts[place][r] > 0) cost -= counts[place][r] * std::log(candidate.probability(r - kReach, place));
      if (cost < best_cost) best_cost = cost, best = candidate;
    }
  return best;
}

Distribution posterior(const Distribution& counts, const Guess& guess, int place) {
  Distribution out{};
  double sum = 0;
  for (int r = 0; r < kResiduals; ++r) sum += out[r] = counts[r] + kPriorCounts * guess.probability(r - kReach, place);
  for (double& p : out) p /= sum;
  return out;
}

using Frequencies = std::array<uint16_t, kRowSymbols>;

/// Probabilities of buckets as frequencies that sum to 2^13; the escape takes what is too rare, and 1 at least.
Frequencies quantise(const Distribution& p, int bits) {
  std::array<double, kRowSymbols> mass{};
  for (int r = 0; r < kResiduals; ++r) {
    const int shifted = r - kReach + (1 << bits >> 1) + (kCentre << bits), symbol = shifted >> bits;
    mass[shifted < 0 || symbol >= kEscape ? kEscape : symbol] += p[r];
  }
  Frequencies out{};
  const int slots = static_cast<int>(kSlots), escape = std::clamp(static_cast<int>(std::lround(mass[kEscape] * slots)), 1, slots - 1);
  int left = slots - escape;
  for (int i = 0; i < kEscape; ++i) out[i] = static_cast<uint16_t>(std::lround(mass[i] * slots)), left -= out[i];
  const auto largest = std::max_element(out.begin(), out.begin() + kEscape);
  const int rounded = std::max(1, *largest + left);  // takes what rounding left over
  out[kEscape] = static_cast<uint16_t>(escape + *largest + left - rounded);
  *largest = static_cast<uint16_t>(rounded);
  return out;
}

double cost_of(const Distribution& p, const Frequencies& frequencies, int bits) {
  double cost = 0;
  for (int r = 0; r < kResiduals; ++r) {
    const int shifted = r - kReach + (1 << bits >> 1) + (kCentre << bits), symbol = shifted >> bits;
    const bool is_escape = shifted < 0 || symbol >= kEscape || frequencies[symbol] == 0;
    cost += p[r] * (bits + kProbabilityBits + (is_escape ? kEscapeBits : 0) - std::log2(frequencies[is_escape ? kEscape : symbol]));
  }
  return cost;
}

using Counts = std::array<std::array<Distribution, kFractions>, kClasses>;

void count(const ModelData& data, const Samples& samples, Counts& counts) {
  Contexts contexts;
  for (int64_t i = 0; i < samples.images * samples.positions; ++i)
    for (int group = 0; group < data.groups; ++group) {
      if (data.quiet[group]) continue;
      PlainOps::contexts(data, group, samples.means.data() + i * samples.padded, samples.around[i], samples.before[i * data.groups + group], contexts);
      for (int j = 0; j < data.channels_of(group); ++j) {
        const int k = group * kGroup + j, value = samples.symbols[i * samples.padded + k] - data.zeros[k];
        counts[contexts.table[j] / kFractions][contexts.table[j] % kFractions][(value - contexts.base[j]) * contexts.sign[j] + kReach] += 1;
      }
    }
}

/// Low bits and rows; `least` bits are those of the class before.
void fit_class(ModelData& data, int spread_class, int least, const std::array<Distribution, kFractions>& counts) {
  const Guess prior = guess(counts, spread_of_class(spread_class));
  double best = std::numeric_limits<double>::infinity();
  for (int bits = least; bits <= kMostLowBits; ++bits) {
    double cost = 0;
    std::array<Frequencies, kFractions> rows;
    for (int place = 0; place < kFractions; ++place) {
      const Distribution p = posterior(counts[place], prior, place);
      rows[place] = quantise(p, bits);
      cost += cost_of(p, rows[place], bits);
    }
    if (cost >= best) continue;
    best = cost, data.low_bits[spread_class] = static_cast<uint8_t>(bits);
    for (int place = 0; place < kFractions; ++place) set_row(data, spread_class * kFractions + place, rows[place]);
  }
}

}  // namespace

void fit_tables(ModelData& data, const Samples& samples) {
  const auto counts = std::make_unique<Counts>();
  count(data, samples, *counts);
  for (int spread_class = 0; spread_class < kClasses; ++spread_class)
    fit_class(data, spread_class, spread_class == 0 ? 0 : data.low_bits[spread_class - 1], (*counts)[spread_class]);
}

}  // namespace scissionlite::coding
