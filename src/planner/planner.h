// Planner: enumerate, cost, constrain, sort. Data plus argmin.
#pragma once

#include <string>
#include <vector>

#include "planner/checker.h"
#include "planner/measured_runs.h"
#include "planner/plan.h"

namespace scissionlite::planner {

struct PlanOptions {
  std::string objective = "latency";  // latency, throughput (pipelined), bytes (then latency)
  std::vector<Constraint> constraints;
  int top = 10;                            // rows of Plan::top
  std::vector<MeasuredRun> measured = {};  // what bench ran: takes the place of the prediction
  const Privacy* privacy = nullptr;        // what can be rebuilt of the picture; read by the constructor only
};

class Planner {
 public:
  /// @param scores  null: agreement unknown. @param graph  null: layers are known by cut tensors and ids only.
  /// All are kept by reference.
  /// @throws InvalidArgument: an unknown objective, scores of another model, a constraint on agreement without scores or on
  /// rebuilt pictures without privacy.
  Planner(const CostModel& model, const Scores* scores, PlanOptions options, const Graph* graph = nullptr);

  /// The best candidate that meets all constraints, and the tables around it.
  /// @throws InvalidArgument when none does: which constraint, by how much, and the nearest candidate.
  /// Cost: one pass over the candidates; 2,000 cuts x 6 TLs take milliseconds for two machines, seconds for three.
  [[nodiscard]] Plan plan() const;

  /// One candidate by key, with `feasible` and the reason. @throws InvalidArgument when unknown or not measured.
  [[nodiscard]] PlannedCandidate candidate(const std::string& key) const;

 private:
  [[nodiscard]] PlannedCandidate describe_checked(const Outcome& outcome) const;
  [[nodiscard]] bool is_better(const Outcome& a, const Outcome& b) const;
  class Collector;

  const CostModel* model_;
  PlanOptions options_;
  Agreements agreements_;
  LayerIndex layers_;
  Checker checker_;
  MeasuredRuns measured_;
};

}  // namespace scissionlite::planner
