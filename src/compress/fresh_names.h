// Names for what is added to a graph in many steps, before the graph has it all. For single names Graph::fresh_name does. Private to compress/.
#pragma once

#include <set>
#include <string>

#include "graph/graph.h"

namespace scissionlite::compress {

class FreshNames {
 public:
  explicit FreshNames(const Graph& graph) {
    for (const auto& info : graph.inputs) taken_.insert(info.name);
    for (const auto& [name, tensor] : graph.initializers) taken_.insert(name);
    for (const auto& node : graph.nodes) taken_.insert(node.name), taken_.insert(node.outputs.begin(), node.outputs.end());
  }
  /// A name that nothing has, nodes included, nor was given before.
  std::string operator()(const std::string& wish) {
    std::string name = wish;
    for (int i = 1; !taken_.insert(name).second; ++i) name = wish + "_" + std::to_string(i);
    return name;
  }

 private:
  std::set<std::string> taken_;
};

}  // namespace scissionlite::compress
