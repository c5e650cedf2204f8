#include "device/shadow.h"

#include <gtest/gtest.h>

#include "device/offloader.h"
#include "device/testing.h"

namespace scissionlite::device {
namespace {

/// The uncut tiny model: of a picture of one colour its channels' means.
class ShadowTest : public ::testing::Test {
 protected:
  ShadowTest() {
    fs::create_directories(folder_);
    save_model(testing::tiny_tail("x", 1), folder_ / "model.onnx");
    input_.width = input_.height = 4;
  }
  Shadow& start(ShadowOptions options) {
    options.model = folder_ / "model.onnx", options.engine = "reference", options.clock = &clock_;
    shadow_ = std::make_unique<Shadow>(options, input_, counts_);
    return *shadow_;
  }
  /// A red picture that `plan` said was of class `index`.
  void offer_red(const std::string& plan, int64_t index) {
    shadow_->offer(
        {.name = "red", .plan = plan, .input = vision::to_tensor(testing::plain_image(200, 20, 10), input_), .index = index, .scores = "scores"});
    shadow_->drain();
  }
  PlanAgreement of(const std::string& plan) {
    for (const auto& one : shadow_->agreements())
      if (one.plan == plan) return one;
    return {};
  }

  fs::path folder_ = fs::path(::testing::TempDir()) / ("shadow_" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
  vision::InputSpec input_;
  ManualClock clock_;
  std::shared_ptr<DeviceCounts> counts_ = std::make_shared<DeviceCounts>();
  std::unique_ptr<Shadow> shadow_;
};

TEST_F(ShadowTest, CountsAgreementByPlan) {
  start({.share = 1});
  for (int i = 0; i < 8; ++i) offer_red("split/a/uint8", 0);
  for (int i = 0; i < 4; ++i) offer_red("split/a/klt", i == 0 ? 0 : 2);
  EXPECT_EQ(of("split/a/uint8").compared, 8);
  EXPECT_EQ(of("split/a/uint8").agreement, 1);
  EXPECT_EQ(of("split/a/klt").agreement, 0.25);
  const auto wilson = wilson_interval(1, 4);
  EXPECT_NEAR(of("split/a/klt").interval.low, wilson.low, 1e-12);
  EXPECT_NEAR(of("split/a/klt").interval.high, wilson.high, 1e-12);
  EXPECT_FALSE(of("split/a/klt").has_drifted) << "without a least agreement it is only watched";
  EXPECT_EQ(counts_->snapshot().shadowed, 12);
  EXPECT_EQ(counts_->snapshot().agreed, 9);
}

TEST_F(ShadowTest, APlanDriftsWhenItsAgreementIsLowAndNotByChance) {
  start({.share = 1, .min_agreement = 0.9, .bar_us = 1e6});
  for (size_t i = 0; i + 1 < Shadow::kLeastImages; ++i) offer_red("p", 1);
  EXPECT_FALSE(shadow_->has_drifted("p")) << "few images prove nothing";
  offer_red("p", 1);
  EXPECT_TRUE(of("p").has_drifted);
  for (int i = 0; i < 400; ++i) offer_red("chance", i % 8 == 3 ? 1 : 0);
  EXPECT_FALSE(shadow_->has_drifted("chance")) << "7 of 8 are less than 9 of 10, but 400 images do not tell them apart";
  for (int i = 0; i < 400 && !shadow_->has_drifted("bad"); ++i) offer_red("bad", i % 4 == 3 ? 1 : 0);
  EXPECT_TRUE(shadow_->has_drifted("bad")) << "3 of 4";
  EXPECT_LT(of("bad").compared, 200);
  EXPECT_FALSE(shadow_->has_drifted("q"));
}

TEST_F(ShadowTest, ADriftedPlanGetsAnotherChanceLaterEachTime) {
  start({.share = 1, .min_agreement = 0.9, .bar_us = 1e6});
  for (const double expected_us : {1e6, 2e6, 4e6}) {
    for (int i = 0; i < 20; ++i) offer_red("p", 1);
    ASSERT_TRUE(shadow_->has_drifted("p"));
    clock_.sleep_us(expected_us - 1);
    EXPECT_TRUE(shadow_->has_drifted("p")) << expected_us;
    clock_.sleep_us(1.1);
    EXPECT_FALSE(shadow_->has_drifted("p")) << expected_us;
  }
}

TEST_F(ShadowTest, ForgetsWhatWasLongAgo) {
  start({.share = 1});
  for (size_t i = 0; i < Shadow::kWindow; ++i) offer_red("p", 1);
  for (size_t i = 0; i < Shadow::kWindow; ++i) offer_red("p", 0);
  EXPECT_EQ(of("p").agreement, 1);
  EXPECT_EQ(of("p").images, static_cast<int64_t>(Shadow::kWindow));
}

TEST_F(ShadowTest, AVerdictIsComparedAsOne) {
  input_.decision = vision::Decision{};
  input_.decision->positive = 0, input_.decision->threshold = 0.6;
  start({.share = 1});
  const auto offer = [&](bool is_positive) {
    shadow_->offer({.name = "red",
                    .plan = "p",
                    .input = vision::to_tensor(testing::plain_image(200, 20, 10), input_),
                    .index = 2,
                    .is_positive = is_positive,
                    .scores = "scores"});
    shadow_->drain();
  };
  const auto verdict = verdict_of(testing::run_tail(vision::to_tensor(testing::plain_image(200, 20, 10), input_)), input_);
  ASSERT_TRUE(verdict);
  offer(verdict->is_positive);
  EXPECT_EQ(of("p").agreement, 1);
  offer(!verdict->is_positive);
  EXPECT_EQ(of("p").agreement, 0.5);
}

TEST_F(ShadowTest, OutputsThatAreNoClassesAreComparedByTheirAngle) {
  start({.share = 1});
  const auto expected = testing::run_tail(vision::to_tensor(testing::plain_image(200, 20, 10), input_));
  for (const float sign : {1.0F, -1.0F}) {
    Tensor output = expected.clone();
    for (auto& value : output.mutable_as<float>()) value *= sign * 3;
    shadow_->offer(
        {.name = "red", .plan = "p", .input = vision::to_tensor(testing::plain_image(200, 20, 10), input_), .outputs = {{"scores", output}}});
    shadow_->drain();
  }
  EXPECT_NEAR(of("p").agreement, 0.5, 1e-6) << "one with angle 0, one opposite";
}

TEST_F(ShadowTest, WhatCannotBeComparedIsCounted) {
  start({.share = 1});
  shadow_->offer({.name = "no image", .plan = "p", .bytes = "no image", .index = 0, .scores = "scores"});
  shadow_->drain();
  shadow_->offer({.name = "red", .plan = "p", .input = vision::to_tensor(testing::plain_image(1, 2, 3), input_), .index = 0, .scores = "another"});
  shadow_->drain();
  EXPECT_EQ(shadow_->failures(), 2);
  EXPECT_EQ(of("p").compared, 0);
}

TEST_F(ShadowTest, DrawsItsShare) {
  start({.share = 0.25, .seed = 7});
  int drawn = 0;
  for (int i = 0; i < 4000; ++i) drawn += shadow_->draws() ? 1 : 0;
  EXPECT_NEAR(drawn / 4000.0, 0.25, 0.03);
}

TEST_F(ShadowTest, AModelThatCannotBeReadIsAnError) {
  write_file(folder_ / "model.onnx", "no model");
  EXPECT_THROW(start({.share = 1}), Error);
}

TEST_F(ShadowTest, EveryKindOfPlanIsCompared) {
  for (const char* candidate : {"split/cut0/fp32", "edge/tensor", "edge/png", "edge/raw", "edge/file"}) {
    auto package = testing::tiny_package(folder_ / "package", candidate);
    package.manifest.model_sha256 = model_sha256(folder_ / "model.onnx");
    package.manifest.original_output_names = {"scores"};
    start({.share = 1});
    OffloaderOptions options;
    options.engine = "reference";
    options.shadow = {std::shared_ptr<void>(), shadow_.get()};
    Offloader offloader(package, options);  // no edge: what the local half makes of the codes is compared too
    const auto answer = offloader.answer({.name = "red", .bytes = vision::encode(testing::plain_image(200, 20, 10), "png"), .image = std::nullopt});
    ASSERT_EQ(answer.error, "") << candidate;
    shadow_->drain();
    EXPECT_EQ(shadow_->failures(), 0) << candidate;
    EXPECT_EQ(of(candidate).agreement, 1) << candidate;
    EXPECT_EQ(of(candidate).compared, 1) << candidate;
    fs::remove_all(folder_ / "package");
  }
}

TEST_F(ShadowTest, AnotherModelsPackageIsNotCompared) {
  auto package = testing::tiny_package(folder_ / "package", "split/cut0/fp32");
  package.manifest.model_sha256 = "another";
  start({.share = 1});
  OffloaderOptions options;
  options.engine = "reference";
  options.shadow = {std::shared_ptr<void>(), shadow_.get()};
  Offloader offloader(package, options);
  (void)offloader.answer({.name = "red", .bytes = "", .image = testing::plain_image(200, 20, 10)});
  EXPECT_EQ(offloader.shadow(), nullptr);
  EXPECT_TRUE(shadow_->agreements().empty());
}

}  // namespace
}  // namespace scissionlite::device
