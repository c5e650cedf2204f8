#include "device/plan_switch.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "device/pipeline.h"
#include "device/plans.h"
#include "device/testing.h"
#include "net/socket.h"

namespace scissionlite::device {
namespace {

using testing::FakeEdge;

/// Plans of the tiny model, each with an edge of its own that does what the test says.
class PlanSwitchTest : public ::testing::Test {
 protected:
  void add(const std::string& candidate, double edge_us = 0) {
    auto script = std::make_shared<FakeEdge::Script>();
    auto package = testing::tiny_package(folder_ / std::to_string(scripts_.size()), candidate);
    if (shadow_) package.manifest.model_sha256 = model_sha256_, package.manifest.original_output_names = {"scores"};
    script->claims = {{"model_sha256", package.manifest.tail_sha256}};
    script->on_infer = [edge_us](const protocol::InferRequest& request, double) {
      auto out = testing::answer_of_tail(request);
      out.parameters["compute_us"] = static_cast<int64_t>(edge_us);
      Clock::steady().sleep_us(edge_us);
      return out;
    };
    const bool has_edge = candidate != "local";
    plans_.push_back(
        std::make_unique<Offloader>(std::move(package), plan_options(has_edge), has_edge ? std::make_unique<FakeEdge>(script) : nullptr));
    scripts_.push_back(script);
  }
  OffloaderOptions plan_options(bool has_edge) {
    OffloaderOptions out;
    out.engine = "reference";
    out.session.breaker.first_retry_us = 20e3;
    out.shadow = shadow_;
    if (has_edge) out.edge = "fake:1";
    return out;
  }
  PlanSwitch& start(SwitchOptions options = {.control = {.dwell_us = 1e3, .waits_only_where_it_pays = false}, .look_every_us = 5e3}) {
    switch_ = std::make_unique<PlanSwitch>(std::move(plans_), options);
    return *switch_;
  }
  Answer answer() { return switch_->answer({.name = "grey", .bytes = "", .image = testing::plain_image(100, 50, 20)}); }
  void set_infer(size_t plan, std::function<protocol::InferResult(const protocol::InferRequest&, double)> hook) {
    const std::lock_guard lock(scripts_[plan]->mutex);
    scripts_[plan]->on_infer = std::move(hook);
  }
  bool edges_are_ready() {
    const auto are = [&] {
      return std::all_of(switch_->plans().begin(), switch_->plans().end(),
                         [](const auto& plan) { return plan->edge() == nullptr || plan->edge()->state() == EdgeState::kReady; });
    };
    for (const double end_us = Clock::steady().now_us() + 5e6; Clock::steady().now_us() < end_us && !are();) Clock::steady().sleep_us(1e3);
    return are();
  }
  /// Answers images until one comes by the plan, a second at most.
  bool reaches(const std::string& candidate) {
    for (const double end_us = Clock::steady().now_us() + 5e6; Clock::steady().now_us() < end_us;) {
      if (answer().candidate == candidate) return true;
      Clock::steady().sleep_us(2e3);
    }
    return false;
  }

  fs::path folder_ = fs::path(::testing::TempDir()) / ("plan_switch_" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
  std::vector<std::shared_ptr<FakeEdge::Script>> scripts_;
  std::vector<std::unique_ptr<Offloader>> plans_;
  std::shared_ptr<Shadow> shadow_;
  std::string model_sha256_;
  std::unique_ptr<PlanSwitch> switch_;
};

TEST_F(PlanSwitchTest, LeavesAPlanWhoseEdgeBecomesSlow) {
  const std::vector<std::string> candidates{"split/cut0/fp32", "edge/tensor"};
  for (const auto& candidate : candidates) add(candidate);
  start();
  ASSERT_TRUE(edges_are_ready());
  const auto first = answer();
  EXPECT_EQ(first.origin, Origin::kEdge) << first.note << first.error;
  const auto taken = static_cast<size_t>(std::find(candidates.begin(), candidates.end(), first.candidate) - candidates.begin());
  ASSERT_LT(taken, candidates.size());
  set_infer(taken, [](const protocol::InferRequest& request, double) {
    Clock::steady().sleep_us(30e3);
    return testing::answer_of_tail(request);
  });
  EXPECT_TRUE(reaches(candidates[1 - taken]));
  const auto counters = switch_->counters();
  EXPECT_GE(counters.switches, 1);
  for (const auto& candidate : candidates) EXPECT_GE(counters.images.at(candidate), 1);
}

TEST_F(PlanSwitchTest, LeavesAPlanWhoseAnswersHaveDrifted) {
  fs::create_directories(folder_);
  save_model(testing::tiny_tail("x", 1), folder_ / "model.onnx");
  vision::InputSpec input;
  input.width = input.height = 4;
  model_sha256_ = model_sha256(folder_ / "model.onnx");
  shadow_ = std::make_shared<Shadow>(ShadowOptions{.model = folder_ / "model.onnx", .engine = "reference", .share = 1, .min_agreement = 0.8}, input,
                                     nullptr);
  add("split/cut0/fp32");
  add("local");
  SwitchOptions options{.control = {.dwell_us = 1e3, .waits_only_where_it_pays = false}, .look_every_us = 5e3};
  options.control.hysteresis = 0.999;  // no other reason to leave
  options.shadow = shadow_;
  start(options);
  ASSERT_TRUE(edges_are_ready());
  const auto first = answer();
  ASSERT_EQ(first.candidate, "split/cut0/fp32");
  ASSERT_EQ(first.top.at(0).label, "red");
  set_infer(0, [](const protocol::InferRequest& request, double) { return testing::answer_of_tail(request, 0.01F); });  // what was red is green to it
  EXPECT_TRUE(reaches("local"));
  EXPECT_TRUE(shadow_->has_drifted("split/cut0/fp32"));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(answer().candidate, "local");
}

TEST_F(PlanSwitchTest, AllPlansGiveTheSameAnswer) {
  for (const char* candidate : {"split/cut0/fp32", "edge/tensor", "local"}) {
    add(candidate);
    start();
    const auto one = answer();
    ASSERT_TRUE(one.error.empty()) << one.error;
    ASSERT_FALSE(one.top.empty());
    EXPECT_EQ(one.top.front().label, "red") << candidate;
    EXPECT_EQ(one.candidate, candidate);
    switch_.reset();
    scripts_.clear();
  }
}

TEST_F(PlanSwitchTest, WhatOnePlanLearnsOfTheLinkTheOthersKnow) {
  add("edge/tensor");
  add("split/cut0/fp32");  // the same and a head: not taken for its own sake
  start({.control = {.hysteresis = 0.9, .waits_only_where_it_pays = false}, .look_every_us = 1e6});
  (void)answer();
  for (const auto& script : scripts_) {
    const std::lock_guard lock(script->mutex);
    script->on_connect = [] { testing::unavailable(); };
  }
  set_infer(0, [](const auto&, double) -> protocol::InferResult { testing::unavailable(); });
  const int asked = scripts_[1]->infers;
  const auto lost = answer();
  EXPECT_EQ(lost.origin, Origin::kLocal);
  EXPECT_TRUE(lost.error.empty()) << lost.error;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(answer().origin, Origin::kLocal);
  EXPECT_EQ(switch_->counters().images.at("split/cut0/fp32"), 0);
  EXPECT_EQ(scripts_[1]->infers, asked) << "the other plan was asked over the same dead link";
}

TEST_F(PlanSwitchTest, ARealPictureMakesNoPlanLookSlowerThanTheOthers) {
  add("edge/tensor");
  add("split/cut0/fp32");                                                                                           // the same and a head
  start({.control = {.dwell_us = 1, .hysteresis = 0.7, .waits_only_where_it_pays = false}, .look_every_us = 1e6});  // noise is no reason
  ASSERT_TRUE(edges_are_ready());
  vision::Image large{.width = 2000, .height = 1500, .rgb = std::vector<uint8_t>(2000 * 1500 * 3, 99)};  // milliseconds to decode
  const auto file = vision::encode(large, "jpeg-q90-420");
  for (int i = 0; i < 12; ++i) EXPECT_EQ(switch_->answer({.name = "large", .bytes = file, .image = {}}).error, "");
  EXPECT_EQ(switch_->counters().switches, 0);
}

TEST_F(PlanSwitchTest, ASilentEdgeIsWaitedForOnce) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "gRPC, which the other tests do without, is not built with ThreadSanitizer";
#endif
  const auto silent = net::listen_loopback(0);  // takes connections and says nothing
  std::vector<DevicePackage> packages;
  for (int i = 0; i < 4; ++i) packages.push_back(testing::tiny_package(folder_ / std::to_string(i), "split/cut0/fp32"));
  OffloaderOptions options;
  options.engine = "reference";
  options.edge = "127.0.0.1:" + std::to_string(net::local_port(silent));
  options.connect_timeout_us = 500e3;
  const double start_us = Clock::steady().now_us();
  const auto plans = make_offloaders(std::move(packages), options);
  EXPECT_LT(Clock::steady().now_us() - start_us, 1.5e6);
  for (const auto& plan : plans) EXPECT_NE(plan->edge()->state(), EdgeState::kReady);
}

TEST_F(PlanSwitchTest, DoesNotAskWhereTheDeviceIsSooner) {
  add("split/cut0/fp32", 20e3);
  start({.control = {.dwell_us = 1e3}, .look_every_us = 5e3});
  const double end_us = Clock::steady().now_us() + 5e6;
  Answer last;
  do last = answer();
  while (last.origin == Origin::kEdge && Clock::steady().now_us() < end_us);
  EXPECT_EQ(last.origin, Origin::kLocal) << "20 ms there, microseconds here";
  EXPECT_NE(last.note.find("sooner"), std::string::npos) << last.note;
}

TEST_F(PlanSwitchTest, MeasuresTheLinkWhileNoImageIsOnItsWay) {
  add("split/cut0/fp32");
  std::atomic<int> small{0}, padded{0};
  scripts_[0]->on_ping = [&](size_t bytes, double) { ++(bytes == 0 ? small : padded); };
  start();
  (void)answer();
  for (const double end_us = Clock::steady().now_us() + 5e6; padded == 0 && Clock::steady().now_us() < end_us;) Clock::steady().sleep_us(1e3);
  EXPECT_GT(small, 0);
  EXPECT_GT(padded, 0);
  EXPECT_GT(switch_->counters().probes, 0);
  switch_.reset();  // before what its thread counts in
}

TEST_F(PlanSwitchTest, PlansOfDifferentModelsAreRefused) {
  add("split/cut0/fp32");
  auto package = testing::tiny_package(folder_ / "other", "local");
  package.manifest.model_sha256 = "another";
  plans_.push_back(std::make_unique<Offloader>(std::move(package), plan_options(false)));
  EXPECT_THROW(start(), InvalidArgument);
}

TEST_F(PlanSwitchTest, TwoPlansOfOneCandidateAreRefused) {
  add("split/cut0/fp32");
  add("edge/tensor");
  add("split/cut0/fp32");
  try {
    start();
    FAIL() << "they could not be told apart";
  } catch (const InvalidArgument& e) {
    const std::string text = e.what();
    EXPECT_NE(text.find((folder_ / "0").string() + "' and '" + (folder_ / "2").string()), std::string::npos) << text;
    EXPECT_NE(text.find("split/cut0/fp32"), std::string::npos) << text;
    EXPECT_NE(text.find("leave one of them out"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace scissionlite::device
