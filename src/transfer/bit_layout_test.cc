// Packing is invertible: codes -> bytes -> codes, computed here as the layout's comment says.
#include "transfer/bit_layout.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

namespace scissionlite::transfer {
namespace {

/// Fails when the layout breaks its own rules.
void check(const BitLayout& layout) {
  RC_ASSERT(layout.components.size() == layout.levels.size());
  std::vector<int> product(static_cast<size_t>(layout.bytes), 1);
  size_t channel = 0;
  for (const auto& slot : layout.slots) {
    RC_ASSERT(slot.first == static_cast<int64_t>(channel));
    RC_ASSERT(slot.count <= layout.bytes);
    for (int64_t i = 0; i < slot.count; ++i, ++channel) {
      RC_ASSERT(layout.levels[channel] >= 2);
      RC_ASSERT(slot.multipliers[static_cast<size_t>(i)] == static_cast<float>(product[static_cast<size_t>(i)]));
      product[static_cast<size_t>(i)] *= layout.levels[channel];
    }
  }
  RC_ASSERT(channel == layout.components.size());
  for (const int p : product) RC_ASSERT(p <= 256);
  auto sorted = layout.components;
  std::sort(sorted.begin(), sorted.end());
  RC_ASSERT(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end());
}

void check_round_trip(const BitLayout& layout) {
  std::vector<int> codes;
  for (const int levels : layout.levels) codes.push_back(*rc::gen::inRange(0, levels));
  std::vector<int> bytes(static_cast<size_t>(layout.bytes), 0);
  for (const auto& slot : layout.slots)
    for (int64_t i = 0; i < slot.count; ++i)
      bytes[static_cast<size_t>(i)] += static_cast<int>(slot.multipliers[static_cast<size_t>(i)]) * codes[static_cast<size_t>(slot.first + i)];
  for (const int byte : bytes) RC_ASSERT(byte <= 255);
  for (const auto& slot : layout.slots)
    for (int64_t i = 0; i < slot.count; ++i) {
      const auto channel = static_cast<size_t>(slot.first + i);
      RC_ASSERT(bytes[static_cast<size_t>(i)] / static_cast<int>(slot.multipliers[static_cast<size_t>(i)]) % layout.levels[channel] ==
                codes[channel]);
    }
}

RC_GTEST_PROP(BitLayout, UniformIsInvertible, ()) {
  const int bits = 1 << *rc::gen::inRange(0, 4), components = *rc::gen::inRange(1, 80);
  const auto layout = uniform_layout(components, bits);
  RC_ASSERT(layout.bytes == (components * bits + 7) / 8);
  RC_ASSERT(static_cast<int>(layout.components.size()) == components);
  check(layout);
  check_round_trip(layout);
}

RC_GTEST_PROP(BitLayout, RateIsInvertibleAndNeverLarger, ()) {
  const int bytes = *rc::gen::inRange(1, 40), components = *rc::gen::inRange(1, 120);
  const double decay = 0.5 + 0.01 * *rc::gen::inRange(0, 50);
  std::vector<double> variances;
  for (int i = 0; i < components; ++i) variances.push_back(std::pow(decay, i));
  const auto layout = rate_layout(variances, bytes);
  RC_ASSERT(layout.bytes <= bytes);
  RC_ASSERT(layout.bytes == std::min(bytes, components) || layout.bytes < bytes);
  check(layout);
  check_round_trip(layout);
}

TEST(BitLayout, BitsGoWhereTheVarianceIs) {
  const std::vector<double> variances{1000, 100, 10, 1, 0.1, 0};
  const auto layout = rate_layout(variances, 2);
  std::vector<int> levels(variances.size(), 1);
  for (size_t i = 0; i < layout.components.size(); ++i) levels[static_cast<size_t>(layout.components[i])] = layout.levels[i];
  EXPECT_GT(levels[0], levels[1]);
  EXPECT_GE(levels[1], levels[2]);
  EXPECT_EQ(levels[5], 1) << "no variance, no bits";
}

}  // namespace
}  // namespace scissionlite::transfer
