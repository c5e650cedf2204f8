// What operators share: broadcasting, sliding windows, messages. For ops/, optimise/ and train/op/.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string>

#include "ops/ops.h"

namespace scissionlite::ops {

/// "[Conv 'stage2/conv1'] " + what is wrong.
[[noreturn]] void fail(const Context& c, const std::string& message);
/// @throws Unsupported with the node's label: an engine may know what has no reference code.
[[noreturn]] void fail_unsupported(const Context& c, const std::string& what);
[[noreturn]] void fail_unsupported(const Context& c, Dtype dtype);
/// Both types are the same, where known. @throws as fail.
void check_one_type(const Context& c, const ValueInfo& a, const ValueInfo& b);

/// A value of that type and shape; `has_shape` false when the shape is not known.
[[nodiscard]] inline ValueInfo typed(Dtype dtype, Shape shape) { return {"", dtype, std::move(shape), /*has_shape=*/true, {}}; }
[[nodiscard]] inline ValueInfo unshaped(Dtype dtype) { return {"", dtype, {}, /*has_shape=*/false, {}}; }

/// Negative axes count from the end. @throws ModelError when out of range.
[[nodiscard]] int64_t normal_axis(const Context& c, int64_t axis, size_t rank);

/// One value a channel, where sizes are known. @throws as fail: `what` has another number.
void check_per_channel(const Context& c, std::span<const ValueInfo> in, size_t input, int64_t channels, const char* what);

/// Numpy's rule; -1 (unknown) stays unknown unless the other side decides. @throws ModelError when they do not fit.
[[nodiscard]] Shape broadcast(const Context& c, const Shape& a, const Shape& b);
/// Strides for reading a tensor of `shape` as if it had the larger shape `as` (0 where it is repeated).
[[nodiscard]] std::vector<int64_t> broadcast_strides(const Shape& shape, const Shape& as);
[[nodiscard]] std::vector<int64_t> strides_of(const Shape& shape);

/// Calls `visit(linear, offsets...)` for each element of `shape` in row-major order with one running offset per stride list.
template <size_t N, typename Visit>
void for_each_offset(const Shape& shape, const std::array<std::vector<int64_t>, N>& strides, Visit&& visit) {
  const int64_t count = element_count(shape);
  std::vector<int64_t> index(shape.size(), 0);
  std::array<int64_t, N> offset{};
  for (int64_t linear = 0; linear < count; ++linear) {
    visit(linear, offset);
    for (size_t d = shape.size(); d-- > 0;) {
      if (++index[d] < shape[d]) {
        for (size_t k = 0; k < N; ++k) offset[k] += strides[k][d];
        break;
      }
      for (size_t k = 0; k < N; ++k) offset[k] -= strides[k][d] * (shape[d] - 1);
      index[d] = 0;
    }
  }
}

/// Kernel, strides, pads and dilations of a sliding window over the spatial dimensions, from the node's attributes.
struct Window {
  std::vector<int64_t> kernel, strides, dilations, pads_begin, pads_end;
  bool ceil_mode = false;
  bool auto_pad_same = false, same_upper = false;
  [[nodiscard]] size_t rank() const { return kernel.size(); }
  [[nodiscard]] int64_t extent(size_t d) const { return (kernel[d] - 1) * dilations[d] + 1; }
  /// Output size for an input size; -1 stays -1. Sets the pads when auto_pad is SAME.
  [[nodiscard]] int64_t output_size(size_t d, int64_t input);
  /// Of what both pads are together, those at the beginning: the larger half, but for SAME_UPPER.
  [[nodiscard]] int64_t first_of_pads(int64_t both) const { return same_upper ? both / 2 : (both + 1) / 2; }
};
[[nodiscard]] Window read_window(const Context& c, std::vector<int64_t> kernel);

/// Spatial output shape (n, channels, ...) of a window over `input` (n, c, ...).
[[nodiscard]] Shape window_shape(const Context& c, Window& window, const Shape& input, int64_t channels);

/// Copies elements of any fixed-size dtype: `out[linear] = in[offset]`.
void copy_elements(const Tensor& in, Tensor& out, const Shape& shape, const std::vector<int64_t>& strides, int64_t base = 0);

/// Begins of all dimensions, then ends, of a Pad node: an attribute below opset 11, an input from it, of chosen axes from 18.
/// Nothing when they are not constant.
[[nodiscard]] std::optional<std::vector<int64_t>> read_pads(const Context& c, std::span<const Tensor> constants, size_t rank);
/// The axes of a reduction or of Squeeze and Unsqueeze: an attribute in old opsets, an input in new ones; empty where not given.
/// Nothing when they are not constant.
[[nodiscard]] std::optional<std::vector<int64_t>> read_axes(const Context& c, std::span<const Tensor> constants);
/// What a Slice node takes of each dimension: `shape` values from `begins` on, `steps` apart.
struct Sliced {
  Shape shape;
  std::vector<int64_t> begins, steps;
};
/// Nothing when starts, ends, axes or steps are not constant. A dynamic dimension that is sliced becomes unknown.
[[nodiscard]] std::optional<Sliced> read_slice(const Context& c, const Shape& in, std::span<const Tensor> constants);
/// The permutation of a Transpose node. @throws ModelError when it is none.
[[nodiscard]] std::vector<int64_t> read_permutation(const Context& c, size_t rank);

/// What a Shape node selects of `shape` with its attributes start and end.
[[nodiscard]] std::vector<int64_t> selected_sizes(const Node& node, const Shape& shape);

inline int64_t no_cost(const Context&, std::span<const ValueInfo>, std::span<const ValueInfo>) { return 0; }
/// Shape rule: the first input's type.
std::vector<ValueInfo> same_as_first(const Context&, std::span<const ValueInfo> in, std::span<const Tensor>);

}  // namespace scissionlite::ops
