#include "profile/probe.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"

namespace scissionlite {
namespace {

TEST(FitLine, FindsTheLineUnderOutliers) {
  Rng rng(3);
  std::vector<Point> points;
  for (int i = 0; i < 60; ++i) {
    const double x = rng.uniform(1e3, 1e6);
    double y = 27400 + x * 0.136 + rng.normal() * 200;
    if (i % 7 == 0) y += rng.uniform(5e3, 2e5);  // a stall
    points.push_back({x, y});
  }
  const auto fit = fit_line(points);
  EXPECT_NEAR(fit.slope, 0.136, 0.002);
  EXPECT_NEAR(fit.intercept, 27400, 900);
  EXPECT_LE(fit.slope_ci.low, fit.slope);
  EXPECT_GE(fit.slope_ci.high, fit.slope);
  EXPECT_LT(fit.slope_ci.high - fit.slope_ci.low, 0.01);
}

TEST(FitLine, NeedsTwoSizes) {
  EXPECT_THROW((void)fit_line({}), InvalidArgument);
  EXPECT_THROW((void)fit_line({{1, 2}, {1, 3}}), InvalidArgument);
}

/// A link that takes the time it says, on a clock of its own, with jitter of up to a tenth.
class ModelledTarget final : public ProbeTarget {
 public:
  void ping() override { pass(kRttUs); }
  void send(int64_t bytes) override { pass(kRttUs + kPerCallUs + static_cast<double>(bytes) * 8e6 / kUpBps); }
  void prepare(int64_t) override {}
  Reply ask(const std::string&) override {
    pass(kRttUs + kPerCallUs + 1000 * 8e6 / kUpBps + 2000 + 100e3 * 8e6 / kDownBps);
    return {.request_bytes = 1000, .response_bytes = 100'000, .compute_us = 2000};
  }
  Clock& clock() override { return clock_; }
  static constexpr double kRttUs = 2000, kPerCallUs = 300, kUpBps = 200e6, kDownBps = 50e6;

 private:
  void pass(double us) { clock_.sleep_us(us + rng_.uniform(0, 0.1) * kRttUs); }
  ManualClock clock_;
  Rng rng_{5};
};

TEST(Probe, FindsRttRateAndFixedCost) {
  ModelledTarget target;
  const auto result = probe(target, {.address = "modelled", .model = "m", .time_limit_us = 1e6, .largest_bytes = 512 << 10});
  EXPECT_NEAR(result.link.rtt_us, 2100, 30);
  EXPECT_NEAR(result.link.up_bps, 200e6, 2e6);
  EXPECT_NEAR(result.link.per_call_us, 300, 60);
  EXPECT_TRUE(result.down_measured);
  EXPECT_NEAR(result.link.down_bps, 50e6, 1e6);
  EXPECT_LE(result.up_ci.low, result.link.up_bps);
  EXPECT_GE(result.up_ci.high, result.link.up_bps);
}

TEST(Probe, SaysThatTheWayBackIsAssumed) {
  ModelledTarget target;
  const auto result = probe(target, {.address = "modelled", .time_limit_us = 1e5, .largest_bytes = 64 << 10});
  EXPECT_FALSE(result.down_measured);
  EXPECT_EQ(result.link.down_bps, result.link.up_bps);
  EXPECT_NE(result.note.find("taken as fast"), std::string::npos);
}

}  // namespace
}  // namespace scissionlite
