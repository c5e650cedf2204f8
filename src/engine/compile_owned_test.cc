// A graph that is given away: the same answers, and its weights are gone once they are packed.
#include "engine/compile_owned.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"
#include "graph/random_graph.h"
#include "optimise/test_graphs.h"

namespace scissionlite {
namespace {

/// Puts each weight into memory of its own, and says how many of those pieces are still held.
std::vector<std::weak_ptr<const void>> watched(Graph& graph) {
  std::vector<std::weak_ptr<const void>> pieces;
  for (auto& [name, tensor] : graph.initializers) {
    const auto piece = std::make_shared<const Tensor>(tensor.clone());
    pieces.emplace_back(piece);
    tensor = Tensor(piece->dtype(), piece->shape(), piece, piece->data());
  }
  return pieces;
}
int64_t held(const std::vector<std::weak_ptr<const void>>& pieces) {
  return std::count_if(pieces.begin(), pieces.end(), [](const auto& piece) { return !piece.expired(); });
}

TEST(CompileOwned, GivesTheSameAnswersWithEveryBackend) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    Rng rng(seed);
    const Graph graph = random_graph(rng, {.nodes = 12});
    Tensor x(Dtype::kF32, graph.inputs[0].shape);
    for (float& v : x.mutable_as<float>()) v = static_cast<float>(rng.normal());
    for (const std::string backend : {"native", "reference"}) {
      const auto expected = compile(graph, backend)->run(std::span(&x, 1))[0].clone();
      EXPECT_TRUE(bit_equal(compile_owned(graph, backend)->run(std::span(&x, 1))[0], expected)) << backend << ", seed " << seed;
    }
  }
}

TEST(CompileOwned, NativeLetsGoOfTheWeights) {
  testing_graphs::Maker m;
  const auto x = m.input({1, 8, 12, 12});
  const auto first = m.op("Relu", {m.batch_norm(m.conv(x, 8, 16, 3), 16)});
  m.output(m.conv(first, 16, 24, 1));
  Graph graph = m.finish();
  const auto pieces = watched(graph);
  ASSERT_GT(held(pieces), 4);
  const auto executable = compile_owned(std::move(graph), "native");
  EXPECT_EQ(held(pieces), 0) << "of " << pieces.size();
}

TEST(CompileOwned, AGraphOfOpenBatchKeepsItsWeightsForOtherShapes) {
  Rng rng(6);
  Graph graph = random_graph(rng, {.nodes = 8});
  for (auto* infos : {&graph.inputs, &graph.outputs})
    for (auto& info : *infos)
      if (info.has_shape && !info.shape.empty()) info.shape[0] = -1;
  graph.values.clear();
  Shape shape = graph.inputs[0].shape;
  const auto executable = compile_owned(std::move(graph), "native");
  for (const int64_t batch : {1, 3}) {
    shape[0] = batch;
    Tensor x(Dtype::kF32, shape);
    for (float& v : x.mutable_as<float>()) v = static_cast<float>(rng.normal());
    EXPECT_EQ(executable->run(std::span(&x, 1))[0].shape()[0], batch);
  }
}

}  // namespace
}  // namespace scissionlite
