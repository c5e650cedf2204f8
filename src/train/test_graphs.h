// Small networks that tests of src/train run.
#pragma once

#include "base/rng.h"
#include "graph/graph.h"

namespace scissionlite::train {

inline Tensor random_tensor(Shape shape, uint64_t seed, float scale = 0.5F) {
  Tensor out(Dtype::kF32, std::move(shape));
  Rng rng(seed);
  for (auto& v : out.mutable_as<float>()) v = scale * static_cast<float>(rng.normal());
  return out;
}

/// conv (3 to 4) -> BatchNormalization -> Relu -> GlobalAveragePool -> Flatten -> Gemm to 3 classes -> Softmax.
inline Graph small_network() {
  Graph g;
  g.name = "small";
  g.opsets = {{"", 13}};
  g.inputs = {{"x", Dtype::kF32, {-1, 3, 6, 6}, true, {"N"}}};
  g.outputs = {{"p", Dtype::kF32, {-1, 3}, true, {"N"}}};
  g.initializers = {
      {"conv.w", random_tensor({4, 3, 3, 3}, 1)}, {"conv.b", random_tensor({4}, 2)},  {"bn.scale", Tensor::of<float>({4}, {1, 0.9F, 1.1F, 1})},
      {"bn.shift", random_tensor({4}, 3)},        {"bn.mean", random_tensor({4}, 4)}, {"bn.var", Tensor::of<float>({4}, {1, 2, 0.5F, 1})},
      {"fc.w", random_tensor({3, 4}, 5)},         {"fc.b", random_tensor({3}, 6)}};
  g.nodes = {{"conv", "Conv", "", {"x", "conv.w", "conv.b"}, {"c"}, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}}, ""},
             {"bn", "BatchNormalization", "", {"c", "bn.scale", "bn.shift", "bn.mean", "bn.var"}, {"n"}, {}, ""},
             {"relu", "Relu", "", {"n"}, {"r"}, {}, ""},
             {"pool", "GlobalAveragePool", "", {"r"}, {"g"}, {}, ""},
             {"flat", "Flatten", "", {"g"}, {"f"}, {}, ""},
             {"fc", "Gemm", "", {"f", "fc.w", "fc.b"}, {"l"}, {{"transB", int64_t{1}}}, ""},
             {"soft", "Softmax", "", {"l"}, {"p"}, {{"axis", int64_t{1}}}, ""}};
  return g;
}

}  // namespace scissionlite::train
