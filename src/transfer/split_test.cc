// Heads and tails with transfer layers, whatever the model's tensors are called.
#include <gtest/gtest.h>

#include "base/rng.h"
#include "engine/engine.h"
#include "graph/cuts.h"
#include "transfer/transfer.h"

namespace scissionlite::transfer {
namespace {

/// img -> Relu -> `name` -> Sigmoid -> y.
Graph model_with(const std::string& name) {
  Graph g;
  g.name = "named";
  g.opsets = {{"", 13}};
  g.inputs = {{"img", Dtype::kF32, {-1, 4, 8, 8}, true, {}}};
  g.outputs = {{"y", Dtype::kF32, {-1, 4, 8, 8}, true, {}}};
  g.nodes = {{"first", "Relu", "", {"img"}, {name}, {}, ""}, {"second", "Sigmoid", "", {name}, {"y"}, {}, ""}};
  g.values[name] = {name, Dtype::kF32, {-1, 4, 8, 8}, true, {}};
  return g;
}

Tensor picture() {
  Rng rng(7);
  Tensor out(Dtype::kF32, {1, 4, 8, 8});
  for (auto& v : out.mutable_as<float>()) v = static_cast<float>(rng.uniform(-1, 1));
  return out;
}

std::vector<Tensor> run(const Graph& graph, const std::vector<Tensor>& inputs) {
  auto outputs = compile(graph, "reference")->run(inputs);
  for (auto& output : outputs) output = output.clone();
  return outputs;
}

TEST(Split, WorksForEveryNameOfTheCutTensor) {
  for (const auto* name : {"x", "code", "range", "cut0", "cut0_range", "a/b c:0"})
    for (const auto* spec : {"fp32", "fp16", "uint8", "pool", "klt-s2-c16-b8"}) {
      SCOPED_TRACE(std::string(name) + " through " + spec);
      const Graph model = model_with(name);
      const Tensor image = picture();
      std::vector<std::vector<Tensor>> samples(1);
      Rng rng(3);
      for (int i = 0; i < 8; ++i) {
        Tensor sample(Dtype::kF32, {1, 4, 8, 8});
        for (auto& v : sample.mutable_as<float>()) v = static_cast<float>(rng.uniform(0, 1));
        samples[0].push_back(sample);
      }
      const auto layer = make(spec);
      const auto halves = split(model, find_cuts(model).at(0), *layer, layer->needs_samples() ? samples : std::vector<std::vector<Tensor>>{});
      ASSERT_EQ(halves.head.inputs.size(), 1u);
      ASSERT_EQ(halves.tail.inputs.size(), halves.wire.size());
      for (size_t i = 0; i < halves.wire.size(); ++i) EXPECT_EQ(halves.tail.inputs[i].name, halves.wire[i].name);
      const Tensor given = run(halves.tail, run(halves.head, {image}))[0], expected = run(model, {image})[0];
      const bool is_rough = layer->needs_samples() || std::string(spec) == "pool";  // the picture is noise, which neither keeps
      EXPECT_LT(max_relative_error(given, expected), is_rough ? 0.8 : 0.05);
    }
}

}  // namespace
}  // namespace scissionlite::transfer
