// Operators that move values and compute nothing.
#include <cstring>

#include "engine/backends/native/choosing/graph_choices.h"
#include "engine/backends/native/lowering/lower.h"
#include "kernels/conv/panels.h"
#include "kernels/layout.h"
#include "kernels/parallel.h"
#include "ops/support.h"

namespace scissionlite::native {

bool takes_channels(const Lowering& l, const Node& node) {
  const int64_t axis = node.int_attribute("axis", 1);
  if (axis != 1 && axis != -3) return false;
  for (const auto& input : node.inputs)
    if (!l.is_f32_image(input) || element_count(l.info(input).shape) == 0) return false;
  return true;
}

bool keeps_lanes(const Lowering& l, const Node& node) {
  for (size_t i = 0; i + 1 < node.inputs.size(); ++i)
    if (l.info(node.inputs[i]).shape[1] % l.lanes() != 0) return false;
  return true;
}

Layout selected_layout(const Lowering& l, const Node& node) {
  if (const auto* choice = l.choice_of(node)) return choice->form == Form::kPlain ? Layout::kPlain : Layout::kBlocked;
  return l.is_blocked(node.inputs[0]) ? Layout::kBlocked : Layout::kPlain;
}

bool is_selected_view(const Lowering& l, const Node& node) {
  const auto* choice = l.choice_of(node);
  return choice && choice->form == Form::kView;
}

namespace {

/// Any type, rank and axis: runs of values from the axis on.
bool join_plain(Lowering& l, const Node& node) {
  const auto type = l.info(node.outputs[0]);
  const auto rank = static_cast<int64_t>(type.shape.size());
  int64_t axis = node.int_attribute("axis", 1);
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank || element_count(type.shape) == 0) return false;
  const int64_t outer = element_count({type.shape.begin(), type.shape.begin() + axis});
  struct Source {
    SlotId slot;
    int64_t bytes;  // of a run
  };
  std::vector<Source> sources;
  const auto y = l.make(node.outputs[0], Layout::kPlain);
  Step step{.node = node.label(), .implementation = "copy", .inputs = {}, .outputs = {y}, .scratch_bytes = 0, .macs = 0, .run = nullptr};
  for (const auto& input : node.inputs) {
    step.inputs.push_back(l.plain(input));
    sources.push_back({step.inputs.back(), element_count(l.info(input).shape) / outer * static_cast<int64_t>(dtype_size(type.dtype))});
  }
  step.run = [=](const Frame& f) {
    uint8_t* to = f.bytes(y);
    for (int64_t i = 0; i < outer; ++i)
      for (const auto& source : sources) {
        std::memcpy(to, f.bytes(source.slot) + i * source.bytes, static_cast<size_t>(source.bytes));
        to += source.bytes;
      }
  };
  l.add(std::move(step));
  return true;
}

}  // namespace

/// Along channels, blocked; parts that lie in place already are not copied, and nothing is where lanes move.
bool lower_concat(Lowering& l, const Node& node) {
  if (!takes_channels(l, node)) return join_plain(l, node);
  if (!keeps_lanes(l, node) || is_selected_view(l, node)) {
    l.set_joined_view(node.outputs[0], node.inputs);
    return true;
  }
  const auto shape = l.info(node.outputs[0]).shape;
  const int64_t lanes = l.lanes(), block = shape[2] * shape[3] * lanes, n = shape[0], image = kernels::blocks_of(shape[1], lanes) * block;
  struct Source {
    SlotId slot;
    int64_t floats, at;
  };
  std::vector<Source> sources;
  const auto y = l.make(node.outputs[0], Layout::kBlocked);
  Step step{.node = node.label(), .implementation = "copy", .inputs = {}, .outputs = {y}, .scratch_bytes = 0, .macs = 0, .run = nullptr};
  int64_t channel = 0;
  for (const auto& input : node.inputs) {
    const int64_t channels = l.info(input).shape[1];
    const auto slot = l.blocked(input);
    step.inputs.push_back(slot);
    if (!l.is_in_place(slot, y, channel)) sources.push_back({slot, kernels::blocks_of(channels, lanes) * block, channel / lanes * block});
    channel += channels;
  }
  if (sources.empty()) step.implementation = "in place";
  step.run = [=](const Frame& f) {
    for (const auto& source : sources)
      for (int64_t i = 0; i < n; ++i)
        std::memcpy(f.floats(y) + i * image + source.at, f.floats(source.slot) + i * source.floats,
                    static_cast<size_t>(source.floats) * sizeof(float));
  };
  l.add(std::move(step));
  return true;
}

/// Along channels.
bool lower_split(Lowering& l, const Node& node) {
  const int64_t axis = node.int_attribute("axis", 0);
  const bool is_viewed =
      l.is_byte_image(node.inputs[0]) || (l.is_f32_image(node.inputs[0]) && (l.is_blocked(node.inputs[0]) || is_selected_view(l, node)));
  if ((axis != 1 && axis != -3) || !is_viewed || element_count(l.info(node.inputs[0]).shape) == 0) return false;
  int64_t channels = 0;
  for (const auto& output : node.outputs) {
    if (output.empty() || l.info(output).shape[1] < 0) return false;
    channels += l.info(output).shape[1];
  }
  if (channels != l.info(node.inputs[0]).shape[1]) return false;  // the reference code says what is wrong with it
  const auto whole = l.view(node.inputs[0]);
  auto at = whole.begin();
  for (const auto& output : node.outputs) {
    const auto end = at + l.info(output).shape[1];
    l.set_view(output, {at, end});
    at = end;
  }
  return true;
}

bool lower_channel_shuffle(Lowering& l, const Node& node) {
  if (!(l.is_f32_image(node.inputs[0]) || l.is_byte_image(node.inputs[0])) || element_count(l.info(node.inputs[0]).shape) == 0) return false;
  const auto whole = l.view(node.inputs[0]);
  const auto groups = static_cast<size_t>(node.int_attribute("groups", 1)), each = whole.size() / groups;
  Lowering::View shuffled;
  for (size_t i = 0; i < whole.size(); ++i) shuffled.push_back(whole[i % groups * each + i / groups]);
  l.set_view(node.outputs[0], std::move(shuffled));
  return true;
}

bool lower_reshape(Lowering& l, const Node& node) {
  if (node.outputs.size() > 1 && !node.outputs[1].empty()) return false;
  const bool is_whole = node.op_type == "Identity" || node.op_type == "Dropout";
  if (is_whole && l.is_f32_image(node.inputs[0]) && selected_layout(l, node) == Layout::kBlocked) {
    l.alias(node.outputs[0], l.blocked(node.inputs[0]), Layout::kBlocked);
    return true;
  }
  l.alias(node.outputs[0], l.plain(node.inputs[0]), Layout::kPlain);
  return true;
}

}  // namespace scissionlite::native
