#include "bench/results.h"

#include <algorithm>

#include "base/interval_json.h"

namespace scissionlite {
namespace {

Interval interval_at(const JsonReader& json, const std::string& key) { return json.has(key) ? interval_from_json(json.at(key)) : Interval{}; }

/// The medians of a row's parts: key in the file, member. One line reads and writes.
struct Part {
  const char* key;
  double BenchRow::*member;
};
constexpr Part kParts[] = {
    {"preprocess_us", &BenchRow::preprocess_us}, {"head_us", &BenchRow::head_us},
    {"encode_us", &BenchRow::encode_us},         {"wire_us", &BenchRow::wire_us},
    {"decode_us", &BenchRow::decode_us},         {"tail_us", &BenchRow::tail_us},
    {"other_us", &BenchRow::other_us},
};

Json row_json(const BenchRow& row) {
  Json json{{"key", row.key}, {"family", row.family}};
  if (!row.error.empty()) json["error"] = row.error;
  json["n"] = row.n;
  json["latency_median_us"] = row.latency_median_us;
  json["latency_p95_us"] = row.latency_p95_us;
  json["latency_ci"] = to_json(row.latency_ci);
  json["predicted_us"] = row.predicted_us;
  for (const auto& part : kParts) json[part.key] = row.*part.member;
  json["bytes_mean"] = row.bytes_mean;
  json["bytes_p95"] = row.bytes_p95;
  json["throughput_ips"] = row.throughput_ips;
  json["agreement"] = row.agreement;
  json["agreement_interval"] = to_json(row.agreement_interval);
  json["agreement_n"] = row.agreement_n;
  json["speedup_over_local"] = row.speedup_over_local;
  return json;
}

double time_at(const JsonReader& json, const std::string& key) { return json.has(key) ? json.at(key).number_at_least(0) : 0; }

BenchRow row_from_json(const JsonReader& json) {
  std::vector<std::string> known{
      "key",        "family",    "error",          "n",         "latency_median_us",  "latency_p95_us", "latency_ci",        "predicted_us",
      "bytes_mean", "bytes_p95", "throughput_ips", "agreement", "agreement_interval", "agreement_n",    "speedup_over_local"};
  for (const auto& part : kParts) known.emplace_back(part.key);
  json.allow_only(known);
  BenchRow row;
  row.key = json.at("key").text();
  row.family = json.text_or("family", "");
  row.error = json.text_or("error", "");
  row.n = json.integer_or("n", 0);
  row.latency_median_us = row.error.empty() ? json.at("latency_median_us").number_at_least(0) : time_at(json, "latency_median_us");
  row.latency_p95_us = time_at(json, "latency_p95_us");
  row.latency_ci = interval_at(json, "latency_ci");
  row.predicted_us = time_at(json, "predicted_us");
  for (const auto& part : kParts) row.*part.member = json.number_or(part.key, 0);  // other_us is a difference: may be below 0
  row.bytes_mean = time_at(json, "bytes_mean");
  row.bytes_p95 = time_at(json, "bytes_p95");
  row.throughput_ips = time_at(json, "throughput_ips");
  row.agreement = json.number_or("agreement", -1);
  row.agreement_interval = interval_at(json, "agreement_interval");
  row.agreement_n = json.integer_or("agreement_n", 0);
  row.speedup_over_local = time_at(json, "speedup_over_local");
  return row;
}

MachineInfo machine_from_json(const JsonReader& json) {
  MachineInfo machine;
  machine.cpu = json.text_or("cpu", "unknown");
  if (json.has("isa")) machine.isa = json.at("isa").texts();
  machine.cores = static_cast<int>(std::clamp<int64_t>(json.integer_or("cores", 1), 1, 1 << 20));
  return machine;
}

}  // namespace

Json to_json(const BenchResults& results) {
  Json json{{"schema", "scissionlite.bench/1"}, {"model_name", results.model_name}, {"model_sha256", results.model_sha256}};
  json["machine"] = {{"cpu", results.machine.cpu}, {"isa", results.machine.isa}, {"cores", results.machine.cores}};
  json["device_engine"] = results.device_engine;
  json["edge_engine"] = results.edge_engine;
  json["device_slowdown"] = results.device_slowdown;
  json["link_rtt_us"] = results.link_rtt_us;
  json["link_up_bps"] = results.link_up_bps;
  json["link_down_bps"] = results.link_down_bps;
  json["rows"] = Json::array();
  for (const auto& row : results.rows) json["rows"].push_back(row_json(row));
  json["command"] = results.command;
  json["commit"] = results.commit;
  return json;
}

BenchResults bench_from_json(const Json& json, const std::string& where) {
  check_schema(json, "bench", 1, where);
  const JsonReader reader(json, where);
  reader.allow_only({"schema", "model_name", "model_sha256", "machine", "device_engine", "edge_engine", "device_slowdown", "link_rtt_us",
                     "link_up_bps", "link_down_bps", "rows", "command", "commit"});
  BenchResults results;
  results.model_name = reader.text_or("model_name", "");
  results.model_sha256 = reader.text_or("model_sha256", "");
  if (reader.has("machine")) results.machine = machine_from_json(reader.at("machine"));
  results.device_engine = reader.text_or("device_engine", "");
  results.edge_engine = reader.text_or("edge_engine", "");
  results.device_slowdown = reader.number_or("device_slowdown", 1);
  results.link_rtt_us = time_at(reader, "link_rtt_us");
  results.link_up_bps = time_at(reader, "link_up_bps");
  results.link_down_bps = time_at(reader, "link_down_bps");
  for (const auto& row : reader.at("rows").elements()) results.rows.push_back(row_from_json(row));
  results.command = reader.text_or("command", "");
  results.commit = reader.text_or("commit", "");
  return results;
}

BenchResults load_bench(const fs::path& path) { return bench_from_json(read_json(path, "bench", 1), path.string()); }

}  // namespace scissionlite
