#include "collective/packed.h"

#include <cmath>
#include <limits>

#include "collective/test_members.h"
#include "collective/threads.h"

namespace scissionlite {
namespace {

using testing_collective::values_of;

TEST(Packed, Bf16IsWithinHalfAStepOf8Bits) {
  const auto values = values_of(0, 1000);
  const auto bytes = pack(values, Packing::kBf16);
  EXPECT_EQ(bytes.size(), 2000U);
  const auto back = unpack(bytes, Packing::kBf16);
  for (size_t i = 0; i < values.size(); ++i) EXPECT_LE(std::abs(back[i] - values[i]), std::abs(values[i]) / 256) << i;
}

TEST(Packed, Int8IsWithinHalfAStepOfItsBlock) {
  for (const size_t count : {0, 1, 63, 64, 65, 1000}) {
    const auto values = values_of(1, count);
    const auto bytes = pack(values, Packing::kInt8);
    EXPECT_EQ(bytes.size(), count + (count + 63) / 64 * 4);
    const auto back = unpack(bytes, Packing::kInt8);
    ASSERT_EQ(back.size(), count);
    for (size_t i = 0; i < count; ++i) {
      float largest = 0;
      for (size_t j = i / 64 * 64; j < std::min(count, i / 64 * 64 + 64); ++j) largest = std::max(largest, std::abs(values[j]));
      EXPECT_LE(std::abs(back[i] - values[i]), largest / 127 / 2 * 1.001F) << i;
    }
  }
}

/// Packing what was packed takes nothing more: members know what was sent of their values.
TEST(Packed, TwiceIsOnce) {
  for (const auto packing : {Packing::kNone, Packing::kBf16, Packing::kInt8}) {
    const auto once = unpack(pack(values_of(2, 777), packing), packing);
    EXPECT_TRUE(testing_collective::is_same_bits(unpack(pack(once, packing), packing), once));
  }
}

TEST(Packed, WhatIsNotFiniteStaysSo) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const auto packing : {Packing::kBf16, Packing::kInt8})
    for (const float bad : {infinity, -infinity, std::nanf("")})
      EXPECT_FALSE(std::isfinite(unpack(pack(std::vector<float>{bad, 1.0F}, packing), packing)[0]));
  EXPECT_EQ(unpack(pack(std::vector<float>{0.0F, 0.0F}, Packing::kInt8), Packing::kInt8)[1], 0.0F);
}

TEST(Packed, BytesOfAnotherKindAreRefused) {
  EXPECT_THROW((void)unpack("abc", Packing::kBf16), InvalidArgument);
  EXPECT_THROW((void)unpack("abc", Packing::kInt8), InvalidArgument);
  EXPECT_THROW((void)unpack("abcd", Packing::kInt8), InvalidArgument);
}

TEST(Packed, MeansAreNearThoseOfFloats) {
  for (const auto packing : {Packing::kBf16, Packing::kInt8})
    run_in_threads(3, 30, [&](Collective& c) {
      auto values = values_of(c.rank(), 1000);
      c.average(values, packing);
      const auto expected = testing_collective::mean_of(3, 1000);
      for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], expected[i], packing == Packing::kBf16 ? 0.008 : 0.009) << i;
      EXPECT_LT(c.counts().bytes_sent, packing == Packing::kBf16 ? 2001 : 1070);
    });
}

}  // namespace
}  // namespace scissionlite
