#include "base/log_limit.h"

#include <gtest/gtest.h>

namespace scissionlite {
namespace {

TEST(LogLimit, OnceAnIntervalWithTheCountOfTheRest) {
  ManualClock clock;
  LogLimit limit(60e6, clock);
  std::string note;
  EXPECT_TRUE(limit.admits("expired", note));
  EXPECT_EQ(note, "");
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(limit.admits("expired", note));
  EXPECT_TRUE(limit.admits("revoked", note)) << "each reason for itself";
  clock.sleep_us(59.9e6);
  EXPECT_FALSE(limit.admits("expired", note));
  clock.sleep_us(0.2e6);
  EXPECT_TRUE(limit.admits("expired", note));
  EXPECT_EQ(note, " (and 4 times before)");
  EXPECT_FALSE(limit.admits("expired", note));
}

TEST(LogLimit, KeysOfStrangersDoNotFillTheMemory) {
  ManualClock clock;
  LogLimit limit(60e6, clock);
  std::string note;
  int admitted = 0;
  for (int i = 0; i < 5000; ++i) admitted += limit.admits(std::to_string(i), note) ? 1 : 0;
  EXPECT_EQ(admitted, 1000);
  clock.sleep_us(61e6);
  EXPECT_TRUE(limit.admits("new", note));
}

}  // namespace
}  // namespace scissionlite
