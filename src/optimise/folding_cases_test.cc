// Cases of the passes that fold constants and pads into weighted nodes.
#include <algorithm>
#include <limits>

#include "optimise/test_cases.h"

namespace scissionlite::testing_graphs {
namespace {

const Shape kImage{-1, 4, 6, 5};
const Ints kSpatial{0, 0, 1, 2, 0, 0, 1, 0};  // pads of a Pad node
const Ints kOnes{1, 1, 1, 1};

Tensor halves(const Shape& shape) {
  Tensor out(Dtype::kF16, shape);
  std::fill_n(reinterpret_cast<uint16_t*>(out.mutable_data()), out.size(), f32_to_f16(0.5f));
  return out;
}

void transposed(Maker& m) {
  const auto y = m.op("ConvTranspose", {m.input(kImage), m.weights({4, 3, 3, 3}), m.weights({6})}, {{"group", int64_t{2}}, {"strides", Ints{2, 2}}});
  m.output(m.batch_norm(y, 6));
}

void gemm_then_norm(Maker& m) {
  const auto y = m.op("Gemm", {m.input({-1, 5}), m.weights({7, 5}), m.weights({1, 7})}, {{"transB", int64_t{1}}, {"alpha", 0.5f}, {"beta", 2.0f}});
  m.output(m.batch_norm(y, 7));
}

/// A float graph between integers is a quantised convolution, which an engine may run in integers.
void quantised(Maker& m) {
  const auto x = m.op("DequantizeLinear", {m.input(kImage, Dtype::kU8), m.scalar(0.02f), m.constant(Tensor::scalar<uint8_t>(128))});
  const auto y = m.op("Mul", {m.conv(x, 4, 4), m.weights({4, 1, 1})});
  m.output(m.op("QuantizeLinear", {y, m.scalar(0.05f), m.constant(Tensor::scalar<uint8_t>(128))}));
}

void codes_of_a_head(Maker& m) {
  const auto y = m.op("Mul", {m.conv(m.input(kImage), 4, 4), m.weights({4, 1, 1})});
  m.output(m.op("Relu", {y}));
}

}  // namespace

std::vector<Case> folding_cases() {
  return {
      {"form_gemm", "MatMul of a matrix and weights", 1,
       [](Maker& m) {
         m.output(m.op("MatMul", {m.input({-1, 5}), m.weights({5, 3})}));
       }},
      {"form_gemm", "MatMul of more than two dimensions", 0,
       [](Maker& m) {
         m.output(m.op("MatMul", {m.input({-1, 2, 5}), m.weights({5, 3})}));
       }},
      {"form_gemm", "MatMul of two values", 0,
       [](Maker& m) {
         m.output(m.op("MatMul", {m.input({4, 5}), m.input({5, 4})}));
       }},
      {"form_gemm", "alpha and beta", 2,
       [](Maker& m) {
         m.output(m.op("Gemm", {m.input({-1, 5}), m.weights({5, 3}), m.weights({3})}, {{"alpha", 0.5f}, {"beta", 3.0f}}));
       }},
      {"form_gemm", "alpha of a product of values", 0,
       [](Maker& m) {
         m.output(m.op("Gemm", {m.input({4, 5}), m.input({5, 4})}, {{"alpha", 0.5f}}));
       }},

      {"fold_batch_norm", "into Conv with bias", 1, [](Maker& m) { m.output(m.batch_norm(m.conv(m.input(kImage), 4, 8), 8)); }},
      {"fold_batch_norm", "into Conv without bias, groups, old opset", 1,
       [](Maker& m) {
         m.output(m.batch_norm(m.conv(m.input(kImage), 4, 6, 3, {{"group", int64_t{2}}}, /*bias=*/false), 6));
       },
       7},
      {"fold_batch_norm", "into ConvTranspose with groups", 1, transposed},
      {"fold_batch_norm", "into Gemm with alpha and beta", 1, gemm_then_norm},
      {"fold_batch_norm", "Mul and Add a channel, newest form", 3,
       [](Maker& m) {
         m.output(m.op("Add", {m.weights({1, 8, 1, 1}), m.op("Mul", {m.batch_norm(m.conv(m.input(kImage), 4, 8), 8), m.weights({8, 1, 1})})}));
       },
       15},
      {"fold_batch_norm", "Div and Sub of scalars", 2,
       [](Maker& m) {
         m.output(m.op("Sub", {m.scalar(3), m.op("Div", {m.conv(m.input(kImage), 4, 8), m.scalar(2)})}));
       }},
      {"fold_batch_norm", "Add of a row after Gemm", 1,
       [](Maker& m) {
         m.output(m.op("Add", {m.op("Gemm", {m.input({-1, 5}), m.weights({5, 3})}), m.weights({3})}));
       }},
      {"fold_batch_norm", "the convolution is read elsewhere", 0,
       [](Maker& m) {
         const auto y = m.conv(m.input(kImage), 4, 8);
         m.output(m.op("Add", {m.batch_norm(y, 8), y}));
       }},
      {"fold_batch_norm", "the convolution is an output", 0,
       [](Maker& m) {
         const auto y = m.conv(m.input(kImage), 4, 8);
         m.output(y);
         m.output(m.batch_norm(y, 8));
       }},
      {"fold_batch_norm", "a factor for each column", 0,
       [](Maker& m) {
         m.output(m.op("Mul", {m.conv(m.input(kImage), 4, 8), m.weights({5})}));
       }},
      {"fold_batch_norm", "a factor that is no constant", 0,
       [](Maker& m) {
         m.output(m.op("Mul", {m.conv(m.input(kImage), 4, 8), m.input({8, 1, 1})}));
       }},
      {"fold_batch_norm", "a factor that adds a dimension", 0,
       [](Maker& m) {
         m.output(m.op("Mul", {m.conv(m.input(kImage), 4, 8), m.weights({1, 1, 1, 1, 1})}));
       }},
      {"fold_batch_norm", "division by the value", 0,
       [](Maker& m) {
         m.output(m.op("Div", {m.scalar(2), m.conv(m.input(kImage), 4, 8)}));
       }},
      {"fold_batch_norm", "weights that are no constant", 0,
       [](Maker& m) {
         m.output(m.batch_norm(m.op("Conv", {m.input(kImage), m.input({8, 4, 1, 1})}), 8));
       }},
      {"fold_batch_norm", "bias that is no constant", 0,
       [](Maker& m) {
         m.output(m.batch_norm(m.op("Conv", {m.input(kImage), m.weights({8, 4, 1, 1}), m.input({8})}), 8));
       }},
      {"fold_batch_norm", "a quantised convolution", 0, quantised},
      {"fold_batch_norm", "a convolution that ends in integers only", 1, codes_of_a_head},
      {"fold_batch_norm", "half precision", 0,
       [](Maker& m) {
         const auto y = m.op("Conv", {m.input(kImage, Dtype::kF16), m.constant(halves({2, 4, 1, 1}))});
         m.output(m.op("Mul", {y, m.constant(halves({2, 1, 1}))}));
       }},

      {"merge_pad", "into Conv, on top of its own pads", 1, [](Maker& m) { m.output(m.conv(m.pad(m.input(kImage), kSpatial), 4, 4)); }},
      {"merge_pad", "into Conv, pads as attribute", 1, [](Maker& m) { m.output(m.conv(m.pad(m.input(kImage), kSpatial), 4, 4)); }, 9},
      {"merge_pad", "into Conv, pads of chosen axes", 1,
       [](Maker& m) {
         m.output(m.conv(m.op("Pad", {m.input(kImage), m.ints({1, 2}), "", m.ints({-2})}), 4, 4));
       },
       18},
      {"merge_pad", "into Conv without pads of its own (auto_pad VALID)", 1,
       [](Maker& m) {
         m.output(m.op("Conv", {m.pad(m.input(kImage), kSpatial), m.weights({2, 4, 3, 3})}, {{"auto_pad", std::string("VALID")}}));
       }},
      {"merge_pad", "Conv with auto_pad SAME", 0,
       [](Maker& m) {
         m.output(m.op("Conv", {m.pad(m.input(kImage), kSpatial), m.weights({2, 4, 3, 3})}, {{"auto_pad", std::string("SAME_UPPER")}}));
       }},
      {"merge_pad", "ones instead of zeros", 0, [](Maker& m) { m.output(m.conv(m.pad(m.input(kImage), kSpatial, 1), 4, 4)); }},
      {"merge_pad", "reflection instead of zeros", 0,
       [](Maker& m) {
         m.output(m.conv(m.op("Pad", {m.input(kImage), m.ints(kSpatial)}, {{"mode", std::string("reflect")}}), 4, 4));
       }},
      {"merge_pad", "pads of channels", 0,
       [](Maker& m) {
         m.output(m.conv(m.pad(m.input(kImage), {0, 1, 0, 0, 0, 0, 0, 0}), 5, 4));
       }},
      {"merge_pad", "pads that cut", 0,
       [](Maker& m) {
         m.output(m.conv(m.pad(m.input(kImage), {0, 0, -1, 0, 0, 0, 0, 0}), 4, 4));
       }},
      {"merge_pad", "the padded value is read elsewhere", 0,
       [](Maker& m) {
         const auto x = m.pad(m.input(kImage), kSpatial);
         m.output(m.conv(x, 4, 4));
         m.output(m.op("Relu", {x}));
       }},
      {"merge_pad", "into AveragePool, where zeros count from then on", 1,
       [](Maker& m) {
         m.output(m.op("AveragePool", {m.pad(m.input(kImage), kSpatial)}, {{"kernel_shape", Ints{3, 3}}}));
       }},
      {"merge_pad", "into AveragePool with counted pads", 1,
       [](Maker& m) {
         m.output(m.op("AveragePool", {m.pad(m.input(kImage), {0, 0, 1, 1, 0, 0, 1, 0})},
                       {{"kernel_shape", Ints{3, 3}}, {"pads", kOnes}, {"count_include_pad", int64_t{1}}}));
       }},
      {"merge_pad", "AveragePool with pads that do not count", 0,
       [](Maker& m) {
         m.output(m.op("AveragePool", {m.pad(m.input(kImage), {0, 0, 1, 1, 0, 0, 1, 0})}, {{"kernel_shape", Ints{3, 3}}, {"pads", kOnes}}));
       }},
      {"merge_pad", "AveragePool that rounds up", 0,
       [](Maker& m) {
         m.output(m.op("AveragePool", {m.pad(m.input(kImage), kSpatial)},
                       {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"ceil_mode", int64_t{1}}}));
       }},
      {"merge_pad", "into MaxPool of what is never negative", 1,
       [](Maker& m) {
         m.output(m.op("MaxPool", {m.pad(m.op("Relu", {m.input(kImage)}), kSpatial)}, {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}}));
       }},
      {"merge_pad", "into MaxPool, minus infinity", 1,
       [](Maker& m) {
         m.output(m.op("MaxPool", {m.pad(m.input(kImage), kSpatial, -std::numeric_limits<float>::infinity())}, {{"kernel_shape", Ints{3, 3}}}));
       }},
      {"merge_pad", "MaxPool of what may be negative", 0,
       [](Maker& m) {
         m.output(m.op("MaxPool", {m.pad(m.input(kImage), kSpatial)}, {{"kernel_shape", Ints{3, 3}}}));
       }},
      {"merge_pad", "MaxPool with windows of padding only", 0,
       [](Maker& m) {
         m.output(m.op("MaxPool", {m.pad(m.op("Relu", {m.input(kImage)}), {0, 0, 3, 0, 0, 0, 0, 0})}, {{"kernel_shape", Ints{2, 2}}}));
       }},
  };
}

}  // namespace scissionlite::testing_graphs
