// What the page shows, as plain data: rows, bars, points and curves computed from the inputs, nothing drawn yet.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/report.h"

namespace scissionlite::report {

/// How often the answer is the uncut model's, with the images behind it: share, interval and n come from one place.
struct Agreement {
  double share = -1;         // -1: not measured
  Interval interval{};       // 95 %
  int64_t n = 0;             // images; 0: equal by construction
  bool is_of_bench = false;  // else of the scores, by way of the plan or not
  [[nodiscard]] bool is_known() const { return share >= 0; }
};
/// "n = 24, 81.7–95.3 %", "by construction" or "not measured".
[[nodiscard]] std::string interval_words(const Agreement& agreement);

/// One candidate in the table: what the plan predicted beside what the bench measured. Times in microseconds, 0 = absent.
struct CandidateRow {
  std::string key, family{}, label{};
  double predicted_us = 0;
  double measured_us = 0, p95_us = 0;
  Interval measured_ci{};
  int64_t n = 0;
  double bytes = -1, bytes_p95 = -1;
  Agreement agreement{};
  double speedup = 0;  // over local, measured over measured or predicted over predicted
  bool is_chosen = false;
  std::string problem{};  // why it could not run, or which constraint it misses
  [[nodiscard]] bool is_measured() const { return measured_us > 0; }
  [[nodiscard]] double best_us() const { return is_measured() ? measured_us : predicted_us; }
};

/// The table of one set of conditions (link, device).
struct CandidateTable {
  std::string title, conditions{};
  std::vector<CandidateRow> rows{};  // fastest first; failed ones last
  bool has_measured = false;
};

/// Parts of one latency, in microseconds.
struct Parts {
  double device = 0, encode = 0, wire = 0, decode = 0, edge = 0, rest = 0;  // rest: the answer's way back, fixed overhead
  [[nodiscard]] double total() const { return device + encode + wire + decode + edge + rest; }
};
[[nodiscard]] Parts parts_of(const PlannedCandidate& candidate);

/// One place to cut, with the fastest candidate there.
struct CutBar {
  std::string key, label{}, cut_id{}, tl{};
  Parts parts{};
  double bytes = 0;
  Agreement agreement{};
  bool is_chosen = false, is_end = false;  // is_end: edge only or local only
  bool is_feasible = true;                 // false: nothing at this place meets the plan's constraints
  int candidates = 1;                      // compared at this place
};

struct ParetoPoint {
  std::string key, family, label;
  double latency_us = 0, bytes = 0;
  Agreement agreement{};
  bool on_front = false, is_chosen = false;
};

/// Latency over the bandwidth of the first link: fixed_us + bits * 1e6 / bandwidth.
struct Curve {
  std::string key, family, label;
  double fixed_us = 0, bits = 0;
  bool is_chosen = false;
  [[nodiscard]] double latency_us(double bandwidth_bps) const { return fixed_us + bits * 1e6 / bandwidth_bps; }
};
struct Crossing {
  std::string below, above;  // keys: best below and above the bandwidth
  double bandwidth_bps = 0, latency_us = 0;
};
struct BandwidthView {
  std::vector<Curve> curves;        // at most kMostCurves, best at the link first
  std::vector<Crossing> crossings;  // by bandwidth
  double link_bps = 0;
};

/// Agreement over bytes at one cut, beside the image codecs.
struct RatePoint {
  std::string key, label;
  double bytes = 0;
  Agreement agreement{};
  bool is_chosen = false;
};
struct RateCurve {
  std::string name;               // "KLT, entropy-coded", "JPEG 4:2:0"
  std::vector<RatePoint> points;  // by bytes
};
struct RateView {
  std::string cut_id;
  std::vector<RateCurve> curves;  // fewest bytes first
};

/// Pictures rebuilt from what one candidate sends, and how near they come.
struct RebuiltRow {
  std::string key, label{};  // key: of a baseline its name
  RebuildQuality quality{};
  std::vector<std::string> pictures{};  // data: URIs, in the order of the originals
  bool is_chosen = false, is_baseline = false;
};
struct RebuiltView {
  std::vector<std::string> originals{};  // data: URIs
  std::vector<RebuiltRow> rows{};        // baselines first, then by falling PSNR
  int64_t images = 0;                    // that the rebuilding was learned from
  int width = 0, height = 0;
};

/// Steps with the same kind of code.
struct ExplainFamily {
  std::string name;  // "winograd"
  double us = 0;
  int steps = 0;
};
/// Where the engine's time goes.
struct ExplainView {
  Explained explained;
  std::vector<ExplainFamily> families{};  // most time first
  std::vector<size_t> family_of_step{};   // of each step
  std::vector<size_t> by_time{};          // steps, slowest first
  double sum_us = 0, macs = 0;            // of all steps
};

/// A line of "how it was measured".
struct Fact {
  std::string subject, name, value;
};
struct Command {
  std::string file, text;
};

struct View {
  std::string model, headline, subline;
  bool is_prediction = true;  // no bench stands behind the headline
  std::optional<CandidateRow> chosen, local;
  Parts chosen_parts;
  std::vector<CandidateTable> tables;
  std::vector<CutBar> cuts;
  std::vector<ParetoPoint> points;
  BandwidthView bandwidth;
  RateView rates;
  RebuiltView rebuilt;
  std::optional<ExplainView> explain;
  std::optional<Pruned> pruned;
  std::optional<RareTraining> rare_training;
  std::vector<std::string> constraints;
  std::vector<Fact> facts;
  std::vector<Command> commands;
  std::vector<std::string> footnotes;
  std::string device_name = "device", edge_name = "edge";
};

[[nodiscard]] View make_view(const Inputs& inputs);

// Pieces of make_view, one file each.
[[nodiscard]] std::vector<CandidateTable> make_tables(const Inputs& inputs);
[[nodiscard]] std::vector<CutBar> make_cut_bars(const std::vector<PlannedCandidate>& candidates, const std::string& chosen_key);
[[nodiscard]] std::vector<ParetoPoint> make_points(const std::vector<PlannedCandidate>& candidates, const std::string& chosen_key);
[[nodiscard]] BandwidthView make_bandwidth_view(const std::vector<PlannedCandidate>& candidates, const Plan& plan);
[[nodiscard]] RateView make_rate_view(const Scores& scores, const std::string& chosen_key);
[[nodiscard]] RebuiltView make_rebuilt_view(const Privacy& privacy, const std::string& chosen_key);
[[nodiscard]] ExplainView make_explain_view(const Explained& explained);
void write_headline(View& view, const Inputs& inputs);
[[nodiscard]] std::vector<Fact> make_facts(const Inputs& inputs);
[[nodiscard]] std::vector<Command> make_commands(const Inputs& inputs);
[[nodiscard]] std::vector<std::string> make_footnotes(const View& view, const Inputs& inputs);

/// Every candidate known: those of the plan, and all that the planner makes of the profiles. By key, each once.
[[nodiscard]] std::vector<PlannedCandidate> known_candidates(const Inputs& inputs);

/// "split/12/uint8" -> "Split at 12, uint8"; chains joined with ", then ".
[[nodiscard]] std::string label_of(const std::string& key);
[[nodiscard]] Agreement agreement_of(const PlannedCandidate& candidate);

}  // namespace scissionlite::report
