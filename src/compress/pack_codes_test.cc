// Packed codes are the same values once constants are folded, in fewer bytes.
#include "compress/pack_codes.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "ops/ops.h"
#include "optimise/test_graphs.h"

namespace scissionlite::compress {
namespace {

using testing_graphs::Maker;

/// (outputs, count) codes through DequantizeLinear and Add to an input of that shape.
Graph graph_of(const Tensor& codes, std::string* name = nullptr) {
  Maker m(13);
  const auto constant = m.constant(codes);
  if (name) *name = constant;
  const auto zero = codes.dtype() == Dtype::kI8 ? m.constant(Tensor::scalar<int8_t>(0)) : m.constant(Tensor::scalar<uint8_t>(0));
  auto shape = codes.shape();
  return testing_graphs::with_output(m, m.op("Add", {m.input(shape), m.op("DequantizeLinear", {constant, m.scalar(0.5F), zero})}));
}

template <typename T>
Tensor tensor_of(const Shape& shape, const std::vector<int>& values) {
  std::vector<T> narrow(values.begin(), values.end());
  return Tensor::of<T>(shape, std::span<const T>(narrow));
}

Tensor folded(Graph graph, const std::string& name) {
  ops::fold_constants(graph);
  return graph.initializers.at(name);
}

void expect_same(const Tensor& got, const Tensor& want) {
  ASSERT_EQ(got.dtype(), want.dtype());
  ASSERT_EQ(got.shape(), want.shape());
  EXPECT_TRUE(std::equal(got.data(), got.data() + got.size_bytes(), want.data()));
}

int64_t bytes_of_constants(const Graph& graph) {
  int64_t bytes = 0;
  for (const auto& [name, tensor] : graph.initializers) bytes += static_cast<int64_t>(tensor.size_bytes());
  return bytes;
}

RC_GTEST_PROP(PackCodes, AnyCodesOfAnyBitsComeBack, ()) {
  const int bits = *rc::gen::inRange(1, 8);
  const bool is_signed = *rc::gen::arbitrary<bool>();
  const int least = is_signed ? *rc::gen::inRange(-128, 128 - (1 << bits) + 1) : *rc::gen::inRange(0, 256 - (1 << bits) + 1);
  const int room = ((is_signed ? 127 : 255) - least) / ((1 << bits) - 1), step = *rc::gen::inRange(1, std::max(2, room + 1));
  const Shape shape{*rc::gen::inRange<int64_t>(1, 40), *rc::gen::inRange<int64_t>(120, 160)};
  std::vector<int> values(static_cast<size_t>(element_count(shape)));
  for (auto& v : values) v = least + step * *rc::gen::resize(1000, rc::gen::inRange(0, 1 << bits));
  const auto codes = is_signed ? tensor_of<int8_t>(shape, values) : tensor_of<uint8_t>(shape, values);
  std::string name;
  auto graph = graph_of(codes, &name);
  pack_codes(graph);
  graph.check();
  expect_same(folded(graph, name), codes);
}

/// 64 x 64 codes of each encoding take their bits, and what reads them is named as before.
TEST(PackCodes, TakesTheBitsOfEachEncoding) {
  const Shape shape{64, 64};
  for (int bits = 1; bits <= 7; ++bits)
    for (const auto& [least, step] : {std::pair{-(1 << (bits - 1)), 1}, std::pair{0, 1}, std::pair{-((1 << bits) - 1), 2}}) {
      std::vector<int> values(64 * 64);
      for (size_t i = 0; i < values.size(); ++i) values[i] = least + step * static_cast<int>(i * 7 % (size_t{1} << bits));
      const auto codes = tensor_of<int8_t>(shape, values);
      std::string name;
      auto graph = graph_of(codes, &name);
      const auto before = bytes_of_constants(graph);
      ASSERT_EQ(pack_codes(graph), 1);
      EXPECT_EQ(graph.initializers.count(name), 0U);
      expect_same(folded(graph, name), codes);
      int64_t tables = 0;
      for (const auto& [constant, tensor] : graph.initializers)
        tables += constant.rfind("table_", 0) == 0 ? static_cast<int64_t>(tensor.size_bytes()) : 0;
      EXPECT_LE(bytes_of_constants(graph) - tables, before - 4096 + 4096 * bits / 8 + 64)
          << bits << " bits from " << least << " in steps of " << step;
    }
}

/// Two's complement of four bits lies as ONNX's int4 does: the first code in the low half.
TEST(PackCodes, FourBitsLieAsInt4) {
  std::vector<int> values(2048);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int>(i % 16) - 8;
  auto graph = graph_of(tensor_of<int8_t>({2048}, values));
  ASSERT_EQ(pack_codes(graph), 1);
  const auto it = std::find_if(graph.initializers.begin(), graph.initializers.end(),
                               [](const auto& entry) { return entry.first.find("_packed") != std::string::npos; });
  ASSERT_NE(it, graph.initializers.end());
  EXPECT_EQ(it->second.size(), 1024);
  EXPECT_EQ(it->second.as<uint8_t>()[0], 0x98);  // -8, -7
  EXPECT_EQ(it->second.as<uint8_t>()[4], 0x10);  // 0, 1
}

TEST(PackCodes, LeavesWhatSavesNothing) {
  std::vector<int> all(4096), few(64);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i % 256) - 128;
  for (const auto& codes : {tensor_of<int8_t>({64, 64}, all), tensor_of<int8_t>({8, 8}, few)}) {
    std::string name;
    auto graph = graph_of(codes, &name);
    EXPECT_EQ(pack_codes(graph), 0);
    EXPECT_EQ(graph.initializers.count(name), 1U);
  }
}

/// A result over the limit is not kept, but for bytes, and what follows from it is computed.
TEST(FoldConstants, GoesThroughLargeResults) {
  Maker m(13);
  std::vector<int> values(4096);
  const auto index = m.op("Cast", {m.constant(tensor_of<uint8_t>({4096}, values))}, {{"to", int64_t{6}}});
  const auto bytes = m.op("Gather", {m.constant(tensor_of<int8_t>({1, 4}, {1, 2, 3, 4})), index});
  auto graph = testing_graphs::with_output(
      m, m.op("Add", {m.input({4096, 4}), m.op("DequantizeLinear", {bytes, m.scalar(0.5F), m.constant(Tensor::scalar<int8_t>(0))})}));
  ops::fold_constants(graph, 4096);
  ASSERT_EQ(graph.nodes.size(), 2U);  // DequantizeLinear is too large, the index is gone
  EXPECT_EQ(graph.nodes[0].op_type, "DequantizeLinear");
  EXPECT_EQ(graph.initializers.at(bytes).size(), 4096 * 4);
  EXPECT_EQ(graph.initializers.count(index), 0U);
}

}  // namespace
}  // namespace scissionlite::compress
