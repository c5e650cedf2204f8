#include "compress/two_four.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <numeric>

#include "base/error.h"
#include "compress/asp_sample.h"
#include "optimise/test_graphs.h"

namespace scissionlite::compress {
namespace {

using testing_graphs::Maker;

Graph one_of_each() {
  Maker m;
  auto x = m.conv(m.input({-1, 3, 6, 6}), 3, 16);
  x = m.conv(x, 16, 24);
  x = m.conv(x, 24, 24, 3, {{"group", int64_t{24}}});
  x = m.conv(x, 24, 32, 1);
  x = m.op("Flatten", {m.op("GlobalAveragePool", {x})});
  x = m.op("Gemm", {x, m.weights({32, 16})});
  x = m.op("Gemm", {x, m.weights({8, 16})}, {{"transB", int64_t{1}}});
  return testing_graphs::with_output(m, m.op("MatMul", {m.op("Relu", {x}), m.weights({8, 10})}));
}

TEST(SparseLayers, AreThoseThatAspTakes) {
  const auto layers = find_sparse_layers(one_of_each());
  std::vector<bool> eligible;
  for (const auto& layer : layers) eligible.push_back(layer.not_eligible.empty());
  // 3 inputs; 16 of 24; depthwise; 24 inputs; 32 inputs (transposed); 16 of 8; 8 inputs
  EXPECT_EQ(eligible, (std::vector<bool>{false, true, false, false, true, true, false}));
  EXPECT_EQ(layers[0].not_eligible, "3 inputs are no multiple of 16");
  EXPECT_EQ(layers[6].not_eligible, "10 outputs are no multiple of 8");
}

TEST(Mask, KeepsTheTwoLargestOfFour) {
  const SparseLayer layer{"fc", "w", "Gemm", false, 1, 8, 1, ""};
  const auto weights = Tensor::of<float>({1, 8}, {0.1F, -3, 2, 0, 1, 1, 1, 1});
  EXPECT_TRUE(bit_equal(two_four_mask(layer, weights), Tensor::of<float>({1, 8}, {0, 1, 1, 0, 1, 1, 0, 0})));
}

/// Against plain code on the weights moved to (rows, inputs).
RC_GTEST_PROP(Mask, IsThatOfEachRow, ()) {
  const auto op = *rc::gen::element<std::string>("Conv", "Gemm", "GemmT", "MatMul");
  const auto outputs = *rc::gen::inRange<int64_t>(1, 6), inputs = 4 * *rc::gen::inRange<int64_t>(1, 5);
  const int64_t taps = op == "Conv" ? *rc::gen::element<int64_t>(1, 9) : 1;
  Rng rng(*rc::gen::inRange<uint64_t>(0, 1 << 30));
  const bool is_transposed = op == "Gemm" || op == "MatMul";
  const int64_t side = taps == 9 ? 3 : 1;
  Tensor weights(Dtype::kF32, op == "Conv" ? Shape{outputs, inputs, side, side} : is_transposed ? Shape{inputs, outputs} : Shape{outputs, inputs});
  for (float& v : weights.mutable_as<float>()) v = static_cast<float>(rng.normal());
  Graph graph;
  graph.opsets = {{"", 13}};
  graph.initializers["w"] = weights;
  graph.nodes = {{"n", op == "GemmT" ? "Gemm" : op, "", {"x", "w"}, {"y"}, {}, ""}};
  if (op == "GemmT") graph.nodes[0].attributes["transB"] = int64_t{1};
  const auto layer = find_sparse_layers(graph).at(0);
  const auto mask = two_four_mask(layer, weights);
  const auto at = [&](const Tensor& t, int64_t o, int64_t i, int64_t k) {
    return t.as<float>()[static_cast<size_t>(is_transposed ? i * outputs + o : (o * inputs + i) * taps + k)];
  };
  for (int64_t o = 0; o < outputs; ++o)
    for (int64_t k = 0; k < taps; ++k)
      for (int64_t g = 0; g < inputs; g += 4) {
        std::vector<float> kept, dropped;
        for (int64_t i = g; i < g + 4; ++i) (at(mask, o, i, k) == 1 ? kept : dropped).push_back(std::abs(at(weights, o, i, k)));
        RC_ASSERT(kept.size() == 2U);
        RC_ASSERT(*std::min_element(kept.begin(), kept.end()) >= *std::max_element(dropped.begin(), dropped.end()));
      }
  RC_ASSERT(two_four_share(layer, masked(weights, mask)).share() == 1);
  RC_ASSERT(two_four_share(layer, weights).share() == 0);
}

Magnitudes uniform(int64_t columns, int64_t rows, uint64_t seed) {
  Magnitudes m{rows, columns, std::vector<float>(static_cast<size_t>(columns * rows))};
  Rng rng(seed);
  for (float& v : m.values) v = static_cast<float>(rng.uniform());
  return m;
}

TEST(Permutation, FindsTheOneThatLosesNothing) {
  // columns whose large values are in pairs: put together they fill every group, as they lie no group keeps them
  Magnitudes m{64, 16, std::vector<float>(1024)};
  Rng rng(1);
  for (int64_t r = 0; r < m.rows; ++r)
    for (int64_t c = 0; c < 16; ++c)
      m.values[static_cast<size_t>(c * m.rows + r)] = static_cast<float>(((r + c / 8) % 2 == 0) ? rng.uniform(1, 2) : 0);
  for (const std::string method : {"swaps", "stripes"}) {
    const auto order = best_order(m, {.method = method, .escapes = 10});
    EXPECT_NEAR(kept_by_two_four(m, order), kept_by_half(m), 1e-3) << method;
    EXPECT_NEAR(efficacy(m, order), 1, 1e-6) << method;
  }
}

TEST(Permutation, ReachesThePublishedEfficacyOnItsSample) {
  const auto m = asp_sample();
  std::vector<int> as_it_is(64);
  std::iota(as_it_is.begin(), as_it_is.end(), 0);
  EXPECT_NEAR(kept_by_two_four(m, as_it_is), 2852, 0.6);
  EXPECT_NEAR(kept_by_half(m), 3042, 0.6);
  EXPECT_GE(efficacy(m, best_order(m, {.method = "swaps", .escapes = 100})), 0.32);
  EXPECT_GE(efficacy(m, best_order(m, {.method = "stripes"})), 0.355);
}

RC_GTEST_PROP(Permutation, IsAnOrderThatKeepsNoLess, ()) {
  const auto m = uniform(4 * *rc::gen::inRange<int64_t>(1, 8), *rc::gen::inRange<int64_t>(1, 40), *rc::gen::inRange<uint64_t>(0, 1 << 30));
  std::vector<int> as_it_is(static_cast<size_t>(m.columns));
  std::iota(as_it_is.begin(), as_it_is.end(), 0);
  auto order = best_order(m, {.method = *rc::gen::element<std::string>("swaps", "stripes"), .escapes = 3});
  RC_ASSERT(kept_by_two_four(m, order) >= kept_by_two_four(m, as_it_is) * (1 - 1e-6));
  RC_ASSERT(kept_by_two_four(m, order) <= kept_by_half(m) * (1 + 1e-6));
  std::sort(order.begin(), order.end());
  RC_ASSERT(order == as_it_is);
}

TEST(Permutation, RefusesWhatItIsNot) {
  EXPECT_THROW((void)best_order(uniform(8, 4, 1), {.method = "stripe"}), InvalidArgument);
  EXPECT_THROW((void)best_order({4, 6, std::vector<float>(24)}, {}), InvalidArgument);
}

}  // namespace
}  // namespace scissionlite::compress
