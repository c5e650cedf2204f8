// What a convolution or product of bytes with constant weights asks for. Private to the native backend.
#pragma once

#include "engine/backends/native/lowering/lower_int8.h"
#include "kernels/int8/conv.h"

namespace scissionlite::native {

/// What a product with constant weights needs: inputs x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias.
struct Product {
  Quantisation x, y;
  Shape shape;               // of the weights
  std::vector<int16_t> w;    // less their zero points, outputs first
  std::vector<float> scale;  // (outputs)
  Tensor bias;
};
/// `axis`: that of the outputs in the weights, 0 or of a matrix 1.
[[nodiscard]] std::optional<Product> product_of(const Lowering& l, const Node& node, size_t axis);
/// Of QLinearMatMulToFloat: y stands for itself.
[[nodiscard]] std::optional<Product> product_to_floats_of(const Lowering& l, const Node& node);
[[nodiscard]] kernels::Int8Weights weights_of(const Product& p);

/// Codes that a value takes, as far as the operator that makes it says.
[[nodiscard]] Bounds codes_of(const Lowering& l, const std::string& value);

/// A convolution of bytes, or a product as one, with what is known of x and the weights.
struct ByteConv {
  Product product;
  kernels::Int8Problem problem;
};
[[nodiscard]] ByteConv byte_conv_of(const Lowering& l, const Node& node, Product product, const kernels::ConvProblem& conv);
/// A product of some rows with a matrix.
struct ByteRows {
  Product product;
  int64_t rows = 0;
};
/// Of QLinearMatMul and its fused form; nothing for other nodes, and for what no kernel takes. Reads the weights.
[[nodiscard]] std::optional<ByteRows> rows_of_bytes(const Lowering& l, const Node& node);
/// Whether a product of so many rows is computed as a convolution, whose image is one row with these as pixels: of fewer it waits for its weights.
[[nodiscard]] bool is_convolution(int64_t rows);
[[nodiscard]] ByteConv conv_of_rows(const Lowering& l, const Node& node, ByteRows found);

/// Of QLinearConv and its fused form; null for other nodes, and for what no kernel takes. Reads the weights: Lowering::byte_conv keeps what it gives.
[[nodiscard]] std::shared_ptr<const ByteConv> window_of_bytes(const Lowering& l, const Node& node);

}  // namespace scissionlite::native
