#include "profile/partial.h"

#include "base/error.h"
#include "base/log.h"

namespace scissionlite {
namespace {

constexpr char kSchema[] = "profile_part";
constexpr int kVersion = 1;

}  // namespace

PartialTimings::PartialTimings(fs::path path, Json key) : path_(std::move(path)), key_(std::move(key)) {
  if (path_.empty() || !fs::exists(path_)) return;
  try {
    const Json json = read_json(path_, kSchema, kVersion);
    if (json.value("key", Json()) != key_) {
      log::info("[profile] '" + path_.string() + "' is of another model, machine, engine or options; starting anew");
      return;
    }
    for (const auto& [name, timing] : JsonReader(json, path_.string()).at("timings").members()) timings_[name] = timing_from_json(timing);
    for (const auto& [name, size] : JsonReader(json, path_.string()).at("sizes").members()) sizes_[name] = size.integer();
    resumed_ = timings_.size();
    if (resumed_ > 0) log::info("[profile] going on from '" + path_.string() + "': " + std::to_string(resumed_) + " times are there");
  } catch (const Error& e) {
    timings_.clear();
    sizes_.clear();
    log::warning("[profile] ignoring '" + path_.string() + "': " + e.what());
  }
}

const Timing* PartialTimings::find(const std::string& name) const {
  const auto it = timings_.find(name);
  return it == timings_.end() ? nullptr : &it->second;
}

int64_t PartialTimings::size(const std::string& name) const {
  const auto it = sizes_.find(name);
  return it == sizes_.end() ? -1 : it->second;
}

void PartialTimings::save() const {
  if (path_.empty()) return;
  Json json{{"schema", "scissionlite.profile_part/1"}, {"key", key_}, {"timings", Json::object()}, {"sizes", sizes_}};
  for (const auto& [name, timing] : timings_) json["timings"][name] = to_json(timing);
  write_json(path_, json);
}

void PartialTimings::remove() const {
  std::error_code ignored;
  if (!path_.empty()) fs::remove(path_, ignored);
}

}  // namespace scissionlite
