// Cases of the passes that see one function in several nodes.
#include <limits>

#include "optimise/test_cases.h"

namespace scissionlite::testing_graphs {
namespace {

/// (1, 6, 4, 5) through Reshape, Transpose and Reshape.
std::string shuffled(Maker& m, const Ints& grouped, const Ints& permutation, const Ints& back) {
  const auto groups = m.op("Reshape", {m.input({1, 6, 4, 5}), m.ints(grouped)});
  return m.op("Reshape", {m.op("Transpose", {groups}, {{"perm", permutation}}), m.ints(back)});
}

const Shape kImage{-1, 4, 6, 5};

std::string ramp(Maker& m, const std::string& x) { return m.clip(m.op("Add", {x, m.scalar(3)}), 0, 6); }

}  // namespace

std::vector<Case> recognising_cases() {
  return {
      {"recognise_activations", "Clip from 0 to infinity", 1,
       [](Maker& m) { m.output(m.clip(m.input(kImage), 0, std::numeric_limits<float>::infinity())); }},
      {"recognise_activations", "Clip with a lower bound only", 1,
       [](Maker& m) {
         m.output(m.op("Clip", {m.input(kImage), m.scalar(0)}));
       }},
      {"recognise_activations", "Clip with attributes", 1,
       [](Maker& m) {
         m.output(m.op("Clip", {m.input(kImage)}, {{"min", 0.0f}}));
       },
       9},
      {"recognise_activations", "Clip from 0 to 6", 0, [](Maker& m) { m.output(m.clip(m.input(kImage), 0, 6)); }},
      {"recognise_activations", "Clip with a bound that is no constant", 0,
       [](Maker& m) {
         m.output(m.op("Clip", {m.input(kImage), m.input({})}));
       }},
      {"recognise_activations", "Max with zero", 1,
       [](Maker& m) {
         m.output(m.op("Max", {m.scalar(0), m.input(kImage)}));
       }},
      {"recognise_activations", "Max with another value", 0,
       [](Maker& m) {
         m.output(m.op("Max", {m.input(kImage), m.scalar(1)}));
       }},
      {"recognise_activations", "Max with zero that adds a dimension", 0,
       [](Maker& m) {
         m.output(m.op("Max", {m.input({2, 3}), m.constant(Tensor::of<float>({1, 1, 1}, {0.0f}))}));
       }},

      {"recognise_activations", "x * Sigmoid(x)", 1,
       [](Maker& m) {
         const auto x = m.input(kImage);
         m.output(m.op("Mul", {m.op("Sigmoid", {x}), x}));
       }},
      {"recognise_activations", "x * Sigmoid(another)", 0,
       [](Maker& m) {
         m.output(m.op("Mul", {m.input(kImage), m.op("Sigmoid", {m.input(kImage)})}));
       }},
      {"recognise_activations", "Sigmoid is read elsewhere", 0,
       [](Maker& m) {
         const auto x = m.input(kImage), gate = m.op("Sigmoid", {x});
         m.output(m.op("Mul", {x, gate}));
         m.output(gate);
       }},

      {"recognise_activations", "a ramp divided by its height", 1,
       [](Maker& m) {
         m.output(m.op("Div", {ramp(m, m.input(kImage)), m.scalar(6)}));
       }},
      {"recognise_activations", "a ramp times one over its height, old opset", 1,
       [](Maker& m) {
         m.output(m.op("Mul", {m.scalar(1.0f / 6), ramp(m, m.input(kImage))}));
       },
       9},
      {"recognise_activations", "a ramp divided by something else", 0,
       [](Maker& m) {
         m.output(m.op("Div", {ramp(m, m.input(kImage)), m.scalar(5)}));
       }},
      {"recognise_activations", "a divisor that adds a dimension", 0,
       [](Maker& m) {
         m.output(m.op("Div", {ramp(m, m.input(kImage)), m.constant(Tensor::of<float>({1, 1, 1, 1, 1}, {6.0f}))}));
       }},
      {"recognise_activations", "the clipped value is read elsewhere", 0,
       [](Maker& m) {
         const auto clipped = ramp(m, m.input(kImage));
         m.output(m.op("Div", {clipped, m.scalar(6)}));
         m.output(m.op("Neg", {clipped}));
       }},
      {"recognise_activations", "x * ramp / 6: the ramp first", 2,
       [](Maker& m) {
         const auto x = m.input(kImage);
         m.output(m.op("Mul", {x, m.op("Div", {ramp(m, x), m.scalar(6)})}));
       }},
      {"recognise_activations", "x * ramp / 6: the product first", 1,
       [](Maker& m) {
         const auto x = m.input(kImage);
         m.output(m.op("Div", {m.op("Mul", {ramp(m, x), x}), m.scalar(6)}));
       }},
      {"recognise_activations", "x * HardSigmoid(x) with a sixth", 1,
       [](Maker& m) {
         const auto x = m.input(kImage);
         m.output(m.op("Mul", {x, m.op("HardSigmoid", {x}, {{"alpha", 1.0f / 6}})}));
       }},
      {"recognise_activations", "x * HardSigmoid(x) with a fifth", 0,
       [](Maker& m) {
         const auto x = m.input(kImage);
         m.output(m.op("Mul", {x, m.op("HardSigmoid", {x})}));
       }},
      {"recognise_activations", "another * ramp(x) / 6", 0,
       [](Maker& m) {
         m.output(m.op("Div", {m.op("Mul", {ramp(m, m.input(kImage)), m.input(kImage)}), m.scalar(6)}));
       }},

      {"recognise_channel_shuffle", "two groups", 1,
       [](Maker& m) {
         m.output(shuffled(m, {1, 2, 3, 4, 5}, {0, 2, 1, 3, 4}, {1, 6, 4, 5}));
       }},
      {"recognise_channel_shuffle", "three groups", 1,
       [](Maker& m) {
         m.output(shuffled(m, {1, 3, 2, 4, 5}, {0, 2, 1, 3, 4}, {1, 6, 4, 5}));
       }},
      {"recognise_channel_shuffle", "another permutation", 0,
       [](Maker& m) {
         m.output(shuffled(m, {1, 2, 3, 4, 5}, {0, 2, 1, 4, 3}, {1, 6, 5, 4}));
       }},
      {"recognise_channel_shuffle", "back to another shape", 0,
       [](Maker& m) {
         m.output(shuffled(m, {1, 2, 3, 4, 5}, {0, 2, 1, 3, 4}, {1, 6, 5, 4}));
       }},
      {"recognise_global_pool", "ReduceMean that keeps dimensions", 1,
       [](Maker& m) {
         m.output(m.op("ReduceMean", {m.input(kImage)}, {{"axes", Ints{3, 2}}}));
       }},
      {"recognise_global_pool", "ReduceMean that drops dimensions", 1,
       [](Maker& m) {
         m.output(m.op("Relu", {m.op("ReduceMean", {m.input(kImage)}, {{"axes", Ints{-2, -1}}, {"keepdims", int64_t{0}}})}));
       }},
      {"recognise_global_pool", "ReduceMean with axes as input", 1,
       [](Maker& m) {
         m.output(m.op("ReduceMean", {m.input(kImage), m.ints({2, 3})}, {{"keepdims", int64_t{0}}}));
       },
       18},
      {"recognise_global_pool", "ReduceMax", 1,
       [](Maker& m) {
         m.output(m.op("ReduceMax", {m.input(kImage)}, {{"axes", Ints{2, 3}}}));
       }},
      {"recognise_global_pool", "ReduceMean over channels too", 0,
       [](Maker& m) {
         m.output(m.op("ReduceMean", {m.input(kImage)}, {{"axes", Ints{1, 2, 3}}}));
       }},
      {"recognise_global_pool", "ReduceMean over all", 0, [](Maker& m) { m.output(m.op("ReduceMean", {m.input(kImage)})); }},
      {"recognise_global_pool", "ReduceMean over rows of a channels-last image", 0,
       [](Maker& m) {
         m.output(m.op("ReduceMean", {m.input(kImage)}, {{"axes", Ints{1, 2}}}));
       }},
      {"recognise_global_pool", "AveragePool over the image", 1,
       [](Maker& m) {
         m.output(m.op("AveragePool", {m.input(kImage)}, {{"kernel_shape", Ints{6, 5}}, {"strides", Ints{2, 2}}}));
       }},
      {"recognise_global_pool", "MaxPool over the image", 1,
       [](Maker& m) {
         m.output(m.op("MaxPool", {m.input(kImage)}, {{"kernel_shape", Ints{6, 5}}}));
       }},
      {"recognise_global_pool", "AveragePool over part of the image", 0,
       [](Maker& m) {
         m.output(m.op("AveragePool", {m.input(kImage)}, {{"kernel_shape", Ints{6, 4}}}));
       }},
      {"recognise_global_pool", "AveragePool over the image and pads", 0,
       [](Maker& m) {
         m.output(m.op("AveragePool", {m.input(kImage)}, {{"kernel_shape", Ints{6, 5}}, {"pads", Ints{1, 1, 1, 1}}}));
       }},
  };
}

}  // namespace scissionlite::testing_graphs
