#include "cli/inspect_sparsity.h"

#include <iostream>

#include "base/text.h"
#include "compress/two_four.h"
#include "ops/ops.h"

namespace scissionlite::cli {
namespace {

constexpr double kAlmost = 0.9;  // of the groups

struct Line {
  compress::SparseLayer layer;
  compress::TwoFourShare share;
  [[nodiscard]] const char* verdict() const {
    if (share.groups == 0) return "no groups of four";
    return share.satisfied == share.groups ? "2:4" : share.share() >= kAlmost ? "almost" : "no";
  }
};

std::vector<Line> lines_of(Graph graph) {
  ops::fold_constants(graph);
  std::vector<Line> out;
  for (auto& layer : compress::find_sparse_layers(graph)) {
    const auto share = compress::two_four_share(layer, graph.initializers.at(layer.weights));
    out.push_back({std::move(layer), share});
  }
  return out;
}

std::string percent(int64_t part, int64_t whole) {
  return whole > 0 ? format_fixed(100.0 * static_cast<double>(part) / static_cast<double>(whole), 1) : "-";
}

}  // namespace

Json sparsity_json(const Graph& graph) {
  Json out = Json::array();
  for (const auto& [layer, share] : lines_of(graph))
    out.push_back({{"layer", layer.node},
                   {"weights", layer.weights},
                   {"outputs", layer.outputs},
                   {"inputs", layer.inputs},
                   {"taps", layer.taps},
                   {"groups", share.groups},
                   {"satisfied", share.satisfied},
                   {"zeros", share.zeros},
                   {"values", share.values},
                   {"verdict", Line{layer, share}.verdict()},
                   {"not_eligible", layer.not_eligible}});
  return out;
}

void print_sparsity(const Graph& graph) {
  std::vector<std::vector<std::string>> rows{{"layer", "outputs", "inputs", "taps", "zeros %", "groups %", "2:4", "left dense by ASP because"}};
  int64_t satisfied = 0, eligible = 0;
  for (const auto& line : lines_of(graph)) {
    const auto& [layer, share] = line;
    rows.push_back({layer.node, std::to_string(layer.outputs), std::to_string(layer.inputs), std::to_string(layer.taps),
                    percent(share.zeros, share.values), percent(share.satisfied, share.groups), line.verdict(), layer.not_eligible});
    eligible += layer.not_eligible.empty();
    satisfied += layer.not_eligible.empty() && share.groups > 0 && share.satisfied == share.groups;
  }
  std::cout << "\n"
            << format_table(rows) << satisfied << " of " << eligible
            << " eligible layers satisfy 2:4; groups % = share of groups of four inputs with two zeros, almost = " << percent(9, 10) << " or more\n";
}

}  // namespace scissionlite::cli
