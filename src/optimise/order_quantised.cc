// QuantizeLinear goes before what only moves or chooses values (MaxPool, Reshape, ...), DequantizeLinear behind it: then that is done to the bytes,
// and the operators on both sides have their codes beside them. Exact: the largest code is that of the largest value. A sum of codes that is
// quantised more than once, as a residual's is that convolutions and the next sum read with different bits, is computed for each: in bytes that costs
// less than one sum in floats.
#include "optimise/passes.h"
#include "optimise/quantised.h"

namespace scissionlite::passes {
namespace {

/// DequantizeLinear, then node i.
bool delay_dequantise(Rewriter& r, size_t i) {
  const Node node = r.node(i);
  const auto x = ops::moves_values(node) ? dequantised(r, node.inputs[0]) : std::nullopt;
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
    if (!before || !ops::moves_values(r.node(*before)) || dequantised(r, r.node(*before).inputs[0]) || !r.producer(r.node(*before).inputs[0]))
      return has_moved;
    swap_with_mover(r, *before, i);
    i = *before;
    has_moved = true;
  }
}

/// Node i is one of several QuantizeLinear behind a sum of codes, or its activation: it gets a sum of its own.
bool clone_sum(Rewriter& r, size_t i) {
  if (!quantised(r, i)) return false;
  const auto read = r.node(i).inputs[0];
  const auto& readers = r.readers(read);
  const auto last = r.producer(read);
  if (!last || readers.size() < 2 || readers.back() == i || r.is_output(read)) return false;  // the last one keeps the sum
  if (!std::all_of(readers.begin(), readers.end(), [&](size_t reader) { return quantised(r, reader).has_value(); })) return false;
  std::vector<size_t> chain{*last};
  if (activation_of(r, *last))
    if (const auto before = r.inner_producer(r.node(*last).inputs[0])) chain.push_back(*before);
  const Node& sum = r.node(chain.back());
  if (!is_add(sum) || !std::all_of(sum.inputs.begin(), sum.inputs.end(), [&](const auto& input) { return dequantised(r, input).has_value(); }))
    return false;
  Node reader = r.node(i);
  std::vector<Node> copies;
  for (size_t k = 0; k < chain.size(); ++k) {
    Node copy = r.node(chain[k]);
    copy.name = copy.name + "_" + reader.name;
    copy.outputs[0] = r.fresh_name(copy.outputs[0] + "_" + reader.name);
    (k == 0 ? reader.inputs[0] : copies.back().inputs[0]) = copy.outputs[0];
    copies.push_back(std::move(copy));
  }
  r.replace(i, std::move(reader));
  for (auto& copy : copies) r.insert_after(*last, std::move(copy));
  return true;
}

}  // namespace

int order_quantised(Graph& graph) { return sweep(graph, {delay_dequantise, advance_quantise, clone_sum}); }

}  // namespace scissionlite::passes
