#include "tune/database.h"

#include "base/cpu.h"
#include "base/error.h"
#include "kernels/int8/problem_text.h"
#include "tune/file_lock.h"
#include "tune/key_json.h"

namespace scissionlite::tune {
namespace {

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

}  // namespace scissionlite::tune
