// Graphs as quantisers write them: where operators of bytes are formed, and where they must not be.
#include "optimise/test_cases.h"

namespace scissionlite::testing_graphs {
namespace {

std::string zero(Maker& m, uint8_t value) { return m.constant(Tensor::of<uint8_t>({}, {value})); }
std::string quantise(Maker& m, const std::string& x, float scale, uint8_t at) { return m.op("QuantizeLinear", {x, m.scalar(scale), zero(m, at)}); }
std::string dequantise(Maker& m, const std::string& q, float scale, uint8_t at) {
  return m.op("DequantizeLinear", {q, m.scalar(scale), zero(m, at)});
}
/// Bytes and back.
std::string through(Maker& m, const std::string& x, float scale = 0.02F, uint8_t at = 100) {
  return dequantise(m, quantise(m, x, scale, at), scale, at);
}

/// Weights of one scale for each output, which is dimension `axis`.
std::string coded(Maker& m, const Shape& shape, int64_t axis = 0) {
  Tensor codes(Dtype::kI8, shape), scales(Dtype::kF32, {shape[static_cast<size_t>(axis)]}), zeros(Dtype::kI8, {shape[static_cast<size_t>(axis)]});
  for (auto& v : codes.mutable_as<int8_t>()) v = static_cast<int8_t>(static_cast<int64_t>(m.rng().below(129)) - 64);
  for (auto& v : scales.mutable_as<float>()) v = static_cast<float>(m.rng().uniform(0.001, 0.004));
  for (auto& v : zeros.mutable_as<int8_t>()) v = 0;
  return m.op("DequantizeLinear", {m.constant(codes), m.constant(scales), m.constant(zeros)}, {{"axis", axis}});
}
std::string conv(Maker& m, const std::string& x, int64_t in, int64_t out, Attributes attributes = {}) {
  attributes["pads"] = Ints{1, 1, 1, 1};
  return m.op("Conv", {x, coded(m, {out, in, 3, 3}), m.weights({out})}, std::move(attributes));
}

Tensor some_table(uint8_t factor) {
  Tensor table(Dtype::kU8, {256});
  for (size_t code = 0; code < 256; ++code) table.mutable_data()[code] = static_cast<std::byte>(static_cast<uint8_t>(code * factor / 7));
  return table;
}
std::string table(Maker& m, const std::string& x, uint8_t factor) { return m.fused("ByteTable", {x, m.constant(some_table(factor))}); }
std::string binary(Maker& m, const std::string& type, const std::string& a, const std::string& b, Attributes attributes = {}) {
  return m.fused(type, {a, m.scalar(0.02F), zero(m, 100), b, m.scalar(0.03F), zero(m, 3), m.scalar(0.04F), zero(m, 50)}, std::move(attributes));
}
const Shape kImage{1, 5, 6, 7};
std::string clip(Maker& m, const std::string& x, const std::string& low, const std::string& high) { return m.op("Clip", {x, low, high}); }

}  // namespace

std::vector<Case> quantised_cases() {
  return {
      {"merge_byte_clip", "behind a conv of bytes", 1,
       [](Maker& m) {
         m.output(clip(m, quantise(m, conv(m, through(m, m.input({1, 5, 6, 7})), 5, 9), 0.02F, 0), "", zero(m, 3)));
       }},
      {"merge_byte_clip", "behind a bounded sum", 1,
       [](Maker& m) {
         m.output(clip(
             m,
             binary(m, "FusedQLinearAdd", m.input(kImage, Dtype::kU8), m.input(kImage, Dtype::kU8), {{"low", int64_t{60}}, {"high", int64_t{200}}}),
             zero(m, 20), zero(m, 90)));
       }},
      {"merge_byte_clip", "bounds above those before", 1,
       [](Maker& m) {
         m.output(clip(m, binary(m, "FusedQLinearAdd", m.input(kImage, Dtype::kU8), m.input(kImage, Dtype::kU8), {{"high", int64_t{20}}}),
                       zero(m, 40), zero(m, 90)));
       }},
      {"merge_byte_clip", "bounds below those before", 1,
       [](Maker& m) {
         m.output(clip(m, binary(m, "FusedQLinearAdd", m.input(kImage, Dtype::kU8), m.input(kImage, Dtype::kU8), {{"low", int64_t{120}}}),
                       zero(m, 40), zero(m, 90)));
       }},
      {"merge_byte_clip", "of an input", 1, [](Maker& m) { m.output(clip(m, m.input(kImage, Dtype::kU8), zero(m, 20), zero(m, 90))); }},
      {"merge_byte_clip", "of signed bytes", 1,
       [](Maker& m) {
         m.output(clip(m, m.input(kImage, Dtype::kI8), m.constant(Tensor::of<int8_t>({}, {-7})), m.constant(Tensor::of<int8_t>({}, {8}))));
       }},
      {"merge_byte_clip", "of a sum that another node reads", 1,
       [](Maker& m) {
         const auto sum = binary(m, "FusedQLinearAdd", m.input(kImage, Dtype::kU8), m.input(kImage, Dtype::kU8));
         m.output(clip(m, sum, "", zero(m, 90)));
         m.output(sum);
       }},
      {"merge_byte_clip", "behind a MaxPool of a sum", 2,
       [](Maker& m) {
         m.output(clip(m,
                       m.op("MaxPool", {binary(m, "FusedQLinearAdd", m.input(kImage, Dtype::kU8), m.input(kImage, Dtype::kU8))},
                            {{"kernel_shape", Ints{2, 2}}}),
                       "", zero(m, 90)));
       }},
      {"merge_byte_clip", "behind a MaxPool of an input", 1,
       [](Maker& m) {
         m.output(clip(m, m.op("MaxPool", {m.input(kImage, Dtype::kU8)}, {{"kernel_shape", Ints{2, 2}}}), "", zero(m, 90)));
       }},
      {"merge_byte_clip", "of floats", 0, [](Maker& m) { m.output(m.clip(m.input(kImage), 0, 3)); }},
      {"merge_byte_clip", "a bound that is no constant", 0,
       [](Maker& m) { m.output(clip(m, m.input(kImage, Dtype::kU8), "", m.input({}, Dtype::kU8))); }},
      {"merge_byte_clip", "bounds in the wrong order", 0, [](Maker& m) { m.output(clip(m, m.input(kImage, Dtype::kU8), zero(m, 9), zero(m, 3))); }},
      {"merge_byte_tables", "x times a table of x", 1,
       [](Maker& m) {
         const auto x = m.input(kImage, Dtype::kU8);
         m.output(binary(m, "FusedQLinearMul", x, table(m, x, 3)));
       }},
      {"merge_byte_tables", "two tables of x added, bounded", 1,
       [](Maker& m) {
         const auto x = m.input(kImage, Dtype::kU8);
         m.output(binary(m, "FusedQLinearAdd", table(m, x, 5), table(m, x, 3), {{"low", int64_t{60}}, {"high", int64_t{200}}}));
       }},
      {"merge_byte_tables", "x added to itself", 1,
       [](Maker& m) {
         const auto x = m.input(kImage, Dtype::kU8);
         m.output(binary(m, "FusedQLinearAdd", x, x));
       }},
      {"merge_byte_tables", "a table of a table that another node reads", 1,
       [](Maker& m) {
         const auto inner = table(m, m.input(kImage, Dtype::kU8), 3);
         m.output(table(m, inner, 5));
         m.output(inner);
       }},
      {"merge_byte_tables", "a table of x times another value", 0,
       [](Maker& m) { m.output(binary(m, "FusedQLinearMul", m.input(kImage, Dtype::kU8), table(m, m.input(kImage, Dtype::kU8), 3))); }},
      {"merge_byte_tables", "a table alone", 0, [](Maker& m) { m.output(table(m, m.input(kImage, Dtype::kU8), 3)); }},
      {"merge_byte_tables", "a table that is no constant", 0,
       [](Maker& m) {
         m.output(m.fused("ByteTable", {table(m, m.input(kImage, Dtype::kU8), 3), m.input({256}, Dtype::kU8)}));
       }},
      {"form_quantised", "conv", 1,
       [](Maker& m) {
         m.output(through(m, conv(m, through(m, m.input({1, 5, 6, 7})), 5, 9)));
       }},
      {"form_quantised", "conv and Relu", 1,
       [](Maker& m) {
         m.output(through(m, m.op("Relu", {conv(m, through(m, m.input({2, 5, 6, 7})), 5, 9)})));
       }},
      {"form_quantised", "conv and Clip to 6", 1,
       [](Maker& m) {
         m.output(through(m, m.op("Clip", {conv(m, through(m, m.input({1, 5, 6, 7})), 5, 9), m.scalar(0), m.scalar(1)})));
       }},
      {"form_quantised", "conv that another node reads as floats", 0,
       [](Maker& m) {
         const auto y = conv(m, through(m, m.input({1, 5, 6, 7})), 5, 9);
         m.output(through(m, y));
         m.output(m.op("Exp", {y}));
       }},
      {"form_quantised", "conv of floats", 0,
       [](Maker& m) {
         m.output(through(m, m.conv(m.input({1, 5, 6, 7}), 5, 9)));
       }},
      {"form_quantised", "conv with a bias that is no constant", 0,
       [](Maker& m) {
         const auto x = through(m, m.input({1, 5, 6, 7})), bias = m.input({9});
         m.output(through(m, m.op("Conv", {x, coded(m, {9, 5, 3, 3}), bias})));
       }},
      {"form_quantised", "Gemm with turned weights", 1,
       [](Maker& m) {
         m.output(through(m, m.op("Gemm", {through(m, m.input({3, 20})), coded(m, {7, 20}), m.weights({7})}, {{"transB", int64_t{1}}})));
       }},
      {"form_quantised", "MatMul", 1,
       [](Maker& m) {
         m.output(through(m, m.op("MatMul", {through(m, m.input({2, 3, 20})), coded(m, {20, 7}, 1)})));
       }},
      {"form_float_product", "Gemm with turned weights", 1,
       [](Maker& m) {
         m.output(m.op("Gemm", {through(m, m.input({2, 20})), coded(m, {7, 20}), m.weights({1, 7})}, {{"transB", int64_t{1}}}));
       }},
      {"form_float_product", "MatMul of three dimensions", 1,
       [](Maker& m) {
         m.output(m.op("MatMul", {through(m, m.input({1, 3, 20})), coded(m, {20, 7}, 1)}));
       }},
      {"form_float_product", "of many rows", 0,
       [](Maker& m) {
         m.output(m.op("MatMul", {through(m, m.input({2, 2, 20})), coded(m, {20, 7}, 1)}));
       }},
      {"form_float_product", "of a batch that is not known", 0,
       [](Maker& m) {
         m.output(m.op("MatMul", {through(m, m.input({-1, 20})), coded(m, {20, 7}, 1)}));
       }},
      {"form_float_product", "a bias for all outputs", 0,
       [](Maker& m) {
         m.output(m.op("Gemm", {through(m, m.input({2, 20})), coded(m, {20, 7}, 1), m.weights({1})}));
       }},
      {"form_float_product", "a bias that is no constant", 0,
       [](Maker& m) {
         m.output(m.op("Gemm", {through(m, m.input({2, 20})), coded(m, {20, 7}, 1), m.input({7})}));
       }},
      {"form_float_product", "alpha", 0,
       [](Maker& m) {
         m.output(m.op("Gemm", {through(m, m.input({2, 20})), coded(m, {20, 7}, 1)}, {{"alpha", 2.0F}}));
       }},
      {"form_float_product", "weights that are floats", 0,
       [](Maker& m) {
         m.output(m.op("Gemm", {through(m, m.input({2, 20})), m.weights({20, 7})}));
       }},
      {"form_quantised", "Gemm with scales along the wrong axis", 0,
       [](Maker& m) {
         m.output(through(m, m.op("Gemm", {through(m, m.input({3, 7})), coded(m, {7, 7}, 0)})));
       }},
      {"form_quantised", "Add and Relu", 1,
       [](Maker& m) {
         m.output(through(m, m.op("Relu", {m.op("Add", {through(m, m.input({1, 5, 6, 7})), through(m, m.input({1, 5, 6, 7}), 0.03F, 90)})})));
       }},
      {"form_quantised", "Mul by one value a channel", 1,
       [](Maker& m) {
         m.output(through(m, m.op("Mul", {through(m, m.input({1, 5, 6, 7})), through(m, m.input({1, 5, 1, 1}), 0.03F, 90)})));
       }},
      {"form_quantised", "GlobalAveragePool", 1,
       [](Maker& m) {
         m.output(through(m, m.op("GlobalAveragePool", {through(m, m.input({1, 5, 6, 7}))}), 0.01F, 120));
       }},
      {"form_quantised", "AveragePool", 1,
       [](Maker& m) {
         m.output(through(m, m.op("AveragePool", {through(m, m.input({1, 5, 6, 7}))}, {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}}),
                          0.01F, 120));
       }},
      {"form_quantised", "Concat", 1,
       [](Maker& m) {
         m.output(
             through(m, m.op("Concat", {through(m, m.input({1, 5, 6, 7})), through(m, m.input({1, 4, 6, 7}), 0.05F, 10)}, {{"axis", int64_t{1}}})));
       }},
      {"order_quantised", "MaxPool before a conv that reads it", 1,
       [](Maker& m) {
         m.output(through(m, conv(m, m.op("MaxPool", {through(m, m.input({1, 5, 6, 7}))}, {{"kernel_shape", Ints{2, 2}}}), 5, 9)));
       }},
      {"order_quantised", "a sum and Relu that is quantised twice", 1,
       [](Maker& m) {
         const auto sum = m.op("Relu", {m.op("Add", {through(m, m.input({1, 5, 6, 7})), through(m, m.input({1, 5, 6, 7}), 0.03F, 90)})});
         m.output(through(m, sum, 0.02F, 0));
         m.output(through(m, sum, 0.1F, 0));
       }},
      {"order_quantised", "a sum that is quantised three times", 2,
       [](Maker& m) {
         const auto sum = m.op("Add", {through(m, m.input({1, 5, 6, 7})), through(m, m.input({1, 5, 6, 7}), 0.03F, 90)});
         for (const float scale : {0.02F, 0.05F, 0.1F}) m.output(through(m, sum, scale));
       }},
      {"order_quantised", "a sum that floats read as well", 0,
       [](Maker& m) {
         const auto sum = m.op("Add", {through(m, m.input({1, 5, 6, 7})), through(m, m.input({1, 5, 6, 7}), 0.03F, 90)});
         m.output(through(m, sum));
         m.output(m.op("Exp", {sum}));
       }},
      {"order_quantised", "a sum of floats that is quantised twice", 0,
       [](Maker& m) {
         const auto sum = m.op("Add", {m.input({1, 5, 6, 7}), m.input({1, 5, 6, 7})});
         m.output(through(m, sum));
         m.output(through(m, sum, 0.3F));
       }},
      {"order_quantised", "MaxPool between two scales", 1,
       [](Maker& m) {
         m.output(through(m, m.op("MaxPool", {through(m, m.input({1, 5, 6, 7}))}, {{"kernel_shape", Ints{2, 2}}}), 0.05F));
       }},
      {"order_quantised", "MaxPool of one scale", 0,
       [](Maker& m) {
         m.output(through(m, m.op("MaxPool", {through(m, m.input({1, 5, 6, 7}))}, {{"kernel_shape", Ints{2, 2}}})));
       }},
      {"order_quantised", "Flatten that floats read", 1,
       [](Maker& m) {
         m.output(m.op("Exp", {m.op("Flatten", {through(m, m.input({1, 5, 6, 7}))})}));
       }},
      {"order_quantised", "MaxPool that is the result", 0,
       [](Maker& m) {
         m.output(m.op("MaxPool", {through(m, m.input({1, 5, 6, 7}))}, {{"kernel_shape", Ints{2, 2}}}));
       }},
      {"order_quantised", "conv, Relu, MaxPool and Flatten before QuantizeLinear", 1,
       [](Maker& m) {
         m.output(through(m, m.op("Flatten", {m.op("MaxPool", {m.op("Relu", {conv(m, through(m, m.input({1, 5, 6, 7})), 5, 9)})},
                                                   {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}, {"strides", Ints{2, 2}}})})));
       }},
      {"order_quantised", "MaxPool of an input before QuantizeLinear", 0,
       [](Maker& m) {
         m.output(through(m, m.op("MaxPool", {m.input({1, 5, 6, 7})}, {{"kernel_shape", Ints{2, 2}}})));
       }},
      {"form_quantised", "MaxPool of one scale", 1,
       [](Maker& m) {
         m.output(through(m, m.op("MaxPool", {through(m, m.input({1, 5, 6, 7}))}, {{"kernel_shape", Ints{2, 2}}})));
       }},
      {"form_quantised", "MaxPool to another scale", 0,
       [](Maker& m) {
         m.output(through(m, m.op("MaxPool", {through(m, m.input({1, 5, 6, 7}))}, {{"kernel_shape", Ints{2, 2}}}), 0.05F));
       }},
      {"form_quantised", "Split, both parts quantised as the whole", 1,
       [](Maker& m) {
         const auto parts = m.ops("Split", {through(m, m.input({1, 6, 6, 7})), m.ints({2, 4})}, 2, {{"axis", int64_t{1}}});
         for (const auto& part : parts) m.output(m.op("Exp", {through(m, part)}));
       }},
      {"form_quantised", "Split, a part quantised twice, the second result an output", 1,
       [](Maker& m) {
         const auto parts = m.ops("Split", {through(m, m.input({1, 7, 6, 7})), m.ints({3, 4})}, 2, {{"axis", int64_t{1}}});
         m.output(m.op("Exp", {dequantise(m, quantise(m, parts[0], 0.02F, 100), 0.02F, 100)}));
         m.output(quantise(m, parts[0], 0.02F, 100));
         m.output(m.op("Exp", {through(m, parts[1])}));
       }},
      {"form_quantised", "Split, a part quantised twice, both results outputs", 0,
       [](Maker& m) {
         const auto parts = m.ops("Split", {through(m, m.input({1, 7, 6, 7})), m.ints({3, 4})}, 2, {{"axis", int64_t{1}}});
         m.output(quantise(m, parts[0], 0.02F, 100));
         m.output(quantise(m, parts[0], 0.02F, 100));
         m.output(m.op("Exp", {through(m, parts[1])}));
       }},
      {"form_quantised", "Split with a part of another scale", 0,
       [](Maker& m) {
         const auto parts = m.ops("Split", {through(m, m.input({1, 6, 6, 7})), m.ints({2, 4})}, 2, {{"axis", int64_t{1}}});
         m.output(m.op("Exp", {through(m, parts[0])}));
         m.output(m.op("Exp", {through(m, parts[1], 0.05F)}));
       }},
      {"form_quantised", "Split with a part that is read as floats", 0,
       [](Maker& m) {
         const auto parts = m.ops("Split", {through(m, m.input({1, 6, 6, 7})), m.ints({2, 4})}, 2, {{"axis", int64_t{1}}});
         m.output(m.op("Exp", {through(m, parts[0])}));
         m.output(parts[1]);
       }},
      {"form_quantised", "Sigmoid as a table", 1,
       [](Maker& m) {
         m.output(through(m, m.op("Sigmoid", {through(m, m.input({1, 5, 6, 7}))}), 0.004F, 0));
       }},
      {"form_quantised", "another scale as a table", 1,
       [](Maker& m) {
         m.output(through(m, through(m, m.input({1, 5, 6, 7})), 0.05F, 3));
       }},
      {"form_quantised", "the same scale twice", 1,
       [](Maker& m) {
         m.output(m.op("Exp", {through(m, through(m, m.input({1, 5, 6, 7})))}));
       }},
  };
}

}  // namespace scissionlite::testing_graphs
