// Fused operators for themselves: activations against the operators of their names, and what is refused.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ops/strip.h"
#include "optimise/test_graphs.h"

namespace scissionlite {
namespace {

using namespace testing_graphs;
using ops::Activation;
using ops::ActivationKind;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Tensor interesting_values() {
  return Tensor::of<float>(
      {13}, {-kInfinity, -100.0f, -3.0f, -1.5f, -1e-3f, -0.0f, 0.0f, 1e-3f, 0.7f, 3.0f, 6.5f, 100.0f, std::numeric_limits<float>::quiet_NaN()});
}

/// A node of the operator that the activation is named after.
Graph alone(const std::string& type, const Attributes& attributes) {
  Maker m;
  m.output(type == "Clip" ? m.clip(m.input({13}), -1, 2) : m.op(type, {m.input({13})}, attributes));
  Graph graph = m.finish();
  if (type == "Swish") {
    graph.nodes[0].domain = ops::kFusedDomain;
    graph.opsets.push_back({ops::kFusedDomain, 1});
  }
  return graph;
}

std::vector<Tensor> constants_of(const Graph& graph) {
  std::vector<Tensor> out;
  for (const auto& input : graph.nodes[0].inputs) out.push_back(graph.initializers.count(input) ? graph.initializers.at(input) : Tensor());
  return out;
}

TEST(Activation, IsWhatTheOperatorOfItsNameDoes) {
  const std::vector<std::pair<std::string, Attributes>> cases{{"Relu", {}},
                                                              {"Clip", {}},
                                                              {"HardSwish", {}},
                                                              {"HardSigmoid", {}},
                                                              {"HardSigmoid", {{"alpha", 0.3f}, {"beta", 0.1f}}},
                                                              {"Sigmoid", {}},
                                                              {"Swish", {}},
                                                              {"LeakyRelu", {}},
                                                              {"LeakyRelu", {{"alpha", 0.2f}}},
                                                              {"Tanh", {}},
                                                              {"Elu", {}},
                                                              {"Elu", {{"alpha", 0.5f}}}};
  for (const auto& [type, attributes] : cases) {
    const Graph graph = alone(type, attributes);
    const auto activation = ops::activation_of({graph.nodes[0], graph.opset(graph.nodes[0].domain)}, constants_of(graph));
    ASSERT_TRUE(activation) << type;
    const auto x = interesting_values();
    Tensor fused = x.clone();
    ops::activate(*activation, fused.mutable_as<float>());
    const auto expected = run_nodes(graph, {x})[0];
    for (size_t i = 0; i < 13; ++i) {
      const float a = fused.as<float>()[i], b = expected.as<float>()[i];
      EXPECT_TRUE(a == b || (std::isnan(a) && std::isnan(b))) << type << " of " << x.as<float>()[i] << ": " << a << ", " << b;
    }
  }
}

TEST(Activation, IsReadAsItWasWritten) {
  for (const Activation& activation : {Activation{}, Activation{ActivationKind::kRelu}, Activation{ActivationKind::kClip, -kInfinity, 6},
                                       Activation{ActivationKind::kElu, 0.5f}, Activation{ActivationKind::kHardSigmoid, 0.3f, 0.1f}}) {
    Node node;
    node.attributes["activation"] = std::string("Tanh");
    for (const char* prefix : {"", "dw_"}) {
      ops::write_activation(node, activation, prefix);
      EXPECT_EQ(ops::read_activation({node, 1}, prefix), activation);
    }
  }
}

/// The message of the ModelError that types or a run of the node give.
std::string refusal(const Node& node, const std::vector<Tensor>& inputs) {
  Graph graph;
  graph.opsets = {{"", 13}, {ops::kFusedDomain, 1}};
  try {
    (void)ops::run_node(graph, node, inputs);
  } catch (const ModelError& e) { return e.what(); }
  return "";
}

Node fused(const std::string& type, Attributes attributes = {}) {
  return {"n", type, ops::kFusedDomain, {"x", "w", "", "r"}, {"y"}, std::move(attributes), ""};
}
Tensor ones(const Shape& shape) {
  Tensor out(Dtype::kF32, shape);
  for (float& v : out.mutable_as<float>()) v = 1;
  return out;
}

TEST(FusedConv, RefusesAnActivationThatItDoesNotKnow) {
  const auto message = refusal(fused("FusedConv", {{"activation", std::string("Reul")}}), {ones({1, 2, 3, 3}), ones({2, 2, 1, 1}), {}, {}});
  EXPECT_NE(message.find("[FusedConv 'n'] has the unknown activation 'Reul'; did you mean 'Relu'?"), std::string::npos) << message;
}

TEST(FusedConv, RefusesAResidualOfAnotherShape) {
  const auto message = refusal(fused("FusedConv"), {ones({1, 2, 3, 3}), ones({2, 2, 1, 1}), {}, ones({1, 2, 1, 1})});
  EXPECT_NE(message.find("the residual (1, 2, 1, 1) must have the shape of the result, (1, 2, 3, 3)"), std::string::npos) << message;
}

TEST(FusedDepthwisePointwise, RefusesWeightsOfAnotherForm) {
  const auto message = refusal(fused("FusedDepthwisePointwise"), {ones({1, 2, 3, 3}), ones({2, 2, 1, 1}), {}, ones({4, 2, 1, 1})});
  EXPECT_NE(message.find("depthwise weights (2, 2, 1, 1) must be (channels, 1, kernel, kernel)"), std::string::npos) << message;
}

TEST(ChannelScale, RefusesConstantsForOtherChannels) {
  const auto message = refusal(fused("ChannelScale"), {ones({1, 2, 3, 3}), ones({3}), ones({3})});
  EXPECT_NE(message.find("must have one value a channel of (1, 2, 3, 3)"), std::string::npos) << message;
}

std::string refusal_of_program(const std::vector<std::string>& program) {
  Node node{"n", "Strip", ops::kFusedDomain, {"a", "b"}, {"y"}, {{"program", program}}, ""};
  return refusal(node, {ones({1, 2}), ones({1, 2})});
}

TEST(Strip, RefusesAProgramThatCannotBe) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{}, "[Strip 'n'] has no steps; expected the attribute 'program', a list of texts such as 'Add %0 %1'"},
      {{"Ad %0 %1"}, "has the step 'Ad %0 %1' in its program: no step can be 'Ad'; did you mean 'Add'?"},
      {{"Add %0"}, "has the step 'Add %0' in its program: expected 2 values and 0 constants"},
      {{"Neg %0", "Clip %2 0"}, "has the step 'Clip %2 0' in its program: expected 1 values and 2 constants"},
      {{"Add %0 %2"}, "has the step 'Add %0 %2' in its program: values before it are %0 to %1"},
      {{"Add %0 1"}, "has the step 'Add %0 1' in its program: expected a value such as %0, got '1'"},
      {{"Add %0 %1x"}, "has the step 'Add %0 %1x' in its program: '1x' is no number"},
      {{"Elu %0 much"}, "has the step 'Elu %0 much' in its program: 'much' is no number"}};
  for (const auto& [program, message] : cases)
    EXPECT_NE(refusal_of_program(program).find(message), std::string::npos) << refusal_of_program(program) << "\nexpected " << message;
}

TEST(Strip, RefusesOtherTypes) {
  Node node{"n", "Strip", ops::kFusedDomain, {"a"}, {"y"}, {{"program", std::vector<std::string>{"Neg %0"}}}, ""};
  const auto message = refusal(node, {Tensor::of<int32_t>({1}, std::vector<int32_t>{1})});
  EXPECT_NE(message.find("[Strip 'n'] got an input of int32; expected float32"), std::string::npos) << message;
}

TEST(Strip, IsReadAsItWasWritten) {
  const ops::StripProgram program{
      2, {{"Add", {0, 1}}, {"Clip", {2}, {-kInfinity, 0.1F}}, {"Elu", {3}, {1e-38F}}, {"HardSigmoid", {4}, {1.F / 3, 16777217.F}}, {"Min", {5, 2}}}};
  Node node{"n", "", "", {"a", "b"}, {"y"}, {}, ""};
  ops::write_strip(node, program);
  EXPECT_EQ(ops::read_strip({node, 1}), program);
  EXPECT_EQ(std::get<std::vector<std::string>>(node.attributes.at("program"))[1], "Clip %2 -inf 0.1");
}

TEST(Strip, HasTheShapeOfItsLastStep) {
  Maker m;
  m.output(m.fused("Strip", {m.input({-1, 4, 1, 1}), m.input({6, 5})}, {{"program", std::vector<std::string>{"Neg %0", "Mul %1 %2"}}}));
  EXPECT_EQ(m.finish().outputs[0].shape, (Shape{-1, 4, 6, 5}));
}

}  // namespace
}  // namespace scissionlite
