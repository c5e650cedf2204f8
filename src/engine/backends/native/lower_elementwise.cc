// Activations, arithmetic of two tensors, and a scale and an offset a channel.
#include <cmath>

#include "engine/backends/native/lower.h"
#include "kernels/conv/panels.h"
#include "kernels/parallel.h"
#include "ops/support.h"

namespace scissionlite::native {
namespace {

using kernels::BinaryArguments;
using kernels::BinaryKind;

SlotId in_layout(Lowering& l, const std::string& value, Layout layout) { return layout == Layout::kBlocked ? l.blocked(value) : l.plain(value); }

/// Shares begin at multiples of 16 so that only the last one ends within a vector.
kernels::Range share_of_floats(int64_t count, const kernels::Member& member) {
  const auto units = kernels::share_of((count + 15) / 16, member);
  return {units.begin * 16, std::min(units.end * 16, count)};
}

void add_activation(Lowering& l, const Node& node, const kernels::ActivationArguments& activation) {
  const auto layout = l.is_f32_image(node.inputs[0]) ? selected_layout(l, node) : Layout::kPlain;
  const auto x = in_layout(l, node.inputs[0], layout), y = l.make(node.outputs[0], layout);
  const int64_t count = l.floats_of(y);
  const auto& loops = l.loops();
  l.add({.node = node.label(), .implementation = "vectors", .inputs = {x}, .outputs = {y}, .scratch_bytes = 0, .macs = 0, .run = [=, &loops](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             const auto part = share_of_floats(count, member);
             loops.activate(f.floats(x) + part.begin, f.floats(y) + part.begin, part.end - part.begin, activation);
           });
         }});
}

/// How the smaller operand is spread over the larger one.
struct Spread {
  BinaryArguments::Second second = BinaryArguments::Second::kWhole;
  bool is_possible = false;
};
Spread spread_of(const Shape& large, const Shape& small, bool is_large_blocked) {
  if (large == small) return {BinaryArguments::Second::kWhole, true};
  if (element_count(small) == 1 && small.size() <= large.size()) return {BinaryArguments::Second::kOne, true};
  const bool is_per_channel = large.size() == 4 && small.size() == 4 && small[0] == large[0] && small[1] == large[1] && small[2] == 1 && small[3] == 1;
  return {BinaryArguments::Second::kPerChannel, is_per_channel && is_large_blocked};
}

BinaryKind kind_of(const std::string& op) {
  return op == "Add" ? BinaryKind::kAdd : op == "Sub" ? BinaryKind::kSub : op == "Mul" ? BinaryKind::kMul : BinaryKind::kDiv;
}

/// Runs `common` with the member's share: of values, or of channel blocks where b is one value a channel.
void run_share(const kernels::VectorLoops& loops, BinaryArguments a, const kernels::Member& member) {
  kernels::Range part;
  if (a.second == BinaryArguments::Second::kPerChannel) {
    const int64_t unit = a.pixels * loops.lanes;
    const auto blocks = kernels::share_of(a.count / unit, member);
    a.b += blocks.begin * loops.lanes;
    part = {blocks.begin * unit, blocks.end * unit};
  } else {
    part = share_of_floats(a.count, member);
    if (a.second == BinaryArguments::Second::kWhole) a.b += part.begin;
  }
  a.a += part.begin;
  a.y += part.begin;
  a.count = part.end - part.begin;
  loops.binary(a);
}

}  // namespace

bool lower_activation(Lowering& l, const Node& node) {
  std::vector<Tensor> constants;
  for (const auto& input : node.inputs) constants.push_back(input.empty() ? Tensor() : l.constant(input));
  const auto activation = ops::activation_of({node, l.opset(node)}, constants);
  const auto type = l.info(node.inputs[0]);
  if (!activation || type.dtype != Dtype::kF32 || element_count(type.shape) == 0) return false;
  add_activation(l, node, arguments_of(*activation));
  return true;
}

namespace {
bool is_read_blocked(const Lowering& l, const Node& node) {
  return l.choice_of(node) ? selected_layout(l, node) == Layout::kBlocked : l.is_blocked(node.inputs[0]) || l.is_blocked(node.inputs[1]);
}
}  // namespace

bool lower_binary(Lowering& l, const Node& node) {
  auto large = node.inputs[0], small = node.inputs[1];
  const auto out = l.info(node.outputs[0]);
  const bool is_swapped = l.info(large).shape != out.shape;
  if (is_swapped) std::swap(large, small);
  if (out.dtype != Dtype::kF32 || l.info(large).shape != out.shape || l.is_constant(large) || element_count(out.shape) == 0) return false;
  const bool is_image = l.is_f32_image(large);
  const auto layout = is_image && is_read_blocked(l, node) ? Layout::kBlocked : Layout::kPlain;
  const auto spread = spread_of(out.shape, l.info(small).shape, layout == Layout::kBlocked);
  if (!spread.is_possible) return false;
  BinaryArguments common;
  common.kind = kind_of(node.op_type);
  common.second = spread.second;
  common.is_swapped = is_swapped;
  common.pixels = is_image ? out.shape[2] * out.shape[3] : 0;
  const auto a = in_layout(l, large, layout), b = spread.second == BinaryArguments::Second::kOne ? l.plain(small) : in_layout(l, small, layout), y = l.make(node.outputs[0], layout);
  common.count = l.floats_of(y);
  const auto& loops = l.loops();
  l.add({.node = node.label(), .implementation = "vectors", .inputs = {a, b}, .outputs = {y}, .scratch_bytes = 0, .macs = 0, .run = [=, &loops](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             auto mine = common;
             mine.a = f.floats(a), mine.b = f.floats(b), mine.y = f.floats(y);
             run_share(loops, mine, member);
           });
         }});
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

bool lower_channel_scale(Lowering& l, const Node& node) {
  const auto scale = l.constant(node.inputs[1]), offset = l.constant(node.inputs[2]);
  if (!l.is_f32_image(node.inputs[0]) || scale.dtype() != Dtype::kF32 || offset.dtype() != Dtype::kF32) return false;
  add_scale(l, node, values_of(scale), values_of(offset), fused_activation(l, node));
  return true;
}

}  // namespace scissionlite::native
