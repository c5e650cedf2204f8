#include "report/view.h"

#include <set>

#include "base/error.h"

namespace scissionlite::report {
namespace {

std::string model_of(const Inputs& inputs) {
  for (const auto& name :
       {inputs.plan ? inputs.plan->model_name : "", inputs.device ? inputs.device->model_name : "", inputs.edge ? inputs.edge->model_name : "",
        inputs.benches.empty() ? "" : inputs.benches.front().model_name, inputs.explained ? inputs.explained->model_name : ""})
    if (!name.empty()) return name;
  return "the model";
}

/// (what it is, hash) of every input that carries the model's identity.
std::vector<std::pair<std::string, std::string>> identities(const Inputs& inputs) {
  std::vector<std::pair<std::string, std::string>> out;
  const auto add = [&](const std::string& what, const std::string& sha256) {
    if (!sha256.empty()) out.emplace_back(what, sha256);
  };
  if (inputs.plan) add("the plan", inputs.plan->model_sha256);
  if (inputs.device) add("the device profile", inputs.device->model_sha256);
  if (inputs.edge) add("the edge profile", inputs.edge->model_sha256);
  if (inputs.scores) add("the scores file", inputs.scores->model_sha256);
  if (inputs.privacy) add("the privacy file", inputs.privacy->model_sha256);
  for (const auto& bench : inputs.benches) add("a bench", bench.model_sha256);
  return out;
}

}  // namespace

void check_inputs(const Inputs& inputs) {
  if (!inputs.plan && inputs.benches.empty() && !inputs.device && !inputs.edge && !inputs.scores && !inputs.privacy && !inputs.network &&
      !inputs.explained && !inputs.pruned && !inputs.rare_training)
    throw InvalidArgument(
        "[report] got no input, expected at least one of --plan, --bench, --device-profile, --edge-profile, --scores, --privacy, --network, --explain, --pruning, --training");
  const auto all = identities(inputs);
  for (const auto& [what, sha256] : all)
    if (sha256 != all.front().second)
      throw InvalidArgument("[report] " + what + " is of model " + sha256.substr(0, 12) + "..., " + all.front().first + " of " +
                            all.front().second.substr(0, 12) + "...; one page shows one model, so give files that were made from the same one");
}

View make_view(const Inputs& inputs) {
  check_inputs(inputs);
  View view;
  view.model = model_of(inputs);
  if (inputs.device && !inputs.device->machine_name.empty()) view.device_name = inputs.device->machine_name;
  if (inputs.edge && !inputs.edge->machine_name.empty()) view.edge_name = inputs.edge->machine_name;
  view.tables = make_tables(inputs);
  write_headline(view, inputs);
  const auto candidates = known_candidates(inputs);
  const std::string chosen = inputs.plan ? inputs.plan->chosen.key : "";
  if (inputs.plan) {
    view.chosen_parts = parts_of(inputs.plan->chosen);
    view.constraints = inputs.plan->constraints;
    view.bandwidth = make_bandwidth_view(candidates, *inputs.plan);
  }
  view.cuts = make_cut_bars(candidates, chosen);
  view.points = make_points(candidates, chosen);
  if (inputs.scores) view.rates = make_rate_view(*inputs.scores, chosen);
  if (inputs.privacy) view.rebuilt = make_rebuilt_view(*inputs.privacy, chosen);
  if (inputs.explained) view.explain = make_explain_view(*inputs.explained);
  view.pruned = inputs.pruned;
  view.rare_training = inputs.rare_training;
  view.facts = make_facts(inputs);
  view.commands = make_commands(inputs);
  view.footnotes = make_footnotes(view, inputs);
  return view;
}

}  // namespace scissionlite::report
