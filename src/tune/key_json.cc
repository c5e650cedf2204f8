#include "tune/key_json.h"

namespace scissionlite::tune {

TuningKey key_from_json(const JsonReader& json) {
  constexpr int kMostThreads = 4096;
  TuningKey key{json.at("problem").text(), json.at("dtype").text(), json.at("isa").text(), json.at("cpu").text(), 1};
  const auto threads = json.at("threads").integer();
  if (threads < 1 || threads > kMostThreads) json.at("threads").fail("1 to " + std::to_string(kMostThreads));
  key.threads = static_cast<int>(threads);
  return key;
}

Json key_to_json(const TuningKey& key) {
  return {{"problem", key.problem}, {"dtype", key.dtype}, {"isa", key.isa}, {"cpu", key.cpu}, {"threads", key.threads}};
}

kernels::Knobs knobs_from_json(const JsonReader& json) {
  kernels::Knobs knobs;
  for (const auto& [name, value] : json.members()) knobs[name] = value.integer();
  return knobs;
}

Json knobs_to_json(const kernels::Knobs& knobs) {
  Json json = Json::object();
  for (const auto& [name, value] : knobs) json[name] = value;
  return json;
}

}  // namespace scissionlite::tune
