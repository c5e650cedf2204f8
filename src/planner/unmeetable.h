// Why no candidate meets the constraints: which one is in the way, and by how much.
#pragma once

#include <string>

#include "planner/checker.h"

namespace scissionlite::planner {

/// One message, ready to throw: names constraints that no candidate meets even alone; else each single one whose removal
/// would help, with the candidate that comes nearest and by how much it misses; else pairs that exclude each other.
/// Cost: one more pass over the candidates.
[[nodiscard]] std::string explain_unmeetable(const CostModel& model, const Agreements& agreements, const Checker& checker);

}  // namespace scissionlite::planner
