#include "simulate/of_plan.h"

#include <algorithm>

#include "base/error.h"

namespace scissionlite::simulate {
namespace {

const PlannedCandidate* local_of(const Plan& plan) {
  for (const auto* group : {&plan.families, &plan.top, &plan.pareto})
    for (const auto& candidate : *group)
      if (candidate.key == "local") return &candidate;
  return nullptr;
}

control::PlanTraits traits_of(const PlannedCandidate& candidate, const PlannedCandidate* local) {
  const auto spent_us = [](const Stage& stage) { return stage.decode_us + stage.compute_us + stage.encode_us; };
  const double head_us = spent_us(candidate.stages.front());
  control::PlanTraits out{.key = candidate.key,
                          .uses_edge = candidate.stages.size() > 1,
                          .answers_locally = local != nullptr || candidate.stages.size() == 1,
                          .head_us = head_us + candidate.overhead_us};
  if (!out.uses_edge) return out;
  out.edge_us = spent_us(candidate.stages.back()), out.up_bytes = candidate.bytes;
  if (!local) return out;
  const double whole_us = spent_us(local->stages.front()), computed_us = candidate.stages.front().compute_us;
  out.local_us = std::max(0.0, whole_us - computed_us);
  return out;
}

}  // namespace

std::vector<control::PlanTraits> plans_of(const Plan& plan) {
  if (plan.machines.size() > 2)
    throw InvalidArgument("[simulate] the plan is of " + std::to_string(plan.machines.size()) + " machines; expected a device and one edge");
  const auto* local = local_of(plan);
  std::vector<control::PlanTraits> out{traits_of(plan.chosen, local)};
  for (const auto& candidate : plan.families)
    if (candidate.feasible && std::none_of(out.begin(), out.end(), [&](const auto& one) { return one.key == candidate.key; }))
      out.push_back(traits_of(candidate, local));
  return out;
}

}  // namespace scissionlite::simulate
