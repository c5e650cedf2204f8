#include "compress/permute_channels.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "compress/test_random_cnn.h"
#include "compress/two_four.h"

namespace scissionlite::compress {
namespace {

using testing_graphs::Maker;
using testing_graphs::random_inputs;
using testing_graphs::run_nodes;

RC_GTEST_PROP(PermutedChannels, AnswerAlike, ()) {
  const auto seed = *rc::gen::inRange<uint64_t>(0, 1 << 30);
  const auto graph = RandomCnn(*rc::gen::element<int64_t>(9, 13, 18), seed).make(*rc::gen::inRange(1, 16));
  const Channels channels(graph);
  Rng rng(seed);
  std::map<int, int> order;
  for (const auto& classes : exchangeable_classes(channels)) {
    auto shuffled = classes;
    for (size_t i = shuffled.size(); i > 1; --i) std::swap(shuffled[i - 1], shuffled[rng.below(i)]);
    for (size_t i = 0; i < classes.size(); ++i) order[classes[i]] = shuffled[i];
  }
  const auto permuted = permute_channels(channels, order);
  const auto inputs = random_inputs(graph, seed);
  const auto expected = run_nodes(graph, inputs), answers = run_nodes(permuted, inputs);
  for (size_t i = 0; i < expected.size(); ++i) RC_ASSERT(max_relative_error(answers[i], expected[i]) <= 1e-5);
  const bool moved = std::any_of(order.begin(), order.end(), [](const auto& one) { return one.first != one.second; });
  RC_CLASSIFY(moved, "channels moved");
}

TEST(PermutedChannels, KeepMoreOfTheWeights) {
  Maker m;
  auto x = m.op("Relu", {m.batch_norm(m.conv(m.input({-1, 3, 6, 6}), 3, 32), 32)});
  x = m.op("Add", {m.op("Relu", {m.conv(x, 32, 32, 1)}), m.conv(x, 32, 32)});
  x = m.op("Gemm", {m.op("Flatten", {m.op("GlobalAveragePool", {x})}), m.weights({32, 8})});
  const auto graph = testing_graphs::with_output(m, x);
  const auto permuted = permute_for_two_four(graph, {.escapes = 50});
  EXPECT_EQ(permuted.layers.size(), 3U);
  EXPECT_GT(permuted.kept_after, permuted.kept_before * 1.005);
  EXPECT_LT(permuted.kept_after, permuted.kept_most);
  double kept = 0;  // as the masks say
  for (const auto& layer : find_sparse_layers(permuted.graph)) {
    if (!layer.not_eligible.empty()) continue;
    const auto& weights = permuted.graph.initializers.at(layer.weights);
    const auto sparse = masked(weights, two_four_mask(layer, weights));
    for (const float v : sparse.as<float>()) kept += std::abs(v);
  }
  EXPECT_NEAR(kept, permuted.kept_after, 1e-3 * kept);
  const auto inputs = random_inputs(graph);
  EXPECT_LE(max_relative_error(run_nodes(permuted.graph, inputs)[0], run_nodes(graph, inputs)[0]), 1e-5);
}

}  // namespace
}  // namespace scissionlite::compress
