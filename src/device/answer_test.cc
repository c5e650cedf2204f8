#include "device/answer.h"

#include <gtest/gtest.h>

#include <cmath>

namespace scissionlite::device {
namespace {

TEST(BestClasses, SortsAndLabels) {
  vision::InputSpec input;
  input.labels = {"a", "b", "c", "d"};
  const auto best = best_classes(Tensor::of<float>({1, 4}, {0.1F, 3.0F, NAN, 3.0F}), input, 3);
  ASSERT_EQ(best.size(), 3u);
  EXPECT_EQ(best[0].index, 1) << "a tie goes to the lower index";
  EXPECT_EQ(best[1].index, 3);
  EXPECT_EQ(best[2].label, "a") << "NaN is last";
}

TEST(BestClasses, LabelsWithoutBackgroundClass) {
  vision::InputSpec input;
  input.labels = {"tench", "goldfish"};
  input.label_offset = 1;
  const auto best = best_classes(Tensor::of<float>({1, 3}, {9.0F, 1.0F, 2.0F}), input, 3);
  EXPECT_EQ(best[0].label, "");
  EXPECT_EQ(best[1].label, "goldfish");
  EXPECT_EQ(best[2].label, "tench");
}

TEST(BestClasses, OtherOutputsHaveNone) {
  EXPECT_TRUE(best_classes(Tensor(Dtype::kF32, {1, 10, 4}), {}, 5).empty());
  EXPECT_TRUE(best_classes(Tensor(), {}, 5).empty());
  EXPECT_EQ(best_classes(Tensor::of<float>({1, 2, 1, 1}, {1.0F, 2.0F}), {}, 5).size(), 2u);
}

TEST(AnswerJson, TellsPartsThatAddUp) {
  Answer answer;
  answer.name = "a.jpg";
  answer.latency_us = 100;
  answer.parts = {.image_decode_us = 10, .preprocess_us = 20, .head_us = 30, .wire_us = 25, .other_us = 15};
  const auto json = to_json(answer);
  double sum = 0;
  for (const auto& part : json["parts"]) sum += part.get<double>();
  EXPECT_DOUBLE_EQ(sum, 100);
  EXPECT_DOUBLE_EQ(answer.parts.sum_us(), 100);
}

TEST(Verdict, IsPositiveFromTheThresholdOn) {
  vision::InputSpec input;
  const auto scores = Tensor::of<float>({1, 2}, {0.0F, 0.0F});
  EXPECT_FALSE(verdict_of(scores, input));
  input.decision = {.positive = 1, .threshold = 0.5}, input.labels = {"good", "scratch"};
  EXPECT_TRUE(verdict_of(scores, input)->is_positive);
  EXPECT_EQ(verdict_of(scores, input)->label, "scratch");
  input.decision->threshold = 0.5001;
  EXPECT_FALSE(verdict_of(scores, input)->is_positive);
  EXPECT_FALSE(verdict_of(Tensor::of<float>({1, 2}, {0.0F, NAN}), input));
  EXPECT_FALSE(verdict_of(Tensor::of<float>({1, 1}, {1.0F}), input));
  EXPECT_FALSE(verdict_of(Tensor(Dtype::kF32, {1, 10, 4}), input));
  Answer answer;
  answer.verdict = verdict_of(scores, input);
  EXPECT_EQ(to_json(answer)["verdict"], (Json{{"is_positive", false}, {"share", 0.5}, {"threshold", 0.5001}, {"label", "scratch"}}));
}

TEST(AnswerJson, OtherModelsGiveTheirValues) {
  Answer answer;
  answer.outputs = {{"boxes", Tensor::of<float>({1, 2, 2}, {0.5F, 1.0F, NAN, -2.0F})},
                    {"mask", Tensor::of<int64_t>({3}, {int64_t{1} << 40, 0, -1})},
                    {"map", Tensor(Dtype::kF32, {1, 2, 600})}};
  const auto json = to_json(answer);
  EXPECT_EQ(json["outputs"][0]["values"].dump(), "[0.5,1.0,null,-2.0]");
  EXPECT_EQ(json["outputs"][1]["values"].dump(), "[1099511627776,0,-1]");
  EXPECT_FALSE(json["outputs"][2].contains("values")) << "1,200 values make a long line";
  EXPECT_EQ(to_json(answer, /*whole=*/true)["outputs"][2]["values"].size(), 1200u);
}

TEST(AnswerJson, AClassifiersOutputsAreToldOnlyWhole) {
  Answer answer;
  answer.top = {{.index = 1, .label = "", .score = 2}};
  answer.outputs = {{"scores", Tensor::of<float>({1, 2}, {1.0F, 2.0F})}};
  EXPECT_FALSE(to_json(answer).contains("outputs"));
  EXPECT_EQ(to_json(answer, /*whole=*/true)["outputs"][0]["values"].size(), 2u);
}

TEST(AnswerJson, AnErrorHasNoAnswer) {
  Answer answer;
  answer.name = "a.jpg";
  answer.error = "[image] broken";
  EXPECT_EQ(to_json(answer).dump(), R"({"path":"a.jpg","error":"[image] broken"})");
}

}  // namespace
}  // namespace scissionlite::device
