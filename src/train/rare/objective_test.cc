#include "train/rare/objective.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/rng.h"
#include "train/tensors/convert.h"

namespace scissionlite::train {
namespace {

struct Scores {
  std::vector<float> logits, is_positive;
  explicit Scores(uint64_t seed, int positives = 7, int negatives = 19) {
    Rng rng(seed);
    for (int i = 0; i < positives + negatives; ++i)
      logits.push_back(static_cast<float>(rng.uniform(-3, 3))), is_positive.push_back(i < positives ? 1.0F : 0.0F);
  }
  [[nodiscard]] double rate() const {
    double sum = 0;
    for (const float v : is_positive) sum += v;
    return sum / static_cast<double>(is_positive.size());
  }
  [[nodiscard]] double loss(Objective& objective) const { return objective.loss(torch::tensor(logits), torch::tensor(is_positive)).item<double>(); }
  [[nodiscard]] double h(size_t i) const { return 1 / (1 + std::exp(-static_cast<double>(logits[i]))); }
  [[nodiscard]] double mean(bool of_positives) const {
    double sum = 0, count = 0;
    for (size_t i = 0; i < logits.size(); ++i)
      if ((is_positive[i] > 0) == of_positives) sum += h(i), ++count;
    return sum / count;
  }
};

void set(const Values& values, const std::string& name, double to) {
  torch::NoGradGuard guard;
  torch::Tensor(values.at(name)).fill_(to);
}

/// min over a and b, max over alpha = p (1 - p) (E[(m - h+ + h-)^2] - m^2), pair by pair; and no other a, b, alpha does better.
TEST(Objective, AreaUnderCurveIsAboutPairs) {
  for (uint64_t seed = 1; seed <= 10; ++seed)
    for (const double margin : {1.0, 0.6}) {
      const Scores scores(seed);
      const double p = scores.rate();
      const auto auc = make_objective("auc", {.positive_rate = p, .margin = margin});
      double pairs = 0, count = 0;
      for (size_t i = 0; i < scores.logits.size(); ++i)
        for (size_t j = 0; j < scores.logits.size(); ++j)
          if (scores.is_positive[i] > 0 && scores.is_positive[j] == 0)
            pairs += (margin - scores.h(i) + scores.h(j)) * (margin - scores.h(i) + scores.h(j)), ++count;
      const double expected = p * (1 - p) * (pairs / count - margin * margin);
      const double a = scores.mean(true), b = scores.mean(false);
      set(auc->minimised(), "auc/a", a), set(auc->minimised(), "auc/b", b);
      auc->restart(a, b);
      EXPECT_NEAR(scores.loss(*auc), expected, 1e-6);
      for (const double by : {-0.1, 0.1}) {
        set(auc->minimised(), "auc/a", a + by);
        EXPECT_GT(scores.loss(*auc), expected + 1e-5);
        set(auc->minimised(), "auc/a", a), set(auc->minimised(), "auc/b", b + by);
        EXPECT_GT(scores.loss(*auc), expected + 1e-5);
        set(auc->minimised(), "auc/b", b), set(auc->maximised(), "auc/alpha", b - a + by);
        EXPECT_LT(scores.loss(*auc), expected - 1e-5);
        auc->restart(a, b);
      }
    }
}

/// Each learned value on its own: gradients as differences.
TEST(Objective, AreaUnderCurveHasGradientsForAll) {
  const Scores scores(3);
  const auto auc = make_objective("auc", {.positive_rate = scores.rate()});
  set(auc->minimised(), "auc/a", 0.3), set(auc->minimised(), "auc/b", 0.7), set(auc->maximised(), "auc/alpha", -0.2);
  auc->loss(torch::tensor(scores.logits), torch::tensor(scores.is_positive)).backward();
  auto all = auc->minimised();
  all.merge(auc->maximised());
  EXPECT_EQ(all.size(), 3U);
  for (const auto& [name, value] : all) {
    const double at = value.item<double>(), step = 0.05;
    set(all, name, at + step);
    const double above = scores.loss(*auc);
    set(all, name, at - step);
    const double below = scores.loss(*auc);
    set(all, name, at);
    EXPECT_NEAR(value.grad().item<double>(), (above - below) / (2 * step), 1e-4) << name;
  }
}

/// So that the first step leaves a model that orders its images well enough as it is.
TEST(Objective, AreaUnderCurveBeginsWithTheMeansThatAreBest) {
  const auto auc = make_objective("auc", {});
  auc->begin(0.8, 0.1);
  EXPECT_FLOAT_EQ(auc->minimised().at("auc/a").item<float>(), 0.8F);
  EXPECT_FLOAT_EQ(auc->minimised().at("auc/b").item<float>(), 0.1F);
  EXPECT_FLOAT_EQ(auc->maximised().at("auc/alpha").item<float>(), -0.7F);
  auc->restart(0.9, 0.2);
  EXPECT_FLOAT_EQ(auc->minimised().at("auc/a").item<float>(), 0.8F) << "it was learned since";
}

TEST(Objective, CrossEntropyStandsBesideTheAreaByItsWeight) {
  const Scores scores(5);
  const ObjectiveOptions options{.positive_rate = scores.rate()};
  auto with = options;
  with.entropy = 0.3;
  EXPECT_NEAR(scores.loss(*make_objective("auc", with)),
              scores.loss(*make_objective("auc", options)) + 0.3 * scores.loss(*make_objective("cross-entropy", options)), 1e-6);
  with.entropy = -1;
  EXPECT_THROW((void)make_objective("auc", with), InvalidArgument);
}

TEST(Objective, WeightsMakeClassesAlike) {
  const Scores scores(4, 3, 30);
  double of_positives = 0, of_negatives = 0, focal = 0;
  for (size_t i = 0; i < scores.logits.size(); ++i) {
    const bool is_positive = scores.is_positive[i] > 0;
    const double right = is_positive ? scores.h(i) : 1 - scores.h(i), entropy = -std::log(right);
    (is_positive ? of_positives : of_negatives) += entropy;
    focal += (1 - right) * (1 - right) * entropy;
  }
  EXPECT_NEAR(scores.loss(*make_objective("cross-entropy", {.positive_rate = scores.rate()})), (of_positives + of_negatives) / 33, 1e-5);
  EXPECT_NEAR(scores.loss(*make_objective("weighted", {.positive_rate = scores.rate()})), 0.5 * (of_positives / 3 + of_negatives / 30), 1e-5);
  EXPECT_NEAR(scores.loss(*make_objective("focal", {.positive_rate = scores.rate()})), focal / 33, 1e-5);
}

/// Logits that float32's exp does not hold.
TEST(Objective, LargeLogitsHaveALoss) {
  for (const auto& name : objective_names())
    for (const float logit : {-200.0F, 200.0F})
      for (const float is_positive : {0.0F, 1.0F}) {
        const auto x = torch::tensor({logit}).requires_grad_();
        const auto loss = make_objective(name, {})->loss(x, torch::tensor({is_positive}));
        loss.backward();
        EXPECT_TRUE(std::isfinite(loss.item<double>()) && std::isfinite(x.grad().item<double>())) << name << " " << logit << " " << is_positive;
      }
}

/// Where an image is right to the last bit of float32, whatever the exponent.
TEST(Objective, FocalLossHasAGradientWithEachExponent) {
  for (const double focus : {0.0, 0.1, 0.5, 1.0, 2.0})
    for (const double size : {10.0, 16.6, 17.0, 19.0, 20.0, 21.0, 40.0, 90.0, 200.0})
      for (const float is_positive : {0.0F, 1.0F}) {
        const auto x = torch::tensor({static_cast<float>(is_positive > 0 ? size : -size)}).requires_grad_();
        const auto loss = make_objective("focal", {.focus = focus})->loss(x, torch::tensor({is_positive}));
        loss.backward();
        EXPECT_LT(std::abs(loss.item<double>()), 1e-3) << focus << " " << size << " " << is_positive;
        EXPECT_LT(std::abs(x.grad().item<double>()), 1e-3) << focus << " " << size << " " << is_positive;
      }
}

TEST(Objective, SaysWhatIsWrong) {
  EXPECT_THROW((void)make_objective("acu", {}), InvalidArgument);
  EXPECT_THROW((void)make_objective("auc", {.positive_rate = 0}), InvalidArgument);
  EXPECT_THROW((void)make_objective("auc", {.positive_rate = 1}), InvalidArgument);
  EXPECT_THROW((void)make_objective("auc", {.margin = 0}), InvalidArgument);
  EXPECT_THROW((void)make_objective("focal", {.focus = -1}), InvalidArgument);
}

}  // namespace
}  // namespace scissionlite::train
