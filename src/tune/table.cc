#include "tune/table.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/stats.h"

namespace scissionlite::tune {
namespace {

Json dimension_to_json(const Dimension& dimension) { return {{"name", dimension.name}, {"values", dimension.values}, {"of", dimension.of}}; }

Dimension dimension_from_json(const JsonReader& json) {
  json.allow_only({"name", "values", "of"});
  const auto of = json.at("of").integer();
  if (of < -1 || of > 1000) json.at("of").fail("-1, or the position of an implementation");
  return {json.at("name").text(), json.at("values").integers(), static_cast<int>(of)};
}

TableLayer layer_from_json(const JsonReader& json) {
  json.allow_only({"problem", "dtype", "isa", "cpu", "threads", "dimensions", "us"});
  TableLayer layer{{json.at("problem").text(), json.at("dtype").text(), json.at("isa").text(), json.at("cpu").text(), static_cast<int>(json.at("threads").integer())}, {}, json.at("us").numbers()};
  for (const auto& dimension : json.at("dimensions").elements()) layer.dimensions.push_back(dimension_from_json(dimension));
  if (Space(layer.dimensions).size() != layer.us.size()) json.at("us").fail("one time for each of " + std::to_string(Space(layer.dimensions).size()) + " configurations");
  return layer;
}

}  // namespace

Table table_from_json(const Json& json, const std::string& where) {
  check_schema(json, "tuning_table", 1, where);
  Table table;
  for (const auto& layer : JsonReader(json, where).at("layers").elements()) table.layers.push_back(layer_from_json(layer));
  return table;
}

Json to_json(const Table& table) {
  Json json{{"schema", "scissionlite.tuning_table/1"}, {"layers", Json::array()}};
  for (const auto& layer : table.layers) {
    Json row{{"problem", layer.key.problem}, {"dtype", layer.key.dtype}, {"isa", layer.key.isa}, {"cpu", layer.key.cpu}, {"threads", layer.key.threads}, {"dimensions", Json::array()}, {"us", layer.us}};
    for (const auto& dimension : layer.dimensions) row["dimensions"].push_back(dimension_to_json(dimension));
    json["layers"].push_back(std::move(row));
  }
  return json;
}

namespace {

/// Times by Space::index; failures are 0.
std::map<uint64_t, std::vector<double>> times_of(const ConvSpace& space, const TuningKey& key, const MeasurementLog& log) {
  std::map<uint64_t, std::vector<double>> times;
  for (const auto& line : log.of(key))
    if (const auto config = space.find(line.implementation, line.knobs)) times[space.space().index(*config)].push_back(line.outcome.median_us);
  return times;
}

}  // namespace

void measure_space(const kernels::ConvProblem& problem, const MeasureOptions& options, int passes, MeasurementLog& log) {
  const ConvSpace space(problem, *options.trial.loops);
  const auto key = key_of(problem, *options.trial.loops, options.trial.threads);
  const auto before = times_of(space, key, log);
  Measurer measurer(problem, options);
  for (int pass = 0; pass < passes; ++pass) {
    const auto order = make_searcher("random", space.space(), static_cast<uint64_t>(pass));
    while (const auto config = order->next()) {
      const auto known = before.find(space.space().index(*config));
      if (known != before.end() && static_cast<int>(known->second.size()) > pass) continue;
      const auto choice = space.choice(*config);
      log.add(key, {choice.implementation->name, choice.knobs, measurer.measure(choice)});
    }
  }
}

TableLayer table_layer(const kernels::ConvProblem& problem, const MeasureOptions& options, const MeasurementLog& log) {
  const ConvSpace space(problem, *options.trial.loops);
  TableLayer layer{key_of(problem, *options.trial.loops, options.trial.threads), space.space().dimensions(), std::vector<double>(space.space().size(), 0.0)};
  for (const auto& [index, times] : times_of(space, layer.key, log))
    if (*std::min_element(times.begin(), times.end()) > 0) layer.us[index] = std::round(median(times) * 10) / 10;
  return layer;
}

int64_t measurements_needed(const TableLayer& layer, const std::string& method, uint64_t seed, double share) {
  const Space all(layer.dimensions);
  const Space space(layer.dimensions, [&](const Config& config) { return layer.us[all.index(config)] > 0; });
  double least = 0;
  for (const double us : layer.us)
    if (us > 0 && (least == 0 || us < least)) least = us;
  const auto searcher = make_searcher(method, space, seed);
  for (int64_t n = 1;; ++n) {
    const auto config = searcher->next();
    if (!config) throw InvalidArgument("[tune] the table has no times of " + layer.key.problem);
    const double us = layer.us[space.index(*config)];
    if (us * share <= least) return n;
    searcher->tell(*config, {us, ""});
  }
}

}  // namespace scissionlite::tune
