// ConvTranspose of stride s -> Conv to s * s * channels, whose blocks of channels are the s * s phases of the output's rows and columns,
// and DepthToSpace, which puts them side by side. So it runs by all ways to convolve, and takes up activations and residuals.
//
// Along one axis y[v - crop] = sum over input i and tap k = v + pad - crop - s * i of x[i] w[k]; with v = s * q + r the taps of phase r
// are k = r + pad - crop + s * j, which meet x[q - j]: a convolution with the kernel over j, from the largest to the smallest.
#include <algorithm>
#include <limits>

#include "ops/conv_transpose_rule.h"
#include "optimise/match.h"
#include "optimise/passes.h"

namespace scissionlite::passes {
namespace {

/// One axis of the Conv, and what is cut off behind DepthToSpace.
struct Axis {
  int64_t kernel = 0, stride = 1, shift = 0;  // of ConvTranspose; tap t of phase r is its tap r + shift + stride * (pad_begin - t)
  int64_t taps = 0, pad_begin = 0, pad_end = 0;
  int64_t crop_begin = 0, crop_end = 0;
  [[nodiscard]] int64_t source(int64_t phase, int64_t tap) const { return phase + shift + stride * (pad_begin - tap); }
  [[nodiscard]] bool crops() const { return crop_begin != 0 || crop_end != 0; }
};

int64_t divided_up(int64_t a, int64_t b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); }

/// @param extra size of the output less stride * size of the input.
Axis axis_of(int64_t kernel, int64_t stride, int64_t pad, int64_t extra) {
  Axis a{.kernel = kernel, .stride = stride, .shift = pad};
  const auto taps = [&](int64_t shift) { return (kernel - 1 - shift) / stride + divided_up(shift, stride) + 1; };
  // phases that begin within a stride may reach one tap more, zeros in most of them: cutting costs less
  if (taps(pad) > divided_up(kernel, stride)) a.crop_begin = pad % stride, a.shift = pad - a.crop_begin;
  a.taps = taps(a.shift);
  a.pad_begin = (kernel - 1 - a.shift) / stride;
  a.pad_end = std::max<int64_t>(0, divided_up(a.crop_begin + extra, stride) - a.pad_begin + a.taps - 1);
  a.crop_end = (a.pad_begin + a.pad_end - a.taps + 1) * stride - a.crop_begin - extra;
  return a;
}

/// Nothing where sizes are open that pads depend on, or pads reach over the kernel.
std::optional<Axis> read_axis(const ops::Context& c, const ops::Window& window, size_t d, int64_t size) {
  const int64_t kernel = window.kernel[d], stride = window.strides[d];
  const auto at = ops::transposed_axis(c, window, d, size);
  if (!at) return std::nullopt;
  const bool is_empty = size >= 0 && size * stride + at->extra <= 0;
  if (at->pad < 0 || at->pad >= kernel || is_empty || window.dilations[d] != 1) return std::nullopt;
  return axis_of(kernel, stride, at->pad, at->extra);
}

/// (in, out, kernel_h, kernel_w) -> (phases * out, in, taps_h, taps_w), channels of one phase together.
Tensor phase_weights(const Tensor& weights, const Axis& h, const Axis& w) {
  const int64_t in = weights.shape()[0], out = weights.shape()[1], stride = h.stride;
  Tensor y(Dtype::kF32, {stride * stride * out, in, h.taps, w.taps});
  const float* from = weights.as<float>().data();
  float* to = y.mutable_as<float>().data();
  for (int64_t k = 0; k < y.shape()[0]; ++k)
    for (int64_t i = 0; i < in; ++i)
      for (int64_t th = 0; th < h.taps; ++th)
        for (int64_t tw = 0; tw < w.taps; ++tw) {
          const int64_t kh = h.source(k / out / stride, th), kw = w.source(k / out % stride, tw);
          const bool is_inside = kh >= 0 && kh < h.kernel && kw >= 0 && kw < w.kernel;
          *to++ = is_inside ? from[((i * out + k % out) * h.kernel + kh) * w.kernel + kw] : 0.F;
        }
  return y;
}

/// Once a phase.
Tensor phase_bias(const Tensor& bias, int64_t phases) {
  Tensor y(Dtype::kF32, {phases * bias.size()});
  for (int64_t p = 0; p < phases; ++p) std::copy(bias.as<float>().begin(), bias.as<float>().end(), y.mutable_as<float>().begin() + p * bias.size());
  return y;
}

/// What is left of rows and columns; ends count from the end, since sizes may be open.
Node crop(Rewriter& r, const std::string& x, const std::string& y, const Axis& h, const Axis& w) {
  const auto end = [](const Axis& a) { return a.crop_end == 0 ? std::numeric_limits<int64_t>::max() : -a.crop_end; };
  const std::vector<int64_t> starts{h.crop_begin, w.crop_begin}, ends{end(h), end(w)}, axes{2, 3};
  Node slice{"", "Slice", "", {x}, {y}, {}, ""};
  if (r.opset() < 10) {
    slice.attributes = {{"starts", starts}, {"ends", ends}, {"axes", axes}};
    return slice;
  }
  for (const auto& [name, values] : {std::pair{"_starts", starts}, {"_ends", ends}, {"_axes", axes}})
    slice.inputs.push_back(r.add_constant(y + name, Tensor::of<int64_t>({2}, std::span<const int64_t>(values))));
  return slice;
}

bool rewrite(Rewriter& r, size_t i) {
  if (!is_onnx(r.node(i), "ConvTranspose") || r.dtype(r.node(i).outputs[0]) != Dtype::kF32 || r.node(i).int_attribute("group", 1) != 1) return false;
  const Node node = r.node(i);
  const auto x = r.shape(node.inputs[0]);
  const Tensor* weights = r.constant(node.inputs[1]);
  const auto bias_name = input_of(node, 2);
  const Tensor* bias = bias_name.empty() ? nullptr : r.constant(bias_name);
  if (!x || x->size() != 4 || !weights || weights->dtype() != Dtype::kF32 || weights->shape().size() != 4 || weights->size() == 0 ||
      (!bias_name.empty() && !bias))
    return false;
  const auto window = ops::read_window(r.context(i), {weights->shape()[2], weights->shape()[3]});
  const auto h = read_axis(r.context(i), window, 0, (*x)[2]), w = read_axis(r.context(i), window, 1, (*x)[3]);
  if (!h || !w || h->stride != w->stride || (bias && bias->size() != weights->shape()[1])) return false;

  std::string result = node.outputs[0];
  std::vector<Node> behind;  // from the last one to the first
  const auto before = [&](const char* suffix) { return result = r.fresh_name(node.outputs[0] + suffix); };
  if (h->crops() || w->crops()) {
    const auto whole = r.fresh_name(result + "_uncropped");
    behind.push_back(crop(r, whole, result, *h, *w));
    result = whole;
  }
  if (h->stride > 1) {
    const Node to_space{"", "DepthToSpace", "", {}, {result}, {{"blocksize", h->stride}}, ""};
    behind.push_back(to_space);
    behind.back().inputs = {before("_phases")};
  }
  const auto conv_weights = r.add_constant(node.inputs[1] + "_phases", phase_weights(*weights, *h, *w));
  Node conv{node.name, "Conv",
            "",        {node.inputs[0], conv_weights},
            {result},  {{"pads", std::vector<int64_t>{h->pad_begin, w->pad_begin, h->pad_end, w->pad_end}}},
            node.doc};
  if (bias) conv.inputs.push_back(r.add_constant(bias_name + "_phases", phase_bias(*bias, h->stride * h->stride)));
  r.replace(i, std::move(conv));
  for (auto& next : behind) r.insert_after(i, std::move(next));
  r.drop_if_unread(node.inputs[1]);
  return true;
}

}  // namespace

int form_conv_transpose(Graph& graph) { return sweep(graph, {rewrite}); }

}  // namespace scissionlite::passes
