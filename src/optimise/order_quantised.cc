// QuantizeLinear goes before what only moves or chooses values (MaxPool, Reshape, ...), DequantizeLinear behind it: then that is done to the bytes, and the operators on both sides have
// their codes beside them. Exact: the largest code is that of the largest value.
#include "optimise/passes.h"
#include "optimise/quantised.h"

namespace scissionlite::passes {
namespace {

/// DequantizeLinear, then node i.
bool delay_dequantise(Rewriter& r, size_t i) {
  const Node node = r.node(i);
  const auto x = moves_values(node) ? dequantised(r, node.inputs[0]) : std::nullopt;
  if (!x || x->scale_value <= 0 || r.is_output(node.outputs[0])) return false;
  if (const auto& readers = r.readers(node.outputs[0]); readers.size() == 1)
    if (const auto y = quantised(r, readers[0]); y && x->is_alike(*y)) return false;  // form_quantised takes both sides away
  Node made = node, back = r.node(*r.producer(node.inputs[0]));
  made.inputs[0] = x->value;
  made.outputs[0] = r.fresh_name(node.outputs[0] + "_codes");
  back.name = node.name + "_dequantised";
  back.inputs[0] = made.outputs[0];
  back.outputs = node.outputs;
  r.replace(i, std::move(made));
  r.insert_after(i, std::move(back));
  return true;
}

/// Node i is QuantizeLinear behind a mover, behind an operator that may become one of bytes.
bool advance_quantise(Rewriter& r, size_t i) {
  bool has_moved = false;
  while (true) {
    const auto y = quantised(r, i);
    const auto before = y && y->scale_value > 0 ? r.inner_producer(r.node(i).inputs[0]) : std::nullopt;
    if (!before || !moves_values(r.node(*before)) || dequantised(r, r.node(*before).inputs[0]) || !r.producer(r.node(*before).inputs[0])) return has_moved;
    swap_with_mover(r, *before, i);
    i = *before;
    has_moved = true;
  }
}

}  // namespace

int order_quantised(Graph& graph) { return sweep(graph, {delay_dequantise, advance_quantise}); }

}  // namespace scissionlite::passes
