// JSON files of the project: read with a schema check and errors that say where, written atomically.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/file.h"

namespace scissionlite {

using Json = nlohmann::ordered_json;

/// Parses JSON text. Refuses duplicate keys, nesting beyond 100 levels and numbers that are not finite.
/// @param where  named in the message: a path or "request".
/// @throws InvalidArgument with line, column and what was expected.
[[nodiscard]] Json parse_json(std::string_view text, const std::string& where);

/// Reads `path` and checks its "schema" against "scissionlite.<name>/<version>".
/// @throws InvalidArgument for another name (says which command writes the wanted one), an older or newer version.
[[nodiscard]] Json read_json(const fs::path& path, const std::string& name, int version);
/// The same check on a value already parsed.
void check_schema(const Json& json, const std::string& name, int version, const std::string& where);

/// Writes with two-space indentation and a newline at the end, atomically.
void write_json(const fs::path& path, const Json& json);

/// Reads fields of one object; every error names the full path of the field ("profile.json: cuts[3].head.median_us").
class JsonReader {
 public:
  JsonReader(const Json& json, std::string where) : json_(&json), where_(std::move(where)) {}
  [[nodiscard]] bool has(const std::string& key) const { return json_->is_object() && json_->contains(key) && !(*json_)[key].is_null(); }
  /// @throws InvalidArgument when absent.
  [[nodiscard]] JsonReader at(const std::string& key) const;
  /// Elements of an array. @throws InvalidArgument when it is not one.
  [[nodiscard]] std::vector<JsonReader> elements() const;
  /// Keys and values of an object.
  [[nodiscard]] std::vector<std::pair<std::string, JsonReader>> members() const;
  [[nodiscard]] std::string text() const;
  [[nodiscard]] double number() const;  ///< finite
  [[nodiscard]] double number_at_least(double low) const;
  [[nodiscard]] int64_t integer() const;
  [[nodiscard]] bool boolean() const;
  [[nodiscard]] std::vector<double> numbers() const;
  [[nodiscard]] std::vector<int64_t> integers() const;
  [[nodiscard]] std::vector<std::string> texts() const;
  [[nodiscard]] std::string text_or(const std::string& key, std::string fallback) const { return has(key) ? at(key).text() : std::move(fallback); }
  [[nodiscard]] double number_or(const std::string& key, double fallback) const { return has(key) ? at(key).number() : fallback; }
  [[nodiscard]] int64_t integer_or(const std::string& key, int64_t fallback) const { return has(key) ? at(key).integer() : fallback; }
  [[nodiscard]] bool boolean_or(const std::string& key, bool fallback) const { return has(key) ? at(key).boolean() : fallback; }
  /// @throws InvalidArgument naming the first member that is not in `known`, with the nearest known name.
  void allow_only(const std::vector<std::string>& known) const;
  [[nodiscard]] const Json& raw() const { return *json_; }
  [[nodiscard]] const std::string& where() const { return where_; }
  [[noreturn]] void fail(const std::string& expected) const;

 private:
  const Json* json_;
  std::string where_;
};

}  // namespace scissionlite
