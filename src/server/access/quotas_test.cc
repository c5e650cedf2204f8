#include "server/access/quotas.h"

#include <gtest/gtest.h>

#include <vector>

namespace scissionlite::server {
namespace {

class QuotasTest : public ::testing::Test {
 protected:
  /// Whether a request is let in; what is let in is held until `tickets_` is cleared.
  bool is_admitted(const std::string& identity, const Quota& quota) {
    over_ = {};
    auto ticket = quotas_.admit(identity, quota, over_);
    if (over_.reason.empty()) tickets_.push_back(std::move(ticket));
    return over_.reason.empty();
  }
  ManualClock clock_;
  Quotas quotas_{clock_};
  OverQuota over_;
  std::vector<Ticket> tickets_;
};

TEST_F(QuotasTest, ABurstThenTheRate) {
  const Quota quota{.requests_per_second = 10, .burst = 3, .in_flight = 0};
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(is_admitted("a", quota));
  EXPECT_FALSE(is_admitted("a", quota));
  EXPECT_NEAR(over_.retry_after_us, 100e3, 1);
  EXPECT_NE(over_.reason.find("'a' asks for more than its quota of 10.0 requests a second"), std::string::npos) << over_.reason;
  clock_.sleep_us(over_.retry_after_us * 0.9);
  EXPECT_FALSE(is_admitted("a", quota));
  clock_.sleep_us(over_.retry_after_us + 1);
  EXPECT_TRUE(is_admitted("a", quota)) << "the hint's time is enough";
  EXPECT_FALSE(is_admitted("a", quota));
}

TEST_F(QuotasTest, IdleTimeFillsNoMoreThanTheBurst) {
  const Quota quota{.requests_per_second = 100, .burst = 2, .in_flight = 0};
  EXPECT_TRUE(is_admitted("a", quota));
  clock_.sleep_us(3600e6);
  int admitted = 0;
  for (int i = 0; i < 10; ++i) admitted += is_admitted("a", quota) ? 1 : 0;
  EXPECT_EQ(admitted, 2);
}

TEST_F(QuotasTest, OverAMinuteTheRateHolds) {
  const Quota quota{.requests_per_second = 7, .burst = 1, .in_flight = 0};
  int admitted = 0;
  for (int i = 0; i < 60'000; ++i, clock_.sleep_us(1000)) admitted += is_admitted("a", quota) ? 1 : 0;
  EXPECT_NEAR(admitted, 420, 1);
}

TEST_F(QuotasTest, EachIdentityHasItsOwn) {
  const Quota quota{.requests_per_second = 1, .burst = 1, .in_flight = 0};
  EXPECT_TRUE(is_admitted("a", quota));
  EXPECT_FALSE(is_admitted("a", quota));
  EXPECT_TRUE(is_admitted("b", quota));
  const auto usage = quotas_.usage();
  EXPECT_EQ(usage.at("a").admitted, 1);
  EXPECT_EQ(usage.at("a").refused, 1);
  EXPECT_EQ(usage.at("b").in_flight, 1);
}

TEST_F(QuotasTest, InFlightIsGivenBack) {
  const Quota quota{.requests_per_second = 0, .burst = 1, .in_flight = 2};
  EXPECT_TRUE(is_admitted("a", quota));
  EXPECT_TRUE(is_admitted("a", quota));
  EXPECT_FALSE(is_admitted("a", quota));
  EXPECT_GE(over_.retry_after_us, 1e3);
  clock_.sleep_us(40e3);
  tickets_.clear();
  EXPECT_TRUE(is_admitted("a", quota));
  EXPECT_TRUE(is_admitted("a", quota));
  EXPECT_FALSE(is_admitted("a", quota));
  EXPECT_NEAR(over_.retry_after_us, 20e3, 1) << "requests take 40 ms and two run at once";
  EXPECT_EQ(quotas_.usage().at("a").in_flight, 2);
}

TEST_F(QuotasTest, ARefusalTakesNothing) {
  const Quota quota{.requests_per_second = 10, .burst = 1, .in_flight = 1};
  EXPECT_TRUE(is_admitted("a", quota));
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(is_admitted("a", quota));
  tickets_.clear();
  clock_.sleep_us(101e3);
  EXPECT_TRUE(is_admitted("a", quota));
}

TEST_F(QuotasTest, TicketsMayOutliveTheQuotas) {
  Ticket ticket;
  {
    Quotas quotas(clock_);
    ticket = quotas.admit("a", {.requests_per_second = 0, .burst = 1, .in_flight = 1}, over_);
  }
  ticket.release();
  ticket.release();
}

TEST_F(QuotasTest, AMillionAddressesDoNotFillTheMemory) {
  for (int i = 0; i < 30'000; ++i) {
    OverQuota over;
    quotas_.admit(std::to_string(i), {}, over).release();
  }
  EXPECT_LE(quotas_.usage().size(), 10'000u);
  clock_.sleep_us(61e6);
  EXPECT_TRUE(is_admitted("new", {}));
  EXPECT_LE(quotas_.usage().size(), 1u) << "the idle ones are forgotten";
}

}  // namespace
}  // namespace scissionlite::server
