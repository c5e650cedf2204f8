#include "compress/layers.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <numeric>

#include "compress/channel_gates.h"
#include "compress/one_image.h"
#include "compress/remove_channels.h"
#include "compress/test_random_cnn.h"

namespace scissionlite::compress {
namespace {

using testing_graphs::Maker;
using testing_graphs::random_inputs;
using testing_graphs::run_nodes;

Graph two_layers() {
  Maker m;
  auto x = m.op("Relu", {m.batch_norm(m.conv(m.input({-1, 3, 6, 6}), 3, 8), 8)});
  x = m.op("Relu", {m.batch_norm(m.conv(x, 8, 4), 4)});
  return testing_graphs::with_output(m, m.conv(m.op("GlobalAveragePool", {x}), 4, 2, 1));
}

TEST(Layers, AreTheWidthsOfANetwork) {
  const Channels channels(two_layers());
  const auto layers = find_layers(channels);
  ASSERT_EQ(layers.size(), 2U);
  EXPECT_EQ(layers[0].classes.size(), 8U);
  EXPECT_EQ(layers[1].classes.size(), 4U);
}

TEST(SmallClasses, FollowEachLayersOwnDistribution) {
  const Channels channels(two_layers());
  const auto layers = find_layers(channels);
  std::map<int, double> magnitude;
  // the first layer has five that are small beside three, the second is small throughout
  for (size_t i = 0; i < 8; ++i) magnitude[layers[0].classes[i]] = i < 5 ? 0.01 : 1;
  for (const int one : layers[1].classes) magnitude[one] = 0.01;
  const auto small = small_classes(channels, layers, magnitude, 1e-3);
  EXPECT_EQ(small, std::set<int>(layers[0].classes.begin(), layers[0].classes.begin() + 5));
}

TEST(SmallClasses, LeaveAMultipleOfALayerOrAllOfIt) {
  const Channels channels(two_layers());
  const auto layers = find_layers(channels);
  std::map<int, double> magnitude;
  for (size_t i = 0; i < 8; ++i) magnitude[layers[0].classes[i]] = i < 5 ? 0.001 * static_cast<double>(i) : 1;
  for (size_t i = 0; i < 4; ++i) magnitude[layers[1].classes[i]] = i < 1 ? 0 : 1;
  const auto& first = layers[0].classes;
  // three of eight are large: with the largest small one there are four; three of four stay four
  EXPECT_EQ(small_classes(channels, layers, magnitude, 1e-3, 4), std::set<int>(first.begin(), first.begin() + 4));
  EXPECT_EQ(small_classes(channels, layers, magnitude, 1e-3, 3),
            (std::set<int>{first[0], first[1], first[2], first[3], first[4], layers[1].classes[0]}));
  EXPECT_TRUE(small_classes(channels, layers, magnitude, 1e-3, 16).empty());
}

TEST(SmallClasses, LeaveOneOfALayerThatIsZero) {
  const Channels channels(two_layers());
  const auto layers = find_layers(channels);
  std::map<int, double> magnitude;
  for (const auto& layer : layers)
    for (const int one : layer.classes) magnitude[one] = 0;
  EXPECT_EQ(small_classes(channels, layers, magnitude, 1e-3).size(), 7U + 3U);
}

RC_GTEST_PROP(SizeWithout, IsThatOfTheRebuiltNetwork, ()) {
  const auto seed = *rc::gen::inRange<uint64_t>(0, 1 << 30);
  const auto graph = RandomCnn(13, seed).make(8);
  const Channels channels(graph);
  const auto layers = find_layers(channels);
  std::map<int, double> magnitude;
  Rng rng(seed);
  for (const auto& layer : layers)
    for (const int one : layer.classes) magnitude[one] = rng.uniform() < 0.5 ? 0 : 1;
  for (size_t i = 0; i < channels.classes().size(); ++i) magnitude.emplace(static_cast<int>(i), 1);  // of what is fixed
  const auto removal = remove_channels(channels, small_classes(channels, layers, magnitude, 1e-3), kReference);
  const auto size = size_without(channels, removal.removed);
  const auto macs = ops::node_macs(for_one_image(removal.rebuilt));
  RC_ASSERT(size.macs > 0);
  RC_ASSERT(size.macs == std::accumulate(macs.begin(), macs.end(), int64_t{0}));
  // constants that several nodes read get a bias of their own for each
  RC_ASSERT(std::abs(size.parameters - parameter_count(removal.rebuilt)) <= 0.05 * static_cast<double>(size.parameters) + 32);
}

TEST(SizeWithout, NodesThatAreGoneCostNothing) {
  const Channels channels(two_layers());
  const auto& nodes = channels.graph().nodes;
  const auto whole = size_without(channels, {});
  NetworkSize sum;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const auto left = size_without(channels, {}, {i});
    sum.parameters += whole.parameters - left.parameters, sum.macs += whole.macs - left.macs;
  }
  EXPECT_GT(whole.parameters, 0);
  EXPECT_EQ(sum.parameters, whole.parameters);
  EXPECT_EQ(sum.macs, whole.macs);
}

RC_GTEST_PROP(ChannelGates, AreTakenOutWithWhatTheyMultiply, ()) {
  const auto seed = *rc::gen::inRange<uint64_t>(0, 1 << 30);
  const auto graph = RandomCnn(*rc::gen::element<int64_t>(9, 13, 18), seed).make(*rc::gen::inRange(1, 12));
  auto gated = with_channel_gates(graph);
  const auto inputs = random_inputs(graph, seed);
  const auto before = run_nodes(graph, inputs), with = run_nodes(gated.graph, inputs);
  for (size_t i = 0; i < before.size(); ++i) RC_ASSERT(max_relative_error(with[i], before[i]) <= 1e-6);
  Rng rng(seed);
  for (const auto& gate : gated.gates) {
    auto& values = gated.graph.initializers.at(gate);
    values = values.clone();
    for (float& v : values.mutable_as<float>()) v = static_cast<float>(rng.uniform(0, 1.5));
  }
  const auto expected = run_nodes(gated.graph, inputs), answers = run_nodes(without_channel_gates(gated.graph, gated.gates), inputs);
  for (size_t i = 0; i < expected.size(); ++i) RC_ASSERT(max_relative_error(answers[i], expected[i]) <= 1e-5);
  RC_CLASSIFY(!gated.gates.empty(), "gates were put in");
}

}  // namespace
}  // namespace scissionlite::compress
