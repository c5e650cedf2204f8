#include "report/pruned.h"

namespace scissionlite::report {
namespace {

constexpr int kVersion = 1;

BeforeAfter both(const JsonReader& json) {
  json.allow_only({"before", "after"});
  return {json.at("before").number_at_least(0), json.at("after").number_at_least(0)};
}

PrunedWidth width_from(const JsonReader& json) {
  json.allow_only({"name", "channels", "kept", "magnitudes"});
  PrunedWidth out{json.at("name").text(), json.at("channels").integer(), json.at("kept").integer(), json.at("magnitudes").numbers()};
  if (out.channels < 1) json.at("channels").fail("a count of at least 1");
  if (out.kept < 0 || out.kept > out.channels) json.at("kept").fail("a count from 0 to " + std::to_string(out.channels) + ", the layer's channels");
  return out;
}

std::optional<double> share(const JsonReader& json, const std::string& key) {
  return json.has(key) ? std::optional(json.at(key).number_at_least(0)) : std::nullopt;
}

}  // namespace

Pruned pruned_from_json(const Json& raw, const std::string& where) {
  check_schema(raw, "pruning", kVersion, where);
  const JsonReader json(raw, where);
  json.allow_only({"schema", "parameters", "macs", "latency_us", "predicted_latency_us", "budget", "largest_error", "is_within_budget", "refused",
                   "layers", "blocks", "score", "search", "tuning"});
  Pruned out;
  out.parameters = both(json.at("parameters"));
  out.macs = both(json.at("macs"));
  out.latency_us = both(json.at("latency_us"));
  if (json.has("predicted_latency_us")) {
    const auto predicted = json.at("predicted_latency_us");
    predicted.allow_only({"machine", "before", "after"});
    out.predicted.emplace(predicted.at("machine").text(),
                          BeforeAfter{predicted.at("before").number_at_least(0), predicted.at("after").number_at_least(0)});
  }
  out.is_within_budget = json.boolean_or("is_within_budget", true);
  for (const auto& reason : json.at("refused").elements()) out.refused.push_back(reason.text());
  for (const auto& layer : json.at("layers").elements()) out.layers.push_back(width_from(layer));
  for (const auto& block : json.at("blocks").elements()) out.blocks.push_back({block.at("name").text(), block.at("gate").number()});
  const auto score = json.at("score");
  out.score_before = share(score, "before");
  out.score_searched = share(score, "searched");
  out.score_rebuilt = share(score, "rebuilt");
  out.score_after = share(score, "after");
  const auto tuning = json.at("tuning");
  out.model = tuning.text_or("model", "");
  out.output = tuning.text_or("output", "");
  out.command = tuning.text_or("command", "");
  return out;
}

Pruned load_pruned(const fs::path& path) { return pruned_from_json(read_json(path, "pruning", kVersion), path.string()); }

}  // namespace scissionlite::report
