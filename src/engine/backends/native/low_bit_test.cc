// Models of few bits, as quantisers write them: QuantizeLinear, Clip of bytes, DequantizeLinear, and weights of few codes. The native backend
// computes the same bytes as the reference code.
#include <gtest/gtest.h>

#include "engine/backends/native/explain.h"
#include "engine/backends/native/test_native.h"
#include "kernels/int8/loops.h"
#include "kernels/lowbit/loops.h"

namespace scissionlite {
namespace {

using testing_graphs::Ints;
using testing_graphs::Maker;

/// A layer's weights and activations, bits each.
struct Bits {
  int weights = 1, activations = 2;
};

std::string byte(Maker& m, uint8_t value) { return m.constant(Tensor::of<uint8_t>({}, {value})); }

/// A float value through codes of so many bits.
std::string through(Maker& m, const std::string& x, float scale, int bits) {
  auto codes = m.op("QuantizeLinear", {x, m.scalar(scale), byte(m, 0)});
  if (bits < 8) codes = m.op("Clip", {codes, "", byte(m, static_cast<uint8_t>((1 << bits) - 1))});
  return m.op("DequantizeLinear", {codes, m.scalar(scale), byte(m, 0)});
}

/// -1 and 1, or two's complement.
std::string weights(Maker& m, const Shape& shape, int bits) {
  Tensor codes(Dtype::kI8, shape), scales(Dtype::kF32, {shape[0]}), zeros(Dtype::kI8, {shape[0]});
  const int64_t levels = int64_t{1} << bits;
  for (auto& v : codes.mutable_as<int8_t>()) {
    const auto code = static_cast<int64_t>(m.rng().below(static_cast<uint64_t>(levels)));
    v = static_cast<int8_t>(bits == 1 ? 2 * code - 1 : code - levels / 2);
  }
  for (auto& v : scales.mutable_as<float>()) v = static_cast<float>(m.rng().uniform(0.5, 1.5)) / static_cast<float>(levels);
  for (auto& v : zeros.mutable_as<int8_t>()) v = 0;
  return m.op("DequantizeLinear", {m.constant(codes), m.constant(scales), m.constant(zeros)}, {{"axis", int64_t{0}}});
}

std::string conv(Maker& m, const std::string& x, int64_t in, int64_t out, const Bits& bits, int64_t groups = 1, int64_t stride = 1) {
  return m.op("Conv", {x, weights(m, {out, in / groups, 3, 3}, bits.weights), m.weights({out})},
              {{"pads", Ints{1, 1, 1, 1}}, {"group", groups}, {"strides", Ints{stride, stride}}});
}

/// A last layer whose result stays floats; weights of few bits stay packed.
Graph last_layer(int bits, int64_t rows) {
  Maker m(13, 1);
  return testing_graphs::with_output(
      m, m.op("Gemm", {through(m, m.input({rows, 70}), 0.01F, 8), weights(m, {11, 70}, bits), m.weights({11})}, {{"transB", int64_t{1}}}));
}

/// Two convolutions around a residual whose sum keeps eight bits, pooling, a strided one, and a last layer of eight.
Graph residual_network(const Bits& bits, uint64_t seed) {
  Maker m(13, seed);
  const Bits eight{8, 8};
  const auto stem = through(m, m.op("Relu", {conv(m, through(m, m.input({2, 3, 13, 12}), 0.01F, 8), 3, 20, eight)}), 0.02F, 8);
  const auto first = m.op("Relu", {conv(m, through(m, stem, 0.3F, bits.activations), 20, 70, bits)});
  const auto pooled = m.op("MaxPool", {through(m, first, 0.5F, bits.activations)},
                           {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{1, 1}}, {"pads", Ints{0, 0, 1, 1}}});
  const auto second = through(m, conv(m, pooled, 70, 20, bits), 0.05F, 8);
  const auto sum = through(m, m.op("Relu", {m.op("Add", {second, stem})}), 0.04F, 8);
  const auto third = m.op("Relu", {conv(m, through(m, sum, 0.4F, bits.activations), 20, 66, bits, /*groups=*/2, /*stride=*/2)});
  const auto mean = through(m, m.op("GlobalAveragePool", {through(m, third, 0.4F, bits.activations)}), 0.01F, 8);
  const auto logits = m.op("Gemm", {m.op("Flatten", {mean}), weights(m, {10, 66}, 8), m.weights({10})}, {{"transB", int64_t{1}}});
  return testing_graphs::with_output(m, logits);
}

TEST(LowBitModels, GiveTheBytesOfTheReference) {
  for (const Bits bits : {Bits{1, 1}, Bits{1, 2}, Bits{2, 2}, Bits{2, 4}, Bits{3, 5}, Bits{4, 4}, Bits{8, 3}})
    for (const uint64_t seed : {1, 2}) {
      SCOPED_TRACE("w" + std::to_string(bits.weights) + "a" + std::to_string(bits.activations));
      auto graph = residual_network(bits, seed);
      optimise(graph);  // biases in whole steps, sums in integers
      testing_native::expect_fast_and_like_reference(graph, 1e-6);
    }
}

/// Two convolutions of 256 channels each behind one of eight bits.
Graph many_outputs(const Bits& bits) {
  Maker m;
  auto x = m.op("Relu", {conv(m, through(m, m.input({1, 3, 14, 14}), 0.01F, 8), 3, 256, {8, 8})});
  for (int i = 0; i < 2; ++i) x = m.op("Relu", {conv(m, through(m, x, 0.3F, bits.activations), 256, 256, bits)});
  auto graph = testing_graphs::with_output(m, through(m, x, 0.3F, bits.activations));
  optimise(graph);
  return graph;
}

/// Where look-ups are to be faster: weights of one bit, many outputs.
TEST(LowBitModels, LastLayersReadBytes) {
  for (const auto& [bits, rows, name] : {std::tuple{8, 1, "int8 dense"}, {3, 1, "int8 dense packed"}, {8, 3, "int8 dense"}, {8, 4, "dense"}}) {
    auto graph = last_layer(bits, rows);
    testing_native::expect_fast_and_like_reference(graph, 1e-5);
    optimise(graph);
    EXPECT_EQ(testing_native::count_steps(graph, name), 1) << name;
  }
}

/// Tiles may be faster than what has no multiplications, where the CPU has them.
bool has_tiles() { return kernels::low_bit_loops_beside(kernels::best_int8_loops()).has_tiles; }

TEST(LowBitModels, ManyOutputsOfOneBitAreLookedUp) {
  const auto graph = many_outputs({1, 2});
  if (kernels::best_int8_loops().lanes >= 8 && !has_tiles()) { EXPECT_EQ(testing_native::count_steps(graph, "int8 look up"), 2); }
  testing_native::expect_fast_and_like_reference(graph);
}

/// Where counts of bits are: activations of one bit, too, on vectors of sixteen.
TEST(LowBitModels, ProductsOfBitsAreCounted) {
  const auto graph = many_outputs({1, 1});
  if (kernels::best_int8_loops().lanes >= 16 && !has_tiles()) { EXPECT_EQ(testing_native::count_steps(graph, "int8 bit serial"), 2); }
  testing_native::expect_fast_and_like_reference(graph);
}

/// Two convolutions of 64 channels at 2 bits: what lies between them are planes, not floats.
TEST(LowBitModels, MoveAFractionOfWhatTheirOperatorsWould) {
  Maker m;
  const Bits bits{1, 2};
  auto x = through(m, m.input({1, 64, 14, 14}), 0.3F, bits.activations);
  for (int i = 0; i < 3; ++i) x = through(m, m.op("Relu", {conv(m, x, 64, 64, bits)}), 0.3F, bits.activations);
  const auto facts = explain_native(testing_graphs::with_output(m, x), {.threads = 1}, 1);
  EXPECT_GT(facts.traffic_bytes, 0);
  if (!has_tiles()) {
    EXPECT_GT(facts.operator_traffic_bytes, 4 * facts.traffic_bytes);  // most of what is left are the floats of input and result
  }
  const auto looked_up = std::count_if(facts.steps.begin(), facts.steps.end(), [](const auto& step) {
    return step.implementation == "int8 look up" || step.implementation == "int8 bit serial";
  });
  if (kernels::best_int8_loops().lanes >= 8 && !has_tiles()) { EXPECT_EQ(looked_up, 3); }
}

}  // namespace
}  // namespace scissionlite
