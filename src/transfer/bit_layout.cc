#include "transfer/bit_layout.h"

#include <algorithm>
#include <numeric>
#include <queue>

namespace scissionlite::transfer {
namespace {

struct Share {
  int component = 0, levels = 2;
};
using Byte = std::vector<Share>;

BitLayout from_bytes(std::vector<Byte> bytes) {
  std::stable_sort(bytes.begin(), bytes.end(), [](const Byte& a, const Byte& b) { return a.size() > b.size(); });
  BitLayout layout;
  layout.bytes = static_cast<int64_t>(bytes.size());
  const size_t deepest = bytes.empty() ? 0 : bytes[0].size();
  for (size_t depth = 0; depth < deepest; ++depth) {
    Slot slot;
    slot.first = static_cast<int64_t>(layout.components.size());
    for (const auto& byte : bytes) {
      if (byte.size() <= depth) break;
      int below = 1;
      for (size_t i = 0; i < depth; ++i) below *= byte[i].levels;
      slot.multipliers.push_back(static_cast<float>(below));
      layout.components.push_back(byte[depth].component);
      layout.levels.push_back(byte[depth].levels);
    }
    slot.count = static_cast<int64_t>(slot.multipliers.size());
    layout.slots.push_back(std::move(slot));
  }
  return layout;
}

/// Bits a component, at most 8 each; each bit goes where the error is largest.
std::vector<int> deal_bits(std::span<const double> variances, int total) {
  constexpr int kMost = 8;
  std::vector<int> bits(variances.size(), 0);
  std::priority_queue<std::pair<double, int>> errors;  // ties: the later component; the order is the same everywhere
  for (size_t i = 0; i < variances.size(); ++i) errors.emplace(variances[i], static_cast<int>(i));
  for (int given = 0; given < total && !errors.empty(); ++given) {
    const auto [error, i] = errors.top();
    errors.pop();
    if (error <= 0) break;
    if (++bits[i] < kMost) errors.emplace(error / 4, i);  // one bit halves the step
  }
  return bits;
}

/// Raises levels of the components of one byte while their product stays within 256.
void use_up(Byte& byte, std::span<const double> variances) {
  const auto product = [&] { return std::accumulate(byte.begin(), byte.end(), 1, [](int p, const Share& s) { return p * s.levels; }); };
  for (;;) {
    Share* best = nullptr;
    double best_gain = 0;
    const int current = product();
    for (auto& share : byte) {
      if (current / share.levels * (share.levels + 1) > 256) continue;
      const double v = variances[share.component], l = share.levels;
      const double gain = v / (l * l) - v / ((l + 1) * (l + 1));
      if (gain > best_gain) best = &share, best_gain = gain;
    }
    if (best == nullptr) return;
    ++best->levels;
  }
}

}  // namespace

BitLayout uniform_layout(int components, int bits) {
  const int per_byte = 8 / bits, levels = 1 << bits;
  std::vector<Byte> bytes((components + per_byte - 1) / per_byte);
  for (int i = 0; i < components; ++i) bytes[i % bytes.size()].push_back({i, levels});
  return from_bytes(std::move(bytes));
}

BitLayout rate_layout(std::span<const double> variances, int byte_count) {
  const auto bits = deal_bits(variances, 8 * byte_count);
  std::vector<int> order(variances.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return bits[a] > bits[b]; });
  std::vector<Byte> bytes(byte_count);
  std::vector<int> room(byte_count, 8);
  for (const int i : order) {
    if (bits[i] == 0) break;
    // First fit; where nothing holds all of its bits, the roomiest byte takes what it can.
    auto spot = std::find_if(room.begin(), room.end(), [&](int r) { return r >= bits[i]; });
    if (spot == room.end()) spot = std::max_element(room.begin(), room.end());
    const int given = std::min(bits[i], *spot);
    if (given == 0) continue;
    bytes[spot - room.begin()].push_back({i, 1 << given});
    *spot -= given;
  }
  std::erase_if(bytes, [](const Byte& byte) { return byte.empty(); });
  for (auto& byte : bytes) use_up(byte, variances);
  return from_bytes(std::move(bytes));
}

}  // namespace scissionlite::transfer
