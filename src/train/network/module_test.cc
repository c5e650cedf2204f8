#include "train/network/module.h"

#include <gtest/gtest.h>

#include "onnx/onnx.h"
#include "train/loop/loss.h"
#include "train/tensors/convert.h"
#include "train/test_graphs.h"

namespace scissionlite::train {
namespace {

torch::Tensor input(int64_t batch = 2) {
  torch::manual_seed(3);
  return torch::randn({batch, 3, 6, 6});
}

template <typename Failure, typename Body>
std::string message_of(Body&& body) {
  try {
    body();
  } catch (const Failure& e) { return e.what(); }
  return "";
}

TEST(Module, RunsFromInnerValuesToInnerValues) {
  Module module(small_network());
  const auto whole = module.forward({input()})[0];
  const auto inner = module.run({{"x", input()}}, {"r", "p"});
  EXPECT_TRUE(torch::equal(inner.at("p"), whole));
  const auto tail = module.run({{"r", inner.at("r")}}, {"p"});
  EXPECT_TRUE(torch::equal(tail.at("p"), whole));
  EXPECT_EQ(logits_value(module.graph()), "l");
}

TEST(Module, TrainsWhatIsSelectedAndNothingElse) {
  Module module(small_network());
  module.train({.train = {"fc*"}});
  EXPECT_EQ(module.trained().size(), 2U);
  module.forward({input()})[0].select(1, 0).sum().backward();
  EXPECT_TRUE(module.parameter("fc.w").grad().defined());
  EXPECT_FALSE(module.parameter("conv.w").requires_grad());
  module.train({.train = {"conv.w"}});
  EXPECT_FALSE(module.parameter("fc.w").requires_grad());
  EXPECT_TRUE(module.parameter("conv.w").requires_grad());
}

TEST(Module, ExportIsTheSameGraphWithTheNewWeights) {
  const auto before = small_network();
  Module module(before);
  EXPECT_EQ(serialize_model(module.export_graph()), serialize_model(before)) << "nothing was trained";
  module.train({.train = {"fc.w"}});
  torch::NoGradGuard guard;
  module.parameter("fc.w").add_(1);
  const auto after = parse_model(serialize_model(module.export_graph()));
  EXPECT_TRUE(bit_equal(after.initializers.at("conv.w"), before.initializers.at("conv.w")));
  EXPECT_NEAR(after.initializers.at("fc.w").as<float>()[0], before.initializers.at("fc.w").as<float>()[0] + 1, 1e-6);
  EXPECT_EQ(after.nodes.size(), before.nodes.size());
  Module again(after);
  EXPECT_TRUE(torch::equal(again.forward({input()})[0], module.forward({input()})[0]));
}

TEST(Module, HalfPrecisionIsComputedWideAndExportedHalf) {
  auto g = small_network();
  for (auto& [name, tensor] : g.initializers) tensor = from_torch(to_torch(tensor, torch::kFloat), Dtype::kF16);
  Module module(g);
  module.train({});
  EXPECT_EQ(module.forward({input()})[0].scalar_type(), torch::kFloat);
  const auto after = module.export_graph();
  for (const auto& [name, tensor] : after.initializers) EXPECT_TRUE(bit_equal(tensor, g.initializers.at(name))) << name;
  module.assign("fc.w", torch::full({3, 4}, 1e6));
  EXPECT_NE(message_of<InvalidArgument>([&] { (void)module.export_graph(); }).find("does not fit float16"), std::string::npos);
}

TEST(Module, IntegerWeightsAreTrainedAsWhatTheyStandFor) {
  auto g = small_network();
  g.initializers["fc.q"] = Tensor::of<int8_t>({3, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  g.initializers["fc.s"] = Tensor::scalar<float>(0.1F);
  g.initializers.erase("fc.w");
  g.nodes.insert(g.nodes.begin(), {"dq", "DequantizeLinear", "", {"fc.q", "fc.s"}, {"fc.w"}, {}, ""});
  Module frozen(g);
  frozen.train({.train = {"conv*"}});
  EXPECT_EQ(frozen.export_graph().nodes.size(), g.nodes.size());
  Module module(g);
  const auto before = module.forward({input()})[0];
  module.train({});
  EXPECT_TRUE(torch::equal(module.forward({input()})[0], before));
  const auto after = module.export_graph();
  after.check();
  EXPECT_EQ(after.nodes.size(), g.nodes.size() - 1);
  EXPECT_EQ(after.initializers.at("fc.w").dtype(), Dtype::kF32);
  EXPECT_EQ(after.initializers.count("fc.q") + after.initializers.count("fc.s"), 0U);
  EXPECT_TRUE(torch::equal(Module(after).forward({input()})[0], before));
}

TEST(Module, StatisticsFollowTheBatchesOnlyWhenAsked) {
  const auto g = small_network();
  Module frozen(g);
  frozen.train({});
  (void)frozen.forward({input(8)});
  EXPECT_TRUE(bit_equal(frozen.export_graph().initializers.at("bn.mean"), g.initializers.at("bn.mean")));
  Module following(g, {.update_statistics = true});
  following.train({});
  (void)following.forward({input(8)});
  EXPECT_EQ(following.state().size(), 8U);
  EXPECT_FALSE(bit_equal(following.export_graph().initializers.at("bn.mean"), g.initializers.at("bn.mean")));
  Module without(g, {.update_statistics = true});
  without.train({.freeze = {"bn*"}});
  (void)without.forward({input(8)});
  EXPECT_TRUE(bit_equal(without.export_graph().initializers.at("bn.mean"), g.initializers.at("bn.mean")))
      << "a frozen BatchNormalization keeps its statistics";
}

TEST(Module, AFixedBatchTakesOtherSizes) {
  auto g = small_network();
  g.inputs[0].shape[0] = 1;
  g.initializers["to"] = Tensor::of<int64_t>({2}, {1, 4});
  g.nodes[4] = {"flat", "Reshape", "", {"g", "to"}, {"f"}, {}, ""};
  Module fixed(g), dynamic(small_network());
  EXPECT_TRUE(torch::allclose(fixed.forward({input(5)})[0], dynamic.forward({input(5)})[0]));
}

TEST(Module, RefusalsNameNodeAndShapes) {
  Module module(small_network());
  EXPECT_NE(message_of<InvalidArgument>([&] {
              (void)module.forward({torch::zeros({1, 4, 6, 6})});
            }).find("input 'x' has shape (1, 4, 6, 6), the model expects (?, 3, 6, 6)"),
            std::string::npos);
  EXPECT_NE(message_of<InvalidArgument>([&] {
              (void)module.run({{"f", torch::zeros({1, 4})}}, {"r"});
            }).find("input 'x' is needed but not given"),
            std::string::npos);
  EXPECT_NE(message_of<InvalidArgument>([&] { (void)module.run({{"x", input()}}, {"rr"}); }).find("no value 'rr'; did you mean"), std::string::npos);
  EXPECT_NE(message_of<ModelError>([&] {
              (void)module.run({{"r", torch::zeros({1, 3, 2, 2})}}, {"p"});
            }).find("[Gemm 'fc'] cannot multiply (1, 3) by (3, 4)"),
            std::string::npos);
  auto strange = small_network();
  strange.nodes[2] = {"relu", "Swirl", "acme", {"n"}, {"r"}, {}, ""};
  EXPECT_NE(message_of<Unsupported>([&] { Module unknown(strange); }).find("operator 'Swirl' of domain 'acme'"), std::string::npos);
}

TEST(Loss, CrossEntropySkipsUnknownLabels) {
  const auto logits = torch::tensor({{2.0F, 0.0F}, {0.0F, 5.0F}});
  EXPECT_NEAR(cross_entropy(logits, {0, -1}).item<double>(), std::log(1 + std::exp(-2.0)), 1e-6);
  EXPECT_NE(message_of<InvalidArgument>([&] {
              (void)cross_entropy(logits, {-1, -1});
            }).find("no example of this batch has a label"),
            std::string::npos);
}

TEST(Loss, LabelsOfMixturesCountByTheirShares) {
  const auto logits = torch::tensor({{1.0F, -1.0F}, {0.5F, 2.0F}});
  Batch batch{.labels = {0, 1}};
  EXPECT_NEAR(label_loss(logits, batch, 0.1).item<double>(), cross_entropy(logits, {0, 1}, 0.1).item<double>(), 1e-6);
  batch.other_labels = {1, 0}, batch.other_shares = {0.25, 0};
  const auto of = [&](int64_t row, int64_t label) { return -torch::log_softmax(logits[row], 0)[label].item<double>(); };
  EXPECT_NEAR(label_loss(logits, batch).item<double>(), (0.75 * of(0, 0) + 0.25 * of(0, 1) + of(1, 1)) / 2, 1e-6);
  batch.labels = {0, -1}, batch.other_labels = {-1, 0}, batch.other_shares = {0.25, 0.5};
  EXPECT_NEAR(label_loss(logits, batch).item<double>(), (0.75 * of(0, 0) + 0.5 * of(1, 0)) / 1.25, 1e-6) << "what has no label does not count";
}

TEST(Loss, DistillationVanishesAtTheTeacherAndIgnoresOffsets) {
  const auto teacher = torch::tensor({{1.0F, 3.0F, -2.0F}, {0.5F, 0.0F, 2.0F}});
  EXPECT_NEAR(distillation(teacher + 5, teacher, 4).item<double>(), 0, 1e-6);
  EXPECT_GT(distillation(-teacher, teacher, 4).item<double>(), 0.1);
  EXPECT_NEAR(feature_difference(teacher, teacher).item<double>(), 0, 1e-9);
}

}  // namespace
}  // namespace scissionlite::train
