// The one sentence that a reader takes away, with its numbers, and what stands against it.
#include <algorithm>
#include <cmath>

#include "base/counted.h"
#include "base/text.h"
#include "report/markup.h"
#include "report/view.h"

namespace scissionlite::report {
namespace {

/// "3.2 times faster than", "as fast as", "1.4 times slower than".
std::string compared_to(double speedup) {
  if (speedup >= 1.02) return format_fixed(speedup, speedup < 10 ? 2 : 1) + " times faster than";
  if (speedup > 0.98) return "as fast as";
  return format_fixed(1 / speedup, 2) + " times slower than";
}

std::string agreement_text(const CandidateRow& row, const std::string& metric) {
  const auto& a = row.agreement;
  if (!a.is_known()) return "How often its answer equals the uncut model's was not measured (see `scissionlite score`).";
  std::string text = metric == "top1" || metric.empty() ? "Its answer is the uncut model's on " + percent(a.share)
                                                        : "Its agreement with the uncut model (" + metric + ") is " + percent(a.share);
  if (a.n <= 0) return text + ", by construction.";
  return text + (metric == "top1" || metric.empty() ? " of " : " over ") + counted(a.n, "image") + " (95 % interval " +
         format_fixed(a.interval.low * 100, 1) + "\u2013" + percent(a.interval.high) + ").";
}

/// "Cutting M at 12 with the transfer layer uint8", "Sending the image to the edge (PNG)", "Keeping M on the device".
std::string what_it_does(const CandidateRow& row, const std::string& model) {
  if (row.key == "local") return "Keeping " + model + " on the device";
  if (row.key.rfind("edge/", 0) == 0 && row.key.find('|') == std::string::npos)
    return "Running " + model + " on the edge alone (" + row.label.substr(row.label.find(", ") + 2) + " is sent)";
  std::string where = row.label;
  if (where.rfind("Split at ", 0) == 0) where = "cut " + where.substr(9);
  return "Splitting " + model + " (" + where + ")";
}

std::string headline_of(const View& view, const CandidateRow& row, const std::string& metric) {
  std::string text = what_it_does(row, view.model) + (view.is_prediction ? " is predicted to answer in " : " answers in ") + ms(row.best_us());
  if (row.key == "local") return text + ", and nothing leaves the device.";
  if (view.local && row.speedup > 0) text += ", " + compared_to(row.speedup) + " the device alone (" + ms(view.local->best_us()) + ")";
  return text + ", and sends " + bytes_text(row.bytes) + " an image. " + agreement_text(row, metric);
}

enum class Kind { kLocal, kEdge, kSplit };
Kind kind_of(const CandidateRow& row) {
  if (row.key == "local") return Kind::kLocal;
  return row.key.find("split/") != std::string::npos ? Kind::kSplit : Kind::kEdge;
}

/// The fastest of the other kinds that could run and meets the constraints: rows are fastest first.
std::string rivals_of(const CandidateTable& table, const CandidateRow& chosen) {
  std::vector<std::string> parts;
  for (const auto& [kind, name] :
       {std::pair{Kind::kSplit, "the best split"}, {Kind::kEdge, "the best edge-only candidate"}, {Kind::kLocal, "the device alone"}}) {
    if (kind == kind_of(chosen)) continue;
    for (const auto& row : table.rows) {
      if (kind_of(row) != kind || !row.problem.empty() || row.best_us() <= 0) continue;
      std::string text = std::string(name) + (kind == Kind::kLocal ? "" : " (" + row.label + ")") +
                         (row.is_measured() ? " takes " : " is predicted at ") + ms(row.best_us());
      if (kind != Kind::kLocal) text += " and sends " + bytes_text(row.bytes);
      if (kind != Kind::kLocal && row.agreement.is_known())
        text += " at agreement " + percent(row.agreement.share) + " (" + interval_words(row.agreement) + ")";
      parts.push_back(text);
      break;
    }
  }
  return parts.empty() ? "" : "Against it: " + join(parts, "; ") + ".";
}

/// A faster measured candidate that meets the constraints is said, not hidden.
std::string faster_than_chosen(const CandidateTable& table, const CandidateRow& chosen) {
  if (!chosen.is_measured()) return "";
  for (const auto& row : table.rows)
    if (row.is_measured() && row.problem.empty() && row.key != chosen.key && row.measured_us < 0.98 * chosen.measured_us)
      return " In this measurement the plan was not the fastest: " + row.label + " took " + ms(row.measured_us) +
             (row.agreement.is_known() ? " at agreement " + percent(row.agreement.share) + " (" + interval_words(row.agreement) + ")" : "") + ".";
  return "";
}

void headline_of_profiles(View& view, const Inputs& inputs) {
  view.headline = "What was measured of " + view.model + ".";
  std::vector<std::string> parts;
  for (const auto* profile : {&inputs.device, &inputs.edge})
    if (*profile) parts.push_back("the whole model takes " + ms((*profile)->whole.median_us) + " on '" + (*profile)->machine_name + "'");
  if (!parts.empty()) view.headline = "Of " + view.model + ": " + join(parts, "; ") + ".";
  view.subline = "A plan (`scissionlite plan`) or a measurement (`scissionlite bench`) puts the candidates here.";
}

}  // namespace

void write_headline(View& view, const Inputs& inputs) {
  if (view.tables.empty() || view.tables.front().rows.empty()) return headline_of_profiles(view, inputs);
  const auto& table = view.tables.front();
  const auto local = std::find_if(table.rows.begin(), table.rows.end(), [](const CandidateRow& row) { return row.key == "local"; });
  if (local != table.rows.end() && local->best_us() > 0) view.local = *local;
  auto chosen = std::find_if(table.rows.begin(), table.rows.end(), [](const CandidateRow& row) { return row.is_chosen; });
  if (chosen == table.rows.end())  // no plan: the fastest that ran
    chosen = std::find_if(table.rows.begin(), table.rows.end(), [](const CandidateRow& row) { return row.problem.empty() && row.best_us() > 0; });
  if (chosen == table.rows.end()) return headline_of_profiles(view, inputs);
  view.chosen = *chosen;
  view.is_prediction = !chosen->is_measured();
  const std::string metric = inputs.scores ? inputs.scores->metric : "top1";
  view.headline = headline_of(view, *chosen, metric);
  view.subline = rivals_of(table, *chosen) + faster_than_chosen(table, *chosen);
}

}  // namespace scissionlite::report
