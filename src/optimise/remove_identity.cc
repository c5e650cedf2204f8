// Nodes whose result is their input, and runs of nodes that only re-arrange: two Transposes are one, two Reshapes are one.
#include <algorithm>

#include "ops/support.h"
#include "optimise/match.h"
#include "optimise/passes.h"

namespace scissionlite::passes {
namespace {

bool all_equal(const std::vector<int64_t>& values, int64_t wanted) {
  return std::all_of(values.begin(), values.end(), [&](int64_t v) { return v == wanted; });
}

/// The same sizes, of which at most one is open: the number of elements decides that one.
bool keeps_shape(const Rewriter& r, const Node& node) {
  const auto in = r.shape(node.inputs[0]), out = r.shape(node.outputs[0]);
  return in && in == out && std::count_if(in->begin(), in->end(), [](int64_t size) { return size < 0; }) <= 1 &&
         std::find(in->begin(), in->end(), 0) == in->end();
}

bool only_reshapes(const Node& node) { return is_onnx(node, {"Reshape", "Flatten", "Squeeze", "Unsqueeze"}); }

/// Dropout in training mode (an input from opset 12) is left alone, and so is one whose mask is read.
bool is_plain_dropout(const Rewriter& r, const Node& node) {
  if (!is_onnx(node, "Dropout") || !has_one_result(r, node)) return false;
  const auto mode = input_of(node, 2);
  const Tensor* training = mode.empty() ? nullptr : r.constant(mode);
  return mode.empty() || (training && training->dtype() == Dtype::kBool && training->size() == 1 && !training->as<bool>()[0]);
}

bool keeps_order(const Rewriter& r, size_t i) {
  const auto rank = r.shape(r.node(i).inputs[0]);
  if (!rank) return false;
  const auto perm = ops::read_permutation(r.context(i), rank->size());
  return std::is_sorted(perm.begin(), perm.end());
}

/// All of it, in the same direction: a step of -1 keeps the shape as well.
bool slices_all(const Rewriter& r, size_t i) {
  const Node& node = r.node(i);
  if (const auto in = r.shape(node.inputs[0]); !in || !is_static(*in) || !keeps_shape(r, node)) return false;
  if (input_of(node, 4).empty()) return true;
  const Tensor* steps = r.constant(node.inputs[4]);
  return steps && all_equal(steps->to_i64(), 1);
}

bool pads_nothing(const Rewriter& r, size_t i) {
  const auto in = r.shape(r.node(i).inputs[0]);
  const auto pads = in ? ops::read_pads(r.context(i), r.constants(i), in->size()) : std::nullopt;
  return pads && all_equal(*pads, 0);
}

bool repeats_nothing(const Rewriter& r, const Node& node) {
  const auto in = r.shape(node.inputs[0]);
  return in && is_static(*in) && keeps_shape(r, node);
}

bool changes_nothing(const Rewriter& r, size_t i) {
  const Node& node = r.node(i);
  if (!node.domain.empty() || node.inputs.empty()) return false;
  const auto& type = node.op_type;
  if (type == "Identity" || is_plain_dropout(r, node)) return true;
  if (type == "Cast")
    return r.dtype(node.inputs[0]) != Dtype::kUndefined && r.dtype(node.inputs[0]) == static_cast<Dtype>(node.int_attribute("to", 0));
  if (only_reshapes(node)) return keeps_shape(r, node);
  if (type == "Transpose") return keeps_order(r, i);
  if (type == "Slice") return slices_all(r, i);
  if (type == "Pad") return pads_nothing(r, i);
  if (type == "Expand" || type == "Tile") return repeats_nothing(r, node);
  return (type == "Concat" || type == "Sum" || type == "Max" || type == "Min") && node.inputs.size() == 1;
}

bool remove(Rewriter& r, size_t i) { return changes_nothing(r, i) && r.bypass(i, std::string(r.node(i).inputs[0])); }

/// Transpose of Transpose: the second one reads what the first one reads. The first stays where others read it.
bool merge_transposes(Rewriter& r, size_t i) {
  if (!is_onnx(r.node(i), "Transpose")) return false;
  const auto before = r.producer(r.node(i).inputs[0]);
  const auto in = r.shape(r.node(i).inputs[0]);
  if (!before || !in || !is_onnx(r.node(*before), "Transpose")) return false;
  const auto first = ops::read_permutation(r.context(*before), in->size()), second = ops::read_permutation(r.context(i), in->size());
  std::vector<int64_t> both;
  for (int64_t axis : second) both.push_back(first[static_cast<size_t>(axis)]);
  Node merged = r.node(i);
  merged.inputs[0] = r.node(*before).inputs[0];
  merged.attributes["perm"] = both;
  r.replace(i, std::move(merged));
  return true;
}

/// Reshape of Reshape (or Flatten, Squeeze, Unsqueeze): the second one alone decides, once its sizes are written down.
bool merge_reshapes(Rewriter& r, size_t i) {
  if (!only_reshapes(r.node(i))) return false;
  const auto before = r.producer(r.node(i).inputs[0]);
  const auto out = r.shape(r.node(i).outputs[0]);
  if (!before || !only_reshapes(r.node(*before)) || !out || std::find(out->begin(), out->end(), 0) != out->end()) return false;
  if (std::count_if(out->begin(), out->end(), [](int64_t size) { return size < 0; }) > 1) return false;
  Node merged = r.node(i);
  const auto sizes = Tensor::of<int64_t>({static_cast<int64_t>(out->size())}, std::span<const int64_t>(*out));
  merged.op_type = "Reshape";
  merged.attributes.clear();
  merged.inputs = {r.node(*before).inputs[0], r.add_constant(merged.outputs[0] + "_sizes", sizes)};
  r.replace(i, std::move(merged));
  return true;
}

}  // namespace

int remove_identity(Graph& graph) { return sweep(graph, {merge_transposes, merge_reshapes, remove}); }

}  // namespace scissionlite::passes
