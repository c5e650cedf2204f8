// Operators: one file each, holding shape rule, cost and reference code.
//
// What lives here: the table of operators (ops.inc), the interface an operator implements (this file), shape inference
// and cost over a graph. Relies on graph. Start here, then conv.cc.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace scissionlite::ops {

/// Domain of the operators that are ours: fused forms, which src/optimise makes of ONNX's.
inline constexpr char kFusedDomain[] = "scissionlite";

/// What an operator sees of its node. An absent optional input is an empty Tensor / ValueInfo without name.
struct Context {
  const Node& node;
  int64_t opset;  // of the node's domain in the graph
};

/// Shape rule: types of the outputs from types of the inputs. `constants[i]` holds the value of input i where it is
/// known (shapes, axes, pads), else an empty Tensor. Leaves `has_shape` false where it cannot tell.
/// @throws ModelError when inputs contradict each other (says node, given, expected).
using ShapeRule = std::vector<ValueInfo> (*)(const Context&, std::span<const ValueInfo> inputs, std::span<const Tensor> constants);
/// Multiply-accumulates for batch as given; 0 for data movement and elementwise work.
using CostRule = int64_t (*)(const Context&, std::span<const ValueInfo> inputs, std::span<const ValueInfo> outputs);
/// Plain, deterministic code: the oracle. Sums in a fixed order, no threads, no reassociation.
using Reference = std::vector<Tensor> (*)(const Context&, std::span<const Tensor> inputs);

/// What the node asks for that no code of this project computes, such as "the indices"; "": nothing.
using Lack = std::string (*)(const Context&);

struct Operator {
  std::string domain;  // "" = ONNX
  std::string type;    // "Conv"
  ShapeRule shape;
  CostRule cost;
  Reference reference;
  size_t min_inputs = 1;  // a node with fewer never reaches the rules above, which may read so many
  Lack lack = nullptr;    // none: it lacks nothing
};

/// The table's entry; nullptr when unknown.
[[nodiscard]] const Operator* find(const std::string& domain, const std::string& type);
[[nodiscard]] std::vector<const Operator*> all();

/// Whether the node only moves or chooses values of its first input, of whatever type: codes of numbers in place of the numbers, for example.
[[nodiscard]] bool moves_values(const Node& node);

/// Fills `graph.values` with dtype and shape of every inner value that the rules can tell (and of outputs that lack
/// one). Unknown operators leave their outputs unknown; nothing is thrown for them.
/// @throws ModelError when shapes contradict each other.
void infer_shapes(Graph& graph);

/// Multiply-accumulates per node (order of graph.nodes); 0 where unknown. Call after infer_shapes.
[[nodiscard]] std::vector<int64_t> node_macs(const Graph& graph);

/// Evaluates nodes whose inputs are all constants, and turns their results into initialisers, up to `limit_bytes` each. Larger ones are forgotten,
/// unless they are bytes (codes of weights), but what follows from them is computed; their nodes go where nothing else reads them.
/// @param is_left  nodes that are not evaluated; none: all may be.
void fold_constants(Graph& graph, int64_t limit_bytes = 64 << 20, bool (*is_left)(const Node&) = nullptr);

/// What a node that `find` knows asks for and does not get; "": nothing.
[[nodiscard]] std::string lack_of(const Context& c);
/// @throws Unsupported naming node and domain where this project has no code for the node, or not for all that it asks for.
void check_known(const Graph& graph, const Node& node, const std::string& engine);

/// Runs the reference code of one node. @throws Unsupported as check_known.
[[nodiscard]] std::vector<Tensor> run_node(const Graph& graph, const Node& node, std::span<const Tensor> inputs);

}  // namespace scissionlite::ops
