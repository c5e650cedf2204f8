// Activations and other functions of single values, and a scale and an offset a channel.
#include <cmath>
#include <map>

#include "engine/backends/native/lowering/lower.h"
#include "kernels/conv/panels.h"
#include "kernels/parallel.h"
#include "ops/support.h"

namespace scissionlite::native {
namespace {

SlotId in_layout(Lowering& l, const std::string& value, Layout layout) { return layout == Layout::kBlocked ? l.blocked(value) : l.plain(value); }

/// Value by value, in the layout that was selected or else in which the values lie.
template <typename Run>
void add_pass(Lowering& l, const Node& node, bool may_be_blocked, const Run& run) {
  const auto layout = may_be_blocked && l.is_f32_image(node.inputs[0]) ? selected_layout(l, node) : Layout::kPlain;
  const auto x = in_layout(l, node.inputs[0], layout), y = l.make(node.outputs[0], layout);
  const int64_t count = l.floats_of(y);
  l.add({.node = node.label(), .implementation = "vectors", .inputs = {x}, .outputs = {y}, .scratch_bytes = 0, .macs = 0, .run = [=](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             const auto part = share_of_floats(count, member);
             run(f.floats(x) + part.begin, f.floats(y) + part.begin, part.end - part.begin);
           });
         }});
}

}  // namespace

kernels::Range share_of_floats(int64_t count, const kernels::Member& member) {
  const auto units = kernels::share_of((count + 15) / 16, member);
  return {units.begin * 16, std::min(units.end * 16, count)};
}

bool lower_activation(Lowering& l, const Node& node) {
  const auto constants = l.constants_of(node);
  const auto activation = ops::activation_of({node, l.opset(node)}, constants);
  const auto type = l.info(node.inputs[0]);
  if (!activation || type.dtype != Dtype::kF32 || element_count(type.shape) == 0) return false;
  const auto& loops = l.loops();
  add_pass(l, node, /*may_be_blocked=*/true, [&loops, f = arguments_of(*activation)](const float* x, float* y, int64_t count) { loops.activate(x, y, count, f); });
  return true;
}

bool keeps_lanes_finite(const Lowering& l, const Node& node) {
  const bool is_total = node.op_type != "Sqrt" && node.op_type != "Reciprocal";
  return is_total || (l.is_f32_image(node.inputs[0]) && l.info(node.inputs[0]).shape[1] % l.lanes() == 0);
}

bool lower_unary(Lowering& l, const Node& node) {
  static const std::map<std::string, kernels::UnaryKind> kinds{{"Floor", kernels::UnaryKind::kFloor}, {"Ceil", kernels::UnaryKind::kCeil}, {"Round", kernels::UnaryKind::kRound}, {"Neg", kernels::UnaryKind::kNeg},
                                                               {"Abs", kernels::UnaryKind::kAbs}, {"Sqrt", kernels::UnaryKind::kSqrt}, {"Reciprocal", kernels::UnaryKind::kReciprocal}};
  const auto type = l.info(node.inputs[0]);
  if (type.dtype != Dtype::kF32 || element_count(type.shape) == 0) return false;
  const auto kind = kinds.at(node.op_type);
  const auto& loops = l.loops();
  add_pass(l, node, keeps_lanes_finite(l, node), [&loops, kind](const float* x, float* y, int64_t count) { loops.unary(kind, x, y, count); });
  return true;
}

namespace {

/// y = f(x * scale + offset), one value of each a channel.
void add_scale(Lowering& l, const Node& node, const std::vector<float>& scale, const std::vector<float>& offset, const kernels::ActivationArguments& activation) {
  const auto shape = l.info(node.inputs[0]).shape;
  const int64_t lanes = l.lanes(), blocks = kernels::blocks_of(shape[1], lanes), pixels = shape[2] * shape[3], planes = shape[0] * blocks;
  auto constants = std::make_shared<kernels::AlignedFloats>(2 * blocks * lanes);
  std::copy(scale.begin(), scale.end(), constants->data());
  std::copy(offset.begin(), offset.end(), constants->data() + blocks * lanes);
  const auto x = l.blocked(node.inputs[0]), y = l.make(node.outputs[0], Layout::kBlocked);
  const auto& loops = l.loops();
  l.add({.node = node.label(), .implementation = "vectors", .inputs = {x}, .outputs = {y}, .scratch_bytes = 0, .macs = 0, .run = [=, &loops](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             const auto part = kernels::share_of(planes, member);
             for (int64_t i = part.begin; i < part.end; ++i) {
               const int64_t channel = i % blocks * lanes, at = i * pixels * lanes;
               loops.scale_shift(f.floats(x) + at, constants->data() + channel, constants->data() + blocks * lanes + channel, f.floats(y) + at, pixels, activation);
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
void scale_run(const kernels::VectorLoops& loops, const float* x, const float* scale, const float* offset, float* y, int64_t count, const kernels::ActivationArguments& activation) {
  const int64_t whole = count / loops.lanes, rest = count % loops.lanes;
  loops.scale_shift(x, scale, offset, y, whole, activation);
  float tail[16] = {};
  std::copy_n(x + count - rest, rest, tail);
  loops.scale_shift(tail, scale, offset, tail, 1, activation);
  std::copy_n(tail, rest, y + count - rest);
}

bool are_alike(const std::vector<float>& values) { return std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) == values.end(); }

/// Plain tensors of any rank: (n, channels, length).
void add_plain_scale(Lowering& l, const Node& node, std::vector<float> scale, std::vector<float> offset, const kernels::ActivationArguments& activation) {
  const auto shape = l.info(node.inputs[0]).shape;
  const bool is_one = are_alike(scale) && are_alike(offset);  // for all values
  const int64_t count = element_count(shape), lanes = l.lanes();
  const int64_t channels = is_one ? 1 : shape[1], length = is_one ? count : count / shape[0] / shape[1];
  // a row of channels of one value each reads the constants in order; else each channel is a run with its constants repeated
  const bool is_row = length == 1;
  const int64_t copies = is_row ? 1 : lanes;
  auto constants = std::make_shared<kernels::AlignedFloats>(2 * (channels * copies + lanes));
  float *scales = constants->data(), *offsets = scales + channels * copies + lanes;
  for (int64_t c = 0; c < channels; ++c) std::fill_n(scales + c * copies, copies, scale[static_cast<size_t>(c)]), std::fill_n(offsets + c * copies, copies, offset[static_cast<size_t>(c)]);
  const int64_t run = is_row ? lanes : is_one ? int64_t{4096} : length, row = is_row ? channels : length, rows = count / row, runs = (row + run - 1) / run;
  const auto x = l.plain(node.inputs[0]), y = l.make(node.outputs[0], Layout::kPlain);
  const auto& loops = l.loops();
  l.add({.node = node.label(), .implementation = "vectors", .inputs = {x}, .outputs = {y}, .scratch_bytes = 0, .macs = 0, .run = [=, &loops](const Frame& f) {
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
  if (type.dtype != Dtype::kF32 || type.shape.size() < 2 || element_count(type.shape) == 0 || scale.dtype() != Dtype::kF32 || offset.dtype() != Dtype::kF32) return false;
  if (l.is_f32_image(node.inputs[0])) add_scale(l, node, values_of(scale), values_of(offset), fused_activation(l, node));
  else add_plain_scale(l, node, values_of(scale), values_of(offset), fused_activation(l, node));
  return true;
}

}  // namespace scissionlite::native
