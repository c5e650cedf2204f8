// What nothing faster computes: the reference code of the operator, on plain tensors.
#include <cstring>

#include "engine/backends/native/lowering/lower.h"
#include "ops/ops.h"

namespace scissionlite::native {
namespace {

/// What shape inference said is what there is memory for.
void check_made(const Node& node, const Slot& slot, const Tensor& tensor) {
  if (tensor.dtype() != slot.dtype || tensor.shape() != slot.shape)
    throw ModelError("[" + node.label() + "] makes " + std::string(dtype_name(tensor.dtype())) + " " + to_string(tensor.shape()) + " where " +
                     std::string(dtype_name(slot.dtype)) + " " + to_string(slot.shape) + " was inferred");
}

Tensor view(const Slot& slot, std::byte* data) {
  static const auto kNobody = std::make_shared<int>(0);  // the arena outlives the step
  return {slot.dtype, slot.shape, kNobody, data};
}

}  // namespace

void lower_reference(Lowering& l, const Node& node) {
  ops::check_known(l.graph(), node, "native");
  Step step{.node = node.label(),
            .implementation = "reference",
            .inputs = {},
            .outputs = {},
            .scratch_bytes = 0,
            .macs = 0,
            .run = nullptr,
            .reason = "no faster code for " + node.op_type + " of these types and shapes"};
  std::vector<SlotId> arguments, results;
  for (const auto& input : node.inputs) {
    arguments.push_back(input.empty() ? kNoSlot : l.plain(input));
    if (!input.empty()) step.inputs.push_back(arguments.back());
  }
  for (const auto& output : node.outputs) {
    results.push_back(output.empty() ? kNoSlot : l.make(output, Layout::kPlain));
    if (!output.empty()) step.outputs.push_back(results.back());
  }
  const auto* program = &l.program();
  const auto graph = std::make_shared<Graph>();
  graph->opsets = l.graph().opsets;
  const auto slots_of = [program](const std::vector<SlotId>& ids) {
    std::vector<Slot> out;
    for (const auto id : ids) out.push_back(id == kNoSlot ? Slot{} : program->slots[static_cast<size_t>(id)]);
    return out;
  };
  const auto types = slots_of(arguments), made = slots_of(results);
  step.run = [=, node = node](const Frame& f) {
    std::vector<Tensor> in;
    for (size_t i = 0; i < arguments.size(); ++i)
      in.push_back(arguments[i] == kNoSlot ? Tensor() : view(types[i], f.slots[static_cast<size_t>(arguments[i])]));
    const auto out = ops::run_node(*graph, node, in);
    for (size_t i = 0; i < results.size() && i < out.size(); ++i)
      if (results[i] != kNoSlot)
        check_made(node, made[i], out[i]), std::memcpy(f.slots[static_cast<size_t>(results[i])], out[i].data(), out[i].size_bytes());
  };
  l.add(std::move(step));
}

}  // namespace scissionlite::native
