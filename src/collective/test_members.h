// What every transport has to do: the same checks for threads, processes and sites. Each runs in one member.
#pragma once

#include <gtest/gtest.h>

#include <cstring>

#include "base/rng.h"
#include "base/test_messages.h"
#include "collective/collective.h"

namespace scissionlite::testing_collective {

inline std::vector<float> values_of(int rank, size_t count) {
  Rng rng(static_cast<uint64_t>(rank) + 1);
  std::vector<float> out(count);
  for (auto& v : out) v = static_cast<float>(rng.uniform(-1, 1));
  return out;
}

/// As every transport is to add: in double precision, by rank.
inline std::vector<float> mean_of(int members, size_t count) {
  std::vector<double> sums(count);
  for (int rank = 0; rank < members; ++rank) {
    const auto values = values_of(rank, count);
    for (size_t i = 0; i < count; ++i) sums[i] += values[i];
  }
  std::vector<float> out;
  for (const double sum : sums) out.push_back(static_cast<float>(sum / members));
  return out;
}

inline bool is_same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

/// Means, sums, what is gathered and broadcast; sizes from nothing to a small network, round after round.
inline void check_rounds(Collective& c) {
  for (const size_t count : {0, 1, 3, 1000, 300000}) {
    auto values = values_of(c.rank(), count);
    c.average(values);
    EXPECT_TRUE(is_same_bits(values, mean_of(c.size(), count))) << count;
    values = values_of(c.rank(), count);
    c.broadcast(values);
    EXPECT_TRUE(is_same_bits(values, values_of(0, count))) << count;
  }
  std::vector<double> sums{1.0, static_cast<double>(c.rank()), 0.1 * (c.rank() + 1)};
  c.sum(sums);
  EXPECT_EQ(sums[0], c.size());
  EXPECT_EQ(sums[1], c.size() * (c.size() - 1) / 2);
  const auto texts = c.gather(std::string(static_cast<size_t>(c.rank()), 'a') + "\0b");
  ASSERT_EQ(static_cast<int>(texts.size()), c.size());
  for (int rank = 0; rank < c.size(); ++rank) EXPECT_EQ(texts[static_cast<size_t>(rank)], std::string(static_cast<size_t>(rank), 'a') + "\0b");
  EXPECT_EQ(c.counts().rounds, 12);
  EXPECT_EQ(c.counts().bytes_sent, 2 * 4 * 301004 + 24 + c.rank());
  EXPECT_GE(c.counts().bytes_received, 2 * 4 * 301004 + 24);
}

/// All are told, and say who differs.
inline void check_refusals(Collective& c) {
  if (c.size() == 1) return;
  std::vector<float> values(c.rank() == c.size() - 1 ? 5 : 3, 1.0F);
  EXPECT_NE(message_of([&] { c.average(values); }).find("rank " + std::to_string(c.size() - 1) + " gave 20 bytes to a mean, expected 12"),
            std::string::npos);
  std::vector<double> sums(3);
  values.resize(3);
  EXPECT_NE(message_of([&] { c.rank() == 1 ? c.sum(sums) : c.average(values); }).find("rank 1 came for a sum, rank 0 for a mean"), std::string::npos);
  c.average(values);  // it goes on
  EXPECT_EQ(values[0], 1.0F);
}

}  // namespace scissionlite::testing_collective
