#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "simulate/edge.h"
#include "simulate/regret.h"
#include "simulate/scenario.h"
#include "simulate/world.h"

namespace scissionlite::simulate {
namespace {

constexpr double kSecond = 1e6;

std::vector<control::PlanTraits> plans() {
  return {{.key = "edge/file", .uses_edge = true, .answers_locally = true, .head_us = 1e3, .local_us = 200e3, .edge_us = 10e3, .up_bytes = 20e3},
          {.key = "split", .uses_edge = true, .answers_locally = true, .head_us = 60e3, .local_us = 140e3, .edge_us = 7e3, .up_bytes = 2.5e3},
          {.key = "local", .uses_edge = false, .answers_locally = true, .head_us = 195e3, .local_us = 0, .edge_us = 0, .up_bytes = 0}};
}
net::LinkOptions link(double mbit, double rtt_us = 27.4e3) { return {.up_bps = mbit * 1e6, .down_bps = mbit * 1e6, .rtt_us = rtt_us}; }
Trace steady(double mbit, double duration_us) { return {.links = {{.at_us = 0, .link = link(mbit)}}, .events = {}, .duration_us = duration_us}; }
WorldOptions world() { return {.plans = plans(), .controller = {}, .breaker = {}, .period_us = 250e3}; }

std::string told(const Summary& summary) {
  std::string out;
  for (const auto& one : summary.violations) out += one + "\n";
  return out;
}

TEST(Simulate, ASteadyLinkGivesTheBestPlansLatency) {
  auto options = world();
  options.noise = 0;
  const auto out = simulate(options, steady(58.8, 100 * kSecond));
  EXPECT_TRUE(out.violations.empty()) << told(out);
  EXPECT_NEAR(static_cast<double>(out.images), 400, 10);
  EXPECT_EQ(out.edge + out.local, out.images);
  // 1 ms, 27.4 ms of round trip, 2.7 ms for 20 kB and a little for the answer, 10 ms.
  EXPECT_NEAR(out.mean_latency_us(), 1e3 + 27.4e3 + 20e3 * 8 / 58.8 + 300 * 8 / 58.8 + 10e3, 2e3);
  EXPECT_NEAR(oracle_latency_us(options, steady(58.8, 100 * kSecond)), 41.2e3, 0.3e3);
}

TEST(Simulate, IsTheSameForTheSameSeedAndAnotherForAnother) {
  const auto trace = random_faults(3, 0.2);
  const auto a = simulate(random_world(3), trace), b = simulate(random_world(3), trace), c = simulate(random_world(4), trace);
  EXPECT_EQ(to_json(a).dump(), to_json(b).dump());
  EXPECT_NE(to_json(a).dump(), to_json(c).dump());
}

/// 1, 2, 3 of the faults: an edge that is down, killed under calls, there again.
TEST(Simulate, fault_01_02_03_TheEdgeGoesAndComes) {
  auto trace = steady(58.8, 60 * kSecond);
  trace.events = {{.at_us = 0, .event = Event::kEdgeKilled, .value = 0},
                  {.at_us = 10 * kSecond, .event = Event::kEdgeStarted, .value = 0},
                  {.at_us = 30 * kSecond, .event = Event::kEdgeKilled, .value = 0},
                  {.at_us = 40 * kSecond, .event = Event::kEdgeStarted, .value = 0}};
  auto options = world();
  options.controller.deadline_us = 400e3;
  const auto out = simulate(options, trace);
  EXPECT_TRUE(out.violations.empty()) << told(out);
  EXPECT_EQ(out.errors, 0);
  EXPECT_EQ(out.late, 0);
  EXPECT_NEAR(static_cast<double>(out.local), 80, 25) << "20 s of 4 images, and until the edge is found again";
  EXPECT_GT(out.edge, 120);
}

TEST(Simulate, fault_03_DevicesDoNotReturnAtOnce) {
  auto trace = steady(58.8, 60 * kSecond);
  trace.events = {{.at_us = 10 * kSecond, .event = Event::kEdgeKilled, .value = 0},
                  {.at_us = 40 * kSecond, .event = Event::kEdgeStarted, .value = 0}};
  auto options = world();
  options.devices = 50;
  options.period_us = 1e6;
  options.edge_queue = 16;
  const auto out = simulate(options, trace);
  EXPECT_TRUE(out.violations.empty()) << told(out);
  EXPECT_GT(out.edge, 50 * 25);
}

TEST(Simulate, fault_04_ABlackHoleCostsNoMoreThanTheDeadline) {
  auto trace = steady(58.8, 60 * kSecond);
  auto hole = link(58.8);
  hole.black_hole = true;
  trace.links.push_back({.at_us = 20 * kSecond, .link = hole});
  trace.links.push_back({.at_us = 40 * kSecond, .link = link(58.8)});
  auto options = world();
  options.controller.deadline_us = 500e3;
  options.keeps_latencies = true;
  const auto out = simulate(options, trace);
  EXPECT_TRUE(out.violations.empty()) << told(out);
  EXPECT_EQ(out.late, 0);
  EXPECT_LE(*std::max_element(out.latencies_us.begin(), out.latencies_us.end()), 500e3);
}

TEST(Simulate, fault_05_ADeadConnectionIsReplaced) {
  auto trace = steady(58.8, 60 * kSecond);
  trace.events = {{.at_us = 20 * kSecond, .event = Event::kConnectionDead, .value = 0}};
  const auto out = simulate(world(), trace);
  EXPECT_TRUE(out.violations.empty()) << told(out);
  EXPECT_LT(out.local, 40) << "10 s";
}

TEST(Simulate, fault_05_ASuspendedDeviceGoesOn) {
  auto trace = steady(58.8, 60 * kSecond);
  trace.events = {{.at_us = 20 * kSecond, .event = Event::kDeviceSuspended, .value = 20},
                  {.at_us = 40 * kSecond, .event = Event::kConnectionDead, .value = 0}};
  auto options = world();
  options.controller.deadline_us = 400e3;
  const auto out = simulate(options, trace);
  EXPECT_TRUE(out.violations.empty()) << told(out);
  EXPECT_NEAR(static_cast<double>(out.images), 40 * 4, 10);
  EXPECT_LE(out.late, 1) << "that was under way";
  EXPECT_GT(out.edge, 100);
}

TEST(Simulate, fault_06_ATenthOfTheRateChangesThePlan) {
  auto trace = steady(40, 120 * kSecond);
  trace.links.push_back({.at_us = 40 * kSecond, .link = link(0.4)});
  trace.links.push_back({.at_us = 80 * kSecond, .link = link(40)});
  const auto out = simulate(world(), trace);
  EXPECT_TRUE(out.violations.empty()) << told(out);
  EXPECT_EQ(out.switches, 2) << "to the split, and back";
  EXPECT_LT(out.mean_latency_us(), 1.1 * oracle_latency_us(world(), trace));
}

TEST(Simulate, ALinkGivenInSamplesIsTheSameLink) {
  const auto whole = steady(0.5, 60 * kSecond);
  auto sampled = whole;
  for (double at_us = 50e3; at_us < sampled.duration_us; at_us += 50e3) sampled.links.push_back({.at_us = at_us, .link = link(0.5)});
  auto expected = simulate(world(), whole), out = simulate(world(), sampled);
  EXPECT_GT(out.edge, 100);
  EXPECT_EQ(out.edge, expected.edge);
  EXPECT_NEAR(out.mean_latency_us(), expected.mean_latency_us(), 1);
}

TEST(Simulate, fault_07_SwitchesKeepTheirDwellTime) {
  Trace trace = adversarial_link(1, 600 * kSecond, 2 * kSecond);
  const auto out = simulate(world(), trace);
  EXPECT_TRUE(out.violations.empty()) << told(out);
  EXPECT_LE(out.switches, 300);
}

TEST(Simulate, fault_08_LossAndJitterKeepTheDeadline) {
  auto trace = steady(20, 120 * kSecond);
  auto bad = link(20);
  bad.jitter_us = 300e3;
  trace.links.push_back({.at_us = 0, .link = bad, .loss = 0.2});
  auto options = world();
  options.controller.deadline_us = 500e3;
  const auto out = simulate(options, trace);
  EXPECT_TRUE(out.violations.empty()) << told(out);
  EXPECT_EQ(out.late, 0);
  EXPECT_EQ(out.errors, 0);
}

TEST(Simulate, fault_09_AnswersThatComeTwiceOrLateAreDropped) {
  auto trace = steady(58.8, 60 * kSecond);
  trace.events = {{.at_us = 0, .event = Event::kDuplicates, .value = 1}};
  const auto out = simulate(world(), trace);
  EXPECT_TRUE(out.violations.empty()) << told(out);
  EXPECT_GT(out.dropped, 100);
  EXPECT_EQ(out.edge + out.local, out.images);
}

TEST(Simulate, fault_10_11_12_NoAnswerOfAnotherTailIsTaken) {
  for (const Event event : {Event::kTailWrong, Event::kTailReplaced}) {
    auto trace = steady(58.8, 60 * kSecond);
    trace.events = {{.at_us = 20 * kSecond, .event = event, .value = 1}, {.at_us = 30 * kSecond, .event = event, .value = 0}};
    const auto out = simulate(world(), trace);
    EXPECT_TRUE(out.violations.empty()) << told(out);
    EXPECT_GT(out.local, 30) << "10 s at least";
    EXPECT_GT(out.edge, 100);
  }
}

TEST(Simulate, fault_29_ABusyEdgeIsLeftAlone) {
  auto trace = steady(58.8, 60 * kSecond);
  trace.events = {{.at_us = 20 * kSecond, .event = Event::kEdgeBusy, .value = 1}, {.at_us = 40 * kSecond, .event = Event::kEdgeBusy, .value = 0}};
  const auto out = simulate(world(), trace);
  EXPECT_TRUE(out.violations.empty()) << told(out);
  EXPECT_EQ(out.errors, 0);
}

TEST(Simulate, fault_30_AFloodLeavesTheOthersTheirDeadline) {
  auto trace = steady(58.8, 60 * kSecond);
  trace.events = {{.at_us = 20 * kSecond, .event = Event::kFlood, .value = 200}, {.at_us = 40 * kSecond, .event = Event::kFlood, .value = 0}};
  auto options = world();
  options.controller.deadline_us = 400e3;
  const auto out = simulate(options, trace);
  EXPECT_TRUE(out.violations.empty()) << told(out);
  EXPECT_EQ(out.errors, 0);
  EXPECT_EQ(out.late, 0);
  EXPECT_GT(out.local, 40) << "its queue holds 0.64 s of others' work";
  EXPECT_GT(out.edge, 100);
}

TEST(Simulate, fault_31_WhoVanishesTakesItsRequestsAlong) {
  const auto options = world();
  Agenda agenda;
  Rng rng(1);
  Edge edge(options, agenda, rng, [](const Message&, double) {});
  for (const size_t device : {0U, 0U, 1U}) edge.receive({.device = device}, 0);
  edge.apply({.at_us = 0, .event = Event::kDeviceGone, .value = 1}, 0);
  EXPECT_EQ(edge.waiting(), 2U) << "what has begun, and another's";

  auto trace = steady(58.8, 120 * kSecond);
  for (int i = 1; i < 60; ++i) trace.events.push_back({.at_us = i * 2 * kSecond, .event = Event::kDeviceGone, .value = 0.5});
  auto site = world();
  site.devices = 3, site.controller.deadline_us = 400e3;
  const auto out = simulate(site, trace);
  EXPECT_TRUE(out.violations.empty()) << told(out);
  EXPECT_GT(out.lost, 0);
  EXPECT_EQ(out.edge + out.local + out.errors + out.lost, out.images);
  EXPECT_NEAR(static_cast<double>(out.images), 120 * 4 * (3 - 0.25), 60);
}

/// A thread that is woken takes hundreds of times what such a plan does before it sends.
TEST(Simulate, APlanThatSendsAtOnceDoesNotMakeTheDeviceLookSlow) {
  auto options = world();
  options.plans[0].head_us = 0.1;
  options.controller.deadline_us = 300e3;
  const auto out = simulate(options, steady(10, 100 * kSecond));
  EXPECT_TRUE(out.violations.empty()) << told(out);
  EXPECT_GT(out.edge, out.images * 9 / 10);
}

/// What the link does not carry is not sent over and over again beside what it does.
TEST(Simulate, ChecksOfPlansThatNobodyUsesLeaveASlowLinkToTheOneInUse) {
  auto options = world();
  auto split = options.plans[1];
  split.local_us = 1.5e6, split.up_bytes = 600;
  options.plans = {split};
  for (int i = 0; i < 3; ++i)
    options.plans.push_back({.key = "edge/tensor", .uses_edge = true, .local_us = 1.5e6, .edge_us = 10e3, .up_bytes = 12e3});
  options.period_us = 2e6;
  const auto trace = steady(0.016, 1200 * kSecond);
  const auto out = simulate(options, trace);
  EXPECT_TRUE(out.violations.empty()) << told(out);
  EXPECT_GT(out.edge, out.images * 7 / 10);
  options.plans = {split};
  EXPECT_GT(static_cast<double>(out.edge), 0.75 * static_cast<double>(simulate(options, trace).edge));
}

TEST(Simulate, fault_42_AThrottledDeviceHandsMoreToTheEdge) {
  auto options = world();
  auto& split = options.plans[1];
  split.head_us = 3e3, split.up_bytes = 12e3;
  options.plans = {options.plans[2], split};
  options.plans[0].head_us = 40e3;
  auto trace = steady(5, 120 * kSecond);  // 40 ms here, 57 with the edge
  trace.events = {{.at_us = 60 * kSecond, .event = Event::kDeviceSlower, .value = 4}};
  const auto out = simulate(options, trace);
  EXPECT_TRUE(out.violations.empty()) << told(out);
  EXPECT_EQ(out.switches, 1);
  EXPECT_NEAR(static_cast<double>(out.edge), 240, 15);
}

/// 395 ms here, some 60 with the edge.
TEST(Simulate, ADeviceThatIsAlwaysLateByItselfAsksTheEdge) {
  auto options = world();
  options.plans = {options.plans[2], options.plans[0]};
  options.plans[0].head_us = options.plans[1].local_us = 395e3;
  options.controller.deadline_us = 300e3;
  options.period_us = 1e6;
  const auto out = simulate(options, steady(10, 120 * kSecond));
  EXPECT_TRUE(out.violations.empty()) << told(out);
  EXPECT_GT(out.edge, out.images - 5);
  EXPECT_LE(out.late, 5);
}

TEST(Simulate, fault_42_ADeviceTooThrottledForItsDeadlineGoesOnAskingTheEdge) {
  auto options = world();
  options.plans[0].head_us = 3e3;
  options.controller.deadline_us = 700e3;
  options.period_us = 1e6;
  auto trace = steady(10, 300 * kSecond);
  trace.events = {{.at_us = 60 * kSecond, .event = Event::kDeviceSlower, .value = 8}};
  const auto out = simulate(options, trace);
  EXPECT_TRUE(out.violations.empty()) << told(out);
  EXPECT_GT(out.edge, 250);
  EXPECT_LE(out.late, 10);
}

/// Late with them all, as soon as possible.
TEST(Simulate, ADeviceThatIsLateDoesNotFallBehindForGood) {
  auto options = world();
  options.plans = {options.plans[2], options.plans[0]};
  options.plans[0].head_us = options.plans[1].local_us = 395e3;
  options.controller.deadline_us = 300e3;  // the first images are: their queue is full when the edge is known
  const auto out = simulate(options, steady(10, 120 * kSecond));
  EXPECT_TRUE(out.violations.empty()) << told(out);
  EXPECT_GT(out.edge, out.images * 9 / 10);
}

TEST(Simulate, ALateImageThatTheEdgeCouldHaveAnsweredIsFound) {
  auto options = world();
  options.plans = {options.plans[0]};
  options.plans[0].local_us = 400e3;
  options.controller.deadline_us = 300e3;
  options.controller.reserve_us = 280e3, options.controller.waits_only_where_it_pays = false;  // believes that nothing can be in time
  options.period_us = 1e6;
  auto trace = steady(10, 120 * kSecond);
  for (int i = 1; i < 120; ++i) trace.links.push_back({.at_us = i * kSecond, .link = link(10)});  // the same link
  const auto out = simulate(options, trace);
  ASSERT_FALSE(out.violations.empty());
  EXPECT_NE(out.violations.front().find("which the edge could have kept"), std::string::npos) << told(out);
}

TEST(Simulate, APlanThatNeverAnswersIsNotTheBest) {
  auto options = world();
  options.plans = {options.plans[0], options.plans[1]};
  options.plans[1].answers_locally = false, options.plans[1].edge_us = 10e6;  // longer than it is waited for
  options.period_us = 10e6;
  const auto trace = steady(10, 600 * kSecond);
  const auto out = regret_of(options, trace);
  EXPECT_EQ(out.fixed[1].answered(), 0);
  EXPECT_GT(out.fixed[1].errors, 50);
  ASSERT_TRUE(out.best_fixed_us());
  EXPECT_DOUBLE_EQ(*out.best_fixed_us(), out.fixed[0].mean_latency_us());
  options.plans = {options.plans[1]};
  const auto none = regret_of(options, trace);
  EXPECT_FALSE(none.best_fixed_us());
  EXPECT_FALSE(none.vs_oracle());
  EXPECT_FALSE(none.vs_fixed);
  EXPECT_TRUE(to_json(none.summary)["mean_latency_us"].is_null());
}

TEST(Simulate, BrokenPromisesOfFixedPlansAreToldToo) {
  auto options = world();
  options.plans = {options.plans[2]};
  options.plans[0].head_us = 400e3;
  options.period_us = 1e6;
  options.controller.deadline_us = 300e3;
  options.controller.reserve_share = -0.9;
  const auto out = regret_of(options, steady(10, 5 * kSecond));
  ASSERT_FALSE(out.summary.violations.empty());
  EXPECT_EQ(out.summary.violations.back().find("always local, seed 1"), 0U) << told(out.summary);
}

/// The test of tests: a device that breaks its promises is found.
TEST(Simulate, ABrokenPromiseIsFound) {
  auto options = world();
  options.plans = {options.plans[2]};
  options.controller.deadline_us = 300e3;
  options.controller.reserve_share = -0.9;  // believes to need a tenth of what it does
  auto trace = steady(58.8, 60 * kSecond);
  options.plans[0].head_us = 400e3;
  EXPECT_FALSE(simulate(options, trace).violations.empty());
}

/// Every fault of the list that concerns time and network, by chance. A failure names the seed that replays it.
TEST(Simulate, RandomFaultsBreakNoPromise) {
  const char* hours_text = std::getenv("SCISSIONLITE_SIMULATED_HOURS");
  const double hours = hours_text ? std::atof(hours_text) : 500, hours_a_run = 20;
  Summary all;
  for (uint64_t seed = 1; all.simulated_us < hours * 3600 * kSecond; ++seed) {
    all.add(simulate(random_world(seed), random_faults(seed, hours_a_run)));
    ASSERT_TRUE(all.violations.empty()) << told(all);
  }
  EXPECT_GE(static_cast<double>(all.images + all.refused), all.simulated_us / kSecond * 0.9);
  RecordProperty("summary", to_json(all).dump());
  std::printf("%s\n", to_json(all).dump().c_str());
}

TEST(Simulate, MoreImagesThanCanBeSimulatedAreRefused) {
  auto options = world();
  for (const double period_us : {1e-12, 1e-300}) {
    options.period_us = period_us;
    EXPECT_THROW((void)simulate(options, steady(10, 60 * kSecond)), InvalidArgument);
  }
  options.period_us = 250e3;
  EXPECT_THROW((void)simulate(options, steady(10, 1e306)), InvalidArgument);
}

TEST(Simulate, TracesAreReadAndWritten) {
  auto trace = steady(58.8, 60 * kSecond);
  trace.links.push_back({.at_us = 20.5 * kSecond, .link = link(1), .loss = 0.25});
  trace.links.push_back({.at_us = 30 * kSecond, .link = link(1)});
  trace.links.back().link.black_hole = true;
  trace.events = {{.at_us = 2 * kSecond, .event = Event::kEdgeSlower, .value = 3}, {.at_us = 2 * kSecond, .event = Event::kTailWrong, .value = 1}};
  const auto again = trace_from_json(to_json(trace), "t");
  EXPECT_EQ(to_json(again).dump(), to_json(trace).dump());
  ASSERT_EQ(again.links.size(), 3U);
  EXPECT_TRUE(again.links[2].link.black_hole);
  EXPECT_DOUBLE_EQ(again.links[1].at_us, 20.5 * kSecond);
  EXPECT_DOUBLE_EQ(again.links[1].loss, 0.25);
  ASSERT_EQ(again.events.size(), 2U);
  EXPECT_EQ(again.events[0].event, Event::kEdgeSlower);
  EXPECT_DOUBLE_EQ(again.events[0].value, 3);
}

TEST(Simulate, BadTracesAreRefused) {
  const auto refused = [](const std::string& text, const std::string& expected) {
    try {
      (void)trace_from_json(Json::parse(text), "trace.json");
      ADD_FAILURE() << text;
    } catch (const InvalidArgument& e) { EXPECT_NE(std::string(e.what()).find(expected), std::string::npos) << e.what(); }
  };
  refused(R"({"schema":"scissionlite.plan/1"})", "scissionlite.trace/1");
  refused(R"({"schema":"scissionlite.trace/1","duration_s":1,"link":[]})", "nothing says what the link is at 0 s");
  refused(R"({"schema":"scissionlite.trace/1","duration_s":0,"link":[{"at_s":0,"link":"1M,1ms"}]})", "duration_s");
  refused(
      R"({"schema":"scissionlite.trace/1","duration_s":9,"link":[{"at_s":0,"link":"1M,1ms"},{"at_s":5,"link":"1M,1ms"},{"at_s":4,"link":"1M,1ms"}]})",
      "order of time");
  refused(R"({"schema":"scissionlite.trace/1","duration_s":9,"link":[{"at_s":0,"link":"1M,1ms"}],"events":[{"at_s":1,"event":"edge_kiled"}]})",
          "did you mean");
  refused(R"({"schema":"scissionlite.trace/1","duration_s":9,"link":[{"at_s":0,"link":"1M,1ms","loss":1}]})", "loss");
  refused(R"({"schema":"scissionlite.trace/1","duration_s":9,"link":[{"at_s":0,"link":"1M,1ms","blackhole":true}]})", "blackhole");
  refused(R"({"schema":"scissionlite.trace/1","duration_s":9,"evnts":[],"link":[{"at_s":0,"link":"1M,1ms"}]})", "evnts");
  for (const char* event : {"edge_busy", "tail_wrong", "tail_replaced"})
    refused(std::string(R"({"schema":"scissionlite.trace/1","duration_s":9,"link":[{"at_s":0,"link":"1M,1ms"}],"events":[{"at_s":1,"event":")") +
                event + R"("}]})",
            "\"value\" is missing");
  for (const char* value : {"-5", "0"})
    refused(
        std::string(
            R"({"schema":"scissionlite.trace/1","duration_s":9,"link":[{"at_s":0,"link":"1M,1ms"}],"events":[{"at_s":1,"event":"device_slower","value":)") +
            value + "}]}",
        "how many times slower");
  refused(R"({"schema":"scissionlite.trace/1","duration_s":1e300,"link":[{"at_s":0,"link":"1M,1ms"}]})", "a year");
  const auto refused_event = [&](const std::string& event, const char* value, const std::string& expected) {
    refused(R"({"schema":"scissionlite.trace/1","duration_s":9,"link":[{"at_s":0,"link":"1M,1ms"}],"events":[{"at_s":1,"event":")" + event +
                R"(","value":)" + value + "}]}",
            expected);
  };
  refused_event("duplicates", "2", "a share from 0 to 1");
  for (const char* value : {"0.5", "1e300", "-1"}) refused_event("tail_replaced", value, "a whole number from 0");
  for (const char* event : {"edge_busy", "tail_wrong"})
    for (const char* value : {"-3", "0.5", "2"}) refused_event(event, value, "\"value\" is 1, or 0");
  for (const char* event : {"device_suspended", "device_gone"})
    for (const char* value : {"0", "-1", "1e9"}) refused_event(event, value, "how many seconds");
  refused_event("flood", "1e9", "requests a second");
}

}  // namespace
}  // namespace scissionlite::simulate
