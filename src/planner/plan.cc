#include "planner/plan.h"

#include "base/error.h"
#include "base/interval_json.h"

namespace scissionlite {
namespace {

constexpr int kVersion = 1;

Json stage_json(const Stage& stage) {
  return {{"machine", stage.machine}, {"decode_us", stage.decode_us}, {"compute_us", stage.compute_us}, {"encode_us", stage.encode_us},
          {"wire_us", stage.wire_us}, {"bytes", stage.bytes},         {"first", stage.first},           {"last", stage.last}};
}

Stage stage_from(const JsonReader& json) {
  json.allow_only({"machine", "decode_us", "compute_us", "encode_us", "wire_us", "bytes", "first", "last"});
  return {.machine = json.at("machine").text(),
          .decode_us = json.number_or("decode_us", 0),
          .compute_us = json.number_or("compute_us", 0),
          .encode_us = json.number_or("encode_us", 0),
          .wire_us = json.number_or("wire_us", 0),
          .bytes = json.number_or("bytes", 0),
          .first = json.text_or("first", ""),
          .last = json.text_or("last", "")};
}

std::string candidate_key(const JsonReader& json) {
  const std::string key = json.text();
  size_t begin = 0;
  while (true) {
    const size_t end = key.find('|', begin);
    (void)while_doing("reading " + json.where(), [&] { return candidate_from_key(key.substr(begin, end - begin)); });
    if (end == std::string::npos) return key;
    begin = end + 1;
  }
}

PlannedCandidate candidate_from(const JsonReader& json) {
  json.allow_only({"key", "family", "cut_ids", "tls", "tensors", "latency_us", "throughput_ips", "bytes", "agreement", "agreement_interval",
                   "agreement_n", "rebuilt", "stages", "predicted_us", "answer_us", "overhead_us", "feasible", "infeasible_reason", "note"});
  PlannedCandidate candidate;
  candidate.key = candidate_key(json.at("key"));
  candidate.family = json.text_or("family", "");
  if (json.has("cut_ids")) candidate.cut_ids = json.at("cut_ids").texts();
  if (json.has("tls")) candidate.tls = json.at("tls").texts();
  if (json.has("tensors"))
    for (const auto& link : json.at("tensors").elements()) candidate.tensors.push_back(link.texts());
  candidate.latency_us = json.number_or("latency_us", 0);
  candidate.throughput_ips = json.number_or("throughput_ips", 0);
  candidate.bytes = json.number_or("bytes", 0);
  if (json.has("agreement")) {
    candidate.agreement = json.at("agreement").number_at_least(0);
    candidate.agreement_interval =
        json.has("agreement_interval") ? interval_from_json(json.at("agreement_interval")) : Interval{candidate.agreement, candidate.agreement};
    candidate.agreement_n = json.integer_or("agreement_n", 0);
  }
  if (json.has("rebuilt")) {
    json.at("rebuilt").allow_only({"psnr_db", "psnr_interval", "ssim", "ssim_interval", "n"});
    candidate.rebuilt = rebuild_quality_from(json.at("rebuilt"));
  }
  if (json.has("stages"))
    for (const auto& stage : json.at("stages").elements()) candidate.stages.push_back(stage_from(stage));
  candidate.predicted_us = json.has("predicted_us") ? json.at("predicted_us").number_at_least(0) : 0;
  candidate.answer_us = json.number_or("answer_us", 0);
  candidate.overhead_us = json.number_or("overhead_us", 0);
  candidate.feasible = json.boolean_or("feasible", true);
  candidate.infeasible_reason = json.text_or("infeasible_reason", "");
  candidate.note = json.text_or("note", "");
  return candidate;
}

Json candidates_json(const std::vector<PlannedCandidate>& candidates) {
  Json json = Json::array();
  for (const auto& candidate : candidates) json.push_back(to_json(candidate));
  return json;
}

std::vector<PlannedCandidate> candidates_from(const JsonReader& json, const std::string& key) {
  std::vector<PlannedCandidate> out;
  if (json.has(key))
    for (const auto& element : json.at(key).elements()) out.push_back(candidate_from(element));
  return out;
}

std::string objective_from(const JsonReader& json) {
  const std::string objective = json.text_or("objective", "latency");
  if (objective != "latency" && objective != "throughput" && objective != "bytes") json.at("objective").fail("'latency', 'throughput' or 'bytes'");
  return objective;
}

}  // namespace

Json to_json(const PlannedCandidate& candidate) {
  Json json{{"key", candidate.key},
            {"family", candidate.family},
            {"cut_ids", candidate.cut_ids},
            {"tls", candidate.tls},
            {"tensors", candidate.tensors},
            {"latency_us", candidate.latency_us},
            {"throughput_ips", candidate.throughput_ips},
            {"bytes", candidate.bytes}};
  if (candidate.agreement >= 0) {
    json["agreement"] = candidate.agreement;
    json["agreement_interval"] = Json::array({candidate.agreement_interval.low, candidate.agreement_interval.high});
    json["agreement_n"] = candidate.agreement_n;
  }
  if (candidate.rebuilt) json["rebuilt"] = to_json(*candidate.rebuilt);
  json["stages"] = Json::array();
  for (const auto& stage : candidate.stages) json["stages"].push_back(stage_json(stage));
  if (candidate.predicted_us > 0) json["predicted_us"] = candidate.predicted_us;
  json["answer_us"] = candidate.answer_us;
  json["overhead_us"] = candidate.overhead_us;
  json["feasible"] = candidate.feasible;
  if (!candidate.infeasible_reason.empty()) json["infeasible_reason"] = candidate.infeasible_reason;
  if (!candidate.note.empty()) json["note"] = candidate.note;
  return json;
}

Json to_json(const Plan& plan) {
  Json json{{"schema", "scissionlite.plan/" + std::to_string(kVersion)},
            {"model_name", plan.model_name},
            {"model_sha256", plan.model_sha256},
            {"objective", plan.objective},
            {"machines", plan.machines},
            {"link_rtt_us", plan.link_rtt_us},
            {"link_up_bps", plan.link_up_bps},
            {"link_down_bps", plan.link_down_bps},
            {"constraints", plan.constraints}};
  json["chosen"] = to_json(plan.chosen);
  json["top"] = candidates_json(plan.top);
  json["families"] = candidates_json(plan.families);
  json["pareto"] = candidates_json(plan.pareto);
  json["break_evens"] = Json::array();
  for (const auto& point : plan.break_evens)
    json["break_evens"].push_back({{"below", point.below}, {"above", point.above}, {"bandwidth_bps", point.bandwidth_bps}});
  json["candidates_considered"] = plan.candidates_considered;
  json["planning_us"] = plan.planning_us;
  json["command"] = plan.command;
  return json;
}

Plan plan_from_json(const Json& json, const std::string& where) {
  check_schema(json, "plan", kVersion, where);
  const JsonReader reader(json, where);
  reader.allow_only({"schema", "model_name", "model_sha256", "objective", "machines", "link_rtt_us", "link_up_bps", "link_down_bps", "constraints",
                     "chosen", "top", "families", "pareto", "break_evens", "candidates_considered", "planning_us", "command"});
  Plan plan;
  plan.model_name = reader.text_or("model_name", "");
  plan.model_sha256 = reader.at("model_sha256").text();
  plan.objective = objective_from(reader);
  if (reader.has("machines")) plan.machines = reader.at("machines").texts();
  if (reader.has("link_rtt_us")) plan.link_rtt_us = reader.at("link_rtt_us").numbers();
  if (reader.has("link_up_bps")) plan.link_up_bps = reader.at("link_up_bps").numbers();
  if (reader.has("link_down_bps")) plan.link_down_bps = reader.at("link_down_bps").numbers();
  if (reader.has("constraints")) plan.constraints = reader.at("constraints").texts();
  plan.chosen = candidate_from(reader.at("chosen"));
  plan.top = candidates_from(reader, "top");
  plan.families = candidates_from(reader, "families");
  plan.pareto = candidates_from(reader, "pareto");
  if (reader.has("break_evens"))
    for (const auto& point : reader.at("break_evens").elements())
      plan.break_evens.push_back({candidate_key(point.at("below")), candidate_key(point.at("above")), point.at("bandwidth_bps").number_at_least(0)});
  plan.candidates_considered = reader.integer_or("candidates_considered", 0);
  plan.planning_us = reader.number_or("planning_us", 0);
  plan.command = reader.text_or("command", "");
  return plan;
}

Plan load_plan(const fs::path& path) { return plan_from_json(read_json(path, "plan", kVersion), path.string()); }

}  // namespace scissionlite
