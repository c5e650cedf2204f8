// What a convolution or product of bytes with constant weights asks for. Private to the native backend.
#pragma once

#include "engine/backends/native/lowering/lower_int8.h"
#include "kernels/int8/conv.h"

namespace scissionlite::native {

/// What a product with constant weights needs: inputs x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias.
struct Product {
  Quantisation x, y;
  Shape shape;              // of the weights
  std::vector<int16_t> w;   // less their zero points, outputs first
  std::vector<float> scale;  // (outputs)
  Tensor bias;
};
/// `axis`: that of the outputs in the weights, 0 or of a matrix 1.
[[nodiscard]] std::optional<Product> product_of(const Lowering& l, const Node& node, size_t axis);
[[nodiscard]] kernels::Int8Weights weights_of(const Product& p);

/// Codes that a value takes, as far as the operator that makes it says.
[[nodiscard]] Bounds codes_of(const Lowering& l, const std::string& value);

/// With what is known of x and the weights.
[[nodiscard]] kernels::Int8Problem int8_problem_of(const Lowering& l, const Node& node, const Product& product, const kernels::ConvProblem& conv);

}  // namespace scissionlite::native
