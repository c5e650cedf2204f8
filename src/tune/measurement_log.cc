#include "tune/measurement_log.h"

#include <fstream>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "tune/file_lock.h"
#include "tune/key_json.h"

namespace scissionlite::tune {
namespace {

/// The same fields as in the database; `median_us` or `failure`.
Json line_to_json(const TuningKey& key, const MeasurementLog::Line& line) {
  Json json = key_to_json(key);
  json["implementation"] = line.implementation;
  json["knobs"] = knobs_to_json(line.knobs);
  if (line.outcome.is_ok()) json["median_us"] = line.outcome.median_us;
  else json["failure"] = line.outcome.failure;
  return json;
}

const char* const kLogHeader = R"({"schema":"scissionlite.tuning_log/1"})";

}  // namespace

MeasurementLog::MeasurementLog(fs::path path) : path_(std::move(path)) {
  if (!fs::exists(path_)) return;
  const auto lines = split(read_file(path_), '\n');
  for (size_t i = 0; i < lines.size(); ++i) {
    const auto where = path_.string() + ":" + std::to_string(i + 1);
    if (i == 0) check_schema(parse_json(lines[0], where), "tuning_log", 1, where);
    else if (!lines[i].empty()) read_line(lines[i], where);
  }
}

void MeasurementLog::read_line(const std::string& text, const std::string& where) {
  try {
    const auto json = parse_json(text, where);
    const JsonReader reader(json, where);
    Line line{reader.at("implementation").text(), knobs_from_json(reader.at("knobs")), {}};
    if (reader.has("failure")) line.outcome.failure = reader.at("failure").text();
    else line.outcome.median_us = reader.at("median_us").number_at_least(0);
    lines_[key_from_json(reader)].push_back(line);
  } catch (const InvalidArgument& e) {  // a writer was killed within the line
    log::warning(std::string("[tune] left out, will be measured again: ") + e.what());
  }
}

const std::vector<MeasurementLog::Line>& MeasurementLog::of(const TuningKey& key) const {
  static const std::vector<Line> none;
  const auto it = lines_.find(key);
  return it == lines_.end() ? none : it->second;
}

void MeasurementLog::add(const TuningKey& key, const Line& line) {
  const FileLock lock(path_);
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::app | std::ios::binary);
  if (file && file.seekg(0, std::ios::end) && file.tellg() == std::streampos(0)) file << kLogHeader << "\n";
  else if (file && file.seekg(-1, std::ios::end) && file.get() != '\n') file << "\n";  // the last writer was killed
  file << line_to_json(key, line).dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) << "\n" << std::flush;
  if (!file) throw ResourceError("[tune] cannot add to '" + path_.string() + "'; free some space, or choose a place that can be written with -o");
  lines_[key].push_back(line);
}

}  // namespace scissionlite::tune
