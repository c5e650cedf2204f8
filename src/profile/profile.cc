#include "profile/profile.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "score/scores.h"

namespace scissionlite {
namespace {

constexpr int kVersion = 1;

Timing timing_or_none(const JsonReader& json, const std::string& key) { return json.has(key) ? timing_from_json(json.at(key)) : Timing{}; }

int64_t count(const JsonReader& json, const std::string& key) {
  if (json.integer_or(key, 0) < 0) json.at(key).fail("an integer of at least 0");
  return json.integer_or(key, 0);
}

int64_t whole_bytes(const JsonReader& json) {  // a mean written by hand may have a fraction
  const double value = json.number_at_least(0);
  if (value > 9e15) json.fail("a size in bytes below 9e15");
  return static_cast<int64_t>(value);
}

template <typename T>
void put_all(Json& json, const char* key, const std::map<std::string, T>& values) {
  json[key] = Json::object();
  for (const auto& [name, value] : values) {
    if constexpr (std::is_same_v<T, Timing>) json[key][name] = to_json(value);
    else json[key][name] = value;
  }
}

std::map<std::string, Timing> timings(const JsonReader& json, const std::string& key) {
  std::map<std::string, Timing> out;
  if (json.has(key))
    for (const auto& [name, value] : json.at(key).members()) out[name] = timing_from_json(value);
  return out;
}

Json tl_json(const TlProfile& tl) {
  Json json{{"wire_bytes", tl.wire_bytes},
            {"encode", to_json(tl.encode)},
            {"decode", to_json(tl.decode)},
            {"head_with_tl", to_json(tl.head_with_tl)},
            {"tail_with_tl", to_json(tl.tail_with_tl)}};
  if (tl.wire_bytes_vary) json["wire_bytes_vary"] = true;
  return json;
}

TlProfile tl_from(const JsonReader& json) {
  json.allow_only({"wire_bytes", "wire_bytes_vary", "encode", "decode", "head_with_tl", "tail_with_tl"});
  if (!json.has("wire_bytes")) json.fail("an object with 'wire_bytes'");
  return {.encode = timing_or_none(json, "encode"),
          .decode = timing_or_none(json, "decode"),
          .head_with_tl = timing_or_none(json, "head_with_tl"),
          .tail_with_tl = timing_or_none(json, "tail_with_tl"),
          .wire_bytes = count(json, "wire_bytes"),
          .wire_bytes_vary = json.boolean_or("wire_bytes_vary", false)};
}

Json cut_json(const CutProfile& cut) {
  Json json{{"id", cut.id},         {"tensors", cut.tensors}, {"bytes", cut.bytes},        {"head_macs", cut.head_macs}, {"position", cut.position},
            {"region", cut.region}, {"single", cut.single},   {"head", to_json(cut.head)}, {"tail", to_json(cut.tail)},  {"tls", Json::object()}};
  for (const auto& [spec, tl] : cut.tls) json["tls"][spec] = tl_json(tl);
  return json;
}

/// The cuts stand in order, so what is left out of one written by hand follows from those before it.
CutProfile cut_from(const JsonReader& json, const std::vector<CutProfile>& before) {
  json.allow_only({"id", "tensors", "bytes", "head_macs", "position", "region", "single", "head", "tail", "tls"});
  CutProfile cut;
  cut.id = json.at("id").text();
  if (cut.id.empty() || cut.id.find_first_of("/|") != std::string::npos) json.at("id").fail("an id without '/' and '|'");
  cut.tensors = json.at("tensors").texts();
  if (cut.tensors.empty()) json.at("tensors").fail("at least one tensor name");
  cut.bytes = count(json, "bytes");
  cut.head_macs = count(json, "head_macs");
  cut.position = json.has("position") ? count(json, "position") : before.empty() ? 0 : before.back().position + 1;
  const auto ended = std::count_if(before.begin(), before.end(), [](const auto& other) { return other.single; });
  const int64_t region = json.has("region") ? count(json, "region") : ended;
  if (region > 1'000'000) json.at("region").fail("a block index below 1000000");
  if (!before.empty() && region < before.back().region)
    json.at("region").fail("at least the block of the cut before, " + std::to_string(before.back().region));
  cut.region = static_cast<int>(region);
  cut.single = json.boolean_or("single", cut.tensors.size() == 1);
  cut.head = timing_or_none(json, "head");
  cut.tail = timing_or_none(json, "tail");
  if (json.has("tls"))
    for (const auto& [spec, tl] : json.at("tls").members()) {
      if (spec.empty() || spec.find_first_of("/|") != std::string::npos) tl.fail("a transfer layer's name without '/' and '|' before it");
      cut.tls[spec] = tl_from(tl);
    }
  else if (cut.bytes > 0) cut.tls[std::string(kUnchangedTl)].wire_bytes = cut.bytes;  // the tensors as they are can always be sent
  return cut;
}

void read_cuts(const JsonReader& json, std::vector<CutProfile>& cuts) {
  std::set<std::string> ids;
  for (const auto& element : json.elements()) {
    cuts.push_back(cut_from(element, cuts));
    if (!ids.insert(cuts.back().id).second) element.at("id").fail("an id that no other cut has");
    if (cuts.size() > 1 && cuts[cuts.size() - 2].position > cuts.back().position) element.at("position").fail("cuts in order of their position");
  }
}

Json engine_json(const EngineInfo& engine) {
  return {{"spec", engine.spec}, {"version", engine.version}, {"isa", engine.isa}, {"precision", engine.precision}, {"threads", engine.threads}};
}

EngineInfo engine_from(const JsonReader& json) {
  json.allow_only({"spec", "version", "isa", "precision", "threads"});
  const int64_t threads = json.integer_or("threads", 1);
  if (threads < 0 || threads > 1'000'000) json.at("threads").fail("a number of threads");
  return {.spec = json.text_or("spec", ""),
          .version = json.text_or("version", ""),
          .isa = json.text_or("isa", ""),
          .precision = json.text_or("precision", ""),
          .threads = static_cast<int>(threads)};
}

Json machine_json(const MachineInfo& machine) { return {{"cpu", machine.cpu}, {"isa", machine.isa}, {"cores", machine.cores}}; }

MachineInfo machine_from(const JsonReader& json) {
  json.allow_only({"cpu", "isa", "cores"});
  const int64_t cores = json.integer_or("cores", 1);
  if (cores < 1 || cores > 1'000'000) json.at("cores").fail("a number of cores");
  return {.cpu = json.text_or("cpu", "unknown"),
          .isa = json.has("isa") ? json.at("isa").texts() : std::vector<std::string>{},
          .cores = static_cast<int>(cores)};
}

}  // namespace

Json to_json(const Profile& profile) {
  Json json{{"schema", "scissionlite.profile/" + std::to_string(kVersion)},
            {"machine_name", profile.machine_name},
            {"machine", machine_json(profile.machine)},
            {"engine", engine_json(profile.engine)},
            {"model_name", profile.model_name},
            {"model_sha256", profile.model_sha256},
            {"model_macs", profile.model_macs},
            {"input_bytes", profile.input_bytes},
            {"output_bytes", profile.output_bytes},
            {"answer_bytes", profile.answer_bytes},
            {"whole", to_json(profile.whole)},
            {"preprocess", to_json(profile.preprocess)},
            {"values", to_json(profile.values)}};
  put_all(json, "image_encode", profile.image_encode);
  put_all(json, "image_decode", profile.image_decode);
  put_all(json, "image_bytes", profile.image_bytes);
  json["cuts"] = Json::array();
  for (const auto& cut : profile.cuts) json["cuts"].push_back(cut_json(cut));
  json["blocks"] = Json::array();
  for (const auto& block : profile.blocks) json["blocks"].push_back(to_json(block));
  json["via"] = profile.via;
  json["command"] = profile.command;
  return json;
}

Profile profile_from_json(const Json& json, const std::string& where) {
  check_schema(json, "profile", kVersion, where);
  const JsonReader reader(json, where);
  reader.allow_only({"schema",       "machine_name", "machine",      "engine", "model_name", "model_sha256", "model_macs",
                     "input_bytes",  "output_bytes", "answer_bytes", "whole",  "preprocess", "values",       "image_encode",
                     "image_decode", "image_bytes",  "cuts",         "blocks", "via",        "command"});
  Profile profile;
  profile.machine_name = reader.at("machine_name").text();
  if (reader.has("machine")) profile.machine = machine_from(reader.at("machine"));
  if (reader.has("engine")) profile.engine = engine_from(reader.at("engine"));
  profile.model_name = reader.text_or("model_name", "");
  profile.model_sha256 = reader.at("model_sha256").text();
  profile.model_macs = count(reader, "model_macs");
  profile.input_bytes = count(reader, "input_bytes");
  profile.output_bytes = count(reader, "output_bytes");
  profile.answer_bytes = reader.has("answer_bytes") ? count(reader, "answer_bytes") : profile.output_bytes;
  profile.whole = timing_or_none(reader, "whole");
  profile.preprocess = timing_or_none(reader, "preprocess");
  profile.values = timing_or_none(reader, "values");
  profile.image_encode = timings(reader, "image_encode");
  profile.image_decode = timings(reader, "image_decode");
  if (reader.has("image_bytes"))
    for (const auto& [codec, bytes] : reader.at("image_bytes").members()) profile.image_bytes[codec] = whole_bytes(bytes);
  read_cuts(reader.at("cuts"), profile.cuts);
  if (reader.has("blocks"))
    for (const auto& block : reader.at("blocks").elements()) profile.blocks.push_back(timing_from_json(block));
  profile.via = reader.text_or("via", "");
  profile.command = reader.text_or("command", "");
  return profile;
}

Profile load_profile(const fs::path& path) { return profile_from_json(read_json(path, "profile", kVersion), path.string()); }

}  // namespace scissionlite
