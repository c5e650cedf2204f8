// Gradients of every operator in float64 against central differences; straight-through gradients against what they stand for.
#include <gtest/gtest.h>

#include <set>

#include "train/network/module.h"
#include "train/op/gradient_cases.h"
#include "train/op/operators.h"

namespace scissionlite::train {
namespace {

/// A weighted sum of all outputs, so that each element counts differently.
torch::Tensor weighed(Module& module, const std::vector<torch::Tensor>& inputs) {
  auto total = torch::zeros({}, torch::kDouble);
  for (const auto& y : module.forward(inputs)) {
    const auto weights = torch::linspace(0.5, 2, y.numel(), torch::kDouble).sin().view(y.sizes());
    total = total + (y * weights).sum();
  }
  return total;
}

double central_difference(Module& module, std::vector<torch::Tensor> inputs, size_t input, int64_t element) {
  constexpr double kStep = 1e-6;
  torch::NoGradGuard guard;
  const auto moved = [&](double by) {
    auto copies = inputs;
    copies[input] = inputs[input].detach().clone();
    copies[input].view(-1)[element].add_(by);
    return weighed(module, copies).item<double>();
  };
  return (moved(kStep) - moved(-kStep)) / (2 * kStep);
}

std::string text_of(const GradientCase& one) {
  std::string text = one.type + " opset " + std::to_string(one.opset);
  for (const auto& input : one.inputs) text += " " + to_string(input.shape);
  return text;
}

TEST(Gradient, OfEveryOperatorAgreesWithFiniteDifferences) {
  for (const auto& one : gradient_cases()) {
    SCOPED_TRACE(text_of(one));
    torch::manual_seed(7);
    Module module(graph_of(one), {.double_precision = true});
    std::vector<torch::Tensor> inputs;
    for (const auto& input : one.inputs)
      if (input.constant.empty() && input.shape != Shape{-1})
        inputs.push_back((torch::rand(input.shape, torch::kDouble) * (input.high - input.low) + input.low).requires_grad_());
    weighed(module, inputs).backward();
    for (size_t i = 0; i < inputs.size(); ++i) {
      ASSERT_TRUE(inputs[i].grad().defined()) << "input " << i << " got no gradient";
      for (int64_t element = 0; element < inputs[i].numel(); ++element) {
        const double want = central_difference(module, inputs, i, element), got = inputs[i].grad().view(-1)[element].item<double>();
        ASSERT_NEAR(got, want, 1e-7 * std::max(1.0, std::abs(want)) + 2e-8) << "input " << i << ", element " << element;
      }
    }
  }
}

TEST(Gradient, EverySmoothOperatorHasACase) {
  std::set<std::string> covered;
  for (const auto& one : gradient_cases()) covered.insert(one.type);
  for (const auto& entry : all_operators())
    if (entry.gradient == Gradient::kSmooth) EXPECT_TRUE(covered.count(entry.type)) << entry.type << " has no case in gradient_cases_test.cc";
  EXPECT_GT(all_operators().size(), 90U);
}

TEST(Gradient, OfSteps) {
  for (const char* type : {"Floor", "Ceil", "Round"})
    for (const bool straight : {false, true}) {
      Module module(graph_of({type, {{{5}}}, {}}), {.straight_through = straight});
      auto x = torch::tensor({-1.3, -0.2, 0.4, 0.6, 7.5}, torch::kFloat).requires_grad_();
      const auto y = module.forward({x})[0];
      EXPECT_TRUE(torch::equal(y, y.round())) << type;
      (y * 3).sum().backward();
      EXPECT_TRUE(torch::equal(x.grad(), torch::full({5}, straight ? 3.0F : 0.0F))) << type;
    }
}

TEST(Gradient, OfACastToIntegersAndBack) {
  Graph graph = graph_of({"Cast", {{{4}}}, {{"to", static_cast<int64_t>(Dtype::kU8)}}});
  graph.nodes.push_back({"back", "Cast", "", {"y0"}, {"z"}, {{"to", static_cast<int64_t>(Dtype::kF32)}}, ""});
  graph.outputs[0].name = "z";
  for (const bool straight : {false, true}) {
    Module module(graph, {.straight_through = straight});
    auto x = torch::tensor({1.9F, 3.2F, 300.0F, -5.0F}).requires_grad_();
    const auto y = module.forward({x})[0];
    EXPECT_TRUE(torch::equal(y, torch::tensor({1.0F, 3.0F, 255.0F, 0.0F})));
    EXPECT_EQ(y.requires_grad(), straight);
    if (straight) {
      y.sum().backward();
      EXPECT_TRUE(torch::equal(x.grad(), torch::ones({4})));
    }
  }
}

TEST(Gradient, OfQuantisationPassesInsideTheRangeAndStopsOutside) {
  Graph graph = graph_of({"QuantizeLinear", {{{4}}, {{}, 0, 0, Tensor::scalar<float>(0.5F)}, {{}, 0, 0, Tensor::scalar<uint8_t>(10)}}, {}});
  graph.nodes.push_back({"back", "DequantizeLinear", "", {"y0", "x1", "x2"}, {"z"}, {}, ""});
  graph.outputs[0].name = "z";
  Module module(graph);
  auto x = torch::tensor({-6.0F, -4.9F, 3.3F, 1000.0F}).requires_grad_();
  const auto y = module.forward({x})[0];
  EXPECT_TRUE(torch::allclose(y, torch::tensor({-5.0F, -5.0F, 3.5F, 122.5F})));
  y.sum().backward();
  EXPECT_TRUE(torch::allclose(x.grad(), torch::tensor({0.0F, 1.0F, 1.0F, 0.0F})));
  torch::NoGradGuard guard;
  EXPECT_TRUE(torch::equal(module.forward({x})[0], y)) << "the value does not depend on whether a gradient is asked";
}

/// y = codes of a quantised operator on codes x0 and, where it has two, codes w; gradient of x0 under a sum.
torch::Tensor qlinear_gradient(const std::string& type, const std::string& domain, const torch::Tensor& codes,
                               const std::vector<std::pair<std::string, Tensor>>& constants) {
  Graph graph;
  graph.opsets = {{"", 13}, {"com.microsoft", 1}};
  graph.inputs = {{"x", Dtype::kU8, {codes.sizes().begin(), codes.sizes().end()}, true, {}}};
  graph.outputs = {{"y", Dtype::kU8, {}, false, {}}};
  Node node{"node", type, domain, {"x"}, {"y"}, {}, ""};
  for (const auto& [name, tensor] : constants) {
    node.inputs.push_back(name);
    graph.initializers[name] = tensor;
  }
  graph.nodes.push_back(node);
  Module module(graph, {.double_precision = true});
  auto x = codes.clone().requires_grad_();
  module.forward({x})[0].sum().backward();
  return x.grad();
}

TEST(Gradient, OfQLinearOperatorsIsThatOfTheScaledProduct) {
  const auto codes = torch::tensor({100.0, 120.0, 130.0, 140.0}, torch::kDouble).view({1, 1, 2, 2});
  const auto f = [](float v) { return Tensor::scalar<float>(v); };
  const auto u = [](uint8_t v) { return Tensor::scalar<uint8_t>(v); };
  const auto near = [](const torch::Tensor& got, double want) { EXPECT_TRUE(torch::allclose(got, torch::full_like(got, want), 1e-6)) << got; };
  const auto w = Tensor::of<uint8_t>({1, 1, 1, 1}, {130});
  near(qlinear_gradient("QLinearConv", "", codes,
                        {{"xs", f(0.5F)}, {"xz", u(128)}, {"w", w}, {"ws", f(0.25F)}, {"wz", u(128)}, {"ys", f(0.5F)}, {"yz", u(100)}}),
       2 * 0.25);
  near(qlinear_gradient(
           "QLinearMatMul", "", codes.view({4, 1}),
           {{"xs", f(0.5F)}, {"xz", u(128)}, {"w", w.reshaped({1, 1})}, {"ws", f(0.25F)}, {"wz", u(128)}, {"ys", f(0.5F)}, {"yz", u(100)}}),
       2 * 0.25);
  near(qlinear_gradient("QLinearAdd", "com.microsoft", codes,
                        {{"xs", f(0.5F)}, {"xz", u(128)}, {"w", w}, {"ws", f(0.25F)}, {"wz", u(128)}, {"ys", f(2)}, {"yz", u(100)}}),
       0.25);
  near(qlinear_gradient("QLinearMul", "com.microsoft", codes,
                        {{"xs", f(0.5F)}, {"xz", u(128)}, {"w", w}, {"ws", f(0.25F)}, {"wz", u(128)}, {"ys", f(2)}, {"yz", u(100)}}),
       0.5 * 0.5 / 2);
  near(qlinear_gradient("QLinearGlobalAveragePool", "com.microsoft", codes, {{"xs", f(0.5F)}, {"xz", u(128)}, {"ys", f(2)}, {"yz", u(100)}}),
       0.5 / 2 / 4);
}

}  // namespace
}  // namespace scissionlite::train
