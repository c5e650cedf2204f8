// Conv: y[n][oc][o] = b[oc] + sum over ic of the group, k of x[n][ic][o * stride + k * dilation - pad] * w[oc][ic][k].
#include "ops/spatial.h"
#include "ops/support.h"

namespace scissionlite::ops {
namespace {

struct Geometry {
  Window window;
  int64_t group, channels_in, channels_out;
};

Geometry read_geometry(const Context& c, const Shape& x, const Shape& w) {
  if (w.size() < 3) fail(c, "weights " + to_string(w) + " must have rank 3 or more: (out, in / group, kernel...)");
  Geometry g{read_window(c, {w.begin() + 2, w.end()}), c.node.int_attribute("group", 1), x.size() > 1 ? x[1] : -1, w[0]};
  if (x.size() != w.size())
    fail(c, "weights " + to_string(w) + " expect an activation of rank " + std::to_string(w.size()) + ", got " + to_string(x));
  if (g.group < 1 || w[0] % g.group != 0)
    fail(c, "group=" + std::to_string(g.group) + " does not divide " + std::to_string(w[0]) + " output channels");
  if (g.channels_in >= 0 && g.channels_in != w[1] * g.group)
    fail(c, "weights " + to_string(w) + " expect " + std::to_string(w[1] * g.group) + " input channels, got activation " + to_string(x) +
                " with group=" + std::to_string(g.group) + "; check the cut before this node or the 'group' attribute");
  return g;
}

std::vector<ValueInfo> shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor>) {
  if (!in[0].has_shape || !in[1].has_shape) return {unshaped(in[0].dtype)};
  auto g = read_geometry(c, in[0].shape, in[1].shape);
  check_per_channel(c, in, 2, g.channels_out, "the bias");
  return {typed(in[0].dtype, window_shape(c, g.window, in[0].shape, g.channels_out))};
}

int64_t cost(const Context&, std::span<const ValueInfo> in, std::span<const ValueInfo> out) {
  if (!in[1].has_shape || !out[0].has_shape || !is_static(out[0].shape) || !is_static(in[1].shape)) return 0;
  return element_count(out[0].shape) * element_count(in[1].shape) / std::max<int64_t>(1, in[1].shape[0]);
}

/// Adds one kernel tap to one output plane. `x` is the input plane. The inner loop runs over output columns, which are
/// independent, so vectorising it does not change the order of any sum.
void add_tap(const float* x, int64_t h, int64_t w, float weight, int64_t top, int64_t left, int64_t stride_h, int64_t stride_w, float* y,
             int64_t out_h, int64_t out_w) {
  const int64_t first = left >= 0 ? 0 : (-left + stride_w - 1) / stride_w;
  const int64_t last = std::min(out_w, w - left <= 0 ? 0 : (w - left - 1) / stride_w + 1);
  for (int64_t oy = 0; oy < out_h; ++oy) {
    const int64_t iy = oy * stride_h + top;
    if (iy < 0 || iy >= h) continue;
    const float* row = x + iy * w + left;
    float* out = y + oy * out_w;
    if (stride_w == 1)
      for (int64_t ox = first; ox < last; ++ox) out[ox] += weight * row[ox];
    else
      for (int64_t ox = first; ox < last; ++ox) out[ox] += weight * row[ox * stride_w];
  }
}

std::vector<Tensor> reference(const Context& c, std::span<const Tensor> in) {
  auto g = read_geometry(c, in[0].shape(), in[1].shape());
  Tensor y(Dtype::kF32, window_shape(c, g.window, in[0].shape(), g.channels_out));
  const auto plane_in = planes_of(in[0].shape()), plane_out = planes_of(y.shape());
  const auto w2 = as_2d(g.window);
  const int64_t per_group_in = g.channels_in / g.group, per_group_out = g.channels_out / g.group, taps = w2.kernel[0] * w2.kernel[1];
  const float* x = in[0].as<float>().data();
  const float* weights = in[1].as<float>().data();
  const float* bias = in.size() > 2 && !in[2].empty() ? in[2].as<float>().data() : nullptr;
  float* out = y.mutable_as<float>().data();
  if (g.window.rank() > 2) fail_unsupported(c, "a convolution of three dimensions");
  for (int64_t n = 0; n < y.shape()[0]; ++n)
    for (int64_t oc = 0; oc < g.channels_out; ++oc) {
      float* plane = out + (n * g.channels_out + oc) * plane_out.size();
      std::fill_n(plane, plane_out.size(), bias ? bias[oc] : 0.0f);
      for (int64_t ic = 0; ic < per_group_in; ++ic) {
        const float* source = x + (n * g.channels_in + oc / per_group_out * per_group_in + ic) * plane_in.size();
        const float* kernel = weights + (oc * per_group_in + ic) * taps;
        for (int64_t ky = 0; ky < w2.kernel[0]; ++ky)
          for (int64_t kx = 0; kx < w2.kernel[1]; ++kx)
            add_tap(source, plane_in.h, plane_in.w, kernel[ky * w2.kernel[1] + kx], ky * w2.dilations[0] - w2.pads_begin[0],
                    kx * w2.dilations[1] - w2.pads_begin[1], w2.strides[0], w2.strides[1], plane, plane_out.h, plane_out.w);
      }
    }
  return {y};
}

}  // namespace

extern const Operator conv;
const Operator conv{"", "Conv", shape, cost, reference, 2};

}  // namespace scissionlite::ops
