// The page's numbers as JSON, for scripts that read a report and for the page's own tips.
#include "base/interval_json.h"
#include "report/view.h"

namespace scissionlite::report {
namespace {

void add_agreement(Json& json, const Agreement& agreement) {
  if (!agreement.is_known()) return;
  json["agreement"] = agreement.share;
  json["agreement_interval"] = to_json(agreement.interval);
  json["agreement_n"] = agreement.n;
  json["agreement_from"] = agreement.n <= 0 ? "construction" : agreement.is_of_bench ? "bench" : "scores";
}

Json row_json(const CandidateRow& row) {
  Json json{{"key", row.key}, {"family", row.family}, {"label", row.label}, {"chosen", row.is_chosen}, {"predicted_us", row.predicted_us}};
  if (row.is_measured()) {
    json["measured_us"] = row.measured_us;
    json["p95_us"] = row.p95_us;
    json["measured_ci"] = to_json(row.measured_ci);
    json["n"] = row.n;
  }
  json["bytes"] = row.bytes;
  add_agreement(json, row.agreement);
  json["speedup_over_local"] = row.speedup;
  if (!row.problem.empty()) json["problem"] = row.problem;
  return json;
}

Json parts_json(const Parts& parts) {
  return {{"device_us", parts.device}, {"encode_us", parts.encode}, {"wire_us", parts.wire},
          {"decode_us", parts.decode}, {"edge_us", parts.edge},     {"answer_us", parts.rest}};
}

Json cuts_json(const View& view) {
  Json json = Json::array();
  for (const auto& bar : view.cuts) {
    json.push_back({{"key", bar.key},
                    {"latency_us", bar.parts.total()},
                    {"parts", parts_json(bar.parts)},
                    {"bytes", bar.bytes},
                    {"feasible", bar.is_feasible},
                    {"compared", bar.candidates}});
    add_agreement(json.back(), bar.agreement);
  }
  return json;
}

Json points_json(const View& view) {
  Json json = Json::array();
  for (const auto& point : view.points) {
    json.push_back({{"key", point.key}, {"latency_us", point.latency_us}, {"bytes", point.bytes}, {"front", point.on_front}});
    add_agreement(json.back(), point.agreement);
  }
  return json;
}

Json rates_json(const RateView& view) {
  Json json{{"cut", view.cut_id}, {"curves", Json::array()}};
  for (const auto& curve : view.curves) {
    json["curves"].push_back({{"name", curve.name}, {"points", Json::array()}});
    for (const auto& point : curve.points) {
      json["curves"].back()["points"].push_back({{"key", point.key}, {"bytes", point.bytes}});
      add_agreement(json["curves"].back()["points"].back(), point.agreement);
    }
  }
  return json;
}

/// Without the pictures, which the page holds already.
Json rebuilt_json(const RebuiltView& view) {
  Json json{{"images", view.images}, {"width", view.width}, {"height", view.height}, {"rows", Json::array()}};
  for (const auto& row : view.rows) {
    json["rows"].push_back({{"key", row.key}, {"label", row.label}, {"chosen", row.is_chosen}, {"baseline", row.is_baseline}});
    json["rows"].back().update(to_json(row.quality));
  }
  return json;
}

Json bandwidth_json(const BandwidthView& view) {
  Json json{{"link_bps", view.link_bps}, {"curves", Json::array()}, {"break_evens", Json::array()}};
  for (const auto& curve : view.curves)
    json["curves"].push_back({{"key", curve.key}, {"label", curve.label}, {"fixed_us", curve.fixed_us}, {"bits", curve.bits}});
  for (const auto& crossing : view.crossings)
    json["break_evens"].push_back(
        {{"below", crossing.below}, {"above", crossing.above}, {"bandwidth_bps", crossing.bandwidth_bps}, {"latency_us", crossing.latency_us}});
  return json;
}

Json rare_json(const RareTraining& trained) {
  const auto& last = trained.measures.back();
  const auto& at = trained.operation;
  return {{"auc", last.auc},
          {"interval", {last.low, last.high}},
          {"held_out", trained.held_out},
          {"positives", trained.held_out_positives},
          {"members", trained.members.size()},
          {"averages", last.rounds},
          {"operation", {{"threshold", at.threshold}, {"recall", at.recall}, {"false_alarms", at.false_alarms}, {"precision", at.precision}}}};
}

Json pruning_json(const Pruned& pruned) {
  const auto both = [](const BeforeAfter& values) { return Json{{"before", values.before}, {"after", values.after}}; };
  Json json{{"parameters", both(pruned.parameters)}, {"macs", both(pruned.macs)}, {"latency_us", both(pruned.latency_us)}, {"layers", Json::array()}};
  for (const auto& layer : pruned.layers) json["layers"].push_back({{"name", layer.name}, {"channels", layer.channels}, {"kept", layer.kept}});
  return json;
}

Json explain_json(const ExplainView& view) {
  Json json{{"model", view.explained.model_name},
            {"run_us", view.explained.run_us},
            {"peak_gflops", view.explained.peak_gflops},
            {"families", Json::array()},
            {"steps", Json::array()}};
  for (const auto& family : view.families) json["families"].push_back({{"name", family.name}, {"us", family.us}, {"steps", family.steps}});
  for (const auto i : view.by_time) {
    const auto& step = view.explained.steps[i];
    json["steps"].push_back(
        {{"node", step.node}, {"implementation", step.implementation}, {"median_us", step.median_us}, {"share_of_peak", step.share_of_peak}});
  }
  return json;
}

}  // namespace

Json report_data(const Inputs& inputs) {
  const View view = make_view(inputs);
  Json json{
      {"schema", "scissionlite.report/1"}, {"model", view.model}, {"headline", view.headline}, {"details", view.subline}, {"tables", Json::array()}};
  for (const auto& table : view.tables) {
    json["tables"].push_back({{"conditions", table.conditions}, {"rows", Json::array()}});
    for (const auto& row : table.rows) json["tables"].back()["rows"].push_back(row_json(row));
  }
  json["cuts"] = cuts_json(view);
  json["points"] = points_json(view);
  json["bandwidth"] = bandwidth_json(view.bandwidth);
  json["rates"] = rates_json(view.rates);
  if (!view.rebuilt.rows.empty()) json["privacy"] = rebuilt_json(view.rebuilt);
  if (view.explain) json["explain"] = explain_json(*view.explain);
  if (view.pruned) json["pruning"] = pruning_json(*view.pruned);
  if (view.rare_training) json["rare_training"] = rare_json(*view.rare_training);
  json["footnotes"] = view.footnotes;
  return json;
}

}  // namespace scissionlite::report
