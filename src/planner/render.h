// Plans as text for people. The same numbers as in plan.json.
#pragma once

#include <string>
#include <vector>

#include "planner/plan.h"
#include "planner/scissiontl.h"

namespace scissionlite::planner {

/// One row a candidate: latency and its parts, bytes, agreement, images per second.
[[nodiscard]] std::string candidate_table(const std::vector<PlannedCandidate>& candidates, const std::vector<std::string>& machines);
/// One candidate with every part of its time, its constraints and its place.
[[nodiscard]] std::string explain_text(const PlannedCandidate& candidate, const Plan& plan);
/// Two candidates part by part, with the difference.
[[nodiscard]] std::string versus_text(const PlannedCandidate& a, const PlannedCandidate& b, const Plan& plan);
/// Where the fastest plan changes with the first link's up rate.
[[nodiscard]] std::string break_even_table(const Plan& plan);
/// The whole result of `scissionlite plan`.
[[nodiscard]] std::string plan_text(const Plan& plan);

/// Rows as the published tool prints them: "0–1 | 2–596  0.1261 s  0.1588 MB".
[[nodiscard]] std::string scissiontl_text(const ScissionTlData& data, const ScissionTlLink& link, const std::vector<ScissionTlPlan>& plans,
                                          size_t top);
[[nodiscard]] Json scissiontl_json(const ScissionTlData& data, const ScissionTlLink& link, const std::vector<ScissionTlPlan>& plans, size_t top);

}  // namespace scissionlite::planner
