// One-operator graphs for gradient checks: what tests of src/train share.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace scissionlite::train {

/// An input: data with values drawn uniformly, or a constant.
struct CaseInput {
  Shape shape;
  double low = -2, high = 2;
  Tensor constant;  // empty for data
};
struct GradientCase {
  std::string type;
  std::vector<CaseInput> inputs;  // an input of shape {-1} is absent
  std::map<std::string, Attribute> attributes;
  int64_t opset = 13;
  size_t outputs = 1;
};
[[nodiscard]] const std::vector<GradientCase>& gradient_cases();
/// Inputs are named "x0", "x1", ...; outputs "y0", ...
[[nodiscard]] Graph graph_of(const GradientCase& one);

}  // namespace scissionlite::train
