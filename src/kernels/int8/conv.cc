#include "kernels/int8/conv.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <numeric>

namespace scissionlite::kernels {

#define SCISSIONLITE_INT8_CONV(name) extern const Int8ConvImplementation k_int8_conv_##name;
#include "kernels/int8/conv.inc"
#undef SCISSIONLITE_INT8_CONV

const std::vector<const Int8ConvImplementation*>& int8_conv_implementations() {
  static const std::vector<const Int8ConvImplementation*> table{
#define SCISSIONLITE_INT8_CONV(name) &k_int8_conv_##name,
#include "kernels/int8/conv.inc"
#undef SCISSIONLITE_INT8_CONV
  };
  return table;
}

void note_weights(Int8Problem& problem, const int16_t* w) {
  const auto& p = problem.conv;
  const int64_t channels = p.c / p.groups, taps = p.kernel_h * p.kernel_w, length = channels * taps;
  int64_t most = 0, pairs = 0, large = 0;
  for (int64_t k = 0; k < p.k; ++k) {
    int64_t sum = 0;
    for (int64_t i = 0; i < length; ++i) {
      const int64_t size = std::abs(w[k * length + i]);
      sum += size;
      const int64_t channel = i / taps;
      if (channel % 2 == 1 || channel + 1 == channels) continue;
      ++pairs;
      large += size + std::abs(w[k * length + i + taps]) > kMostOfWord;
    }
    most = std::max(most, sum);
  }
  problem.most_sum = most * std::max(std::abs(problem.x_zero - problem.least_x()), std::abs(problem.most_x() - problem.x_zero));
  problem.has_byte_weights = std::all_of(w, w + p.k * length, [](int16_t v) { return v >= -128 && v <= 127; });
  std::array<bool, 1 << 16> is_there{};  // by value
  for (int64_t i = 0; i < p.k * length; ++i) is_there[static_cast<uint16_t>(w[i])] = true;
  bool is_first = true;
  int32_t step = 0;
  for (int32_t value = -(1 << 15); value < 1 << 15; ++value) {
    if (!is_there[static_cast<uint16_t>(value)]) continue;
    if (is_first) problem.w_least = value, is_first = false;
    problem.w_most = value;
    step = std::gcd(step, value - problem.w_least);
  }
  problem.w_step = std::max(step, 1);
  problem.large_pairs = pairs > 0 ? static_cast<double>(large) / static_cast<double>(pairs) : 0;
}

Requantise end_of(const Int8Problem& problem, const float* scale) {
  return {scale, problem.y_zero, static_cast<float>(problem.low - problem.y_zero), static_cast<float>(problem.high - problem.y_zero)};
}

std::string reason_against(const Int8ConvImplementation& row, const Int8Problem& problem, const Int8Loops& loops) {
  if (!row.takes_planes && (problem.has_x_planes || problem.y_plane_bits > 0)) return "reads and writes bytes, not planes";
  return row.reason_against(problem, loops);
}

const Int8ConvImplementation* find_int8_conv(const std::string& name) {
  const auto& table = int8_conv_implementations();
  const auto it = std::find_if(table.begin(), table.end(), [&](const Int8ConvImplementation* row) { return name == row->name; });
  return it == table.end() ? nullptr : *it;
}

std::vector<const Int8ConvImplementation*> int8_conv_candidates(const Int8Problem& problem, const Int8Loops& loops) {
  std::vector<const Int8ConvImplementation*> rows;
  std::string reasons;
  for (const auto* row : int8_conv_implementations()) {
    if (const auto reason = reason_against(*row, problem, loops); !reason.empty())
      reasons += (reasons.empty() ? "" : "; ") + std::string(row->name) + ": " + reason;
    else rows.push_back(row);
  }
  if (rows.empty()) throw Unsupported("[kernels] nothing computes " + problem.conv.text() + " of bytes (" + reasons + ")");
  const auto keeps_packed = [](const Int8ConvImplementation* row) { return row->keeps_packed; };
  if (problem.weight_bits() <= kMostBitsPacked && !problem.conv.is_depthwise() && std::any_of(rows.begin(), rows.end(), keeps_packed))
    std::erase_if(rows, std::not_fn(keeps_packed));
  return rows;
}

const Int8ConvImplementation& usual_int8_conv(const Int8Problem& problem, const Int8Loops& loops) {
  const auto rows = int8_conv_candidates(problem, loops);
  const auto* best = rows[0];
  for (const auto* row : rows)
    if (row->estimate(problem, loops) < best->estimate(problem, loops)) best = row;
  return *best;
}

}  // namespace scissionlite::kernels
