// Every candidate that the inputs know of: those of the plan, and all that the planner makes of the profiles.
#include <cmath>
#include <set>

#include "base/log.h"
#include "planner/planner.h"
#include "report/view.h"

namespace scissionlite::report {
namespace {

std::vector<Link> links_of(const Inputs& inputs) {
  if (inputs.network && !inputs.network->links.empty() && !inputs.plan) return {inputs.network->links.front()};
  if (!inputs.plan || inputs.plan->link_rtt_us.empty() || inputs.plan->link_up_bps.empty()) return {};
  Link link{.rtt_us = inputs.plan->link_rtt_us[0], .up_bps = inputs.plan->link_up_bps[0]};
  link.down_bps = inputs.plan->link_down_bps.empty() ? link.up_bps : inputs.plan->link_down_bps[0];
  if (inputs.network && !inputs.network->links.empty()) link.per_call_us = inputs.network->links.front().per_call_us;
  return {link};
}

/// The plan's constraints, as it wrote them: "require latency <= 50ms".
std::vector<planner::Constraint> constraints_of(const Inputs& inputs) {
  std::vector<planner::Constraint> out;
  if (!inputs.plan) return out;
  const std::vector<std::string> machines{inputs.device->machine_name, inputs.edge->machine_name};
  for (const auto& text : inputs.plan->constraints) {
    const auto space = text.find(' ');
    const std::string rest = space == std::string::npos ? "" : text.substr(space + 1);
    out.push_back(text.rfind("forbid ", 0) == 0 ? planner::parse_forbid(rest, machines) : planner::parse_require(rest, machines));
  }
  return out;
}

std::vector<PlannedCandidate> enumerate(const Inputs& inputs, const planner::CostModel& model) {
  const planner::Planner planner(model, inputs.scores ? &*inputs.scores : nullptr,
                                 {.constraints = constraints_of(inputs), .measured = {}, .privacy = inputs.privacy ? &*inputs.privacy : nullptr});
  std::vector<PlannedCandidate> out;
  const auto try_add = [&](const planner::Choice& choice) {
    try {
      out.push_back(planner.candidate(model.key(choice)));
    } catch (const InvalidArgument&) {
      // Not measured on one of the machines: no candidate.
    }
  };
  try_add({});
  for (int hop = 0; hop < static_cast<int>(model.hops().size()); ++hop) try_add({hop, planner::CostModel::kNone});
  return out;
}

/// How far the enumeration is from what the plan says of its choice.
double distance_from_plan(const std::vector<PlannedCandidate>& candidates, const Inputs& inputs) {
  for (const auto& candidate : candidates)
    if (inputs.plan && candidate.key == inputs.plan->chosen.key) return std::fabs(candidate.latency_us - inputs.plan->chosen.latency_us);
  return 0;
}

/// Whether images came to the device as files or as pixels is not in plan.json; the choice's own latency tells.
std::vector<PlannedCandidate> planned_from_profiles(const Inputs& inputs) {
  const auto links = links_of(inputs);
  if (!inputs.device || !inputs.edge || links.empty()) return {};
  const auto with = [&](bool from_file) {
    return enumerate(inputs,
                     planner::CostModel({*inputs.device, *inputs.edge}, links,
                                        {.from_file = from_file, .scored_bytes = planner::scored_bytes(inputs.scores ? &*inputs.scores : nullptr)}));
  };
  try {
    auto from_file = with(true);
    const double distance = distance_from_plan(from_file, inputs);
    if (distance < 1) return from_file;
    auto from_camera = with(false);
    return distance_from_plan(from_camera, inputs) < distance ? from_camera : from_file;
  } catch (const InvalidArgument& e) {
    log::warning(std::string("the charts show the plan's own candidates only: ") + e.what());
    return {};
  }
}

}  // namespace

std::vector<PlannedCandidate> known_candidates(const Inputs& inputs) {
  std::vector<PlannedCandidate> out;
  std::set<std::string> taken;
  const auto add = [&](const PlannedCandidate& candidate) {
    if (!candidate.key.empty() && taken.insert(candidate.key).second) out.push_back(candidate);
  };
  if (inputs.plan) {
    add(inputs.plan->chosen);
    for (const auto* list : {&inputs.plan->families, &inputs.plan->top, &inputs.plan->pareto})
      for (const auto& candidate : *list) add(candidate);
  }
  for (const auto& candidate : planned_from_profiles(inputs)) add(candidate);
  return out;
}

}  // namespace scissionlite::report
