// What `scissionlite-train prune --report` wrote, as the report reads it.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"

namespace scissionlite::report {

struct PrunedWidth {
  std::string name;  // of the weights that make the channels
  int64_t channels = 0, kept = 0;
  std::vector<double> magnitudes;  // of all channels at the end of the search, ascending; empty where none was measured
};
struct PrunedGate {
  std::string name;
  double gate = 1;  // 0: the block is gone
};
struct BeforeAfter {
  double before = 0, after = 0;
  [[nodiscard]] double ratio() const { return before > 0 ? after / before : 0; }
};

struct Pruned {
  std::string model, output, command;
  BeforeAfter parameters, macs, latency_us;
  std::optional<std::pair<std::string, BeforeAfter>> predicted;  // machine of a profile, and microseconds on it
  std::optional<double> score_before, score_searched, score_rebuilt, score_after;
  std::vector<PrunedWidth> layers;
  std::vector<PrunedGate> blocks;
  std::vector<std::string> refused;
  bool is_within_budget = true;
};

/// @throws InvalidArgument naming file and field.
[[nodiscard]] Pruned load_pruned(const fs::path& path);
[[nodiscard]] Pruned pruned_from_json(const Json& json, const std::string& where);

}  // namespace scissionlite::report
