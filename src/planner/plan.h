// Planner: from what was measured to where to cut.
//
// What lives here: plan.json (this file), the cost model (cost.h), constraints (constraints.h), the search (planner.h),
// break-even bandwidths (break_even.h), tables for people (render.h), the published ScissionTL cost (scissiontl.h).
// Pure functions of their inputs: no clock, no network. Relies on score, profile. Start here, then planner.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "score/privacy.h"
#include "score/scores.h"

namespace scissionlite {

/// One machine's share of a planned inference.
struct Stage {
  std::string machine;
  double decode_us = 0;     // TL decoder or image decoding and preprocessing
  double compute_us = 0;    // the slice
  double encode_us = 0;     // TL encoder or image encoding
  double wire_us = 0;       // to the next machine: one-way delay + bytes / rate; 0 on the last
  double bytes = 0;         // to the next machine
  std::string first, last;  // labels of the slice's first and last node (or tensor), "" when it computes nothing
};

struct PlannedCandidate {
  std::string key;  // of a chain: candidates joined with '|'
  std::string family;
  std::vector<std::string> cut_ids, tls;          // per link
  std::vector<std::vector<std::string>> tensors;  // per link
  std::vector<Stage> stages;                      // machines in order
  double answer_us = 0;                           // the way back
  double overhead_us = 0;                         // fixed cost of the offloader per image
  double latency_us = 0;                          // sum of all parts, or as `bench` measured it
  double predicted_us = 0;                        // the sum of all parts where `bench` measured the latency; else 0
  [[nodiscard]] double prediction_us() const { return predicted_us > 0 ? predicted_us : latency_us; }
  double throughput_ips = 0;  // images per second when pipelined: 1 / the slowest stage or wire
  double bytes = 0;           // over all links
  double agreement = -1;      // -1: not scored
  Interval agreement_interval;
  int64_t agreement_n = 0;
  std::optional<RebuildQuality> rebuilt;  // of the picture, from what is sent; where `privacy` measured it
  bool feasible = true;
  std::string infeasible_reason;  // which constraint, by how much
  std::string note;               // what in it is estimated instead of measured, or ""
};

/// Where the fastest plan changes as the up rate of the first link changes and everything else stays.
struct BreakEven {
  std::string below, above;  // candidate keys: best below and above the bandwidth
  double bandwidth_bps = 0;
};

struct Plan {
  std::string model_name, model_sha256;
  std::string objective = "latency";  // latency, throughput, bytes
  std::vector<std::string> machines;
  std::vector<double> link_rtt_us, link_up_bps, link_down_bps;
  std::vector<std::string> constraints;  // as given, readable
  PlannedCandidate chosen;
  std::vector<PlannedCandidate> top;       // best first, chosen included
  std::vector<PlannedCandidate> families;  // the best of every candidate family
  std::vector<PlannedCandidate> pareto;    // latency x bytes x agreement
  std::vector<BreakEven> break_evens;
  int64_t candidates_considered = 0;
  double planning_us = 0;
  std::string command;
};
[[nodiscard]] Json to_json(const PlannedCandidate& candidate);
[[nodiscard]] Json to_json(const Plan& plan);
[[nodiscard]] Plan plan_from_json(const Json& json, const std::string& where);
[[nodiscard]] Plan load_plan(const fs::path& path);

}  // namespace scissionlite
