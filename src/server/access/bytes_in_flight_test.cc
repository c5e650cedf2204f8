#include "server/access/bytes_in_flight.h"

#include <gtest/gtest.h>

#include <functional>

#include "server/call/refusal.h"

namespace scissionlite::server {
namespace {

TEST(BytesInFlight, NoMoreThanTheMostAndGivenBackWithTheTicket) {
  BytesInFlight bytes(100);
  auto first = bytes.take(60);
  {
    const auto second = bytes.take(40);
    EXPECT_EQ(bytes.bytes(), 100);
    try {
      (void)bytes.take(1);
      FAIL() << "it was taken";
    } catch (const Refusal& refusal) {
      EXPECT_EQ(refusal.code(), Code::kUnavailable);
      EXPECT_GT(refusal.retry_after_us(), 0);
      EXPECT_NE(std::string(refusal.what()).find("hold 100 bytes already, of 100 at most"), std::string::npos) << refusal.what();
    }
  }
  EXPECT_EQ(bytes.bytes(), 60) << "what was refused holds nothing";
  first.release();
  EXPECT_EQ(bytes.bytes(), 0);
}

void expect_never_fits(const std::function<void()>& take) {
  try {
    take();
    FAIL() << "it was taken";
  } catch (const Refusal& refusal) {
    EXPECT_EQ(refusal.code(), Code::kResourceExhausted) << refusal.what();
    EXPECT_EQ(refusal.retry_after_us(), 0) << "waiting does not help: " << refusal.what();
    EXPECT_NE(std::string(refusal.what()).find("send a smaller batch"), std::string::npos) << refusal.what();
  }
}

TEST(BytesInFlight, WhatWouldNotFitEvenAloneIsNotToldToComeBack) {
  BytesInFlight bytes(1 << 20);
  expect_never_fits([&] { (void)bytes.take((1 << 20) + 1); });
  GrowingTicket growing(bytes);
  growing.cover(900 << 10);
  expect_never_fits([&] { growing.cover(1100 << 10); });
}

TEST(BytesInFlight, WhatGrowsIsCountedUntilItIsGivenBack) {
  BytesInFlight bytes(100);
  EXPECT_TRUE(bytes.add(60));
  EXPECT_TRUE(bytes.add(40));
  EXPECT_FALSE(bytes.add(1));
  EXPECT_THROW((void)bytes.take(1), Refusal) << "both front ends share the room";
  bytes.give_back(101);
  EXPECT_EQ(bytes.bytes(), 0);
}

TEST(BytesInFlight, WhatIsThereAlreadyIsHeldInAnyCase) {
  BytesInFlight bytes(100);
  {
    const auto held = bytes.hold(150);
    EXPECT_EQ(bytes.bytes(), 150);
    EXPECT_THROW((void)bytes.take(1), Refusal);
  }
  EXPECT_EQ(bytes.bytes(), 0);
}

TEST(GrowingTicket, CountsAheadOfWhatGrowsAndEndsWhereThereIsNoRoom) {
  BytesInFlight bytes(3 << 20);
  {
    GrowingTicket growing(bytes);
    for (size_t size = 0; size <= 2 << 20; size += 1000) {
      growing.cover(size);
      ASSERT_GE(bytes.bytes(), static_cast<int64_t>(size));
      ASSERT_LE(bytes.bytes(), static_cast<int64_t>(size) + (1 << 20)) << "not much more than there is";
    }
    EXPECT_THROW(growing.cover(4 << 20), Refusal);
    EXPECT_GE(bytes.bytes(), 2 << 20) << "what was there is";
    growing.release();
    EXPECT_EQ(bytes.bytes(), 0);
    growing.cover(1);
  }
  EXPECT_EQ(bytes.bytes(), 0);
}

}  // namespace
}  // namespace scissionlite::server
