// ConvTranspose: each input element adds its weighted kernel to the output at stride steps; pads are cut off.
#include "ops/conv_transpose_rule.h"
#include "ops/spatial.h"

namespace scissionlite::ops {

std::optional<TransposedAxis> transposed_axis(const Context& c, const Window& window, size_t axis, int64_t in_size) {
  const size_t rank = window.rank();
  const auto output_padding = c.node.ints_attribute("output_padding", std::vector<int64_t>(rank, 0)),
             output_shape = c.node.ints_attribute("output_shape");
  const int64_t uncut = window.extent(axis) - window.strides[axis] + output_padding[axis];
  if (output_shape.empty() && !window.auto_pad_same)
    return TransposedAxis{window.pads_begin[axis], uncut - window.pads_begin[axis] - window.pads_end[axis]};
  if (!output_shape.empty() && in_size < 0) return std::nullopt;
  const int64_t extra = output_shape.empty() ? 0 : output_shape[output_shape.size() - rank + axis] - in_size * window.strides[axis];
  return TransposedAxis{window.first_of_pads(std::max<int64_t>(0, uncut - extra)), extra};
}

namespace {

struct Geometry {
  Window window;
  int64_t group;
  Shape out;
};

Geometry read_geometry(const Context& c, const Shape& x, const Shape& w) {
  if (w.size() < 3 || x.size() != w.size()) fail(c, "weights " + to_string(w) + " do not fit activation " + to_string(x));
  Geometry g{read_window(c, {w.begin() + 2, w.end()}), c.node.int_attribute("group", 1), {}};
  if (x[1] >= 0 && x[1] != w[0])
    fail(c, "weights " + to_string(w) + " expect " + std::to_string(w[0]) + " input channels, got activation " + to_string(x));
  const size_t rank = g.window.rank();
  const auto output_padding = c.node.ints_attribute("output_padding", std::vector<int64_t>(rank, 0));
  const auto output_shape = c.node.ints_attribute("output_shape");
  if (g.group < 1) fail(c, "group is " + std::to_string(g.group) + ", expected 1 or more");
  if (rank + 2 != w.size() || output_padding.size() != rank || (!output_shape.empty() && output_shape.size() < rank))
    fail(c, "a window of " + std::to_string(rank) + ", output_padding of " + std::to_string(output_padding.size()) + " and output_shape of " +
                std::to_string(output_shape.size()) + " dimensions do not fit weights " + to_string(w));
  g.out = {x[0], w[1] * g.group};
  for (size_t d = 0; d < rank; ++d) {
    if (x[d + 2] < 0) {
      g.out.push_back(-1);
      continue;
    }
    const auto axis = transposed_axis(c, g.window, d, x[d + 2]).value();
    g.window.pads_begin[d] = axis.pad;
    g.out.push_back(x[d + 2] * g.window.strides[d] + axis.extra);
  }
  return g;
}

std::vector<ValueInfo> shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor>) {
  if (!in[0].has_shape || !in[1].has_shape) return {unshaped(in[0].dtype)};
  const auto out = read_geometry(c, in[0].shape, in[1].shape).out;
  check_per_channel(c, in, 2, out.at(1), "the bias");
  return {typed(in[0].dtype, out)};
}

int64_t cost(const Context&, std::span<const ValueInfo> in, std::span<const ValueInfo>) {
  if (!in[0].has_shape || !in[1].has_shape || !is_static(in[0].shape)) return 0;
  return element_count(in[0].shape) * element_count(in[1].shape) / std::max<int64_t>(1, in[1].shape[0]);
}

std::vector<Tensor> reference(const Context& c, std::span<const Tensor> in) {
  const auto g = read_geometry(c, in[0].shape(), in[1].shape());
  if (g.window.rank() > 2) fail_unsupported(c, "a convolution of three dimensions");
  Tensor y(Dtype::kF32, g.out);
  const auto plane_in = planes_of(in[0].shape()), plane_out = planes_of(g.out);
  const auto w = as_2d(g.window);
  const int64_t channels_in = in[0].shape()[1], channels_out = g.out[1], per_in = channels_in / g.group, per_out = channels_out / g.group;
  const float* x = in[0].as<float>().data();
  const float* weights = in[1].as<float>().data();
  float* out = y.mutable_as<float>().data();
  for (int64_t n = 0; n < g.out[0]; ++n)
    for (int64_t oc = 0; oc < channels_out; ++oc) {
      float* plane = out + (n * channels_out + oc) * plane_out.size();
      std::fill_n(plane, plane_out.size(), in.size() > 2 && !in[2].empty() ? in[2].as<float>()[static_cast<size_t>(oc)] : 0.0f);
      for (int64_t i = 0; i < per_in; ++i) {
        const int64_t ic = oc / per_out * per_in + i;
        const float* source = x + (n * channels_in + ic) * plane_in.size();
        const float* kernel = weights + (ic * per_out + oc % per_out) * w.kernel[0] * w.kernel[1];
        for (int64_t iy = 0; iy < plane_in.h; ++iy)
          for (int64_t ky = 0; ky < w.kernel[0]; ++ky) {
            const int64_t oy = iy * w.strides[0] + ky * w.dilations[0] - w.pads_begin[0];
            if (oy < 0 || oy >= plane_out.h) continue;
            for (int64_t ix = 0; ix < plane_in.w; ++ix)
              for (int64_t kx = 0; kx < w.kernel[1]; ++kx) {
                const int64_t ox = ix * w.strides[1] + kx * w.dilations[1] - w.pads_begin[1];
                if (ox >= 0 && ox < plane_out.w) plane[oy * plane_out.w + ox] += source[iy * plane_in.w + ix] * kernel[ky * w.kernel[1] + kx];
              }
          }
      }
    }
  return {y};
}

}  // namespace

extern const Operator conv_transpose;
const Operator conv_transpose{"", "ConvTranspose", shape, cost, reference, 2};

}  // namespace scissionlite::ops
