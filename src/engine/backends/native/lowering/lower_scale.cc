// A scale and an offset a channel, with an activation.
#include <cmath>

#include "engine/backends/native/lowering/lower.h"
#include "kernels/conv/panels.h"
#include "kernels/parallel.h"

namespace scissionlite::native {
namespace {

/// y = f(x * scale + offset), one value of each a channel.
void add_scale(Lowering& l, const Node& node, const std::vector<float>& scale, const std::vector<float>& offset,
               const kernels::ActivationArguments& activation) {
  const auto shape = l.info(node.inputs[0]).shape;
  const int64_t lanes = l.lanes(), blocks = kernels::blocks_of(shape[1], lanes), pixels = shape[2] * shape[3], planes = shape[0] * blocks;
  auto constants = std::make_shared<kernels::AlignedFloats>(2 * blocks * lanes);
  std::copy(scale.begin(), scale.end(), constants->data());
  std::copy(offset.begin(), offset.end(), constants->data() + blocks * lanes);
  const auto x = l.blocked(node.inputs[0]), y = l.make(node.outputs[0], Layout::kBlocked);
  const auto& loops = l.loops();
  l.add({.node = node.label(),
         .implementation = "vectors",
         .inputs = {x},
         .outputs = {y},
         .scratch_bytes = 0,
         .macs = 0,
         .run = [=, &loops](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             const auto part = kernels::share_of(planes, member);
             for (int64_t i = part.begin; i < part.end; ++i) {
               const int64_t channel = i % blocks * lanes, at = i * pixels * lanes;
               loops.scale_shift(f.floats(x) + at, constants->data() + channel, constants->data() + blocks * lanes + channel, f.floats(y) + at,
                                 pixels, activation);
             }
           });
         }});
}

std::vector<float> values_of(const Tensor& t) { return {t.as<float>().begin(), t.as<float>().end()}; }

}  // namespace

bool lower_batch_norm(Lowering& l, const Node& node) {
  std::vector<std::vector<float>> values;
  for (size_t i = 1; i < 5; ++i) {
    const auto t = l.constant(node.inputs[i]);
    if (t.dtype() != Dtype::kF32) return false;
    values.push_back(values_of(t));
  }
  if (!l.is_f32_image(node.inputs[0]) || node.int_attribute("training_mode", 0) != 0) return false;
  auto scale = values[0], offset = values[1];
  const float epsilon = node.float_attribute("epsilon", 1e-5F);
  for (size_t c = 0; c < scale.size(); ++c) {
    scale[c] /= std::sqrt(values[3][c] + epsilon);
    offset[c] -= values[2][c] * scale[c];
  }
  add_scale(l, node, scale, offset, {});
  return true;
}

namespace {

/// A run of plain values with a vector of each constant, which go round.
void scale_run(const kernels::VectorLoops& loops, const float* x, const float* scale, const float* offset, float* y, int64_t count,
               const kernels::ActivationArguments& activation) {
  const int64_t whole = count / loops.lanes, rest = count % loops.lanes;
  loops.scale_shift(x, scale, offset, y, whole, activation);
  float tail[16] = {};
  std::copy_n(x + count - rest, rest, tail);
  loops.scale_shift(tail, scale, offset, tail, 1, activation);
  std::copy_n(tail, rest, y + count - rest);
}

bool are_alike(const std::vector<float>& values) { return std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) == values.end(); }

/// Plain tensors of any rank: (n, channels, length).
void add_plain_scale(Lowering& l, const Node& node, std::vector<float> scale, std::vector<float> offset,
                     const kernels::ActivationArguments& activation) {
  const auto shape = l.info(node.inputs[0]).shape;
  const bool is_one = are_alike(scale) && are_alike(offset);  // for all values
  const int64_t count = element_count(shape), lanes = l.lanes();
  const int64_t channels = is_one ? 1 : shape[1], length = is_one ? count : count / shape[0] / shape[1];
  // a row of channels of one value each reads the constants in order; else each channel is a run with its constants repeated
  const bool is_row = length == 1;
  const int64_t copies = is_row ? 1 : lanes;
  auto constants = std::make_shared<kernels::AlignedFloats>(2 * (channels * copies + lanes));
  float *scales = constants->data(), *offsets = scales + channels * copies + lanes;
  for (int64_t c = 0; c < channels; ++c)
    std::fill_n(scales + c * copies, copies, scale[static_cast<size_t>(c)]),
        std::fill_n(offsets + c * copies, copies, offset[static_cast<size_t>(c)]);
  const int64_t run = is_row   ? lanes
                      : is_one ? int64_t{4096}
                               : length,
                row = is_row ? channels : length, rows = count / row, runs = (row + run - 1) / run;
  const auto x = l.plain(node.inputs[0]), y = l.make(node.outputs[0], Layout::kPlain);
  const auto& loops = l.loops();
  l.add({.node = node.label(),
         .implementation = "vectors",
         .inputs = {x},
         .outputs = {y},
         .scratch_bytes = 0,
         .macs = 0,
         .run = [=, &loops](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             const auto mine = kernels::share_of(rows * runs, member);
             for (int64_t i = mine.begin; i < mine.end; ++i) {
               const int64_t first = i % runs * run, at = i / runs * row + first, constant = is_row ? first : i / runs % channels * lanes;
               scale_run(loops, f.floats(x) + at, scales + constant, offsets + constant, f.floats(y) + at, std::min(run, row - first), activation);
             }
             (void)constants;  // kept alive by this
           });
         }});
}

}  // namespace

bool lower_channel_scale(Lowering& l, const Node& node) {
  const auto scale = l.constant(node.inputs[1]), offset = l.constant(node.inputs[2]);
  const auto type = l.info(node.inputs[0]);
  if (type.dtype != Dtype::kF32 || type.shape.size() < 2 || element_count(type.shape) == 0 || scale.dtype() != Dtype::kF32 ||
      offset.dtype() != Dtype::kF32)
    return false;
  if (l.is_f32_image(node.inputs[0])) add_scale(l, node, values_of(scale), values_of(offset), fused_activation(l, node));
  else add_plain_scale(l, node, values_of(scale), values_of(offset), fused_activation(l, node));
  return true;
}

}  // namespace scissionlite::native
