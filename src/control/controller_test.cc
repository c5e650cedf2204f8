#include "control/controller.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"

namespace scissionlite::control {
namespace {

constexpr double kMbit = 1e6, kRtt = 20e3;

// A link of `rate_bps` and kRtt as it would be seen.
double wire_us(double bytes, double rate_bps) { return kRtt + bytes * 8e6 / rate_bps; }

/// Edge-only with much to send, a split with little, and the device alone.
std::vector<PlanTraits> three_plans() {
  return {{.key = "edge/file", .uses_edge = true, .answers_locally = true, .head_us = 1e3, .local_us = 200e3, .edge_us = 5e3, .up_bytes = 100e3},
          {.key = "split/a/klt", .uses_edge = true, .answers_locally = true, .head_us = 60e3, .local_us = 140e3, .edge_us = 3e3, .up_bytes = 2e3},
          {.key = "local", .uses_edge = false, .answers_locally = true, .head_us = 190e3, .local_us = 0, .edge_us = 0, .up_bytes = 0}};
}
const std::vector<bool> kAll{true, true, true}, kNone{false, false, true};

/// Images at `period_us` for `images`, over a link of `rate_bps`. Returns the time.
double drive(Controller& controller, double now_us, double rate_bps, int images, double period_us = 200e3) {
  for (int i = 0; i < images; ++i, now_us += period_us) {
    if (const auto bytes = controller.probe_due(now_us)) controller.note_probe(kRtt, *bytes, wire_us(*bytes, rate_bps), now_us);
    const auto plan = controller.choose(kAll, now_us);
    const auto& traits = controller.plans()[plan];
    if (traits.uses_edge) controller.note_answer(plan, traits.up_bytes, wire_us(traits.up_bytes, rate_bps), traits.edge_us, now_us);
  }
  return now_us;
}

TEST(Controller, TakesThePlanThatIsFastestOnTheLinkAsItIs) {
  Controller controller(three_plans(), {});
  double now = drive(controller, 0, 100 * kMbit, 50);
  EXPECT_EQ(controller.current(), 0U);
  now = drive(controller, now, 1 * kMbit, 50);
  EXPECT_EQ(controller.current(), 1U) << "0.8 s for the file, 16 ms for the codes";
  now = drive(controller, now, 100 * kMbit, 50);
  EXPECT_EQ(controller.current(), 0U) << "small messages do not show that the link is fast again; probes do";
}

TEST(Controller, LeavesAtOnceWhatMayNotBeTaken) {
  Controller controller(three_plans(), {.dwell_us = 1e9});
  double now = drive(controller, 0, 100 * kMbit, 5);
  ASSERT_EQ(controller.current(), 0U);
  controller.allow({false, true, true});
  EXPECT_EQ(controller.choose(kAll, now), 1U) << "60 ms and little to send, before 190 ms; the dwell time is not waited for";
  controller.allow({false, false, true});
  EXPECT_EQ(controller.choose(kAll, now), 2U);
  controller.allow({false, false, false});
  EXPECT_EQ(controller.choose(kAll, now), 2U) << "somebody has to answer";
  controller.allow({true, true, true});
  now = drive(controller, now + 1e9, 100 * kMbit, 50);
  EXPECT_EQ(controller.current(), 0U) << "it is taken again";
}

TEST(Controller, SwitchesAtMostOnceADwellTime) {
  Controller controller(three_plans(), {.dwell_us = 2e6});
  double now = 0;
  for (int i = 0; i < 100; ++i) now = drive(controller, now, i % 2 == 0 ? 0.5 * kMbit : 200 * kMbit, 3);
  EXPECT_LE(static_cast<double>(controller.switches()), now / 2e6 + 1);
  EXPECT_GT(controller.switches(), 0);
}

TEST(Controller, StaysWhereAnotherPlanIsHardlyBetter) {
  auto plans = three_plans();
  // At this rate the file needs as long as the codes, less 5 %.
  const double split_us = 60e3 + wire_us(2e3, 30 * kMbit) + 3e3;
  plans[0].up_bytes = (split_us * 0.95 - 1e3 - 5e3 - kRtt) * 30 * kMbit / 8e6;
  std::swap(plans[0], plans[1]);
  Controller controller(plans, {.hysteresis = 0.1});
  (void)drive(controller, 0, 30 * kMbit, 100);
  EXPECT_EQ(controller.switches(), 0);
}

TEST(Controller, TakesTheFastestLocalPathWhereNoEdgeIsUsable) {
  auto plans = three_plans();
  plans[2].head_us = 100e3;
  Controller controller(plans, {});
  (void)drive(controller, 0, 100 * kMbit, 5);
  EXPECT_EQ(controller.choose(kNone, 10e6), 2U);
}

TEST(Controller, KeepsTimeForTheLocalHalf) {
  Controller controller(three_plans(), {.deadline_us = 500e3, .reserve_share = 0.25, .reserve_us = 1e3});
  EXPECT_DOUBLE_EQ(controller.edge_budget_us(0, 10e3, 0), 500e3 - 10e3 - 200e3 * 1.25 - 1e3);
  controller.note_compute(120e3, 60e3);  // the device runs at half its speed
  EXPECT_LT(controller.edge_budget_us(0, 10e3, 0), 500e3 - 10e3 - 200e3 * 1.25 - 1e3);
}

TEST(Controller, KeepsNoTimeForALocalHalfThatWouldBeLate) {
  Controller controller(three_plans(), {.deadline_us = 150e3, .reserve_share = 0.25, .reserve_us = 1e3});
  EXPECT_DOUBLE_EQ(controller.edge_budget_us(0, 10e3, 0), 150e3 - 10e3 - 1e3) << "200 ms here";
  const double now = drive(controller, 0, 20 * kMbit, 50);
  EXPECT_EQ(controller.current(), 0U) << "66 ms, in time";
  EXPECT_DOUBLE_EQ(controller.edge_budget_us(0, 10e3, now), 150e3 - 10e3 - 1e3);
  const double patience_us = controller.edge_budget_us(0, 140e3, now);
  EXPECT_GT(patience_us, wire_us(100e3, 20 * kMbit) + 5e3) << "late by either, and sooner by the edge";
  EXPECT_LT(patience_us, 200e3);
}

TEST(Controller, WhoCannotBeInTimeByItselfAsksTheEdgeThatCan) {
  auto plans = three_plans();
  Controller controller({plans[2], plans[1]}, {.deadline_us = 150e3});
  controller.note_probe(kRtt, 10e3, wire_us(10e3, 10 * kMbit), 0);
  EXPECT_NEAR(controller.predicted_us(1, true, 0), 60e3 + wire_us(2e3, 10 * kMbit) + 3e3, 1);
  EXPECT_EQ(controller.choose({false, true}, 0), 1U) << "190 ms alone";
}

TEST(Controller, WaitsNoLongerThanPays) {
  Controller controller(three_plans(), {});
  EXPECT_DOUBLE_EQ(controller.edge_budget_us(1, 0, 0), 500e3) << "nothing is known of the link";
  const double now = drive(controller, 0, 1 * kMbit, 50);
  EXPECT_EQ(controller.current(), 1U);
  const double expected = wire_us(2e3, 1 * kMbit) + 3e3;
  EXPECT_GT(controller.edge_budget_us(1, 0, now), 1.5 * expected);
  EXPECT_LT(controller.edge_budget_us(1, 0, now), expected + 200e3);
}

TEST(Controller, AThrottledDeviceHandsMoreToTheEdge) {
  auto plans = three_plans();
  Controller controller({plans[2], plans[1]}, {});
  const double rate = 2 * kMbit;
  double now = 0;
  controller.note_probe(kRtt, 10e3, wire_us(10e3, rate), now);
  plans[2].head_us = 80e3;
  Controller fast({plans[2], plans[1]}, {});
  fast.note_probe(kRtt, 10e3, wire_us(10e3, rate), now);
  EXPECT_EQ(fast.choose({true, true}, now), 0U) << "80 ms alone, 91 with the edge";
  for (int i = 0; i < 20; ++i) fast.note_compute(240e3, 80e3);
  EXPECT_NEAR(fast.slowness(), 3, 0.01);
  EXPECT_EQ(fast.choose({true, true}, now + 10e6), 1U) << "240 ms alone, 211 with the edge";
}

TEST(Controller, WhatIsTooShortToTellSaysNothingOfTheDevicesSpeed) {
  Controller controller(three_plans(), {});
  for (int i = 0; i < 100; ++i) controller.note_compute(40, 0.1);  // a thread that is woken, where nothing is to be done
  controller.note_compute(std::nan(""), 60e3);
  EXPECT_EQ(controller.slowness(), 1);
  controller.note_compute(3600e6, 60e3);  // the machine slept for an hour
  EXPECT_LT(controller.slowness(), 4);
}

TEST(Controller, WhatCannotBeIsNotBelieved) {
  Controller controller(three_plans(), {});
  const double now = drive(controller, 0, 100 * kMbit, 50), before_us = controller.predicted_us(0, true, now);
  for (const double bad : {std::nan(""), -1.0, std::numeric_limits<double>::infinity()}) {
    controller.note_answer(0, 100e3, wire_us(100e3, 100 * kMbit), bad, now);
    controller.note_answer(0, 100e3, bad, 5e3, now);
    controller.note_answer(0, bad, 50e3, 5e3, now);
  }
  EXPECT_EQ(controller.predicted_us(0, true, now), before_us);
}

TEST(Controller, AProbeThatIsLostTeachesTheRateAndTheNextOneIsNotDueAtOnce) {
  constexpr double kFarUs = 100e3, kFast = 100 * kMbit, kWaitedUs = 2e6;
  Controller controller(three_plans(), {});
  double now = 0;
  for (; now < 10e6; now += 100e3)
    if (const auto due = controller.probe_due(now)) controller.note_probe(kFarUs, *due, kFarUs + *due * 8e6 / kFast, now);
  ASSERT_GT(controller.link().rate_bps(), 0.5 * kFast);
  double sent_bytes = 0;
  int lost = 0;
  for (const double end = now + 300e6; now < end; now += 100e3)  // not a byte gets through any more but the small calls
    if (const auto due = controller.probe_due(now)) sent_bytes += *due, ++lost, now += kWaitedUs, controller.note_lost_probe(*due, kWaitedUs, now);
  EXPECT_LT(controller.link().rate_bps(), 0.1 * kFast);
  EXPECT_LE(lost, 9) << "twice as long between them each time";
  EXPECT_GE(lost, 4) << "it is tried again";
}

/// They cannot tell it from the rate: what they take would stay a wrong rate for good.
TEST(Controller, TheRoundTripIsMeasuredAgainWhileImagesTellTheRate) {
  Controller controller(three_plans(), {.probe_every_us = 2e6});
  double now = drive(controller, 0, 100 * kMbit, 20);
  int probes = 0;
  for (const double end = now + 60e6; now < end; now += 200e3) {
    controller.note_answer(0, 100e3, wire_us(100e3, 100 * kMbit), 5e3, now);
    if (const auto bytes = controller.probe_due(now)) controller.note_probe(kRtt, *bytes, wire_us(*bytes, 100 * kMbit), now), ++probes;
  }
  EXPECT_GE(probes, 3);
  EXPECT_LE(probes, 10) << "though seldom";
}

TEST(Controller, ChecksOfPlansThatNobodyUsesKeepToTheirShareOfTheLink) {
  Controller controller(three_plans(), {.check_share = 0.02});
  EXPECT_EQ(controller.check_spacing_us(1), 0.0) << "nothing is known of the link";
  (void)drive(controller, 0, 16e3, 5, 20e6);
  ASSERT_EQ(controller.checked_first(), 1U) << "the least to send";
  EXPECT_FALSE(controller.check_spacing_us(1));
  const size_t other = 0;
  EXPECT_GT(controller.check_spacing_us(other).value(), 10e6);
  EXPECT_LE(controller.check_spacing_us(other).value(), 600e6);
}

TEST(Controller, LeavesAnEdgeWithAQueueAndTriesItAgainLater) {
  auto plans = three_plans();
  Controller controller({plans[1], plans[2]}, {});
  double now = drive(controller, 0, 10 * kMbit, 20);
  for (int i = 0; i < 30; ++i, now += 200e3) controller.note_answer(0, 2e3, wire_us(2e3, 10 * kMbit), 400e3, now);
  EXPECT_LE(controller.edge_budget_us(0, 60e3, now), 0) << "the local half is sooner";
  EXPECT_GT(controller.edge_budget_us(0, 60e3, now + 60e6), 0);
}

TEST(Controller, ProbesTakeASmallShareOfTheLink) {
  Controller controller(three_plans(), {.probe_every_us = 2e6, .probe_share = 0.02});
  double now = 0, bytes = 0;
  for (; now < 100e6; now += 100e3)
    if (const auto due = controller.probe_due(now)) bytes += *due, controller.note_probe(kRtt, *due, wire_us(*due, 1 * kMbit), now);
  EXPECT_LE(bytes, 0.03 * 1 * kMbit / 8 * 100);
  EXPECT_NEAR(controller.link().rate_bps(), 1 * kMbit, 0.05 * kMbit);
}

/// Over a satellite the round trip hides all that small messages take.
TEST(Controller, ALongRoundTripHidesNoRateForGood) {
  constexpr double kFarUs = 600e3, kRate = 50 * kMbit;
  Controller controller(three_plans(), {.probe_every_us = 2e6, .probe_share = 0.02});
  double bytes = 0, probes = 0;
  for (double now = 0; now < 100e6; now += 100e3)
    if (const auto due = controller.probe_due(now)) bytes += *due, ++probes, controller.note_probe(kFarUs, *due, kFarUs + *due * 8e6 / kRate, now);
  EXPECT_GT(controller.link().rate_bps(), 0.5 * kRate) << "as far as the largest probe tells";
  EXPECT_LE(probes, 60);
  EXPECT_LE(bytes, 0.03 * kRate / 8 * 100);
}

TEST(Controller, BadPlansAreRefused) {
  EXPECT_THROW(Controller({}, {}), InvalidArgument);
  auto plans = three_plans();
  plans[0].head_us = -1;
  EXPECT_THROW(Controller(plans, {}), InvalidArgument);
  plans = three_plans();
  plans[2].answers_locally = false;
  EXPECT_THROW(Controller(plans, {}), InvalidArgument);
}

}  // namespace
}  // namespace scissionlite::control
