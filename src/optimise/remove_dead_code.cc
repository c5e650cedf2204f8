// Nodes, optional outputs and constants that nothing reads.
#include <algorithm>
#include <unordered_set>

#include "optimise/passes.h"

namespace scissionlite::passes {
namespace {

using Names = std::unordered_set<std::string>;

/// Operators whose outputs behind the first are optional. Not BatchNormalization: that it has more says that it trains.
bool may_drop_outputs(const Node& node) { return node.domain.empty() && (node.op_type == "Dropout" || node.op_type == "MaxPool"); }

int drop_outputs(Node& node, const Names& wanted) {
  if (!may_drop_outputs(node)) return 0;
  int dropped = 0;
  for (; node.outputs.size() > 1 && !wanted.count(node.outputs.back()); ++dropped) node.outputs.pop_back();
  return dropped;
}

Names names_of(const std::vector<ValueInfo>& list) {
  Names out;
  for (const auto& info : list) out.insert(info.name);
  return out;
}

}  // namespace

int remove_dead_code(Graph& graph) {
  Names wanted = names_of(graph.outputs);
  int rewrites = 0;
  std::vector<Node> kept;
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    auto& node = graph.nodes[i];
    if (std::none_of(node.outputs.begin(), node.outputs.end(), [&](const auto& output) { return wanted.count(output) > 0; })) {
      ++rewrites;
      continue;
    }
    rewrites += drop_outputs(node, wanted);
    for (const auto& input : node.inputs)
      if (!input.empty()) wanted.insert(input);
    kept.push_back(std::move(node));
  }
  std::reverse(kept.begin(), kept.end());
  graph.nodes = std::move(kept);
  std::erase_if(graph.initializers, [&](const auto& entry) { return !wanted.count(entry.first); });
  return rewrites;
}

}  // namespace scissionlite::passes
