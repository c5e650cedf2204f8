// Operators that move values and compute nothing.
#include <cstring>

#include "engine/backends/native/lower.h"
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

/// Along channels, blocked; parts that lie in place already are not copied.
bool lower_concat(Lowering& l, const Node& node) {
  if (!takes_channels(l, node)) return false;
  const auto shape = l.info(node.outputs[0]).shape;
  const int64_t lanes = l.lanes(), pixels = shape[2] * shape[3], n = shape[0], image = kernels::round_up(shape[1], lanes) * pixels;
  struct Source {
    SlotId slot;
    int64_t channels, at, image;
  };
  std::vector<Source> sources;
  const auto y = l.make(node.outputs[0], Layout::kBlocked);
  Step step{.node = node.label(), .implementation = "copy", .inputs = {}, .outputs = {y}, .scratch_bytes = 0, .macs = 0, .run = nullptr};
  int64_t at = 0;
  for (const auto& input : node.inputs) {
    const int64_t channels = l.info(input).shape[1];
    const auto slot = l.blocked(input);
    step.inputs.push_back(slot);
    if (!l.is_in_place(slot, y, at)) sources.push_back({slot, channels, at, kernels::round_up(channels, lanes) * pixels});
    at += channels;
  }
  if (sources.empty()) step.implementation = "in place";
  const bool ends_within_block = at % lanes != 0 && !sources.empty() && sources.back().at + sources.back().channels == at;
  step.run = [=](const Frame& f) {
    for (int64_t i = 0; ends_within_block && i < n; ++i)
      std::memset(f.floats(y) + (i + 1) * image - pixels * lanes, 0, static_cast<size_t>(pixels * lanes) * sizeof(float));
    for (const auto& source : sources)
      for (int64_t i = 0; i < n; ++i) kernels::copy_channels(f.floats(source.slot) + i * source.image, 0, f.floats(y) + i * image, source.at, source.channels, pixels, lanes);
  };
  l.add(std::move(step));
  return true;
}

bool lower_reshape(Lowering& l, const Node& node) {
  if (node.outputs.size() > 1 && !node.outputs[1].empty()) return false;
  const bool is_whole = node.op_type == "Identity" || node.op_type == "Dropout";
  if (is_whole && l.is_blocked(node.inputs[0])) {
    l.alias(node.outputs[0], l.blocked(node.inputs[0]), Layout::kBlocked);
    return true;
  }
  l.alias(node.outputs[0], l.plain(node.inputs[0]), Layout::kPlain);
  return true;
}

std::vector<int64_t> selected(const Node& node, const Shape& shape) { return ops::selected_sizes(node, shape); }

}  // namespace scissionlite::native
