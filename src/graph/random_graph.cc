#include "graph/random_graph.h"

#include <algorithm>

namespace scissionlite {
namespace {

ValueInfo value_info(const std::string& name, const Shape& shape) { return {name, Dtype::kF32, shape, /*has_shape=*/true, {}}; }

Tensor random_constant(Rng& rng, const Shape& shape) {
  Tensor tensor(Dtype::kF32, shape);
  for (float& v : tensor.mutable_as<float>()) v = static_cast<float>(rng.uniform(-1, 1));
  return tensor;
}

}  // namespace

Graph random_graph(Rng& rng, const RandomGraphOptions& options) {
  Graph graph;
  graph.name = "random";
  graph.opsets = {{"", 13}};
  graph.inputs = {value_info("x", options.shape)};
  std::vector<std::string> values{"x"};
  const auto pick = [&] {  // a recent value; usually the newest
    const auto oldest = values.size() > static_cast<size_t>(options.window) ? values.size() - static_cast<size_t>(options.window) : 0;
    return rng.uniform() < options.skip_probability ? values[oldest + rng.below(values.size() - oldest)] : values.back();
  };
  const char* binary[] = {"Add", "Mul", "Sub"};
  const char* unary[] = {"Relu", "Neg"};
  for (int i = 0; i < options.nodes; ++i) {
    Node node;
    node.name = "n" + std::to_string(i);
    const double kind = rng.uniform();
    if (kind < 0.45) {
      node.op_type = unary[rng.below(2)];
      node.inputs = {pick()};
    } else if (kind < 0.6) {  // with a constant, which is never a cut
      const std::string constant = "c" + std::to_string(i);
      graph.initializers.emplace(constant, random_constant(rng, {1}));
      node.op_type = binary[rng.below(3)];
      node.inputs = {pick(), constant};
    } else {
      node.op_type = binary[rng.below(3)];
      node.inputs = {values.back(), pick()};
    }
    node.outputs = {"v" + std::to_string(i)};
    graph.values.emplace(node.outputs[0], value_info(node.outputs[0], options.shape));
    values.push_back(node.outputs[0]);
    graph.nodes.push_back(std::move(node));
  }
  // values that nothing reads are summed into the output, so that no branch is dead
  std::set<std::string> read;
  for (const auto& node : graph.nodes) read.insert(node.inputs.begin(), node.inputs.end());
  std::string last = values.back();
  for (size_t i = 1; i + 1 < values.size(); ++i) {
    if (read.count(values[i])) continue;
    const std::string sum = "s" + std::to_string(i);
    graph.nodes.push_back({"sum" + std::to_string(i), "Add", "", {last, values[i]}, {sum}, {}, ""});
    graph.values.emplace(sum, value_info(sum, options.shape));
    last = sum;
  }
  graph.outputs = {value_info(last, options.shape)};
  for (int i = 0; i < options.extra_outputs; ++i) {
    const auto info = value_info(values[1 + rng.below(values.size() - 1)], options.shape);
    if (std::none_of(graph.outputs.begin(), graph.outputs.end(), [&](const auto& o) { return o.name == info.name; })) graph.outputs.push_back(info);
  }
  return graph;
}

}  // namespace scissionlite
