// Which values of a graph can be trained, and which of them are: by name, by side of a cut. Free of libtorch.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace scissionlite::train {

/// What a parameter is to the operator that uses it.
enum class Role { kWeight, kBias, kScale, kShift, kSlope };
[[nodiscard]] const char* role_name(Role role);

/// Where a parameter's values are stored.
enum class Storage {
  kInitializer,
  kConstantNode,  // attribute of a Constant node
  kDequantized,   // integers behind a DequantizeLinear; trained as its result, exported as a float32 initializer
};

/// A constant that an operator uses as weight, bias, scale, shift or slope, seen through Reshape, Unsqueeze, Transpose,
/// Cast and QuantizeLinear + DequantizeLinear.
struct Parameter {
  std::string name;       // of the value that holds it; for kDequantized the DequantizeLinear's output
  std::string stored_as;  // the initializer's name
  Role role;
  Storage storage;
  Shape shape;
  std::vector<std::string> users;   // names of the nodes that use it (their first outputs where unnamed)
  std::vector<std::string> values;  // first outputs of those nodes
  bool trained = false;
};
/// In the order of first use. Numbers for both operands of Add and Mul count when they have more than one element; those
/// of Sub and Div (normalisation of the input) do not.
[[nodiscard]] std::vector<Parameter> find_parameters(const Graph& graph);

/// Patterns are globs (*, ?, [abc]) on names of parameters, of their initializers or of the nodes that use them.
struct Selection {
  std::vector<std::string> train{"*"};
  std::vector<std::string> freeze;  // wins over train
  std::vector<std::string> cut;     // tensors of a cut; empty: the whole graph
  std::string side;                 // "head" or "tail" of the cut; a parameter used on both sides belongs to the head
};
/// Sets `trained`. @throws InvalidArgument: a pattern that matches nothing (with near names, or why a constant of that
/// name cannot be trained), nothing left to train, a side without a cut. Unsupported: a model whose weights are all
/// inside QLinear operators.
void select_parameters(const Graph& graph, std::vector<Parameter>& parameters, const Selection& selection);

/// Shell-style match of the whole name.
[[nodiscard]] bool glob_matches(const std::string& pattern, const std::string& name);

}  // namespace scissionlite::train
