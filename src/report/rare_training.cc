#include "report/rare_training.h"

namespace scissionlite::report {
namespace {

constexpr int kVersion = 1;

double share(const JsonReader& json) {
  const double value = json.number();
  if (!(value >= 0 && value <= 1)) json.fail("a share from 0 to 1");
  return value;
}

RareMeasure measure_from(const JsonReader& json) {
  const auto auc = json.at("auc");
  const auto interval = auc.at("interval").elements();
  if (interval.size() != 2) auc.at("interval").fail("two shares");
  return {json.at("stage").integer(), json.at("step").integer(), json.at("rounds").integer(),
          share(auc.at("value")),     share(interval[0]),        share(interval[1])};
}

RareOperation point_from(const JsonReader& json) {
  const auto parts = json.elements();
  if (parts.size() != 4) json.fail("threshold, recall, false alarms and precision");
  return {share(parts[0]), share(parts[1]), share(parts[2]), share(parts[3])};
}

}  // namespace

RareTraining rare_training_from_json(const Json& raw, const std::string& where) {
  check_schema(raw, "rare_training", kVersion, where);
  const JsonReader json(raw, where);
  RareTraining out;
  out.model = json.text_or("model", ""), out.output = json.text_or("output", ""), out.command = json.text_or("command", "");
  out.images = json.at("images").integer(), out.held_out = json.at("held_out").integer();
  out.positive_rate = share(json.at("positive_rate"));
  for (const auto& member : json.at("members").elements()) out.members.push_back({member.at("images").integer(), member.at("positives").integer()});
  for (const auto& one : json.at("measures").elements()) out.measures.push_back(measure_from(one));
  if (out.measures.empty()) json.at("measures").fail("at least one");
  out.held_out_positives = raw.at("measures").back().at("auc").at("positives").get<int64_t>();
  const auto operation = json.at("operation");
  out.operation = {share(operation.at("threshold")), share(operation.at("recall")), share(operation.at("false_alarms")),
                   share(operation.at("precision"))};
  for (const auto& point : json.at("curve").elements()) out.curve.push_back(point_from(point));
  out.rounds = json.at("exchanged").at("rounds").integer(), out.bytes_sent = json.at("exchanged").at("bytes_sent").integer();
  for (const auto& note : json.at("notes").elements()) out.notes.push_back(note.text());
  return out;
}

RareTraining load_rare_training(const fs::path& path) { return rare_training_from_json(read_json(path, "rare_training", kVersion), path.string()); }

}  // namespace scissionlite::report
