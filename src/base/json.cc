#include "base/json.h"

#include <cmath>
#include <set>

#include "base/error.h"
#include "base/json_filter.h"
#include "base/text.h"

namespace scissionlite {
namespace {

constexpr int kDeepest = 100;
constexpr size_t kLongestReason = 300;

/// Rejects what nlohmann's parser lets through: duplicate keys and deep nesting.
struct StrictParse {
  std::vector<std::set<std::string>> keys;
  std::string problem;

  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kDeepest && problem.empty()) problem = "is nested deeper than " + std::to_string(kDeepest) + " levels";
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end && !keys.empty()) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.empty() && !keys.back().insert(parsed.get<std::string>()).second && problem.empty())
      problem = "has the key '" + parsed.get<std::string>() + "' twice in one object";
    return true;
  }
};

void check_depth(std::string_view text, const std::string& where) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      else if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (depth > kDeepest) throw InvalidArgument("[json] " + where + " is nested deeper than " + std::to_string(kDeepest) + " levels");
  }
}

}  // namespace

Json parse_json_filtered(std::string_view text, const std::string& where, const Json::parser_callback_t& filter) {
  check_depth(text, where);  // before parsing: the parser recurses
  StrictParse strict;
  Json json;
  try {
    json = Json::parse(text, [&](int depth, Json::parse_event_t event, Json& parsed) {
      return strict(depth, event, parsed) && (!filter || filter(depth, event, parsed));
    });
  } catch (const Json::exception& e) {
    std::string reason = e.what();
    if (const auto at = reason.find("] "); at != std::string::npos) reason = reason.substr(at + 2);
    if (reason.size() > kLongestReason) reason = reason.substr(0, kLongestReason) + "...";  // it quotes the text that was read
    throw InvalidArgument("[json] " + where + " is not valid JSON: " + reason);
  }
  if (!strict.problem.empty()) throw InvalidArgument("[json] " + where + " " + strict.problem);
  return json;
}

Json parse_json(std::string_view text, const std::string& where) { return parse_json_filtered(text, where, nullptr); }

void check_schema(const Json& json, const std::string& name, int version, const std::string& where) {
  const std::string wanted = "scissionlite." + name + "/" + std::to_string(version);
  if (!json.is_object() || !json.contains("schema") || !json["schema"].is_string())
    throw InvalidArgument("[json] " + where + " has no \"schema\"; expected an object with \"schema\": \"" + wanted + "\"");
  const auto given = json["schema"].get<std::string>();
  if (given == wanted) return;
  const std::string prefix = "scissionlite." + name + "/";
  if (given.rfind(prefix, 0) == 0)
    throw InvalidArgument("[json] " + where + " has schema '" + given + "', this version reads '" + wanted +
                          "'; write the file again with this version");
  throw InvalidArgument("[json] " + where + " has schema '" + given + "', expected '" + wanted + "'; is this the right file?");
}

Json read_json(const fs::path& path, const std::string& name, int version) {
  constexpr uint64_t kLimitBytes = uint64_t{1} << 30;
  Json json = parse_json(read_file(path, kLimitBytes), path.string());
  check_schema(json, name, version, path.string());
  return json;
}

void write_json(const fs::path& path, const Json& json) {
  write_file(path, json.dump(2, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n");
}

void JsonReader::fail(const std::string& expected) const {
  std::string given = json_->dump();
  if (given.size() > 60) given = given.substr(0, 60) + "...";
  throw InvalidArgument("[json] " + where_ + ": got " + given + ", expected " + expected);
}
JsonReader JsonReader::at(const std::string& key) const {
  if (!json_->is_object()) fail("an object with '" + key + "'");
  if (!json_->contains(key)) throw InvalidArgument("[json] " + where_ + ": '" + key + "' is missing");
  return {(*json_)[key], where_ + "." + key};
}
std::vector<JsonReader> JsonReader::elements() const {
  if (!json_->is_array()) fail("an array");
  std::vector<JsonReader> out;
  for (size_t i = 0; i < json_->size(); ++i) out.emplace_back((*json_)[i], where_ + "[" + std::to_string(i) + "]");
  return out;
}
std::vector<std::pair<std::string, JsonReader>> JsonReader::members() const {
  if (!json_->is_object()) fail("an object");
  std::vector<std::pair<std::string, JsonReader>> out;
  for (const auto& [key, value] : json_->items()) out.emplace_back(key, JsonReader(value, where_ + "." + key));
  return out;
}
std::string JsonReader::text() const {
  if (!json_->is_string()) fail("a string");
  return json_->get<std::string>();
}
double JsonReader::number() const {
  if (!json_->is_number() || !std::isfinite(json_->get<double>())) fail("a finite number");
  return json_->get<double>();
}
double JsonReader::number_at_least(double low) const {
  const double value = number();
  if (value < low) fail("a number of at least " + Json(low).dump());
  return value;
}
int64_t JsonReader::integer() const {
  if (!json_->is_number_integer()) fail("an integer");
  return json_->get<int64_t>();
}
bool JsonReader::boolean() const {
  if (!json_->is_boolean()) fail("true or false");
  return json_->get<bool>();
}
std::vector<double> JsonReader::numbers() const {
  std::vector<double> out;
  for (const auto& e : elements()) out.push_back(e.number());
  return out;
}
std::vector<int64_t> JsonReader::integers() const {
  std::vector<int64_t> out;
  for (const auto& e : elements()) out.push_back(e.integer());
  return out;
}
std::vector<std::string> JsonReader::texts() const {
  std::vector<std::string> out;
  for (const auto& e : elements()) out.push_back(e.text());
  return out;
}
void JsonReader::allow_only(const std::vector<std::string>& known) const {
  for (const auto& [key, value] : members())
    if (std::find(known.begin(), known.end(), key) == known.end())
      throw InvalidArgument("[json] " + where_ + ": unknown key '" + key + "'" + did_you_mean(key, known));
}

}  // namespace scissionlite
