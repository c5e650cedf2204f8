#include <atomic>
#include <thread>

#include "base/clock.h"
#include "collective/test_members.h"
#include "collective/threads.h"

namespace scissionlite {
namespace {

constexpr double kWait = 30;

TEST(Collective, ThreadsGiveTheSameBits) {
  for (const int members : {1, 2, 3, 8}) {
    std::atomic<int> ran = 0;
    run_in_threads(members, kWait, [&](Collective& c) {
      EXPECT_EQ(c.size(), members);
      testing_collective::check_rounds(c);
      testing_collective::check_refusals(c);
      ++ran;
    });
    EXPECT_EQ(ran, members);
  }
}

TEST(Collective, AloneNothingChanges) {
  Alone alone;
  testing_collective::check_rounds(alone);
}

/// Means whose sums do not fit float32.
TEST(Collective, LargeValuesHaveAMean) {
  run_in_threads(4, kWait, [](Collective& c) {
    std::vector<float> values{3e38F, c.rank() % 2 == 0 ? 3e38F : -3e38F};
    c.average(values);
    EXPECT_EQ(values[0], 3e38F);
    EXPECT_EQ(values[1], 0.0F);
  });
}

/// A small change beside a large one: where members keep what rounding takes from what they give, its mean arrives, though no member has given all of
/// it at once.
TEST(Collective, SmallChangesArriveInEightBits) {
  constexpr int kRounds = 60, kMembers = 4;
  constexpr float kSmall = 0.1F;  // of the step that 127 gives
  run_in_threads(kMembers, kWait, [](Collective& c) {
    std::vector<float> left(2);
    float arrived = 0;
    for (int round = 0; round < kRounds; ++round) {
      std::vector<float> values{127, c.rank() == 0 ? kSmall : 0};
      for (size_t i = 0; i < left.size(); ++i) values[i] += left[i];
      const auto sent = unpack(pack(values, Packing::kInt8), Packing::kInt8);
      for (size_t i = 0; i < left.size(); ++i) left[i] = values[i] - sent[i];
      c.average(values, Packing::kInt8);
      arrived += values[1];
    }
    EXPECT_NEAR(arrived, kRounds * kSmall / kMembers, 0.3) << "one step of a member is 0.25 of the mean";
  });
}

TEST(Collective, OneThatThrowsEndsTheOthersRounds) {
  std::atomic<int> told = 0;
  try {
    run_in_threads(4, kWait, [&](Collective& c) {
      std::vector<float> values(10);
      c.average(values);
      if (c.rank() == 2) throw ResourceError("the disk is full");
      try {
        for (;;) c.average(values);
      } catch (const MemberLost& lost) {
        EXPECT_EQ(lost.ranks(), std::vector<int>{2});
        EXPECT_NE(std::string(lost.what()).find("rank 2 is gone: the disk is full"), std::string::npos) << lost.what();
        ++told;
        throw;
      }
    });
    ADD_FAILURE() << "nothing was thrown";
  } catch (const ResourceError& error) { EXPECT_STREQ(error.what(), "the disk is full"); }
  EXPECT_EQ(told, 3);
}

/// A member that stops working is named within the time that was given.
TEST(Collective, OneThatStallsIsNamed) {
  const double started_us = Clock::steady().now_us();
  try {
    run_in_threads(3, 0.3, [&](Collective& c) {
      std::vector<float> values(10);
      c.average(values);
      if (c.rank() == 1) std::this_thread::sleep_for(std::chrono::milliseconds(900));
      c.average(values);
    });
    ADD_FAILURE() << "nothing was thrown";
  } catch (const MemberLost& lost) {
    EXPECT_EQ(lost.ranks(), std::vector<int>{1});
    EXPECT_NE(std::string(lost.what()).find("rank 1 did not come to a mean within 0.3 s"), std::string::npos) << lost.what();
  }
  EXPECT_LT(Clock::steady().now_us() - started_us, 5e6);
}

TEST(Collective, NobodyIsRefused) {
  EXPECT_THROW(run_in_threads(0, kWait, [](Collective&) {}), InvalidArgument);
  EXPECT_THROW(run_in_threads(2, 0, [](Collective&) {}), InvalidArgument);
}

TEST(Collective, GatheredBytesThatEndTooEarly) {
  const auto whole = combined(Round::kGather, {"abc", "", "d"});
  EXPECT_EQ(parts_of(whole), (std::vector<std::string>{"abc", "", "d"}));
  for (size_t length = 1; length < whole.size(); ++length) {
    if (length == 11 || length == 19) continue;  // whole parts
    EXPECT_THROW((void)parts_of(std::string_view(whole).substr(0, length)), InvalidArgument) << length;
  }
}

}  // namespace
}  // namespace scissionlite
