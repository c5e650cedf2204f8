// Graph: a model as nodes and named values, independent of ONNX's file format and of any engine.
//
// What lives here: the graph itself (this file), slices and joins of graphs (slice.h), the places where a model can be
// cut (cuts.h). Relies on base only. Start here, then slice.h.
// Attributes and operator names are ONNX's own, so that import and export lose nothing; operators are not interpreted
// here (that is ops/).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/tensor.h"

namespace scissionlite {

/// One attribute of a node. String tensors, sparse tensors, types and subgraphs are not held (import refuses them).
using Attribute = std::variant<int64_t, float, std::string, Tensor, std::vector<int64_t>, std::vector<float>, std::vector<std::string>>;

struct Node {
  std::string name;                  // may be empty; `label()` is what people see
  std::string op_type;               // "Conv"
  std::string domain;                // "" is ONNX's own
  std::vector<std::string> inputs;   // "" marks an optional input that is absent
  std::vector<std::string> outputs;  // "" marks an output that is not wanted
  std::map<std::string, Attribute> attributes;
  std::string doc;

  [[nodiscard]] std::string label() const;  ///< "Conv 'stage2/conv1'", or by first output when unnamed
  [[nodiscard]] int64_t int_attribute(const std::string& key, int64_t fallback) const;
  [[nodiscard]] float float_attribute(const std::string& key, float fallback) const;
  [[nodiscard]] std::string text_attribute(const std::string& key, const std::string& fallback) const;
  [[nodiscard]] std::vector<int64_t> ints_attribute(const std::string& key, std::vector<int64_t> fallback = {}) const;
  [[nodiscard]] std::vector<float> floats_attribute(const std::string& key, std::vector<float> fallback = {}) const;
  [[nodiscard]] bool has(const std::string& key) const { return attributes.count(key) > 0; }
};

/// Type of a value. A dynamic dimension is -1 in `shape` and may carry a name in `symbols`.
struct ValueInfo {
  std::string name;
  Dtype dtype = Dtype::kUndefined;
  Shape shape;
  bool has_shape = false;            // false: the rank is unknown too
  std::vector<std::string> symbols;  // empty, or one entry a dimension ("" where there is no name)
};

struct Opset {
  std::string domain;
  int64_t version = 0;
};

/// A model, or a slice of one. Immutable by habit once built: functions return new graphs. Tensors share buffers, so
/// copies are cheap.
struct Graph {
  std::string name;
  int64_t ir_version = 8;
  std::vector<Opset> opsets;
  std::string producer;
  std::map<std::string, std::string> metadata;
  std::vector<Node> nodes;                     // in topological order
  std::map<std::string, Tensor> initializers;  // constants by value name
  std::vector<ValueInfo> inputs;               // real inputs only (never an initializer)
  std::vector<ValueInfo> outputs;
  std::map<std::string, ValueInfo> values;  // what is known of inner values, by name

  /// Version of the opset of `domain` ("" = ONNX); 0 when not imported.
  [[nodiscard]] int64_t opset(const std::string& domain = "") const;
  /// What is known of a value, wherever it stands (input, output, inner, initializer).
  [[nodiscard]] std::optional<ValueInfo> find_value(const std::string& value) const;
  /// Index in `nodes` of the node that produces each value.
  [[nodiscard]] std::unordered_map<std::string, size_t> producers() const;
  /// A name that no value or node of the graph has, made from `wish`.
  [[nodiscard]] std::string fresh_name(const std::string& wish) const;
  /// Checks: every used value is produced before its use, exactly once; outputs exist; names are not empty.
  /// @throws ModelError naming node and value.
  void check() const;
};

/// Sorts nodes topologically (stable: the given order is kept where it is already valid).
/// @throws ModelError when there is a cycle or an input that nothing produces.
void sort_nodes(Graph& graph);

/// For each node, whether its outputs depend on no graph input (so they are constants, never cuts).
[[nodiscard]] std::vector<bool> constant_nodes(const Graph& graph);

}  // namespace scissionlite
