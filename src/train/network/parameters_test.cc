#include "train/network/parameters.h"

#include <gtest/gtest.h>

#include "train/test_graphs.h"

namespace scissionlite::train {
namespace {

std::vector<std::string> trained(const Graph& graph, const Selection& selection) {
  auto parameters = find_parameters(graph);
  select_parameters(graph, parameters, selection);
  std::vector<std::string> names;
  for (const auto& parameter : parameters)
    if (parameter.trained) names.push_back(parameter.name);
  return names;
}

template <typename Failure>
std::string message_of(const Graph& graph, const Selection& selection) {
  try {
    (void)trained(graph, selection);
  } catch (const Failure& e) { return e.what(); }
  return "";
}

using Names = std::vector<std::string>;

TEST(Parameters, AreFoundWithTheirRoles) {
  std::string text;
  for (const auto& parameter : find_parameters(small_network())) text += parameter.name + ":" + role_name(parameter.role) + " ";
  EXPECT_EQ(text, "conv.w:weight conv.b:bias bn.scale:scale bn.shift:shift fc.w:weight fc.b:bias ");
}

TEST(Parameters, AreSeenThroughReshapeAndDequantizeLinear) {
  Graph g = small_network();
  g.initializers["fc.q"] = Tensor::of<int8_t>({3, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  g.initializers["fc.s"] = Tensor::scalar<float>(0.1F);
  g.initializers.erase("fc.w");
  g.nodes.insert(g.nodes.begin(), {"dq", "DequantizeLinear", "", {"fc.q", "fc.s"}, {"fc.w"}, {}, ""});
  g.initializers["flat_bias"] = random_tensor({1, 4}, 9);
  g.initializers["shape"] = Tensor::of<int64_t>({1}, {4});
  g.initializers.erase("conv.b");
  g.nodes.insert(g.nodes.begin(), {"shaped", "Reshape", "", {"flat_bias", "shape"}, {"conv.b"}, {}, ""});
  g.check();
  EXPECT_EQ(trained(g, {}), (Names{"conv.w", "flat_bias", "bn.scale", "bn.shift", "fc.w", "fc.b"}));
  EXPECT_EQ(trained(g, {.train = {"fc.q"}}), Names{"fc.w"});
  const auto parameters = find_parameters(g);
  EXPECT_EQ(parameters[4].storage, Storage::kDequantized);
  EXPECT_EQ(parameters[4].stored_as, "fc.q");
}

TEST(Parameters, ConstantsOfInputNormalisationStayFrozen) {
  Graph g = small_network();
  g.initializers["mean"] = random_tensor({3, 1, 1}, 8);
  g.initializers["two"] = Tensor::scalar<float>(2);
  g.nodes[0].inputs[0] = "scaled";
  g.nodes.insert(g.nodes.begin(), {"scale", "Mul", "", {"centred", "two"}, {"scaled"}, {}, ""});
  g.nodes.insert(g.nodes.begin(), {"centre", "Sub", "", {"x", "mean"}, {"centred"}, {}, ""});
  EXPECT_EQ(trained(g, {}).size(), 6U);
  EXPECT_NE(message_of<InvalidArgument>(g, {.train = {"mean"}}).find("'mean' (float32 (3, 1, 1)) cannot be trained"), std::string::npos);
}

TEST(Parameters, AreChosenByNameOfWeightOrNode) {
  const auto g = small_network();
  EXPECT_EQ(trained(g, {.train = {"fc*"}}), (Names{"fc.w", "fc.b"}));
  EXPECT_EQ(trained(g, {.train = {"bn"}}), (Names{"bn.scale", "bn.shift"}));
  EXPECT_EQ(trained(g, {.freeze = {"*.b", "bn*"}}), (Names{"conv.w", "fc.w"}));
}

TEST(Parameters, AreChosenBySideOfACut) {
  const auto g = small_network();
  EXPECT_EQ(trained(g, {.cut = {"r"}, .side = "tail"}), (Names{"fc.w", "fc.b"}));
  EXPECT_EQ(trained(g, {.cut = {"r"}, .side = "head"}), (Names{"conv.w", "conv.b", "bn.scale", "bn.shift"}));
}

TEST(Parameters, RefusalsSayWhatIsWrong) {
  const auto g = small_network();
  EXPECT_NE(message_of<InvalidArgument>(g, {.train = {"fc.x"}}).find("'fc.x' matches no parameter; did you mean 'fc."), std::string::npos);
  EXPECT_NE(message_of<InvalidArgument>(g, {.freeze = {"nothing"}}).find("'nothing' matches no parameter"), std::string::npos);
  EXPECT_NE(message_of<InvalidArgument>(g, {.freeze = {"*"}}).find("nothing is left to train of 6 parameters"), std::string::npos);
  EXPECT_NE(message_of<InvalidArgument>(g, {.side = "tail"}).find("go together"), std::string::npos);
  EXPECT_NE(message_of<InvalidArgument>(g, {.train = {"conv*"}, .cut = {"r"}, .side = "tail"}).find("the other side of the cut"), std::string::npos);
  Graph quantised;
  quantised.name = "q";
  quantised.nodes = {{"c", "QLinearConv", "", {}, {"y"}, {}, ""}};
  EXPECT_NE(message_of<Unsupported>(quantised, {}).find("integers inside quantised operators (QLinearConv 'c')"), std::string::npos);
}

}  // namespace
}  // namespace scissionlite::train
