// Channels of operators that keep them apart: functions of single values, arithmetic of several tensors, pooling, reductions.
#include <algorithm>

#include "compress/channel_rules.h"
#include "ops/support.h"

namespace scissionlite::compress {
namespace {

/// Axis of the result along which an operand has its channels; -1 where it has none.
int aligned_axis(const Relations& r, const std::string& operand, size_t rank) {
  const auto* found = r.channels(operand);
  return found ? found->axis + static_cast<int>(rank - r.shape(operand).size()) : -1;
}

/// Size of an operand along an axis of the result; 1 where it is repeated.
int64_t size_along(const Shape& shape, size_t rank, int axis) {
  const int own = axis - static_cast<int>(rank - shape.size());
  return own < 0 ? 1 : shape[static_cast<size_t>(own)];
}

}  // namespace

void relate_same(Relations& r, const Node& node) {
  if (const auto* x = r.channels(node.inputs[0])) r.set(node.outputs[0], *x);
}

void relate_elementwise(Relations& r, const Node& node) {
  const auto shape = r.shape(node.outputs[0]);
  const size_t rank = shape.size();
  int axis = -1;
  bool is_plain = rank > 0;
  for (const auto& input : node.inputs) {
    const auto* found = r.channels(input);
    if (!found) continue;
    const int own = aligned_axis(r, input, rank);
    is_plain = is_plain && found->axes == 1 && (axis < 0 || axis == own);
    axis = own;
  }
  if (axis < 0) return;                  // sizes, or nothing that has channels
  for (const auto& input : node.inputs)  // an operand of which nothing is known has to be the same for all channels
    is_plain = is_plain && (r.channels(input) || r.constant(input) || (!r.shape(input).empty() && size_along(r.shape(input), rank, axis) == 1));
  if (!is_plain) return r.reject(node, "has operands whose channels are not known or lie along different axes");

  const int64_t channels = shape[static_cast<size_t>(axis)];
  const auto units = r.fresh(channels);
  for (const auto& input : node.inputs) {
    if (const auto* found = r.channels(input)) {
      if (static_cast<int64_t>(found->units.size()) == channels) r.unify(found->units, units, node);
      else r.fix(found->units, node.label() + " repeats it for all channels");
    } else if (const auto* constant = r.constant(input); constant && size_along(constant->shape(), rank, axis) == channels && channels > 1) {
      r.unify(r.axis_of(input, axis - static_cast<int>(rank - constant->shape().size()), Part::kMeets), units, node);
    }
  }
  r.set(node.outputs[0], {axis, 1, units});
}

void relate_spatial(Relations& r, const Node& node) {
  const auto* x = r.channels(node.inputs[0]);
  if (!x) return;
  if (x->axis != 1 || x->axes != 1) return r.reject(node, "reads channels that are not along axis 1");
  r.set(node.outputs[0], *x);
}

void relate_resize(Relations& r, const Node& node) {
  const auto* x = r.channels(node.inputs[0]);
  if (!x) return;
  const auto in = r.shape(node.inputs[0]), out = r.shape(node.outputs[0]);
  const auto axis = static_cast<size_t>(x->axis);
  if (x->axes != 1 || out.size() != in.size() || in.empty() || in[axis] != out[axis]) return r.reject(node, "resizes channels");
  const bool has_sizes = node.inputs.size() > 3 && !node.inputs[3].empty();
  if (has_sizes && !r.constant(node.inputs[3])) return r.reject(node, "has sizes that are not constant");
  r.set(node.outputs[0], *x);
}

void shrink_resize(Shrinking& s, Node& node) {
  if (node.inputs.size() < 4 || node.inputs[3].empty()) return;
  auto sizes = s.constant(node.inputs[3])->to_i64();
  const auto axis = static_cast<size_t>(s.channels(node.inputs[0])->axis);
  if (sizes.size() != s.shape(node.inputs[0]).size()) return;  // of chosen axes
  sizes[axis] = count_kept(s.kept(node.inputs[0]));
  s.replace_input(node, 3, Tensor::of<int64_t>({static_cast<int64_t>(sizes.size())}, std::span<const int64_t>(sizes)));
}

void relate_reduction(Relations& r, const Node& node) {
  const auto* x = r.channels(node.inputs[0]);
  if (!x) return;
  const auto rank = static_cast<int64_t>(r.shape(node.inputs[0]).size());
  const auto context = r.context(node);
  auto axes = ops::read_axes(context, r.constants_of(node));
  if (!axes || axes->empty() || x->axes != 1 || rank == 0) return r.reject(node, "reduces all axes, or such as are not known");
  int before = 0;
  for (auto& axis : *axes) {
    axis = ops::normal_axis(context, axis, static_cast<size_t>(rank));
    if (axis == x->axis) return r.reject(node, "reduces channels");
    before += axis < x->axis;
  }
  const bool keeps = node.int_attribute("keepdims", 1) != 0;
  r.set(node.outputs[0], {keeps ? x->axis : x->axis - before, 1, x->units});
}

void relate_along_axis(Relations& r, const Node& node) {
  const auto* x = r.channels(node.inputs[0]);
  if (!x) return;
  const auto rank = r.shape(node.inputs[0]).size();
  const auto context = r.context(node);
  // below opset 13 all axes from the given one on count as one
  const auto axis = rank == 0 ? 0 : ops::normal_axis(context, node.int_attribute("axis", context.opset < 13 ? 1 : -1), rank);
  if (rank == 0 || (context.opset < 13 ? axis <= x->axis : axis == x->axis)) return r.reject(node, "normalises over channels");
  r.set(node.outputs[0], *x);
}

}  // namespace scissionlite::compress
