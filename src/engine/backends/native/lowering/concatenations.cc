// Which values lie in a concatenation from the beginning, so that nothing is copied.
#include "engine/backends/native/lowering/lower.h"

namespace scissionlite::native {

bool Lowering::is_part_of(const std::string& value, const std::string& whole) const {
  const auto it = parts_.find(value);
  return it != parts_.end() && (it->second.whole == whole || is_part_of(whole, it->second.whole));
}

bool Lowering::is_in_place(SlotId part, SlotId whole, int64_t channel) const {
  const auto locate = [&](SlotId slot) {
    int64_t offset = 0;
    for (; program_.slots[static_cast<size_t>(slot)].root != kNoSlot; slot = program_.slots[static_cast<size_t>(slot)].root)
      offset += program_.slots[static_cast<size_t>(slot)].offset;
    return std::pair(slot, offset);
  };
  const auto [part_root, part_offset] = locate(part);
  const auto [whole_root, whole_offset] = locate(whole);
  const auto& shape = program_.slots[static_cast<size_t>(whole)].shape;
  return part_root == whole_root && part_offset == whole_offset + channel * shape[2] * shape[3] * static_cast<int64_t>(sizeof(float));
}

bool Lowering::can_be_part(const std::string& value, const std::set<std::string>& fixed) const {
  return is_f32_image(value) && !is_constant(value) && !fixed.count(value) && !parts_.count(value) && info(value).shape[0] == 1;
}

void Lowering::plan_concatenation(const Node& node, const std::set<std::string>& fixed) {
  const auto& whole = node.outputs[0];
  int64_t channel = 0;
  std::string other;  // the concatenation that holds all inputs where this one would have them
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const auto& input = node.inputs[i];
    const int64_t channels = info(input).shape[1];
    const auto part = parts_.find(input);
    const bool is_held = part != parts_.end() && part->second.channel == channel && (i == 0 || part->second.whole == other);
    other = is_held ? part->second.whole : "";
    const bool is_last = i + 1 == node.inputs.size();  // its unused lanes are the whole's
    if (channel % lanes() == 0 && (channels % lanes() == 0 || is_last) && can_be_part(input, fixed)) parts_[input] = {whole, channel};
    channel += channels;
  }
  if (!other.empty() && channel % lanes() == 0 && can_be_part(whole, fixed)) parts_[whole] = {other, 0};
}

/// A value lies in the last concatenation that takes it: the longest one in DenseNet, whose beginnings are all earlier ones.
void Lowering::plan_concatenations() {
  std::set<std::string> fixed;  // values whose memory is given
  for (const auto& input : graph().inputs) fixed.insert(input.name);
  for (size_t i = graph().nodes.size(); i-- > 0;) {
    const auto& node = graph().nodes[i];
    if (node.op_type == "Concat" && node.domain.empty() && is_f32_image(node.outputs[0]) && takes_channels(*this, node))
      plan_concatenation(node, fixed);
  }
}

}  // namespace scissionlite::native
