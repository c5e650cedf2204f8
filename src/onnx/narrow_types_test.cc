#include "onnx/narrow_types.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace scissionlite {
namespace {

TEST(NarrowTypes, FirstValuesAreInTheLowestBits) {
  const uint8_t packed[] = {0x98, 0x1F};
  EXPECT_TRUE(bit_equal(unpack_narrow({4, true}, {3}, packed), Tensor::of<int8_t>({3}, {-8, -7, -1})));
  EXPECT_TRUE(bit_equal(unpack_narrow({4, false}, {2, 2}, packed), Tensor::of<uint8_t>({2, 2}, {8, 9, 15, 1})));
  EXPECT_TRUE(bit_equal(unpack_narrow({2, true}, {5}, packed), Tensor::of<int8_t>({5}, {0, -2, 1, -2, -1})));
  EXPECT_EQ((NarrowType{2, true}.packed_bytes(5)), 2);
}

Graph quantiser(std::map<std::string, Attribute> attributes, const std::string& zero) {
  Graph g;
  g.opsets = {{"", 21}};
  g.inputs = {{"x", Dtype::kF32, {4}, true, {}}};
  g.outputs = {{"y", Dtype::kUndefined, {}, false, {}}};
  g.initializers["scale"] = Tensor::scalar<float>(0.5F);
  g.initializers["zero"] = Tensor::scalar<int8_t>(0);
  g.nodes = {{"q", "QuantizeLinear", "", {"x", "scale", zero}, {"y"}, std::move(attributes), ""}};
  return g;
}

TEST(NarrowTypes, ResultsStayWithinTheirType) {
  for (const bool by_attribute : {false, true}) {
    auto g = by_attribute ? quantiser({{"output_dtype", int64_t{22}}}, "") : quantiser({}, "zero");
    bound_narrow_results(g, by_attribute ? std::map<std::string, NarrowType>{} : std::map<std::string, NarrowType>{{"zero", {4, true}}});
    ASSERT_EQ(g.nodes.size(), 2U);
    EXPECT_EQ(g.nodes[1].op_type, "Clip");
    EXPECT_EQ(g.nodes[1].outputs[0], "y");
    EXPECT_TRUE(bit_equal(g.initializers.at(g.nodes[1].inputs[1]), Tensor::scalar<int8_t>(-8)));
    EXPECT_TRUE(bit_equal(g.initializers.at(g.nodes[1].inputs[2]), Tensor::scalar<int8_t>(7)));
    EXPECT_EQ(g.nodes[0].int_attribute("output_dtype", 0), by_attribute ? static_cast<int64_t>(Dtype::kI8) : 0);
    g.check();
  }
}

TEST(NarrowTypes, BytesAreLeftAlone) {
  auto g = quantiser({}, "zero");
  bound_narrow_results(g, {});
  EXPECT_EQ(g.nodes.size(), 1U);
}

TEST(NarrowTypes, AnAttributeOfAnotherTypeIsLeftToTheOperatorsRule) {
  auto g = quantiser({{"output_dtype", 22.0F}}, "");
  bound_narrow_results(g, {});
  EXPECT_EQ(g.nodes.size(), 1U);
}

TEST(NarrowTypes, CastsAreRefused) {
  auto g = quantiser({}, "zero");
  g.nodes[0] = {"c", "Cast", "", {"x"}, {"y"}, {{"to", int64_t{22}}}, ""};
  try {
    bound_narrow_results(g, {});
    FAIL() << "accepted";
  } catch (const Unsupported& e) { EXPECT_NE(std::string(e.what()).find("Cast 'c'"), std::string::npos) << e.what(); }
}

}  // namespace
}  // namespace scissionlite
