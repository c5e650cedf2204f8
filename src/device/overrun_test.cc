#include "device/overrun.h"

#include <gtest/gtest.h>

#include "device/expected_time.h"

namespace scissionlite::device {
namespace {

TEST(Overrun, AMachineThatStoodStillIsForgotten) {
  Overrun overrun(200e3);
  overrun.note(1.5e6);
  EXPECT_LE(overrun.us(), 40e3) << "a fifth of the deadline";
  for (int i = 0; i < 100; ++i) overrun.fade();
  EXPECT_LE(overrun.us(), 2e3);
  EXPECT_GT(overrun.us(), 0);
}

TEST(Overrun, TheLargestOfTheLatestIsKept) {
  Overrun overrun(200e3);
  overrun.note(10e3);
  overrun.note(1e3);
  EXPECT_EQ(overrun.us(), 10e3);
}

TEST(ExpectedTime, RisesAtOnceButNoMoreThanTwofoldAndFallsSlowly) {
  ExpectedTime time;
  time.note(10e3);
  EXPECT_EQ(time.us(), 10e3);
  time.note(15e3);
  EXPECT_EQ(time.us(), 15e3);
  time.note(1e6);
  EXPECT_EQ(time.us(), 30e3);
  time.note(10e3);
  EXPECT_EQ(time.us(), 28e3);
}

}  // namespace
}  // namespace scissionlite::device
