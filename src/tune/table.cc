#include "tune/table.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

#include "base/error.h"

namespace scissionlite::tune {
namespace {

Json dimension_to_json(const Dimension& dimension) { return {{"name", dimension.name}, {"values", dimension.values}, {"of", dimension.of}}; }

Dimension dimension_from_json(const JsonReader& json) {
  json.allow_only({"name", "values", "of"});
  const auto of = json.at("of").integer();
  if (of < -1 || of > 1000) json.at("of").fail("-1, or the position of an implementation");
  return {json.at("name").text(), json.at("values").integers(), static_cast<int>(of)};
}

/// Numbers between spaces: some thousand of them are one line of the file.
std::vector<double> numbers_of(const JsonReader& json) {
  std::vector<double> out;
  std::istringstream in(json.text());
  for (double value = 0; in >> value;) out.push_back(value);
  if (!in.eof()) json.fail("numbers with spaces between");
  return out;
}

/// Of the measured ones: how far its index lies behind the last one's.
std::string gaps_of(const std::vector<double>& us) {
  std::string text;
  size_t next = 0;
  for (size_t i = 0; i < us.size(); ++i)
    if (us[i] > 0) text += (text.empty() ? "" : " ") + std::to_string(i + 1 - next), next = i + 1;
  return text;
}

std::string times_text(const std::vector<double>& us) {
  std::ostringstream out;
  for (const double time : us)
    if (time > 0) out << (out.tellp() > 0 ? " " : "") << std::setprecision(7) << time;
  return out.str();
}

TableLayer layer_from_json(const JsonReader& json) {
  json.allow_only({"problem", "dtype", "isa", "cpu", "threads", "dimensions", "gaps", "us"});
  const auto gaps = numbers_of(json.at("gaps")), us = numbers_of(json.at("us"));
  TableLayer layer{{json.at("problem").text(), json.at("dtype").text(), json.at("isa").text(), json.at("cpu").text(),
                    static_cast<int>(json.at("threads").integer())},
                   {},
                   {}};
  for (const auto& dimension : json.at("dimensions").elements()) layer.dimensions.push_back(dimension_from_json(dimension));
  if (gaps.size() != us.size()) json.at("us").fail("one time for each of the " + std::to_string(gaps.size()) + " gaps");
  layer.us.resize(Space(layer.dimensions).size(), 0.0);
  double index = -1;
  for (size_t i = 0; i < gaps.size(); ++i) {
    index += gaps[i];
    if (gaps[i] < 1 || gaps[i] != std::floor(gaps[i]) || index >= static_cast<double>(layer.us.size()))
      json.at("gaps").fail("whole numbers from 1, their sum at most the " + std::to_string(layer.us.size()) + " configurations of the dimensions");
    layer.us[static_cast<size_t>(index)] = us[i];
  }
  return layer;
}

}  // namespace

Table table_from_json(const Json& json, const std::string& where) {
  check_schema(json, "tuning_table", 2, where);
  Table table;
  for (const auto& layer : JsonReader(json, where).at("layers").elements()) table.layers.push_back(layer_from_json(layer));
  return table;
}

Json to_json(const Table& table) {
  Json json{{"schema", "scissionlite.tuning_table/2"}, {"layers", Json::array()}};
  for (const auto& layer : table.layers) {
    Json row{{"problem", layer.key.problem}, {"dtype", layer.key.dtype},    {"isa", layer.key.isa},      {"cpu", layer.key.cpu},
             {"threads", layer.key.threads}, {"dimensions", Json::array()}, {"gaps", gaps_of(layer.us)}, {"us", times_text(layer.us)}};
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

std::vector<uint64_t> valid_ones(const Space& space) {
  std::vector<uint64_t> out;
  for (uint64_t i = 0; i < space.size(); ++i)
    if (space.is_valid(space.at(i))) out.push_back(i);
  return out;
}

std::vector<uint64_t> shuffled(std::vector<uint64_t> values, uint64_t seed) {
  Rng rng(seed);
  for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[rng.below(i)]);
  return values;
}

}  // namespace

void measure_space(const kernels::ConvProblem& problem, const MeasureOptions& options, int passes, MeasurementLog& log,
                   const std::function<void()>& told) {
  const ConvSpace space(problem, *options.trial.loops);
  const auto key = key_of(problem, *options.trial.loops, options.trial.threads);
  const auto before = times_of(space, key, log);
  const auto all = valid_ones(space.space());
  Measurer measurer(problem, options);
  for (int pass = 0; pass < passes; ++pass) {
    for (const auto index : shuffled(all, static_cast<uint64_t>(pass))) {
      const auto known = before.find(index);
      if (known != before.end() && static_cast<int>(known->second.size()) > pass) continue;
      const auto choice = space.choice(space.space().at(index));
      log.add(key, {choice.implementation->name, choice.knobs, measurer.measure(choice)});
      if (told) told();
    }
  }
}

TableLayer table_layer(const kernels::ConvProblem& problem, const MeasureOptions& options, const MeasurementLog& log) {
  const ConvSpace space(problem, *options.trial.loops);
  TableLayer layer{key_of(problem, *options.trial.loops, options.trial.threads), space.space().dimensions(),
                   std::vector<double>(space.space().size(), 0.0)};
  for (const auto& [index, times] : times_of(space, layer.key, log))
    if (*std::min_element(times.begin(), times.end()) > 0) layer.us[index] = std::round(*std::min_element(times.begin(), times.end()) * 10) / 10;
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
