// ChannelScale: y[n][c][i] = activation(x[n][c][i] * scale[c] + offset[c]), what a batch normalisation is in inference.
// Inputs X (n, c, ...), scale (c), offset (c); attributes of activation.h.
#include "ops/fused.h"

namespace scissionlite::ops {
namespace {

void check_channels(const Context& c, const Shape& x, const Shape& scale, const Shape& offset) {
  if (x.size() < 2 || scale.size() != 1 || scale != offset || (x[1] >= 0 && scale[0] != x[1]))
    fail(c, "scale " + to_string(scale) + " and offset " + to_string(offset) + " must have one value a channel of " + to_string(x));
}

std::vector<ValueInfo> shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  (void)read_activation(c);
  if (in[0].has_shape && in[1].has_shape && in[2].has_shape) check_channels(c, in[0].shape, in[1].shape, in[2].shape);
  return same_as_first(c, in, constants);
}

std::vector<Tensor> reference(const Context& c, std::span<const Tensor> in) {
  const auto& sizes = in[0].shape();
  check_channels(c, sizes, in[1].shape(), in[2].shape());
  const auto activation = read_activation(c);
  Tensor y(Dtype::kF32, sizes);
  const auto x = in[0].as<float>(), scale = in[1].as<float>(), offset = in[2].as<float>();
  auto out = y.mutable_as<float>();
  const auto channels = static_cast<size_t>(sizes[1]);
  const size_t area = out.empty() ? 0 : out.size() / (static_cast<size_t>(sizes[0]) * channels);
  for (size_t i = 0; i < out.size(); ++i) out[i] = activation(x[i] * scale[i / area % channels] + offset[i / area % channels]);
  return {y};
}

}  // namespace

extern const Operator channel_scale;
const Operator channel_scale{"scissionlite", "ChannelScale", shape, no_cost, reference, 3};

}  // namespace scissionlite::ops
