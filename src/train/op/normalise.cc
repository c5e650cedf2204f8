// BatchNormalization, InstanceNormalization, LRN, Softmax, LogSoftmax.
#include "train/op/support.h"

namespace scissionlite::train::op {

/// By the running statistics; with `update_statistics` by those of the batch, which then move the running ones (in place:
/// the tensors are the module's own).
Tensors batch_norm(const OpContext& c, const Tensors& in) {
  const double epsilon = c.node.float_attribute("epsilon", 1e-5F);
  auto y =
      at::batch_norm(in[0], in[1], in[2], in[3], in[4], /*training=*/c.update_statistics, c.statistics_momentum, epsilon, /*cudnn_enabled=*/false);
  Tensors out(c.node.outputs.size());
  out[0] = y;
  if (out.size() > 1) out[1] = in[3];
  if (out.size() > 2) out[2] = in[4];
  return out;
}

Tensors instance_norm(const OpContext& c, const Tensors& in) {
  return {at::instance_norm(in[0], in[1], in[2], {}, {}, /*use_input_stats=*/true, 0.1, c.node.float_attribute("epsilon", 1e-5F),
                            /*cudnn_enabled=*/false)};
}

/// y = x / (bias + alpha / size * sum of squares over neighbouring channels) ^ beta.
Tensors lrn(const OpContext& c, const Tensors& in) {
  const auto& x = in[0];
  const int64_t size = c.node.int_attribute("size", 1), before = (size - 1) / 2, channels = x.size(1);
  const double alpha = c.node.float_attribute("alpha", 1e-4F), beta = c.node.float_attribute("beta", 0.75F), bias = c.node.float_attribute("bias", 1);
  const auto squares = x * x;
  std::vector<int64_t> pads(static_cast<size_t>(2 * (x.dim() - 1)), 0);  // last dimension first; channels are the last pair
  pads[pads.size() - 2] = before;
  pads[pads.size() - 1] = size - 1 - before;
  const auto padded = at::constant_pad_nd(squares, pads, 0);
  auto sum = padded.narrow(1, 0, channels);
  for (int64_t k = 1; k < size; ++k) sum = sum + padded.narrow(1, k, channels);
  return {x / (sum * (alpha / static_cast<double>(size)) + bias).pow(beta)};
}

namespace {

/// Below opset 13 all dimensions from the axis on are one; from 13 the axis alone.
template <typename Soft>
Tensors along_axis(const OpContext& c, const torch::Tensor& x, Soft&& soft) {
  const bool flat = c.opset < 13;
  const int64_t axis = normal_axis(c, c.node.int_attribute("axis", flat ? 1 : -1), x.dim());
  if (!flat || axis == x.dim() - 1) return {soft(x, axis)};
  return {soft(x.flatten(axis), axis).view(x.sizes())};
}

}  // namespace

Tensors softmax(const OpContext& c, const Tensors& in) {
  return along_axis(c, in[0], [](const torch::Tensor& x, int64_t axis) { return at::softmax(x, axis); });
}
Tensors log_softmax(const OpContext& c, const Tensors& in) {
  return along_axis(c, in[0], [](const torch::Tensor& x, int64_t axis) { return at::log_softmax(x, axis); });
}

}  // namespace scissionlite::train::op
