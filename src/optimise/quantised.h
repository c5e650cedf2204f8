// What the passes over quantised graphs look for. Private to optimise/.
#pragma once

#include "optimise/match.h"

namespace scissionlite {

/// Codes with one scale and zero point for the whole tensor, both constant: what DequantizeLinear reads and QuantizeLinear writes.
struct Codes {
  std::string value, scale, zero;   // names; zero may be ""
  Dtype dtype = Dtype::kUndefined;  // u8 or s8
  float scale_value = 1;
  int64_t zero_value = 0;
  [[nodiscard]] int64_t low() const { return dtype == Dtype::kI8 ? -128 : 0; }
  [[nodiscard]] bool is_alike(const Codes& other) const {
    return dtype == other.dtype && scale_value == other.scale_value && zero_value == other.zero_value;
  }
};

/// What the value was made of by DequantizeLinear.
[[nodiscard]] std::optional<Codes> dequantised(const Rewriter& r, const std::string& value);
/// What node i, a QuantizeLinear, writes.
[[nodiscard]] std::optional<Codes> quantised(const Rewriter& r, size_t i);

/// Constant weights behind DequantizeLinear, of one scale or one for each of `outputs` along `axis`.
struct CodedWeights {
  std::string codes, scale, zero;
  Shape shape;
  std::vector<float> scales;  // one, or one an output
};
[[nodiscard]] std::optional<CodedWeights> coded_weights(const Rewriter& r, const std::string& value, int64_t axis);

/// A zero point's name; ONNX needs one for the type's sake.
[[nodiscard]] std::string zero_of(Rewriter& r, const Codes& codes);

/// A MatMul, or a Gemm that is one with a bias.
struct ProductForm {
  bool is_turned = false;  // weights are (outputs, inputs)
};
[[nodiscard]] std::optional<ProductForm> read_product(const Node& node);
/// A Gemm's turned weights as (inputs, outputs): the new constant's name.
[[nodiscard]] std::string as_columns(Rewriter& r, const CodedWeights& w);

/// A bias, float or behind DequantizeLinear, in steps of x_scale * weights' scale. Nothing when it is not constant or has no room in int32.
[[nodiscard]] std::optional<Tensor> integer_bias(const Rewriter& r, const std::string& value, float x_scale, const std::vector<float>& scales,
                                                 int64_t outputs);

/// Bounds of y's bytes that are Relu or Clip.
struct ByteBounds {
  int64_t low, high;
};
[[nodiscard]] std::optional<ByteBounds> bounds_of(const ops::Activation& activation, const Codes& y);

/// Node i, a function of one value each that is monotone or follows moves only, reads node `mover` alone: it goes before it.
void swap_with_mover(Rewriter& r, size_t mover, size_t i);

/// table[bits of x] = the byte of y for f(x).
[[nodiscard]] Tensor byte_table(const Codes& x, const Codes& y, const ops::Activation& f);

}  // namespace scissionlite
