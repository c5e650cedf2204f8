// Concats that only pass on: Concat of Concat along one axis, Concat of all parts of a Split, Split into the parts of a Concat.
#include <algorithm>

#include "ops/support.h"
#include "optimise/match.h"
#include "optimise/passes.h"

namespace scissionlite::passes {
namespace {

/// Counted from the front; nothing where the rank is unknown.
std::optional<int64_t> axis_of(const Rewriter& r, size_t i, int64_t fallback) {
  const auto in = r.shape(r.node(i).inputs[0]);
  return in ? std::optional(ops::normal_axis(r.context(i), r.node(i).int_attribute("axis", fallback), in->size())) : std::nullopt;
}
std::optional<int64_t> concat_axis(const Rewriter& r, size_t i) { return axis_of(r, i, 1); }
std::optional<int64_t> split_axis(const Rewriter& r, size_t i) { return axis_of(r, i, 0); }

/// The inputs, with those that come from a Concat of their own along `axis` replaced by that one's inputs.
std::vector<std::string> flattened(Rewriter& r, const Node& node, int64_t axis, std::vector<size_t>& inner) {
  std::vector<std::string> out;
  for (const auto& input : node.inputs) {
    const auto maker = r.inner_producer(input);
    if (maker && is_onnx(r.node(*maker), "Concat") && concat_axis(r, *maker) == axis) {
      inner.push_back(*maker);
      out.insert(out.end(), r.node(*maker).inputs.begin(), r.node(*maker).inputs.end());
    } else {
      out.push_back(input);
    }
  }
  return out;
}

bool merge_nested(Rewriter& r, size_t i) {
  const auto axis = is_onnx(r.node(i), "Concat") ? concat_axis(r, i) : std::nullopt;
  if (!axis) return false;
  std::vector<size_t> inner;
  Node merged = r.node(i);
  merged.inputs = flattened(r, merged, *axis, inner);
  if (inner.empty()) return false;
  for (size_t maker : inner) r.erase(maker);
  r.replace(i, std::move(merged));
  return true;
}

/// All parts of one Split, in order.
bool remove_concat_of_split(Rewriter& r, size_t i) {
  if (!is_onnx(r.node(i), "Concat")) return false;
  const auto split = r.producer(r.node(i).inputs[0]);
  if (!split || !is_onnx(r.node(*split), "Split") || r.node(*split).outputs != r.node(i).inputs) return false;
  if (const auto axis = concat_axis(r, i); !axis || axis != split_axis(r, *split)) return false;
  return r.bypass(i, std::string(r.node(*split).inputs[0]));
}

/// Part k of the Split has the size of input k of the Concat.
bool parts_agree(const Rewriter& r, const Node& concat, const Node& split, size_t axis) {
  if (concat.inputs.size() != split.outputs.size()) return false;
  for (size_t k = 0; k < concat.inputs.size(); ++k) {
    const auto in = r.shape(concat.inputs[k]), out = r.shape(split.outputs[k]);
    if (!in || !out || (*in)[axis] < 0 || (*in)[axis] != (*out)[axis] || r.is_output(split.outputs[k])) return false;
  }
  return true;
}

bool remove_split_of_concat(Rewriter& r, size_t i) {
  if (!is_onnx(r.node(i), "Split")) return false;
  const auto concat = r.producer(r.node(i).inputs[0]);
  if (!concat || !is_onnx(r.node(*concat), "Concat")) return false;
  const auto axis = split_axis(r, i);
  if (!axis || axis != concat_axis(r, *concat) || !parts_agree(r, r.node(*concat), r.node(i), static_cast<size_t>(*axis))) return false;
  const auto parts = r.node(i).outputs, sources = r.node(*concat).inputs;
  r.erase(i);
  for (size_t k = 0; k < parts.size(); ++k) r.replace_reads(parts[k], sources[k]);
  return true;
}

}  // namespace

int merge_concats(Graph& graph) { return sweep(graph, {remove_split_of_concat, remove_concat_of_split, merge_nested}); }

}  // namespace scissionlite::passes
