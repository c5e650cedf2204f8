// ChannelShuffle: y[n][j * groups + g] = x[n][g * (channels / groups) + j] for each image, what Reshape, Transpose and Reshape write.
// Attribute `groups`.
#include <cstring>

#include "ops/support.h"

namespace scissionlite::ops {
namespace {

void check_groups(const Context& c, const Shape& shape) {
  const int64_t groups = c.node.int_attribute("groups", 1);
  if (shape.size() < 2 || groups < 1 || (shape[1] >= 0 && shape[1] % groups != 0))
    fail(c, "got " + std::to_string(groups) + " groups for " + to_string(shape) + ", expected a divisor of the channels");
}

std::vector<ValueInfo> shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  if (in[0].has_shape) check_groups(c, in[0].shape);
  return same_as_first(c, in, constants);
}

std::vector<Tensor> reference(const Context& c, std::span<const Tensor> in) {
  const auto& sizes = in[0].shape();
  check_groups(c, sizes);
  const int64_t groups = c.node.int_attribute("groups", 1), channels = sizes[1], each = channels / groups, images = sizes[0];
  Tensor y(in[0].dtype(), sizes);
  const size_t plane = images * channels == 0 ? 0 : in[0].size_bytes() / static_cast<size_t>(images * channels);
  for (int64_t n = 0; n < images; ++n)
    for (int64_t k = 0; k < channels; ++k)
      std::memcpy(y.mutable_data() + static_cast<size_t>(n * channels + k) * plane,
                  in[0].data() + static_cast<size_t>(n * channels + k % groups * each + k / groups) * plane, plane);
  return {y};
}

}  // namespace

extern const Operator channel_shuffle;
const Operator channel_shuffle{"scissionlite", "ChannelShuffle", shape, no_cost, reference};

}  // namespace scissionlite::ops
