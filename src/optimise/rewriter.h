// A graph while a pass rewrites it: who makes and who reads each value, kept up to date. Private to optimise/.
//
// Nodes keep their number until `finish`, so that a pass walks over numbers; nodes that are taken out leave a hole.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "graph/graph.h"
#include "ops/ops.h"

namespace scissionlite {

class Rewriter {
 public:
  explicit Rewriter(Graph& graph);

  [[nodiscard]] size_t size() const { return graph_.nodes.size(); }  // holes included
  [[nodiscard]] bool alive(size_t i) const { return alive_[i]; }
  [[nodiscard]] const Node& node(size_t i) const { return graph_.nodes[i]; }
  [[nodiscard]] ops::Context context(size_t i) const { return {node(i), graph_.opset(node(i).domain)}; }
  [[nodiscard]] int64_t opset() const { return graph_.opset(); }

  /// The node that makes the value; nothing for inputs and constants.
  [[nodiscard]] std::optional<size_t> producer(const std::string& value) const;
  /// The same, where nothing but one input of one node reads the value and it is no output of the graph: such a value may be
  /// fused away.
  [[nodiscard]] std::optional<size_t> inner_producer(const std::string& value) const;
  [[nodiscard]] const std::vector<size_t>& readers(const std::string& value) const;  // a node stands once for each read
  [[nodiscard]] bool is_output(const std::string& value) const { return outputs_.count(value) > 0; }
  [[nodiscard]] bool is_read(const std::string& value) const { return is_output(value) || !readers(value).empty(); }
  /// nullptr when it is not constant.
  [[nodiscard]] const Tensor* constant(const std::string& value) const;
  /// Of all inputs of a node; empty tensors where not constant.
  [[nodiscard]] std::vector<Tensor> constants(size_t i) const;
  /// nullptr when nothing is known of the shape.
  [[nodiscard]] std::optional<Shape> shape(const std::string& value) const;
  [[nodiscard]] Dtype dtype(const std::string& value) const;
  /// Whether `second`, which reads a result of `first`, may be computed with it by float arithmetic: both are float32, and
  /// they are not the inside of a quantised operator written as DequantizeLinear ... QuantizeLinear.
  [[nodiscard]] bool may_merge(size_t first, size_t second) const;

  void replace(size_t i, Node node);
  void erase(size_t i);
  /// Puts `merged` in the place of `second`, whose outputs it gets, and takes `first` out.
  void merge(size_t first, size_t second, Node merged);
  /// Readers of `old` read `value`.
  void replace_reads(const std::string& old, const std::string& value);
  /// Makes the node's first output another name for `value` and takes the node out. False where that cannot be: the output
  /// is one of the graph, and so is the value, or it is an input or a constant.
  bool bypass(size_t i, const std::string& value);
  void insert_after(size_t i, Node node);
  /// @return the constant's name, made from `wish`.
  std::string add_constant(const std::string& wish, Tensor tensor);
  [[nodiscard]] std::string fresh_name(const std::string& wish) const { return graph_.fresh_name(wish); }
  /// Lets go of a constant that nothing reads any more, at once: weights that others replace would double the memory taken otherwise.
  void drop_if_unread(const std::string& constant);
  void import_fused_domain();

  /// Closes the holes and sorts.
  void finish();

 private:
  void link(size_t i);
  void unlink(size_t i);
  void rename_output(const std::string& old, const std::string& name);
  Graph& graph_;
  std::vector<bool> alive_;
  std::vector<size_t> place_;  // where a node stands at the end: its own number, or that of the node it was inserted after
  std::unordered_map<std::string, size_t> producers_;
  std::unordered_map<std::string, std::vector<size_t>> readers_;
  std::set<std::string> outputs_;
};

/// Looks at node i, and may rewrite it together with nodes before it. @return whether it did.
using Rule = std::function<bool(Rewriter&, size_t i)>;
/// Tries each rule on each node, in order. @return the number of rewrites.
int sweep(Graph& graph, std::initializer_list<Rule> rules);

}  // namespace scissionlite
