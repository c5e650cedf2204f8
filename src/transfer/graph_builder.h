// Builds the small graphs of a TL from standard operators, spelled as the host model's opset wants them.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace scissionlite::transfer {

/// Appends one node a call and returns the name of its output. Operators whose spelling changed between opset 7 and the
/// newest (Clip, Pad, Slice, Upsample/Resize, ReduceMin/Max) are spelled by version here and nowhere else.
class GraphBuilder {
 public:
  GraphBuilder(std::string name, const std::vector<Opset>& opsets, int64_t ir_version);

  /// A graph input; returns its name.
  std::string input(const std::string& name, Dtype dtype, const Shape& shape);
  /// Makes `value` a graph output called `name`.
  void output(const std::string& value, const std::string& name, Dtype dtype, const Shape& shape);
  [[nodiscard]] Graph build();

  std::string constant(const Tensor& tensor);
  std::string scalar(float value) { return constant(Tensor::scalar(value)); }
  /// A per-channel constant, (1, n, 1, 1).
  std::string channels(const std::vector<float>& values);

  std::string add(const std::string& a, const std::string& b) { return node("Add", {a, b}); }
  std::string sub(const std::string& a, const std::string& b) { return node("Sub", {a, b}); }
  std::string mul(const std::string& a, const std::string& b) { return node("Mul", {a, b}); }
  std::string div(const std::string& a, const std::string& b) { return node("Div", {a, b}); }
  std::string floor(const std::string& x) { return node("Floor", {x}); }
  std::string relu(const std::string& x) { return node("Relu", {x}); }
  std::string identity(const std::string& x) { return node("Identity", {x}); }
  std::string cast(const std::string& x, Dtype to);
  std::string clip(const std::string& x, float low, float high);
  std::string concat(const std::vector<std::string>& parts, int64_t axis);
  std::string reshape(const std::string& x, const std::vector<int64_t>& shape);
  /// x[:, from:to] along `axis`.
  std::string slice(const std::string& x, int64_t axis, int64_t from, int64_t to);
  /// Zeros after the last channel of an NCHW tensor.
  std::string pad_channels(const std::string& x, int64_t count);
  /// Over every axis but the first, keeping `rank`.
  std::string reduce_min(const std::string& x, size_t rank) { return reduce("ReduceMin", x, rank); }
  std::string reduce_max(const std::string& x, size_t rank) { return reduce("ReduceMax", x, rank); }
  /// Nearest-neighbour upsampling of an NCHW tensor: each pixel becomes 2 x 2.
  std::string upsample2(const std::string& x);
  std::string node(const std::string& type, std::vector<std::string> inputs, std::map<std::string, Attribute> attributes = {});

 private:
  std::string fresh(const std::string& stem) { return graph_.name + "_" + stem + "_" + std::to_string(count_++); }
  std::string reduce(const std::string& type, const std::string& x, size_t rank);
  std::string indices(const std::vector<int64_t>& values);
  Graph graph_;
  int64_t opset_;
  int count_ = 0;
};

}  // namespace scissionlite::transfer
