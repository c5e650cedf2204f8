#include "compress/permute.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "base/text.h"

namespace scissionlite::compress {
namespace {

constexpr double kLeastGain = 1e-6;  // relative to the whole: below this an exchange is rounding

/// The 35 ways to divide eight into two groups of four, the first of them in the first group.
std::vector<std::array<int, 8>> divisions() {
  std::vector<std::array<int, 8>> out;
  for (int mask = 0; mask < 256; ++mask) {
    if ((mask & 1) == 0 || __builtin_popcount(static_cast<unsigned>(mask)) != 4) continue;
    std::array<int, 8> order{};
    size_t first = 0, second = 4;
    for (int i = 0; i < 8; ++i) order[(mask >> i & 1) ? first++ : second++] = i;
    out.push_back(order);
  }
  return out;
}

/// Sum over rows of the two largest of four: of all less the two smallest, without branches.
double kept_of_group(const Magnitudes& m, const std::array<int, 4>& columns) {
  const float *a = m.column(columns[0]), *b = m.column(columns[1]), *c = m.column(columns[2]), *d = m.column(columns[3]);
  double sum = 0;
  constexpr int64_t kRun = 256;  // rows summed up in float
  for (int64_t begin = 0; begin < m.rows; begin += kRun) {
    const int64_t end = std::min(begin + kRun, m.rows);
    float part = 0;
    for (int64_t i = begin; i < end; ++i) {
      const float high1 = std::max(a[i], b[i]), low1 = std::min(a[i], b[i]), high2 = std::max(c[i], d[i]), low2 = std::min(c[i], d[i]);
      // the largest, and the larger of the other high and the largest one's partner
      part += std::max(high1, high2) + std::max(std::min(high1, high2), std::max(low1, low2));
    }
    sum += part;
  }
  return sum;
}

class Search {
 public:
  Search(const Magnitudes& matrix, const PermutationOptions& options)
      : m_(matrix),
        options_(options),
        rng_(options.seed),
        groups_(matrix.columns / 4),
        order_(static_cast<size_t>(matrix.columns)),
        kept_(static_cast<size_t>(groups_)),
        gains_(static_cast<size_t>(groups_ * groups_)),
        is_known_(gains_.size(), false),
        end_us_(Clock::steady().now_us() + options.seconds * 1e6) {
    std::iota(order_.begin(), order_.end(), 0);
    for (int64_t g = 0; g < groups_; ++g) kept_[static_cast<size_t>(g)] = kept_of_group(m_, columns_of(g));
  }

  std::vector<int> run() {
    descend();
    auto best = order_;
    double best_sum = sum();
    const double start = best_sum;
    for (int64_t i = 0; i < options_.escapes && !is_late() && groups_ > 1; ++i) {
      escape();
      descend();
      if (const double now = sum(); now > best_sum + kLeastGain * start) best_sum = now, best = order_;
      else put_back(best);
    }
    return best;
  }

 private:
  /// The best change between two groups: what it gains, and the columns of both afterwards.
  struct Gain {
    double gain = 0;
    std::array<int, 8> columns{};
  };

  [[nodiscard]] bool is_late() const { return Clock::steady().now_us() > end_us_; }
  [[nodiscard]] double sum() const { return std::accumulate(kept_.begin(), kept_.end(), 0.0); }
  [[nodiscard]] std::array<int, 4> columns_of(int64_t group) const {
    std::array<int, 4> out{};
    std::copy_n(order_.begin() + group * 4, 4, out.begin());
    return out;
  }

  [[nodiscard]] Gain best_change(int64_t a, int64_t b) const {
    static const auto all = divisions();
    std::array<int, 8> columns{};
    std::copy_n(order_.begin() + a * 4, 4, columns.begin());
    std::copy_n(order_.begin() + b * 4, 4, columns.begin() + 4);
    const double now = kept_[static_cast<size_t>(a)] + kept_[static_cast<size_t>(b)];
    Gain best{0, columns};
    for (const auto& division : all) {
      const auto moved = std::count_if(division.begin(), division.begin() + 4, [](int i) { return i >= 4; });
      if (moved == 0 || (options_.method == "swaps" && moved != 1)) continue;
      std::array<int, 4> first{}, second{};
      for (size_t i = 0; i < 4; ++i) first[i] = columns[static_cast<size_t>(division[i])], second[i] = columns[static_cast<size_t>(division[i + 4])];
      const double gain = kept_of_group(m_, first) + kept_of_group(m_, second) - now;
      if (gain <= best.gain) continue;
      best.gain = gain;
      std::copy(first.begin(), first.end(), best.columns.begin());
      std::copy(second.begin(), second.end(), best.columns.begin() + 4);
    }
    return best;
  }

  /// Makes the best change of all pairs of groups, until there is none.
  void descend() {
    while (!is_late()) {
      size_t best = 0;
      for (int64_t a = 0; a < groups_; ++a)
        for (int64_t b = a + 1; b < groups_; ++b) {
          const auto at = static_cast<size_t>(a * groups_ + b);
          if (!is_known_[at]) gains_[at] = best_change(a, b), is_known_[at] = true;
          if (gains_[at].gain > gains_[best].gain) best = at;
          if (b % 64 == 0 && is_late()) return;
        }
      if (gains_[best].gain <= kLeastGain * sum()) return;
      change(static_cast<int64_t>(best) / groups_, static_cast<int64_t>(best) % groups_, gains_[best].columns);
    }
  }

  void change(int64_t a, int64_t b, const std::array<int, 8>& columns) {
    std::copy_n(columns.begin(), 4, order_.begin() + a * 4);
    std::copy_n(columns.begin() + 4, 4, order_.begin() + b * 4);
    for (const int64_t group : {a, b}) renew(group);
  }
  void renew(int64_t group) {
    kept_[static_cast<size_t>(group)] = kept_of_group(m_, columns_of(group));
    for (int64_t other = 0; other < groups_; ++other)
      is_known_[static_cast<size_t>(std::min(group, other) * groups_ + std::max(group, other))] = false;
    gains_[0].gain = 0;  // of no pair: what a search for the largest starts from
  }

  /// Exchanges some columns of random groups.
  void escape() {
    const auto times = 1 + rng_.below(3);
    for (uint64_t i = 0; i < times; ++i) {
      const auto a = rng_.below(order_.size()), b = rng_.below(order_.size());
      if (a / 4 == b / 4) continue;
      std::swap(order_[a], order_[b]);
      renew(static_cast<int64_t>(a / 4));
      renew(static_cast<int64_t>(b / 4));
    }
  }
  void put_back(const std::vector<int>& best) {
    for (int64_t g = 0; g < groups_; ++g) {
      if (std::equal(best.begin() + g * 4, best.begin() + g * 4 + 4, order_.begin() + g * 4)) continue;
      std::copy_n(best.begin() + g * 4, 4, order_.begin() + g * 4);
      renew(g);
    }
  }

  const Magnitudes& m_;
  const PermutationOptions& options_;
  Rng rng_;
  int64_t groups_;
  std::vector<int> order_;
  std::vector<double> kept_;  // of each group
  std::vector<Gain> gains_;   // of pairs of groups
  std::vector<bool> is_known_;
  double end_us_;
};

std::vector<int> as_it_is(const Magnitudes& matrix) {
  std::vector<int> order(static_cast<size_t>(matrix.columns));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

}  // namespace

double kept_by_two_four(const Magnitudes& matrix, const std::vector<int>& order) {
  double sum = 0;
  for (size_t i = 0; i + 4 <= order.size(); i += 4) sum += kept_of_group(matrix, {order[i], order[i + 1], order[i + 2], order[i + 3]});
  return sum;
}

double kept_by_half(const Magnitudes& matrix) {
  double sum = 0;
  std::vector<float> row(static_cast<size_t>(matrix.columns));
  for (int64_t r = 0; r < matrix.rows; ++r) {
    for (int64_t c = 0; c < matrix.columns; ++c) row[static_cast<size_t>(c)] = matrix.column(c)[r];
    std::nth_element(row.begin(), row.begin() + matrix.columns / 2, row.end(), std::greater<>());
    sum += std::accumulate(row.begin(), row.begin() + matrix.columns / 2, 0.0);
  }
  return sum;
}

std::vector<int> best_order(const Magnitudes& matrix, const PermutationOptions& options) {
  if (options.method != "swaps" && options.method != "stripes")
    throw InvalidArgument("[permute] unknown method '" + options.method + "'" + did_you_mean(options.method, {"swaps", "stripes"}));
  if (matrix.columns % 4 != 0 || static_cast<int64_t>(matrix.values.size()) != matrix.rows * matrix.columns)
    throw InvalidArgument("[permute] " + std::to_string(matrix.columns) + " columns of " + std::to_string(matrix.rows) + " values, got " +
                          std::to_string(matrix.values.size()) + " values; a multiple of 4 columns is needed");
  if (matrix.columns < 8) return as_it_is(matrix);
  return Search(matrix, options).run();
}

double efficacy(const Magnitudes& matrix, const std::vector<int>& order) {
  const double start = kept_by_two_four(matrix, as_it_is(matrix)), most = kept_by_half(matrix);
  return most > start ? (kept_by_two_four(matrix, order) - start) / (most - start) : 1;
}

}  // namespace scissionlite::compress
