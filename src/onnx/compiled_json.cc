// compiled.json.
#include "base/error.h"
#include "onnx/compiled.h"

namespace scissionlite {
namespace {

std::string hex_from(const JsonReader& json, size_t digits) {
  const auto text = json.text();
  if (text.size() != digits || text.find_first_not_of("0123456789abcdef") != std::string::npos)
    json.fail(std::to_string(digits) + " hexadecimal digits");
  return text;
}

int small_count_from(const JsonReader& json) {
  const auto value = count_from(json, 1);
  if (value > 65536) json.fail("an integer of at most 65536");
  return static_cast<int>(value);
}

std::vector<ValueInfo> values_from(const JsonReader& json) {
  std::vector<ValueInfo> out;
  for (const auto& element : json.elements()) out.push_back(value_from_json(element));
  return out;
}

CompiledStep step_from(const JsonReader& json) {
  json.allow_only({"node", "implementation", "reason", "macs"});
  return {json.at("node").text(), json.at("implementation").text(), json.text_or("reason", ""), json.has("macs") ? count_from(json.at("macs")) : 0};
}

Json step_to_json(const CompiledStep& step) {
  Json json{{"node", step.node}, {"implementation", step.implementation}};
  if (!step.reason.empty()) json["reason"] = step.reason;
  if (step.macs > 0) json["macs"] = step.macs;
  return json;
}

CompiledProgram program_from(const JsonReader& json) {
  json.allow_only({"input_shapes", "arena_bytes", "steps"});
  CompiledProgram program;
  for (const auto& shape : json.at("input_shapes").elements()) program.shapes.push_back(shape.integers());
  program.arena_bytes = count_from(json.at("arena_bytes"));
  for (const auto& step : json.at("steps").elements()) program.steps.push_back(step_from(step));
  return program;
}

Json program_to_json(const CompiledProgram& program) {
  Json json{{"input_shapes", program.shapes}, {"arena_bytes", program.arena_bytes}, {"steps", Json::array()}};
  for (const auto& step : program.steps) json["steps"].push_back(step_to_json(step));
  return json;
}

/// A name below the folder: nothing that leads out of it.
std::string name_from(const JsonReader& json) {
  const auto text = json.text();
  const fs::path path(text);
  bool leads_out = text.empty() || path.is_absolute();
  for (const auto& part : path) leads_out = leads_out || part == "..";
  if (leads_out) json.fail("a file below the folder");
  return text;
}

}  // namespace

int64_t count_from(const JsonReader& json, int64_t least) {
  const auto value = json.integer();
  if (value < least) json.fail("an integer of at least " + std::to_string(least));
  return value;
}

Json values_to_json(const std::vector<ValueInfo>& values) {
  Json json = Json::array();
  for (const auto& value : values) json.push_back(value_to_json(value));
  return json;
}

std::string checksum_text(uint64_t hash) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (int i = 0; i < 16; ++i, hash <<= 4) text += kHex[hash >> 60];
  return text;
}

Json value_to_json(const ValueInfo& info) {
  Json json{{"name", info.name}, {"dtype", dtype_name(info.dtype)}};
  if (info.has_shape) json["shape"] = info.shape;
  return json;
}

ValueInfo value_from_json(const JsonReader& json) {
  json.allow_only({"name", "dtype", "shape"});
  ValueInfo info;
  info.name = json.at("name").text();
  info.dtype = dtype_from_name(json.at("dtype").text());
  if (info.dtype == Dtype::kUndefined || dtype_size(info.dtype) == 0) json.at("dtype").fail("a type such as float32 or uint8");
  info.has_shape = json.has("shape");
  if (!info.has_shape) return info;
  info.shape = json.at("shape").integers();
  Shape known = info.shape;
  for (auto& size : known)
    if (size == -1) size = 1;
  try {
    (void)element_count(known);
  } catch (const InvalidArgument&) { json.at("shape").fail("sizes of a tensor, -1 where one is open"); }
  return info;
}

Json to_json(const CompiledModel& c) {
  Json json{{"schema", "scissionlite.compiled/1"},
            {"model_name", c.model_name},
            {"model_sha256", c.model_sha256},
            {"created_by", c.created_by},
            {"engine", c.engine},
            {"build", c.build},
            {"isa", c.isa},
            {"lanes", c.lanes},
            {"threads", c.threads},
            {"precision", c.precision},
            {"cpu", c.cpu},
            {"tuning", c.tuning},
            {"inputs", values_to_json(c.inputs)},
            {"outputs", values_to_json(c.outputs)},
            {"packed_bytes", c.packed_bytes},
            {"files", Json::array()},
            {"programs", Json::array()}};
  if (!c.metadata.empty()) json["metadata"] = c.metadata;
  for (const auto& file : c.files)
    json["files"].push_back({{"name", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}, {"checksum", file.checksum}});
  for (const auto& program : c.programs) json["programs"].push_back(program_to_json(program));
  return json;
}

CompiledModel compiled_from_json(const Json& json, const std::string& where) {
  check_schema(json, "compiled", 1, where);
  const JsonReader reader(json, where);
  reader.allow_only({"schema", "model_name", "model_sha256", "created_by", "engine", "build", "isa", "lanes", "threads", "precision", "cpu", "tuning",
                     "inputs", "outputs", "metadata", "packed_bytes", "files", "programs"});
  CompiledModel c;
  c.model_name = reader.at("model_name").text();
  c.model_sha256 = hex_from(reader.at("model_sha256"), 64);
  c.created_by = reader.at("created_by").text();
  c.engine = reader.at("engine").text();
  c.build = reader.at("build").text();
  c.isa = reader.at("isa").text();
  c.lanes = small_count_from(reader.at("lanes"));
  c.threads = small_count_from(reader.at("threads"));
  c.precision = reader.at("precision").text();
  c.cpu = reader.at("cpu").text();
  c.tuning = reader.at("tuning").text();
  c.inputs = values_from(reader.at("inputs"));
  c.outputs = values_from(reader.at("outputs"));
  if (reader.has("metadata"))
    for (const auto& [key, value] : reader.at("metadata").members()) c.metadata[key] = value.text();
  c.packed_bytes = count_from(reader.at("packed_bytes"));
  for (const auto& file : reader.at("files").elements()) {
    file.allow_only({"name", "bytes", "sha256", "checksum"});
    c.files.push_back({name_from(file.at("name")), count_from(file.at("bytes")), hex_from(file.at("sha256"), 64), hex_from(file.at("checksum"), 16)});
  }
  for (const auto& program : reader.at("programs").elements()) c.programs.push_back(program_from(program));
  return c;
}

}  // namespace scissionlite
