#include "control/breaker.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

namespace scissionlite::control {
namespace {

Breaker ready(BreakerOptions options = {}) {
  Breaker breaker(options);
  breaker.passed();
  return breaker;
}

TEST(Breaker, KnowsNothingAtFirstAndWantsACheck) {
  const Breaker breaker;
  EXPECT_EQ(breaker.state(), EdgeState::kUnknown);
  EXPECT_LE(breaker.check_due_us(), 0);
}

TEST(Breaker, OpensBehindMissesInARowOnly) {
  auto breaker = ready({.misses_to_open = 3});
  EXPECT_FALSE(breaker.missed("late", 1));
  EXPECT_FALSE(breaker.missed("late", 2));
  breaker.answered();
  EXPECT_FALSE(breaker.missed("late", 3));
  EXPECT_FALSE(breaker.missed("late", 4));
  EXPECT_TRUE(breaker.missed("late again", 5));
  EXPECT_EQ(breaker.state(), EdgeState::kDown);
  EXPECT_EQ(breaker.reason(), "late again");
}

TEST(Breaker, OpensAtOnceWhereACallFails) {
  auto breaker = ready();
  EXPECT_TRUE(breaker.failed("reset", 7));
  EXPECT_FALSE(breaker.failed("reset", 8)) << "it is down already";
}

TEST(Breaker, WaitsTwiceAsLongForEachCheckUpToALimitWithJitter) {
  auto breaker = ready({.first_retry_us = 100, .longest_retry_us = 400});
  double now = 0, expected = 100;
  (void)breaker.failed("down", now);
  for (int i = 0; i < 6; ++i) {
    const double wait = breaker.check_due_us() - now;
    EXPECT_GE(wait, 0.75 * expected);
    EXPECT_LE(wait, 1.25 * expected);
    now = breaker.check_due_us();
    breaker.unreachable("down", now);
    expected = std::min(2 * expected, 400.0);
  }
}

TEST(Breaker, fault_03_ReturnsAtOtherMomentsWithOtherSeeds) {
  std::set<double> dues;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    auto breaker = ready({.seed = seed});
    (void)breaker.failed("down", 0);
    dues.insert(breaker.check_due_us());
  }
  EXPECT_EQ(dues.size(), 50U);
}

TEST(Breaker, KeepsTheLongWaitUntilACallIsAnswered) {
  auto breaker = ready({.first_retry_us = 100, .longest_retry_us = 10000});
  for (int i = 0; i < 5; ++i) (void)breaker.failed("down", 0), breaker.passed();
  (void)breaker.failed("down", 0);
  EXPECT_GT(breaker.check_due_us(), 2000);
  breaker.passed();
  breaker.answered();
  (void)breaker.failed("down", 0);
  EXPECT_LT(breaker.check_due_us(), 130);
}

TEST(Breaker, IsCheckedSeldomWhereTheTailIsWrong) {
  auto breaker = ready({.refused_retry_us = 1e6});
  breaker.refused("another tail", 0);
  EXPECT_EQ(breaker.state(), EdgeState::kRefused);
  EXPECT_GE(breaker.check_due_us(), 0.75e6);
  breaker.passed();
  EXPECT_TRUE(breaker.is_ready());
}

TEST(Breaker, IsUsedNoSoonerThanItIsToldAndThenWithoutACheck) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    auto breaker = ready({.seed = seed});
    breaker.told_to_wait("queue full", 250, 1000);
    EXPECT_TRUE(breaker.is_ready());
    EXPECT_FALSE(breaker.is_usable(1249.9));
    EXPECT_TRUE(breaker.is_usable(1275));
    EXPECT_EQ(breaker.rest_reason(), "queue full");
  }
}

TEST(Breaker, APauseDelaysTheCheckOfAnEdgeThatIsDown) {
  auto breaker = ready({.first_retry_us = 100});
  breaker.told_to_wait("over quota", 5000, 0);
  (void)breaker.failed("down", 0);
  EXPECT_GE(breaker.check_due_us(), 5000);
}

TEST(Breaker, NoPauseIsLongerThanAMinute) {
  for (const double asked_us : {3 * 24 * 3600e6, std::numeric_limits<double>::infinity()}) {
    auto breaker = ready();
    breaker.told_to_wait("come back on Monday", asked_us, 0);
    EXPECT_FALSE(breaker.is_usable(59e6));
    EXPECT_TRUE(breaker.is_usable(66e6));
  }
  for (const double no_time_us : {-5e6, std::nan("")}) {
    auto breaker = ready();
    breaker.told_to_wait("?", no_time_us, 1000);
    EXPECT_TRUE(breaker.is_usable(1000)) << no_time_us;
  }
}

TEST(Breaker, ChecksThatTheLinkIsTooSlowForAreMadeMoreAndMoreSeldom) {
  auto breaker = ready({.slow_retry_us = 1e6, .longest_slow_retry_us = 10e6});
  double now = 0, expected = 1e6;
  for (int i = 0; i < 6; ++i) {
    breaker.too_slow("no answer", now);
    EXPECT_EQ(breaker.state(), EdgeState::kDown);
    EXPECT_GE(breaker.check_due_us() - now, 0.75 * expected);
    EXPECT_LE(breaker.check_due_us() - now, 1.25 * expected);
    now = breaker.check_due_us(), expected = std::min(2 * expected, 10e6);
  }
  breaker.passed();
  breaker.too_slow("no answer", now);
  EXPECT_LE(breaker.check_due_us() - now, 1.25e6);
}

}  // namespace
}  // namespace scissionlite::control
