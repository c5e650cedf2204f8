#include "tune/database.h"

#include <fstream>

#include "base/cpu.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "kernels/int8/problem_text.h"
#include "tune/file_lock.h"

namespace scissionlite::tune {
namespace {

constexpr int kMostThreads = 4096;

kernels::Knobs knobs_from_json(const JsonReader& json) {
  kernels::Knobs knobs;
  for (const auto& [name, value] : json.members()) knobs[name] = value.integer();
  return knobs;
}

TuningKey key_from_json(const JsonReader& json) {
  TuningKey key{json.at("problem").text(), json.at("dtype").text(), json.at("isa").text(), json.at("cpu").text(), 1};
  const auto threads = json.at("threads").integer();
  if (threads < 1 || threads > kMostThreads) json.at("threads").fail("1 to " + std::to_string(kMostThreads));
  key.threads = static_cast<int>(threads);
  return key;
}

KernelRecord kernel_from_json(const JsonReader& json) {
  json.allow_only({"sha256", "target", "interface"});
  KernelRecord kernel{json.at("sha256").text(), json.at("target").text(), json.at("interface").integer()};
  if (kernel.sha256.size() != 64 || kernel.sha256.find_first_not_of("0123456789abcdef") != std::string::npos)
    json.at("sha256").fail("64 hexadecimal digits");
  return kernel;
}

TuningEntry entry_from_json(const JsonReader& json) {
  json.allow_only({"problem", "dtype", "isa", "cpu", "threads", "implementation", "knobs", "median_us", "usual_us", "measured", "method", "kernel"});
  TuningEntry entry{json.at("implementation").text(),
                    knobs_from_json(json.at("knobs")),
                    json.at("median_us").number_at_least(0),
                    json.at("usual_us").number_at_least(0),
                    json.at("measured").integer(),
                    json.at("method").text(),
                    {}};
  if (json.has("kernel")) entry.kernel = kernel_from_json(json.at("kernel"));
  if (entry.measured < 0) json.at("measured").fail("a number from 0 on");
  return entry;
}

Json key_to_json(const TuningKey& key) {
  return {{"problem", key.problem}, {"dtype", key.dtype}, {"isa", key.isa}, {"cpu", key.cpu}, {"threads", key.threads}};
}

Json knobs_to_json(const kernels::Knobs& knobs) {
  Json json = Json::object();
  for (const auto& [name, value] : knobs) json[name] = value;
  return json;
}

}  // namespace

TuningKey key_of(const std::string& problem, const kernels::VectorLoops& loops, int threads) {
  return {problem, "f32", loops.isa, this_machine().cpu, threads};
}
TuningKey key_of(const kernels::Int8Problem& problem, const kernels::Int8Loops& loops, int threads) {
  return {kernels::text_of(problem), kDtypeOfBytes, loops.isa, this_machine().cpu, threads};
}
TuningKey key_of(const ConvWithEnd& conv, const kernels::VectorLoops& loops, int threads) { return key_of(conv.text(), loops, threads); }

void Database::add(const TuningKey& key, const TuningEntry& entry) {
  const auto [it, is_new] = entries.emplace(key, entry);
  if (!is_new && (entry.method == kOfNetwork || entry.median_us < it->second.median_us)) it->second = entry;
}

void Database::merge(const Database& other) {
  for (const auto& [key, entry] : other.entries) add(key, entry);
}

Database database_from_json(const Json& json, const std::string& where) {
  check_schema(json, "tuning", 1, where);
  const JsonReader reader(json, where);
  reader.allow_only({"schema", "entries"});
  Database database;
  for (const auto& entry : reader.at("entries").elements()) {
    const auto key = key_from_json(entry);
    database.add(key, entry_from_json(entry));
  }
  return database;
}

Json to_json(const Database& database) {
  Json json{{"schema", "scissionlite.tuning/1"}, {"entries", Json::array()}};
  for (const auto& [key, entry] : database.entries) {
    Json row = key_to_json(key);
    row.update({{"implementation", entry.implementation},
                {"knobs", knobs_to_json(entry.knobs)},
                {"median_us", entry.median_us},
                {"usual_us", entry.usual_us},
                {"measured", entry.measured},
                {"method", entry.method}});
    if (entry.kernel) row["kernel"] = {{"sha256", entry.kernel->sha256}, {"target", entry.kernel->target}, {"interface", entry.kernel->interface}};
    json["entries"].push_back(std::move(row));
  }
  return json;
}

Database load_database(const fs::path& path) { return database_from_json(read_json(path, "tuning", 1), path.string()); }

Database update_database(const fs::path& path, const Database& more) {
  const FileLock lock(path);
  Database database;
  if (fs::exists(path)) database = load_database(path);
  database.merge(more);
  write_json(path, to_json(database));
  return database;
}

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
