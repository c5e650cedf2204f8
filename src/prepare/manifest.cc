// manifest.json: what a package or a served model was made from.
#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "prepare/package.h"

namespace scissionlite {
namespace {

constexpr char kSchema[] = "manifest";
constexpr int kVersion = 1;

ValueInfo wire_from_json(const JsonReader& json) {
  if (!json.has("shape")) json.fail("a tensor of known shape");
  return value_from_json(json);
}

std::string sha256_from_json(const JsonReader& json, const std::string& key) {
  const auto text = json.at(key).text();
  const bool is_hash = text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!text.empty() && !is_hash) json.at(key).fail("64 hexadecimal digits");
  return text;
}

Forwarding forwarding_from_json(const JsonReader& json) {
  Forwarding out;
  out.candidate = json.at("candidate").text();
  while_doing("reading " + json.where(), [&] { (void)candidate_from_key(out.candidate); });
  out.tail_name = json.at("tail_name").text();
  out.tail_sha256 = sha256_from_json(json, "tail_sha256");
  for (const auto& element : json.at("outputs").elements()) out.outputs.push_back(wire_from_json(element));
  return out;
}

}  // namespace

Json to_json(const Manifest& m) {
  Json json{{"schema", "scissionlite.manifest/1"},
            {"role", m.role},
            {"model_name", m.model_name},
            {"tail_name", m.tail_name},
            {"candidate", m.candidate},
            {"cut_tensors", m.cut_tensors},
            {"tl", m.tl},
            {"model_sha256", m.model_sha256},
            {"head_sha256", m.head_sha256},
            {"tail_sha256", m.tail_sha256}};
  if (!m.local_sha256.empty()) json["local_sha256"] = m.local_sha256;
  if (m.forward)
    json["forward"] = {{"candidate", m.forward->candidate},
                       {"tail_name", m.forward->tail_name},
                       {"tail_sha256", m.forward->tail_sha256},
                       {"outputs", values_to_json(m.forward->outputs)}};
  json["wire"] = values_to_json(m.wire);
  if (!m.coders.empty()) json["coders"] = m.coders;
  if (!m.compiled.empty()) json["compiled"] = m.compiled;
  json["output_names"] = m.output_names;
  json["original_output_names"] = m.original_output_names;
  json["batch_dynamic"] = m.batch_dynamic;
  json["batch_note"] = m.batch_note;
  json["created_by"] = m.created_by;
  return json;
}

Manifest manifest_from_json(const Json& json, const std::string& where) {
  check_schema(json, kSchema, kVersion, where);
  const JsonReader reader(json, where);
  Manifest m;
  m.role = reader.at("role").text();
  if (m.role != "device" && m.role != "edge") reader.at("role").fail("'device' or 'edge'");
  m.model_name = reader.at("model_name").text();
  m.tail_name = reader.at("tail_name").text();
  m.candidate = reader.at("candidate").text();
  while_doing("reading " + where, [&] { (void)candidate_from_key(m.candidate); });
  m.cut_tensors = reader.at("cut_tensors").texts();
  m.tl = reader.text_or("tl", "");
  m.model_sha256 = sha256_from_json(reader, "model_sha256");
  m.head_sha256 = sha256_from_json(reader, "head_sha256");
  m.tail_sha256 = sha256_from_json(reader, "tail_sha256");
  if (reader.has("local_sha256")) m.local_sha256 = sha256_from_json(reader, "local_sha256");
  if (reader.has("forward")) m.forward = forwarding_from_json(reader.at("forward"));
  for (const auto& element : reader.at("wire").elements()) m.wire.push_back(wire_from_json(element));
  if (reader.has("coders"))
    for (const auto& [name, hash] : json.at("coders").items()) {
      const auto is_wire = std::any_of(m.wire.begin(), m.wire.end(), [&, n = name](const ValueInfo& info) { return info.name == n; });
      if (!is_wire) reader.at("coders").fail("hashes by the names of wire tensors; '" + name + "' is none");
      m.coders[name] = sha256_from_json(reader.at("coders"), name);
    }
  if (reader.has("compiled")) m.compiled = compiled_forms_from_json(reader.at("compiled"));
  m.output_names = reader.at("output_names").texts();
  if (reader.has("original_output_names")) m.original_output_names = reader.at("original_output_names").texts();
  m.batch_dynamic = reader.boolean_or("batch_dynamic", false);
  m.batch_note = reader.text_or("batch_note", "");
  m.created_by = reader.text_or("created_by", "");
  return m;
}

}  // namespace scissionlite
