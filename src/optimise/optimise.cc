#include "optimise/optimise.h"

#include <algorithm>
#include <unordered_set>

#include "base/text.h"
#include "ops/ops.h"
#include "optimise/passes.h"

namespace scissionlite {
namespace {

/// What a round leaves to do is what it made possible itself, so three or four are usual.
constexpr int kMostRounds = 16;

bool contains(const std::vector<std::string>& names, const std::string& name) { return std::find(names.begin(), names.end(), name) != names.end(); }

void check_names(const std::vector<std::string>& given, const std::vector<std::string>& known, const std::string& what) {
  for (const auto& name : given)
    if (!contains(known, name)) throw InvalidArgument("[optimise] unknown " + what + " '" + name + "'" + did_you_mean(name, known));
}

std::vector<const Pass*> chosen_passes(const OptimiseOptions& options) {
  std::vector<std::string> names, choices;
  for (const auto& pass : all_passes()) {
    names.push_back(pass.name);
    if (pass.kind == PassKind::kChoice) choices.push_back(pass.name);
  }
  check_names(options.leave_out, names, "pass to leave out");
  check_names(options.choose, choices, "pass to choose");
  std::vector<const Pass*> out;
  for (const auto& pass : all_passes())
    if (!contains(options.leave_out, pass.name) && (pass.kind != PassKind::kChoice || contains(options.choose, pass.name))) out.push_back(&pass);
  return out;
}

void drop_values_of_removed_nodes(Graph& graph) {
  std::unordered_set<std::string> made;
  for (const auto& node : graph.nodes) made.insert(node.outputs.begin(), node.outputs.end());
  std::erase_if(graph.values, [&](const auto& entry) { return !made.count(entry.first); });
}

/// The declared interface, where it says anything: shape inference may know less (a size that the file promises).
void restore_interface(std::vector<ValueInfo>& now, const std::vector<ValueInfo>& declared) {
  for (size_t i = 0; i < now.size(); ++i)
    if (declared[i].has_shape) now[i] = declared[i];
}

PassReport run_pass(const Pass& pass, Graph& graph) {
  PassReport report{pass.name, 0, graph.nodes.size(), 0};
  while_doing("running the pass '" + pass.name + "'", [&] {
    report.rewrites = pass.run(graph);
    graph.check();
    if (report.rewrites == 0) return;
    drop_values_of_removed_nodes(graph);
    ops::infer_shapes(graph);
  });
  report.nodes_after = graph.nodes.size();
  return report;
}

}  // namespace

std::span<const Pass> all_passes() {
  static const Pass table[] = {
#define SCISSIONLITE_PASS(name, kind, summary) {#name, PassKind::kind, summary, passes::name},
#include "optimise/passes.inc"
#undef SCISSIONLITE_PASS
  };
  return table;
}

std::vector<PassReport> optimise(Graph& graph, const OptimiseOptions& options) {
  const auto chosen = chosen_passes(options);
  const auto outputs = graph.outputs;
  ops::infer_shapes(graph);
  std::vector<PassReport> reports;
  bool changed = true;
  for (int round = 0; changed && round < kMostRounds; ++round) {
    changed = false;
    for (const auto* pass : chosen) {
      if (pass->kind == PassKind::kLast && changed) continue;
      auto report = run_pass(*pass, graph);
      changed |= report.rewrites > 0;
      if (round == 0 || report.rewrites > 0) reports.push_back(std::move(report));
    }
  }
  restore_interface(graph.outputs, outputs);
  return reports;
}

}  // namespace scissionlite
