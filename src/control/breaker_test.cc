#include "control/breaker.h"

#include <gtest/gtest.h>

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

TEST(Breaker, AsksNoSoonerThanItIsTold) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    auto breaker = ready({.seed = seed});
    EXPECT_TRUE(breaker.told_to_wait("queue full", 250, 1000));
    EXPECT_GE(breaker.check_due_us(), 1250);
    EXPECT_LE(breaker.check_due_us(), 1375);
  }
}

}  // namespace
}  // namespace scissionlite::control
