// Channels of operators that put them elsewhere.
#include <algorithm>
#include <numeric>

#include "compress/channel_rules.h"
#include "ops/support.h"

namespace scissionlite::compress {
namespace {

int64_t product(const Shape& shape, size_t begin, size_t end) {
  return std::accumulate(shape.begin() + static_cast<std::ptrdiff_t>(std::min(begin, shape.size())),
                         shape.begin() + static_cast<std::ptrdiff_t>(std::min(end, shape.size())), int64_t{1}, std::multiplies<>());
}

/// The channels of `in`, which is seen with another shape; nothing where an axis of `out` mixes them with the batch or cuts them.
std::optional<ChannelAxis> reshaped(Relations& r, const ChannelAxis& x, const Shape& in, const Shape& out) {
  const auto axis = static_cast<size_t>(x.axis), behind = axis + static_cast<size_t>(x.axes);
  const int64_t outer = product(in, 0, axis), inner = product(in, behind, in.size()), channels = static_cast<int64_t>(x.units.size());
  for (size_t b = 0; b < out.size(); ++b) {
    const int64_t before = product(out, 0, b), behind_b = product(out, b + 1, out.size());
    if (out[b] < channels && b + 1 < out.size() && before == outer && out[b] * out[b + 1] == channels && x.axes == 1) {  // groups of channels
      const auto each = static_cast<size_t>(out[b + 1]);
      if (out[b] == 1) return ChannelAxis{static_cast<int>(b) + 1, 1, x.units};
      for (size_t i = each; i < x.units.size(); ++i) r.unify(x.units[i], x.units[i % each]);
      return ChannelAxis{static_cast<int>(b), 2, x.units};
    }
    if (before == 0 || behind_b == 0 || outer % before != 0 || inner % behind_b != 0) continue;
    const int64_t outside = outer / before, inside = inner / behind_b;
    if (outside * channels * inside != out[b] || (channels == 1 && out[b] == 1 && before != outer)) continue;
    if (b == 0 && !in.empty() && outside % in[0] == 0 && axis > 0 && out[0] != 1) continue;  // the batch would be part of it
    ChannelAxis y{static_cast<int>(b), 1, {}};
    for (int64_t o = 0; o < outside; ++o)
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t i = 0; i < inside; ++i) y.units.push_back(x.units[static_cast<size_t>(c)]);
    return y;
  }
  return std::nullopt;
}

}  // namespace

void relate_reshape(Relations& r, const Node& node) {
  const auto* x = r.channels(node.inputs[0]);
  if (!x) return;
  const auto in = r.shape(node.inputs[0]), out = r.shape(node.outputs[0]);
  if (in.empty() || out.empty()) return r.reject(node, "has a shape that is not known");
  const auto y = reshaped(r, *x, in, out);
  if (!y) return r.reject(node, "joins or cuts channels: from " + to_string(in) + " to " + to_string(out));
  r.set(node.outputs[0], *y);
}

void shrink_reshape(Shrinking& s, Node& node) {
  const auto* y = s.channels(node.outputs[0]);
  const auto* shape = s.constant(node.inputs[1]);
  if (!y || !shape) return;  // a shape that is computed follows what is left
  auto sizes = shape->to_i64();
  const int64_t left = count_kept(s.kept(node.outputs[0]));
  const auto axis = static_cast<size_t>(y->axis);
  // of two axes one keeps its size: groups stand first, or behind their channels when these were exchanged
  const auto changed = axis + static_cast<size_t>(y->axes) - 1;
  const int64_t other = y->axes == 2 ? s.shape(node.outputs[0])[axis] : 1;
  if (sizes[changed] > 0) sizes[changed] = left / other;
  else if (sizes[changed] == 0 && node.int_attribute("allowzero", 0) == 0 && y->axes == 1 && s.channels(node.inputs[0])->axis != y->axis)
    sizes[changed] = left;
  s.replace_input(node, 1, Tensor::of<int64_t>({static_cast<int64_t>(sizes.size())}, std::span<const int64_t>(sizes)));
}

void relate_transpose(Relations& r, const Node& node) {
  const auto* x = r.channels(node.inputs[0]);
  if (!x) return;
  const auto rank = r.shape(node.inputs[0]).size();
  if (rank == 0) return r.reject(node, "has a shape that is not known");
  const auto order = ops::read_permutation(r.context(node), rank);
  const auto place = [&](int axis) { return static_cast<int>(std::find(order.begin(), order.end(), axis) - order.begin()); };
  if (x->axes == 1) return r.set(node.outputs[0], {place(x->axis), 1, x->units});
  const int first = place(x->axis), second = place(x->axis + 1);
  if (std::abs(first - second) != 1) return r.reject(node, "takes groups of channels apart");
  ChannelAxis y{std::min(first, second), 2, x->units};
  if (second < first) {
    const auto rows = static_cast<size_t>(r.shape(node.inputs[0])[static_cast<size_t>(x->axis)]), columns = x->units.size() / rows;
    for (size_t i = 0; i < rows; ++i)
      for (size_t j = 0; j < columns; ++j) y.units[j * rows + i] = x->units[i * columns + j];
  }
  r.set(node.outputs[0], y);
}

void relate_concat(Relations& r, const Node& node) {
  const auto rank = r.shape(node.outputs[0]).size();
  const ChannelAxis* first = nullptr;
  bool is_plain = rank > 0;
  for (const auto& input : node.inputs) {
    const auto* found = r.channels(input);
    if (!found) continue;
    is_plain = is_plain && found->axes == 1 && (!first || first->axis == found->axis);
    first = found;
  }
  if (!first) return;
  const auto along = rank == 0 ? 0 : ops::normal_axis(r.context(node), node.int_attribute("axis", 1), rank);
  for (const auto& input : node.inputs)
    is_plain = is_plain && (r.channels(input) || (along == first->axis && !r.shape(input).empty() && !r.constant(input)) || r.constant(input));
  if (!is_plain) return r.reject(node, "joins what has no known channels");
  const int axis = first->axis;
  std::vector<int> units;
  for (const auto& input : node.inputs) {
    std::vector<int> own;
    if (const auto* found = r.channels(input)) own = found->units;
    else r.fix(own = r.fresh(r.shape(input).at(static_cast<size_t>(axis))), node.label() + " joins them with '" + input + "'");
    if (along == axis || units.empty()) units.insert(units.end(), own.begin(), own.end());
    else r.unify(units, own, node);
  }
  r.set(node.outputs[0], {axis, 1, units});
}

void relate_split(Relations& r, const Node& node) {
  const auto* found = r.channels(node.inputs[0]);
  if (!found) return;
  const ChannelAxis x = *found;
  const auto rank = r.shape(node.inputs[0]).size();
  if (rank == 0 || x.axes != 1) return r.reject(node, "has a shape that is not known");
  const auto along = ops::normal_axis(r.context(node), node.int_attribute("axis", 0), rank);
  size_t at = 0;
  for (const auto& output : node.outputs) {
    const auto shape = r.shape(output);
    if (along == x.axis && shape.empty()) return r.reject(node, "has parts whose sizes are not known");
    auto y = x;
    if (along == x.axis) {
      const auto size = static_cast<size_t>(shape[static_cast<size_t>(x.axis)]);
      y.units.assign(x.units.begin() + static_cast<std::ptrdiff_t>(at), x.units.begin() + static_cast<std::ptrdiff_t>(at + size));
      at += size;
    }
    r.set(output, y);
  }
}

void shrink_split(Shrinking& s, Node& node) {
  const auto* x = s.channels(node.inputs[0]);
  if (!x || count_kept(s.kept(node.inputs[0])) == static_cast<int64_t>(x->units.size())) return;
  if (ops::normal_axis(s.context(node), node.int_attribute("axis", 0), s.shape(node.inputs[0]).size()) != x->axis) return;
  std::vector<int64_t> sizes;
  for (const auto& output : node.outputs) sizes.push_back(count_kept(s.kept(output)));
  if (s.context(node).opset < 13) {
    node.attributes["split"] = sizes;
    return;
  }
  node.attributes.erase("num_outputs");
  node.inputs.resize(2);
  s.replace_input(node, 1, Tensor::of<int64_t>({static_cast<int64_t>(sizes.size())}, std::span<const int64_t>(sizes)));
}

void relate_slice(Relations& r, const Node& node) {
  const auto* found = r.channels(node.inputs[0]);
  if (!found) return;
  const auto sliced = ops::read_slice(r.context(node), r.shape(node.inputs[0]), r.constants_of(node));
  if (!sliced || found->axes != 1) return r.reject(node, "takes a part that is not known");
  const auto axis = static_cast<size_t>(found->axis);
  ChannelAxis y{found->axis, 1, {}};
  for (int64_t i = 0; i < sliced->shape[axis]; ++i)
    y.units.push_back(found->units[static_cast<size_t>(sliced->begins[axis] + i * sliced->steps[axis])]);
  if (y.units.size() != found->units.size() && sliced->steps[axis] != 1) return r.reject(node, "takes every so many channels");
  r.set(node.outputs[0], y);
}

/// Of a Slice along channels, begin and end count what is left before them.
void shrink_slice(Shrinking& s, Node& node) {
  const auto* x = s.channels(node.inputs[0]);
  const auto* y = s.channels(node.outputs[0]);
  if (!x || !y || x->units.size() == y->units.size()) return;
  const auto kept = s.kept(node.inputs[0]);
  std::vector<Tensor> constants;
  for (const auto& input : node.inputs) constants.push_back(s.constant(input) ? *s.constant(input) : Tensor());
  const auto sliced = ops::read_slice(s.context(node), s.shape(node.inputs[0]), constants);
  const auto begin = sliced->begins[static_cast<size_t>(x->axis)], end = begin + static_cast<int64_t>(y->units.size());
  const auto left_before = [&](int64_t place) { return std::count(kept.begin(), kept.begin() + place, true); };
  const bool in_attributes = s.context(node).opset < 10;
  auto starts = in_attributes ? node.ints_attribute("starts") : constants[1].to_i64(),
       ends = in_attributes ? node.ints_attribute("ends") : constants[2].to_i64();
  std::vector<int64_t> axes(starts.size());
  std::iota(axes.begin(), axes.end(), 0);
  if (in_attributes) axes = node.ints_attribute("axes", axes);
  else if (constants.size() > 3 && !constants[3].empty()) axes = constants[3].to_i64();
  for (size_t i = 0; i < axes.size(); ++i)
    if (ops::normal_axis(s.context(node), axes[i], s.shape(node.inputs[0]).size()) == x->axis)
      starts[i] = left_before(begin), ends[i] = left_before(end);
  if (in_attributes) {
    node.attributes["starts"] = starts;
    node.attributes["ends"] = ends;
    return;
  }
  const auto count = static_cast<int64_t>(starts.size());
  s.replace_input(node, 1, Tensor::of<int64_t>({count}, std::span<const int64_t>(starts)));
  s.replace_input(node, 2, Tensor::of<int64_t>({count}, std::span<const int64_t>(ends)));
  if (node.inputs.size() > 3 && !constants[3].empty()) s.replace_input(node, 3, Tensor::of<int64_t>({count}, std::span<const int64_t>(axes)));
  if (node.inputs.size() > 4 && !constants[4].empty()) {
    const auto steps = constants[4].to_i64();
    s.replace_input(node, 4, Tensor::of<int64_t>({count}, std::span<const int64_t>(steps)));
  }
}

void relate_gather(Relations& r, const Node& node) {
  const auto* found = r.channels(node.inputs[0]);
  if (!found) return;
  const auto rank = r.shape(node.inputs[0]).size();
  if (rank == 0 || found->axes != 1) return r.reject(node, "has a shape that is not known");
  const auto along = ops::normal_axis(r.context(node), node.int_attribute("axis", 0), rank);
  const auto* indices = r.constant(node.inputs[1]);
  if (!indices || indices->shape().size() != 1) return r.reject(node, "takes what is not known, or one of an axis");
  auto y = *found;
  if (along == found->axis) {
    y.units.clear();
    for (int64_t i : indices->to_i64())
      y.units.push_back(found->units.at(static_cast<size_t>(i < 0 ? i + static_cast<int64_t>(found->units.size()) : i)));
  }
  r.set(node.outputs[0], y);
}

void shrink_gather(Shrinking& s, Node& node) {
  const auto* x = s.channels(node.inputs[0]);
  if (!x || ops::normal_axis(s.context(node), node.int_attribute("axis", 0), s.shape(node.inputs[0]).size()) != x->axis) return;
  const auto kept = s.kept(node.inputs[0]);
  std::vector<int64_t> left;
  for (int64_t i : s.constant(node.inputs[1])->to_i64()) {
    const auto place = i < 0 ? i + static_cast<int64_t>(kept.size()) : i;
    if (kept[static_cast<size_t>(place)]) left.push_back(std::count(kept.begin(), kept.begin() + place, true));
  }
  s.replace_input(node, 1, Tensor::of<int64_t>({static_cast<int64_t>(left.size())}, std::span<const int64_t>(left)));
}

void relate_pad(Relations& r, const Node& node) {
  const auto* found = r.channels(node.inputs[0]);
  if (!found) return;
  const auto rank = r.shape(node.inputs[0]).size();
  const auto pads = rank == 0 ? std::nullopt : ops::read_pads(r.context(node), r.constants_of(node), rank);
  if (!pads || found->axes != 1) return r.reject(node, "has pads that are not known");
  const auto axis = static_cast<size_t>(found->axis);
  const int64_t before = (*pads)[axis], after = (*pads)[axis + rank];
  if (before < 0 || after < 0) return r.reject(node, "takes channels away");
  if ((before > 0 || after > 0) && node.text_attribute("mode", "constant") != "constant") return r.reject(node, "repeats channels");
  auto units = r.fresh(before);
  const auto behind = r.fresh(after);
  r.fix(units, node.label() + " adds them");
  r.fix(behind, node.label() + " adds them");
  units.insert(units.end(), found->units.begin(), found->units.end());
  units.insert(units.end(), behind.begin(), behind.end());
  r.set(node.outputs[0], {found->axis, 1, units});
}

}  // namespace scissionlite::compress
