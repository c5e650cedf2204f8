// graphs.json.
#include "base/error.h"
#include "engine/backends/native/compiled/attribute_json.h"
#include "engine/backends/native/compiled/stored.h"
#include "onnx/compiled.h"

namespace scissionlite::native {
namespace {

std::vector<ValueInfo> values_from(const JsonReader& json) {
  std::vector<ValueInfo> out;
  for (const auto& element : json.elements()) {
    out.push_back(value_from_json(element));
    if (!out.back().has_shape || !is_static(out.back().shape)) element.fail("a value with known sizes");
  }
  return out;
}

Json node_to_json(const Node& node) {
  Json json{{"op", node.op_type}};
  if (!node.name.empty()) json["name"] = node.name;
  if (!node.domain.empty()) json["domain"] = node.domain;
  json["inputs"] = node.inputs;
  json["outputs"] = node.outputs;
  for (const auto& [name, attribute] : node.attributes) json["attributes"][name] = attribute_to_json(attribute);
  return json;
}

Node node_from(const JsonReader& json) {
  json.allow_only({"op", "name", "domain", "inputs", "outputs", "attributes"});
  Node node{.name = json.text_or("name", ""),
            .op_type = json.at("op").text(),
            .domain = json.text_or("domain", ""),
            .inputs = json.at("inputs").texts(),
            .outputs = json.at("outputs").texts(),
            .attributes = {},
            .doc = {}};
  if (node.outputs.empty()) json.at("outputs").fail("at least one value");
  if (json.has("attributes"))
    for (const auto& [name, attribute] : json.at("attributes").members()) node.attributes.emplace(name, attribute_from_json(attribute));
  return node;
}

Json decision_to_json(const std::string& subject, const Decision& decision) {
  Json json{{"for", subject}, {"implementation", decision.implementation}, {"knobs", Json::object()}, {"reason", decision.reason}};
  for (const auto& [name, value] : decision.knobs) json["knobs"][name] = value;
  return json;
}

std::pair<std::string, Decision> decision_from(const JsonReader& json) {
  json.allow_only({"for", "implementation", "knobs", "reason"});
  Decision decision{json.at("implementation").text(), {}, json.at("reason").text()};
  for (const auto& [name, value] : json.at("knobs").members()) decision.knobs[name] = value.integer();
  return {json.at("for").text(), decision};
}

Json constant_to_json(const StoredProgram& program, const std::string& name, const Tensor& type) {
  Json json{{"name", name}, {"dtype", dtype_name(type.dtype())}, {"shape", type.shape()}};
  if (const auto it = program.lowered.identities.find(name); it != program.lowered.identities.end()) json["packed"] = it->second;
  if (const auto it = program.values.find(name); it != program.values.end()) json["values"] = it->second;
  return json;
}

void add_constant(StoredProgram& program, const JsonReader& json) {
  json.allow_only({"name", "dtype", "shape", "packed", "values"});
  const auto name = json.at("name").text();
  const ValueInfo type = value_from_json({Json{{"name", name}, {"dtype", json.at("dtype").raw()}, {"shape", json.at("shape").raw()}}, json.where()});
  if (!is_static(type.shape)) json.at("shape").fail("known sizes");
  if (!program.graph.initializers.emplace(name, without_values(type.dtype, type.shape)).second)
    json.at("name").fail("a name that no other constant has");
  if (json.has("packed")) program.lowered.identities[name] = json.at("packed").text();
  if (json.has("values")) program.values[name] = json.at("values").text();
}

Json program_to_json(const StoredProgram& program) {
  const auto& graph = program.graph;
  Json json{{"opsets", Json::array()},
            {"inputs", values_to_json(graph.inputs)},
            {"outputs", values_to_json(graph.outputs)},
            {"values", Json::array()},
            {"constants", Json::array()},
            {"nodes", Json::array()},
            {"decisions", Json::array()}};
  for (const auto& opset : graph.opsets) json["opsets"].push_back({{"domain", opset.domain}, {"version", opset.version}});
  for (const auto& [name, value] : graph.values) json["values"].push_back(value_to_json(value));
  for (const auto& [name, type] : graph.initializers) json["constants"].push_back(constant_to_json(program, name, type));
  for (const auto& node : graph.nodes) json["nodes"].push_back(node_to_json(node));
  for (const auto& [subject, decision] : program.lowered.decisions) json["decisions"].push_back(decision_to_json(subject, decision));
  return json;
}

StoredProgram program_from(const JsonReader& json) {
  json.allow_only({"opsets", "inputs", "outputs", "values", "constants", "nodes", "decisions"});
  StoredProgram program;
  auto& graph = program.graph;
  for (const auto& opset : json.at("opsets").elements()) {
    opset.allow_only({"domain", "version"});
    graph.opsets.push_back({opset.at("domain").text(), opset.at("version").integer()});
  }
  graph.inputs = values_from(json.at("inputs"));
  graph.outputs = values_from(json.at("outputs"));
  for (auto& value : values_from(json.at("values"))) graph.values[value.name] = value;
  for (const auto& constant : json.at("constants").elements()) add_constant(program, constant);
  for (const auto& node : json.at("nodes").elements()) graph.nodes.push_back(node_from(node));
  for (const auto& decision : json.at("decisions").elements()) program.lowered.decisions.insert(decision_from(decision));
  try {
    graph.check();
  } catch (const ModelError& e) { throw InvalidArgument("[json] " + json.where() + ": " + e.what()); }
  return program;
}

}  // namespace

Json to_json(const Stored& stored) {
  Json json{{"schema", "scissionlite.compiled_graphs/1"}, {"weights", Json::array()}, {"programs", Json::array()}};
  for (const auto& w : stored.weights)
    json["weights"].push_back({{"key", w.key}, {"offset", w.offset}, {"bytes", w.bytes}, {"checksum", w.checksum}});
  for (const auto& program : stored.programs) json["programs"].push_back(program_to_json(program));
  return json;
}

Stored stored_from_json(const Json& json, const std::string& where) {
  check_schema(json, "compiled_graphs", 1, where);
  const JsonReader reader(json, where);
  reader.allow_only({"schema", "weights", "programs"});
  Stored stored;
  for (const auto& w : reader.at("weights").elements()) {
    w.allow_only({"key", "offset", "bytes", "checksum"});
    stored.weights.push_back({w.at("key").text(), count_from(w.at("offset")), count_from(w.at("bytes")), w.at("checksum").text()});
    if (stored.weights.back().offset % 64 != 0) w.at("offset").fail("a multiple of 64");
  }
  for (const auto& program : reader.at("programs").elements()) stored.programs.push_back(program_from(program));
  return stored;
}

}  // namespace scissionlite::native
