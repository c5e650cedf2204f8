#include "train/op/operators.h"

#include <map>

#include "base/error.h"

namespace scissionlite::train {

namespace op {
#define SCISSIONLITE_TRAIN_OP(domain, type, gradient, function) Tensors function(const OpContext&, const Tensors&);
#include "train/op/ops.inc"
#undef SCISSIONLITE_TRAIN_OP
}  // namespace op

namespace {

const Operator kOperators[] = {
#define SCISSIONLITE_TRAIN_OP(domain, type, gradient, function) {domain, #type, Gradient::gradient, op::function},
#include "train/op/ops.inc"
#undef SCISSIONLITE_TRAIN_OP
};

std::string shapes_of(const Tensors& in) {
  std::string text;
  for (const auto& t : in) text += (text.empty() ? "" : ", ") + (t.defined() ? to_string(Shape(t.sizes().begin(), t.sizes().end())) : "absent");
  return text;
}

}  // namespace

std::span<const Operator> all_operators() { return kOperators; }

const Operator* find_operator(const std::string& domain, const std::string& type) {
  static const auto table = [] {
    std::map<std::pair<std::string, std::string>, const Operator*> out;
    for (const auto& entry : kOperators) out.emplace(std::pair(entry.domain, entry.type), &entry);
    return out;
  }();
  const auto it = table.find({domain == "ai.onnx" ? "" : domain, type});
  return it == table.end() ? nullptr : it->second;
}

Tensors run_operator(const OpContext& context, const Tensors& in) {
  const auto& node = context.node;
  const auto* entry = find_operator(node.domain, node.op_type);
  if (!entry)
    throw Unsupported("[" + node.label() + "] operator '" + node.op_type + "' of domain '" + (node.domain.empty() ? "ai.onnx" : node.domain) +
                      "' (opset " + std::to_string(context.opset) + ") has no gradient code; see docs/training.md");
  try {
    return entry->forward(context, in);
  } catch (const c10::Error& e) {
    throw ModelError("[" + node.label() + "] cannot run on inputs of shapes " + shapes_of(in) + ": " + e.what_without_backtrace());
  }
}

}  // namespace scissionlite::train
