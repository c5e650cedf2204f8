// MaxPool, AveragePool, GlobalMaxPool, GlobalAveragePool.
#include <limits>

#include "ops/spatial.h"
#include "ops/support.h"

namespace scissionlite::ops {
namespace {

std::vector<ValueInfo> shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor>) {
  if (!in[0].has_shape) return {unshaped(in[0].dtype)};
  auto window = read_window(c, c.node.ints_attribute("kernel_shape"));
  std::vector<ValueInfo> out{typed(in[0].dtype, window_shape(c, window, in[0].shape, in[0].shape.size() > 1 ? in[0].shape[1] : -1))};
  if (c.node.outputs.size() > 1) out.push_back(typed(Dtype::kI64, out[0].shape));
  return out;
}

std::vector<ValueInfo> global_shape(const Context&, std::span<const ValueInfo> in, std::span<const Tensor>) {
  if (!in[0].has_shape) return {unshaped(in[0].dtype)};
  Shape out = in[0].shape;
  for (size_t d = 2; d < out.size(); ++d) out[d] = 1;
  return {typed(in[0].dtype, out)};
}

/// Calls `visit(plane, output index, x pointer of the plane, row range, column range, window area with pads)` per output.
template <typename Each>
Tensor slide(const Context& c, const Tensor& x, Each&& each) {
  auto window = read_window(c, c.node.ints_attribute("kernel_shape"));
  Tensor y(Dtype::kF32, window_shape(c, window, x.shape(), x.shape().size() > 1 ? x.shape()[1] : 1));
  if (window.rank() > 2) fail_unsupported(c, "a pool of three dimensions");
  const auto in = planes_of(x.shape()), out = planes_of(y.shape());
  const auto w = as_2d(window);
  const float* from = x.as<float>().data();
  float* to = y.mutable_as<float>().data();
  for (int64_t p = 0; p < in.count; ++p)
    for (int64_t oy = 0; oy < out.h; ++oy)
      for (int64_t ox = 0; ox < out.w; ++ox)
        to[(p * out.h + oy) * out.w + ox] =
            each(from + p * in.size(), in, w, oy * w.strides[0] - w.pads_begin[0], ox * w.strides[1] - w.pads_begin[1]);
  return y;
}

/// Bytes are floats while their largest is found: exact.
Tensor bytes_as_floats(const Tensor& x) {
  if (x.dtype() == Dtype::kF32) return x;
  Tensor y(Dtype::kF32, x.shape());
  const auto values = x.to_i64();
  std::copy(values.begin(), values.end(), y.mutable_as<float>().begin());
  return y;
}
Tensor floats_as(Dtype dtype, const Tensor& x) {
  if (dtype == Dtype::kF32) return x;
  Tensor y(dtype, x.shape());
  for (size_t i = 0; i < static_cast<size_t>(x.size()); ++i) y.mutable_data()[i] = static_cast<std::byte>(static_cast<int>(x.as<float>()[i]));
  return y;
}

std::string max_pool_lack(const Context& c) { return c.node.outputs.size() > 1 && !c.node.outputs[1].empty() ? "the second output (indices)" : ""; }

std::vector<Tensor> max_pool(const Context& c, std::span<const Tensor> in) {
  return {
      floats_as(in[0].dtype(), slide(c, bytes_as_floats(in[0]), [](const float* x, const Planes& plane, const Window& w, int64_t top, int64_t left) {
                  float best = -std::numeric_limits<float>::infinity();
                  for (int64_t ky = 0; ky < w.kernel[0]; ++ky)
                    for (int64_t kx = 0; kx < w.kernel[1]; ++kx) {
                      const int64_t iy = top + ky * w.dilations[0], ix = left + kx * w.dilations[1];
                      if (iy < 0 || iy >= plane.h || ix < 0 || ix >= plane.w) continue;
                      const float v = x[iy * plane.w + ix];
                      if (v > best || std::isnan(v)) best = v;
                    }
                  return best;
                }))};
}

std::vector<Tensor> average_pool(const Context& c, std::span<const Tensor> in) {
  const bool count_pads = c.node.int_attribute("count_include_pad", 0) != 0;
  return {slide(c, in[0], [&](const float* x, const Planes& plane, const Window& w, int64_t top, int64_t left) {
    float sum = 0;
    int64_t inside = 0, padded = 0;
    for (int64_t ky = 0; ky < w.kernel[0]; ++ky)
      for (int64_t kx = 0; kx < w.kernel[1]; ++kx) {
        const int64_t iy = top + ky * w.dilations[0], ix = left + kx * w.dilations[1];
        // ceil_mode windows may reach beyond the end pad; that part never counts
        if (iy < plane.h + w.pads_end[0] && ix < plane.w + w.pads_end[1]) ++padded;
        if (iy < 0 || iy >= plane.h || ix < 0 || ix >= plane.w) continue;
        sum += x[iy * plane.w + ix];
        ++inside;
      }
    return sum / static_cast<float>(std::max<int64_t>(1, count_pads ? padded : inside));
  })};
}

template <typename Fold>
std::vector<Tensor> global(const Context& c, std::span<const Tensor> in, Fold&& fold) {
  Shape shape = in[0].shape();
  int64_t size = 1;
  for (size_t d = 2; d < shape.size(); ++d) {
    size *= shape[d];
    shape[d] = 1;
  }
  Tensor y(Dtype::kF32, shape);
  const float* x = in[0].as<float>().data();
  for (float& v : y.mutable_as<float>()) {
    v = fold(x, size);
    x += size;
  }
  return {y};
}

std::vector<Tensor> global_average(const Context& c, std::span<const Tensor> in) {
  return global(c, in, [](const float* x, int64_t size) {
    double sum = 0;
    for (int64_t i = 0; i < size; ++i) sum += x[i];
    return static_cast<float>(sum / static_cast<double>(size));
  });
}
std::vector<Tensor> global_max(const Context& c, std::span<const Tensor> in) {
  return global(c, in,
                [](const float* x, int64_t size) { return size == 0 ? -std::numeric_limits<float>::infinity() : *std::max_element(x, x + size); });
}

}  // namespace

extern const Operator max_pool_op, average_pool_op, global_average_pool, global_max_pool;
const Operator max_pool_op{"", "MaxPool", shape, no_cost, max_pool, 1, max_pool_lack};
const Operator average_pool_op{"", "AveragePool", shape, no_cost, average_pool};
const Operator global_average_pool{"", "GlobalAveragePool", global_shape, no_cost, global_average};
const Operator global_max_pool{"", "GlobalMaxPool", global_shape, no_cost, global_max};

}  // namespace scissionlite::ops
