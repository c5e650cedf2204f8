// The search against brute force written again, plainly; constraints; messages.
#include "planner/planner.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <chrono>
#include <set>

#include "planner/made_profiles.h"

namespace scissionlite::planner {
namespace {

/// All candidates as described ones, by asking for every key there can be.
std::vector<PlannedCandidate> all_by_key(const CostModel& model, const Planner& planner) {
  std::vector<std::string> hops, keys{"local"};
  for (const auto& hop : model.hops()) hops.push_back(hop.candidate.key());
  for (const auto& first : hops) {
    keys.push_back(first);
    if (model.machine_count() == 3)
      for (const auto& second : hops) keys.push_back(first + "|" + second);
  }
  std::vector<PlannedCandidate> out;
  for (const auto& key : keys) {
    try {
      out.push_back(planner.candidate(key));
    } catch (const InvalidArgument&) {  // cannot follow, or not measured
    }
  }
  return out;
}

struct Random {
  CostModel model;
  Scores scores;
};
Random random_case(Rng& rng) {
  const int machines = 2 + static_cast<int>(rng.below(2));
  std::vector<Link> links{random_link(rng)};
  if (machines == 3) links.push_back(random_link(rng));
  CostModel model(random_profiles(rng, machines, 1 + static_cast<int>(rng.below(6)), 1 + static_cast<int>(rng.below(3))), links);
  auto scores = random_scores(rng, model);
  return {std::move(model), std::move(scores)};
}

double objective_of(const PlannedCandidate& c, const std::string& objective) {
  return objective == "latency" ? c.latency_us : objective == "bytes" ? c.bytes : -c.throughput_ips;
}

TEST(Planner, ChoosesTheArgmin) {
  EXPECT_TRUE(rc::check("the chosen plan is the best of all candidates, one by one", [](uint64_t seed) {
    Rng rng(seed);
    const auto random = random_case(rng);
    for (const std::string objective : {"latency", "throughput", "bytes"}) {
      const Planner planner(random.model, &random.scores, {.objective = objective, .constraints = {}, .top = 5});
      const auto plan = planner.plan();
      const auto all = all_by_key(random.model, planner);
      RC_ASSERT(static_cast<size_t>(plan.candidates_considered) == all.size());
      double best = objective_of(all[0], objective);
      for (const auto& c : all) best = std::min(best, objective_of(c, objective));
      RC_ASSERT(std::fabs(objective_of(plan.chosen, objective) - best) <= 1e-9 * std::fabs(best));
      for (size_t i = 1; i < plan.top.size(); ++i) RC_ASSERT(objective_of(plan.top[i - 1], objective) <= objective_of(plan.top[i], objective));
    }
  }));
}

TEST(Planner, ParetoFrontIsWhatNothingBeats) {
  EXPECT_TRUE(rc::check("front equals brute force", [](uint64_t seed) {
    Rng rng(seed);
    const auto random = random_case(rng);
    const bool scored = rng.uniform() < 0.7;
    const Planner planner(random.model, scored ? &random.scores : nullptr, {});
    const auto all = all_by_key(random.model, planner);
    const auto beats = [](const PlannedCandidate& a, const PlannedCandidate& b) {
      const bool as_good = a.latency_us <= b.latency_us && a.bytes <= b.bytes && a.agreement >= b.agreement;
      return as_good && (a.latency_us < b.latency_us || a.bytes < b.bytes || a.agreement > b.agreement);
    };
    std::set<std::string> expected, given;
    for (const auto& c : all)
      if (std::none_of(all.begin(), all.end(), [&](const auto& other) { return beats(other, c); })) expected.insert(c.key);
    for (const auto& c : planner.plan().pareto) given.insert(c.key);
    RC_ASSERT(given == expected);
  }));
}

TEST(Planner, BreakEvensHoldWhenPlannedAgain) {
  EXPECT_TRUE(rc::check("1 % under and over a break-even the two plans win", [](uint64_t seed) {
    Rng rng(seed);
    const auto random = random_case(rng);
    const auto plan = Planner(random.model, nullptr, {}).plan();
    std::vector<Profile> profiles;
    for (size_t m = 0; m < random.model.machine_count(); ++m) profiles.push_back(random.model.machine(m));
    const auto fastest_at = [&](double rate_bps) {
      auto links = random.model.links();
      links[0].up_bps = rate_bps;
      const CostModel model(profiles, links);
      return Planner(model, nullptr, {}).plan().chosen.key;
    };
    const auto& points = plan.break_evens;
    for (size_t i = 0; i < points.size(); ++i) {
      if (i > 0) RC_ASSERT(points[i - 1].bandwidth_bps < points[i].bandwidth_bps && points[i - 1].above == points[i].below);
      const double rate = points[i].bandwidth_bps;
      if (i == 0 || points[i - 1].bandwidth_bps < rate * 0.99) RC_ASSERT(fastest_at(rate * 0.99) == points[i].below);
      if (i + 1 == points.size() || points[i + 1].bandwidth_bps > rate * 1.01) RC_ASSERT(fastest_at(rate * 1.01) == points[i].above);
    }
    // no break-even is missing: over a wide sweep the winners are those of the list, in order
    if (points.empty()) {
      for (const double rate : {1e3, 1e6, 1e9}) RC_ASSERT(fastest_at(rate) == plan.chosen.key);
    } else {
      RC_ASSERT(fastest_at(points.front().bandwidth_bps / 1e3) == points.front().below);
      RC_ASSERT(fastest_at(points.back().bandwidth_bps * 1e3) == points.back().above);
    }
  }));
}

/// A random constraint, and the same claim in plain words over a described candidate.
struct Claim {
  Constraint constraint;
  std::function<bool(const PlannedCandidate&)> holds;
};
Claim random_claim(Rng& rng, const CostModel& model) {
  std::vector<std::string> names;
  for (size_t m = 0; m < model.machine_count(); ++m) names.push_back(model.machine(m).machine_name);
  const auto m = static_cast<size_t>(rng.below(names.size()));
  const auto number = [](double value) { return std::to_string(value); };
  const auto stage = [m](const PlannedCandidate& c) { return m < c.stages.size() ? c.stages[m] : Stage{}; };
  switch (rng.below(6)) {
    case 0: {
      const double limit = rng.uniform(1000, 60000);
      return {parse_require("latency <= " + number(limit) + "us", names), [=](const auto& c) { return c.latency_us <= std::stod(number(limit)); }};
    }
    case 1: {
      const double limit = rng.uniform(100, 60000);
      return {parse_require("bytes <= " + number(limit), names), [=](const auto& c) { return c.bytes <= std::stod(number(limit)); }};
    }
    case 2: {
      const double limit = rng.uniform(100, 20000);
      return {parse_require("time on " + names[m] + " <= " + number(limit) + "us", names),
              [=](const auto& c) { return stage(c).decode_us + stage(c).compute_us + stage(c).encode_us <= std::stod(number(limit)); }};
    }
    case 3: return {parse_require("machine " + names[m], names), [=](const auto& c) { return !stage(c).first.empty(); }};
    case 4: return {parse_forbid("machine " + names[m], names), [=](const auto& c) { return stage(c).first.empty(); }};
    default: {
      const double limit = rng.uniform(0, 0.6);
      return {parse_require("agreement lower >= " + number(limit), names),
              [=](const auto& c) { return c.agreement >= 0 && c.agreement_interval.low >= std::stod(number(limit)); }};
    }
  }
}

TEST(Planner, ConstraintsAreRespected) {
  EXPECT_TRUE(rc::check("the best of the candidates that meet every claim, or an error when there is none", [](uint64_t seed) {
    Rng rng(seed);
    const auto random = random_case(rng);
    std::vector<Claim> claims;
    PlanOptions options;
    for (uint64_t i = 0; i < 1 + rng.below(3); ++i) {
      claims.push_back(random_claim(rng, random.model));
      options.constraints.push_back(claims.back().constraint);
    }
    const Planner planner(random.model, &random.scores, options);
    double best = 1e300;
    for (const auto& c : all_by_key(random.model, planner)) {
      const bool meets = std::all_of(claims.begin(), claims.end(), [&](const Claim& claim) { return claim.holds(c); });
      RC_ASSERT(c.feasible == meets);
      RC_ASSERT(c.infeasible_reason.empty() == meets);
      if (meets) best = std::min(best, c.latency_us);
    }
    if (best == 1e300) {
      const auto message = message_of([&] { (void)planner.plan(); });
      RC_ASSERT(message.find("cannot be met") != std::string::npos);
      RC_ASSERT(message.find('\'' + claims[0].constraint.text) != std::string::npos || claims.size() > 1);
    } else {
      const auto plan = planner.plan();
      RC_ASSERT(std::fabs(plan.chosen.latency_us - best) <= 1e-9 * best);
      for (const auto* list : {&plan.top, &plan.pareto})
        for (const auto& c : *list) RC_ASSERT(c.feasible);
    }
  }));
}

CostModel pair_of_machines() { return CostModel({made_profile("device", 1000), made_profile("edge", 100)}, {made_link()}); }
std::string chosen_with(const CostModel& model, const std::vector<std::string>& require, const std::vector<std::string>& forbid = {},
                        const Scores* scores = nullptr) {
  PlanOptions options;
  std::vector<std::string> names;
  for (size_t m = 0; m < model.machine_count(); ++m) names.push_back(model.machine(m).machine_name);
  for (const auto& text : require) options.constraints.push_back(parse_require(text, names));
  for (const auto& text : forbid) options.constraints.push_back(parse_forbid(text, names));
  return Planner(model, scores, options).plan().chosen.key;
}

TEST(Planner, FamiliesCompeteSideBySide) {
  const auto model = pair_of_machines();
  const auto plan = Planner(model, nullptr, {}).plan();
  std::vector<std::string> families;
  for (const auto& c : plan.families) families.push_back(c.family + ": " + c.key);
  EXPECT_EQ(families, (std::vector<std::string>{"local: local", "plain uint8: split/0/uint8", "plain fp32: split/0/fp32",
                                                "edge jpeg: edge/jpeg-q90-420", "edge file: edge/file"}));
  EXPECT_EQ(plan.candidates_considered, 7);
  EXPECT_EQ(plan.top.front().key, plan.chosen.key);
}

TEST(Planner, FamiliesThatDoNotQualifySaySo) {
  const auto model = pair_of_machines();
  PlanOptions options;
  options.constraints.push_back(parse_require("bytes <= 1500", {"device", "edge"}));
  const auto plan = Planner(model, nullptr, options).plan();
  EXPECT_EQ(plan.families.back().family, "edge file");
  EXPECT_FALSE(plan.families.back().feasible);
  EXPECT_EQ(plan.families.back().infeasible_reason, "bytes 20000 bytes is 18500 bytes over 'require bytes <= 1500'");
}

TEST(Planner, LayersMachinesAndBlocks) {
  const auto model = pair_of_machines();
  EXPECT_EQ(chosen_with(model, {}), "local");
  EXPECT_EQ(chosen_with(model, {"machine edge"}), "split/0/uint8");
  EXPECT_EQ(chosen_with(model, {"machine edge", "layer t1 on device"}), "split/1/uint8");
  EXPECT_EQ(chosen_with(model, {"machine edge", "layers 0..1 on device"}), "split/1/uint8");
  EXPECT_EQ(chosen_with(model, {"layers 0..1 on edge"}), "edge/jpeg-q90-420");
  EXPECT_EQ(chosen_with(model, {}, {"layer 1 on device"}), "split/0/uint8");
  EXPECT_EQ(chosen_with(model, {}, {"machine device"}), "edge/jpeg-q90-420");
  EXPECT_EQ(chosen_with(model, {"machine edge", "blocks on device >= 2"}), "split/1/uint8");
  EXPECT_EQ(chosen_with(model, {"blocks on edge >= 1"}, {"images leaving"}), "split/0/uint8");
  EXPECT_EQ(chosen_with(model, {"blocks on edge >= 3"}), "edge/jpeg-q90-420");
  EXPECT_EQ(chosen_with(model, {"time on device <= 80% of local"}), "split/0/uint8");
  EXPECT_EQ(chosen_with(model, {"bytes from device <= 0"}), "local");
}

TEST(Planner, Agreement) {
  const auto model = pair_of_machines();
  Scores scores;
  scores.model_sha256 = model.machine(0).model_sha256;
  scores.scores = {{.candidate = "split/0/uint8", .agreement = 0.97, .interval = {0.94, 0.99}, .n = 200, .note = ""},
                   {.candidate = "split/1/uint8", .agreement = 0.96, .interval = {0.95, 0.97}, .n = 2000, .note = ""}};
  EXPECT_EQ(chosen_with(model, {"machine edge", "agreement >= 0.965"}, {}, &scores), "split/0/uint8");
  EXPECT_EQ(chosen_with(model, {"machine edge", "agreement lower >= 0.945"}, {}, &scores), "split/1/uint8");
  EXPECT_EQ(chosen_with(model, {"machine edge", "agreement >= 0.99"}, {}, &scores), "split/0/fp32");  // exact by construction
  EXPECT_NE(
      message_of([&] { (void)chosen_with(model, {"agreement >= 0.9"}); }).find("'require agreement >= 0.9' needs scores; run `scissionlite score`"),
      std::string::npos);
  scores.model_sha256 = "b";
  EXPECT_NE(message_of([&] { (void)chosen_with(model, {}, {}, &scores); }).find("the scores are of another model (b)"), std::string::npos);
}

TEST(Planner, AgreementOfChains) {
  const CostModel model({made_profile("a", 1000), made_profile("b", 100), made_profile("c", 10)}, {made_link(), made_link()});
  Scores scores;
  scores.model_sha256 = model.machine(0).model_sha256;
  scores.scores = {{.candidate = "split/0/uint8", .agreement = 0.97, .interval = {0.94, 0.99}, .n = 200, .note = ""},
                   {.candidate = "split/1/uint8", .agreement = 0.96, .interval = {0.95, 0.97}, .n = 300, .note = ""},
                   {.candidate = "edge/jpeg-q90-420|split/0/uint8", .agreement = 0.5, .interval = {0.4, 0.6}, .n = 100, .note = ""}};
  const Planner planner(model, &scores, {});
  EXPECT_EQ(planner.candidate("split/0/uint8|split/0/uint8").agreement, 0.97);  // passed on
  EXPECT_EQ(planner.candidate("split/0/fp32|split/1/uint8").agreement, 0.96);   // the first is exact
  EXPECT_EQ(planner.candidate("split/0/uint8|split/1/fp32").agreement_n, 200);  // the second is exact
  EXPECT_EQ(planner.candidate("split/0/uint8|split/1/uint8").agreement, -1);    // nobody measured both
  EXPECT_EQ(planner.candidate("edge/jpeg-q90-420|split/0/uint8").agreement, 0.5);
}

TEST(Planner, SaysWhichConstraintAndByHowMuch) {
  const auto model = pair_of_machines();
  EXPECT_EQ(
      message_of([&] { (void)chosen_with(model, {"latency <= 1ms"}); }),
      "[plan] the constraints cannot be met:\n  no candidate meets 'require latency <= 1ms': the nearest is 'local', whose latency 6.00 ms is 5.00 ms over "
      "'require latency <= 1ms'");
  const auto both = message_of([&] { (void)chosen_with(model, {"machine edge", "bytes <= 2k", "latency <= 7ms"}); });
  EXPECT_NE(both.find("cannot be met together; relaxing one of these is enough:"), std::string::npos) << both;
  EXPECT_NE(both.find("'require machine edge' fails among those that meet the others"), std::string::npos) << both;
  EXPECT_NE(
      both.find(
          "'require latency <= 7ms' fails among those that meet the others: the nearest is 'split/0/uint8', whose latency 7.06 ms is 60 us over"),
      std::string::npos)
      << both;
  const auto pair = message_of([&] { (void)chosen_with(model, {"machine edge", "layer 1 on device"}, {"machine edge", "layer 0 on device"}); });
  EXPECT_NE(pair.find("'require machine edge' and 'forbid machine edge' exclude each other"), std::string::npos) << pair;
  const auto blocks = message_of([&] { (void)chosen_with(model, {"blocks on device >= 5"}); });
  EXPECT_NE(blocks.find("number of blocks on the machine 3 is 2 short of 'require blocks on device >= 5'"), std::string::npos) << blocks;
}

TEST(Planner, NothingMeasuredIsSaid) {
  auto device = made_profile("device", 1000), edge = made_profile("edge", 100);
  device.whole = edge.whole = {};
  device.cuts[0].tls.clear();
  device.cuts[1].tls.clear();
  const CostModel model({device, edge}, {made_link()});
  EXPECT_NE(message_of([&] { (void)Planner(model, nullptr, {}).plan(); }).find("the profiles hold no complete candidate"), std::string::npos);
  EXPECT_NE(message_of([&] { (void)Planner(model, nullptr, {}).candidate("local"); }).find("was not measured on every machine it needs"),
            std::string::npos);
}

TEST(Planner, RefusesAnUnknownObjective) {
  const auto model = pair_of_machines();
  EXPECT_NE(message_of([&] { (void)Planner(model, nullptr, {.objective = "speed", .constraints = {}}); }).find("unknown objective 'speed'"),
            std::string::npos);
}

TEST(Planner, WhatWasMeasuredTakesThePlaceOfThePrediction) {
  const auto model = pair_of_machines();
  EXPECT_EQ(chosen_with(model, {}), "local");
  PlanOptions options;
  options.measured = {{.key = "local", .latency_us = 50e3},
                      {.key = "split/0/uint8", .latency_us = 7.5e3, .throughput_ips = 3},
                      {.key = "split/77/uint8", .latency_us = 1}};
  const auto plan = Planner(model, nullptr, options).plan();
  EXPECT_EQ(plan.chosen.key, "split/0/uint8");
  EXPECT_EQ(plan.chosen.latency_us, 7.5e3);
  EXPECT_EQ(plan.chosen.predicted_us, Planner(model, nullptr, {}).candidate("split/0/uint8").latency_us);
  EXPECT_NEAR(plan.chosen.throughput_ips, 3, 1e-9);
  const auto unmeasured = Planner(model, nullptr, options).candidate("split/1/uint8");
  EXPECT_EQ(unmeasured.predicted_us, 0);
  EXPECT_EQ(unmeasured.latency_us, Planner(model, nullptr, {}).candidate("split/1/uint8").latency_us);
  options.measured = {{.key = "local", .latency_us = 0}};
  EXPECT_NE(message_of([&] { (void)Planner(model, nullptr, options); }).find("the measured latency of 'local' is 0.000000 us"), std::string::npos);
  options.measured = {{.key = "local", .latency_us = 1}, {.key = "local", .latency_us = 2}};
  EXPECT_NE(message_of([&] { (void)Planner(model, nullptr, options); }).find("'local' was measured twice"), std::string::npos);
}

TEST(Planner, PlanJsonRoundTrip) {
  EXPECT_TRUE(rc::check("plan_from_json(to_json(p)) equals p", [](uint64_t seed) {
    Rng rng(seed);
    const auto random = random_case(rng);
    PlanOptions options;
    if (rng.uniform() < 0.5) options.measured = {{.key = "local", .latency_us = rng.uniform(1, 1e5)}};
    auto plan = Planner(random.model, &random.scores, options).plan();
    plan.planning_us = 12.5;
    plan.command = "scissionlite plan --device 'a b.json'";
    const auto json = to_json(plan);
    RC_ASSERT(to_json(plan_from_json(parse_json(json.dump(2), "p"), "p")).dump() == json.dump());
  }));
}

double seconds_to_plan(const CostModel& model, const Scores* scores) {
  const auto begin = std::chrono::steady_clock::now();
  const auto plan = Planner(model, scores, {}).plan();
  EXPECT_FALSE(plan.chosen.key.empty());
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

TEST(Planner, TwoThousandCutsAreFast) {
  Rng rng(7);
  const CostModel two(random_profiles(rng, 2, 2000, 6), {made_link()});
  const auto scores = random_scores(rng, two);
  EXPECT_LT(seconds_to_plan(two, &scores), 1.0);
#ifndef SCISSIONLITE_SANITIZED
  const CostModel three(random_profiles(rng, 3, 2000, 2), {made_link(), made_link()});  // 8 million chains
  EXPECT_LT(seconds_to_plan(three, nullptr), 5.0);
#endif
}

}  // namespace
}  // namespace scissionlite::planner
