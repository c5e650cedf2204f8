// Conv and ConvTranspose of one to three spatial dimensions, with every kind of padding.
#include "ops/conv_transpose_rule.h"
#include "train/op/depthwise.h"
#include "train/op/support.h"

namespace scissionlite::train::op {
namespace {

c10::optional<torch::Tensor> bias_of(const Tensors& in) { return given(in, 2) ? c10::optional<torch::Tensor>(in[2]) : c10::nullopt; }

void check_channels(const OpContext& c, const torch::Tensor& x, const torch::Tensor& w, int64_t expected) {
  if (x.dim() != w.dim() || x.size(1) != expected)
    fail(c, "weights " + to_string(shape_of(w)) + " expect " + std::to_string(expected) + " input channels, got activation " +
                to_string(shape_of(x)) + " with group=" + std::to_string(c.node.int_attribute("group", 1)));
}

}  // namespace

Tensors conv(const OpContext& c, const Tensors& in) {
  const auto &x = in[0], &w = in[1];
  const int64_t group = c.node.int_attribute("group", 1);
  check_channels(c, x, w, w.size(1) * group);
  auto window = ops::read_window(plain(c), {w.sizes().begin() + 2, w.sizes().end()});
  (void)ops::window_shape(plain(c), window, shape_of(x), w.size(0));  // settles the pads of auto_pad
  const std::vector<int64_t> none(window.rank(), 0);
  const auto is_one = [](int64_t size) { return size == 1; };
  const bool has_pads = std::any_of(window.pads_begin.begin(), window.pads_begin.end(), [](int64_t pad) { return pad != 0; }) ||
                        std::any_of(window.pads_end.begin(), window.pads_end.end(), [](int64_t pad) { return pad != 0; });
  if (!has_pads && std::all_of(w.sizes().begin() + 2, w.sizes().end(), is_one) &&
      !std::all_of(window.strides.begin(), window.strides.end(), is_one)) {
    // oneDNN 2.6's gradients of such weights write beyond their memory where channels are last and fewer than 8; the pixels that are read, first, are
    // the same.
    auto read = x;
    for (size_t d = 0; d < window.rank(); ++d) read = read.slice(static_cast<int64_t>(d) + 2, 0, INT64_MAX, window.strides[d]);
    const std::vector<int64_t> ones(window.rank(), 1);
    return {at::convolution(read, w, bias_of(in), ones, none, ones, /*transposed=*/false, none, group)};
  }
  auto padded = x;
  if (window.pads_begin != window.pads_end) {
    padded = pad_spatial(x, window.pads_begin, window.pads_end, 0);
    window.pads_begin = window.pads_end = none;
  }
  if (is_depthwise(padded, w, window, group) && w.requires_grad()) return {depthwise_convolution(padded, w, bias_of(in), window)};
  return {at::convolution(padded, w, bias_of(in), window.strides, window.pads_begin, window.dilations, /*transposed=*/false, none, group)};
}

/// The whole result first, then pads cut it; where output_shape asks for more, only the bias stands.
Tensors conv_transpose(const OpContext& c, const Tensors& in) {
  const auto &x = in[0], &w = in[1];
  const int64_t group = c.node.int_attribute("group", 1);
  check_channels(c, x, w, w.size(0));
  const auto window = ops::read_window(plain(c), {w.sizes().begin() + 2, w.sizes().end()});
  const size_t rank = window.rank();
  std::vector<int64_t> begin(rank), end(rank);
  for (size_t d = 0; d < rank; ++d) {
    const int64_t in_size = x.size(static_cast<int64_t>(d) + 2), whole = (in_size - 1) * window.strides[d] + window.extent(d);
    const auto axis = ops::transposed_axis(plain(c), window, d, in_size).value();
    begin[d] = -axis.pad;
    end[d] = in_size * window.strides[d] + axis.extra - (whole - axis.pad);
  }
  const std::vector<int64_t> none(rank, 0);
  auto y = at::convolution(x, w, c10::nullopt, window.strides, none, window.dilations, /*transposed=*/true, none, group);
  y = pad_spatial(y, begin, end, 0);
  if (!given(in, 2)) return {y};
  std::vector<int64_t> per_channel(static_cast<size_t>(y.dim()), 1);
  per_channel[1] = -1;
  return {y + in[2].view(per_channel)};
}

}  // namespace scissionlite::train::op
