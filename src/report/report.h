// Report: one self-contained HTML page, readable offline, from what the other commands wrote.
//
// What lives here: the page (this file, page.cc), what it shows as plain data (view.h), charts as inline SVG
// (charts.h), and the tools they are drawn with (markup.h, scale.h). Everything that comes from a file is escaped.
// Relies on planner, bench. Start here, then view.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "bench/results.h"
#include "planner/plan.h"
#include "profile/network.h"
#include "profile/profile.h"
#include "report/explanation.h"
#include "report/pruned.h"
#include "report/rare_training.h"
#include "score/privacy.h"
#include "score/scores.h"

namespace scissionlite::report {

/// What a report is made from. Each part may be absent; the page then says which command would fill its place.
struct Inputs {
  std::optional<Plan> plan;
  std::vector<BenchResults> benches;  // the first is the main one: that of the plan's link
  std::optional<Profile> device, edge;
  std::optional<Scores> scores;
  std::optional<Privacy> privacy;
  std::optional<Network> network;
  std::optional<Explained> explained;  // of the model, or of a half of it
  std::optional<Pruned> pruned;
  std::optional<RareTraining> rare_training;
  std::string command;  // that makes this page
};

/// @throws InvalidArgument when there is no input at all, or when two inputs are of different models (names both).
void check_inputs(const Inputs& inputs);

/// The page: UTF-8 HTML, no request to anywhere. Cost: milliseconds.
/// @throws InvalidArgument as `check_inputs`.
[[nodiscard]] std::string render_html(const Inputs& inputs);

/// The candidates of the page's table for a terminal: family, latency, bytes, agreement, speed-up.
[[nodiscard]] std::string render_text(const Inputs& inputs);

/// The data behind the page ("scissionlite.report/1"), as embedded in it under id="data".
[[nodiscard]] Json report_data(const Inputs& inputs);

}  // namespace scissionlite::report
