// Clip of bytes, which is how a quantised model says that it keeps fewer bits than a byte has -> the bounds of the operator of bytes before it, or a
// ByteTable.
#include "optimise/match.h"
#include "optimise/passes.h"
#include "optimise/quantised.h"

namespace scissionlite::passes {
namespace {

struct ByteRange {
  int64_t low, high;
};

/// Bounds of a Clip, of which either may be missing; nothing where one is no constant, or they bound nothing together.
std::optional<ByteRange> range_of_clip(const Rewriter& r, const Node& node) {
  const auto dtype = r.dtype(node.inputs[0]);
  if (!is_onnx(node, "Clip") || (dtype != Dtype::kU8 && dtype != Dtype::kI8)) return std::nullopt;
  ByteRange range{dtype == Dtype::kI8 ? -128 : 0, dtype == Dtype::kI8 ? 127 : 255};
  for (const size_t i : {1, 2}) {
    const auto name = input_of(node, i);
    if (name.empty()) continue;
    const auto* bound = r.constant(name);
    if (!bound || bound->size() != 1) return std::nullopt;
    (i == 1 ? range.low : range.high) = bound->to_i64()[0];
  }
  return range.low <= range.high ? std::optional(range) : std::nullopt;
}

/// The operator with bounds that does what the node does; "" where there is none.
std::string bounded_type(const Node& node) {
  for (const auto* type : {"FusedQLinearConv", "FusedQLinearMatMul", "FusedQLinearAdd", "FusedQLinearMul"})
    if (is_fused(node, type)) return type;
  if (is_onnx(node, "QLinearConv") || is_onnx(node, "QLinearMatMul")) return "Fused" + node.op_type;
  if (node.domain == "com.microsoft" && (node.op_type == "QLinearAdd" || node.op_type == "QLinearMul")) return "Fused" + node.op_type;
  return {};
}

bool into_bounds(Rewriter& r, size_t i, const ByteRange& range) {
  const auto before = r.inner_producer(r.node(i).inputs[0]);
  const auto type = before ? bounded_type(r.node(*before)) : std::string();
  if (type.empty()) return false;
  Node made = r.node(*before);
  const bool is_signed = r.dtype(r.node(i).inputs[0]) == Dtype::kI8;
  const int64_t low = made.int_attribute("low", is_signed ? -128 : 0), high = made.int_attribute("high", is_signed ? 127 : 255);
  made.op_type = type, made.domain = ops::kFusedDomain;
  // as the Clip bounds what was bounded before: bounds that do not meet leave one value
  made.attributes["low"] = std::clamp(low, range.low, range.high), made.attributes["high"] = std::clamp(high, range.low, range.high);
  r.import_fused_domain();
  r.merge(*before, i, std::move(made));
  return true;
}

bool into_table(Rewriter& r, size_t i, const ByteRange& range) {
  const Node node = r.node(i);
  const bool is_signed = r.dtype(node.inputs[0]) == Dtype::kI8;
  Tensor table(r.dtype(node.inputs[0]), {256});
  for (int64_t bits = 0; bits < 256; ++bits) {
    const int64_t code = is_signed ? static_cast<int8_t>(bits) : bits;
    table.mutable_data()[bits] = static_cast<std::byte>(static_cast<uint8_t>(std::clamp(code, range.low, range.high)));
  }
  Node made = node;
  made.op_type = "ByteTable", made.domain = ops::kFusedDomain;
  made.attributes.clear();
  made.inputs = {node.inputs[0], r.add_constant(node.outputs[0] + "_table", table)};
  r.import_fused_domain();
  r.replace(i, std::move(made));
  return true;
}

/// Before what only moves or chooses codes, where it may reach an operator with bounds.
bool before_mover(Rewriter& r, size_t i) {
  const auto before = r.inner_producer(r.node(i).inputs[0]);
  if (!before || !ops::moves_values(r.node(*before)) || !r.producer(r.node(*before).inputs[0])) return false;
  swap_with_mover(r, *before, i);
  return true;
}

bool merge(Rewriter& r, size_t i) {
  const auto range = range_of_clip(r, r.node(i));
  return range && (before_mover(r, i) || into_bounds(r, i, *range) || into_table(r, i, *range));
}

}  // namespace

int merge_byte_clip(Graph& graph) { return sweep(graph, {merge}); }

}  // namespace scissionlite::passes
