#include "score/scores.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/interval_json.h"
#include "base/text.h"

namespace scissionlite {
namespace {

constexpr int kVersion = 1;

[[noreturn]] void bad_key(const std::string& key) {
  throw InvalidArgument("[candidate] got '" + key +
                        "', expected 'local', 'edge/<codec>' or 'split/<cut id>/<transfer layer>', as in 'edge/jpeg-q90-420' or 'split/12/uint8'");
}

double share(const JsonReader& json) {
  const double value = json.number();
  if (value < 0 || value > 1) json.fail("a share in [0, 1]");
  return value;
}

double optional_share(const JsonReader& json, const std::string& key) { return json.has(key) ? share(json.at(key)) : -1; }

int64_t count(const JsonReader& json, const std::string& key) {
  if (json.integer_or(key, 0) < 0) json.at(key).fail("a count of at least 0");
  return json.integer_or(key, 0);
}

Json score_json(const Score& score) {
  Json json{{"candidate", score.candidate},   {"agreement", score.agreement}, {"interval", to_json(score.interval)}, {"n", score.n},
            {"bytes_mean", score.bytes_mean}, {"bytes_p95", score.bytes_p95}};
  if (score.label_accuracy >= 0) json["label_accuracy"] = score.label_accuracy;
  if (score.label_auc >= 0) json["label_auc"] = score.label_auc;
  if (!score.note.empty()) json["note"] = score.note;
  return json;
}

Score score_from(const JsonReader& json) {
  json.allow_only({"candidate", "agreement", "interval", "n", "bytes_mean", "bytes_p95", "label_accuracy", "label_auc", "note"});
  Score score;
  score.candidate = json.at("candidate").text();
  for (const auto& part : split(score.candidate, '|'))
    (void)while_doing("reading " + json.where() + ".candidate", [&] { return candidate_from_key(part); });
  score.agreement = share(json.at("agreement"));
  score.n = count(json, "n");
  score.interval = json.has("interval") ? interval_from_json(json.at("interval")) : Interval{score.agreement, score.agreement};
  score.bytes_mean = json.has("bytes_mean") ? json.at("bytes_mean").number_at_least(0) : 0;
  score.bytes_p95 = json.has("bytes_p95") ? json.at("bytes_p95").number_at_least(0) : score.bytes_mean;
  score.label_accuracy = optional_share(json, "label_accuracy");
  score.label_auc = optional_share(json, "label_auc");
  score.note = json.text_or("note", "");
  return score;
}

}  // namespace

TlKind kind_of_tl(std::string_view tl) {
  if (tl == "fp32" || tl == "fp16" || tl.starts_with("uint")) return TlKind::kPlain;
  if (tl.starts_with("codes")) return TlKind::kCodes;
  return tl == "pool" || tl.starts_with("pool-") ? TlKind::kPool : TlKind::kLearned;
}

std::string Candidate::key() const {
  if (kind == Kind::kEdge) return "edge/" + codec;
  if (kind == Kind::kSplit) return "split/" + cut_id + "/" + tl;
  return "local";
}

std::string Candidate::family() const {
  if (kind == Kind::kLocal) return "local";
  if (kind == Kind::kEdge) return "edge " + codec.substr(0, codec.find('-'));
  switch (kind_of_tl(tl)) {
    case TlKind::kPlain: return "plain " + tl;
    case TlKind::kCodes: return "packed codes";
    case TlKind::kPool: return "pool TL";
    case TlKind::kLearned: break;
  }
  return "learned TL";
}

Candidate candidate_from_key(const std::string& key) {
  if (key.find('|') != std::string::npos) bad_key(key);
  const auto parts = split(key, '/');
  if (std::any_of(parts.begin(), parts.end(), [](const std::string& part) { return part.empty(); })) bad_key(key);
  if (parts.size() == 1 && parts[0] == "local") return {};
  if (parts.size() == 2 && parts[0] == "edge") return {.kind = Candidate::Kind::kEdge, .codec = parts[1], .cut_id = "", .tl = ""};
  if (parts.size() == 3 && parts[0] == "split") return {.kind = Candidate::Kind::kSplit, .codec = "", .cut_id = parts[1], .tl = parts[2]};
  bad_key(key);
}

bool is_exact(const Candidate& candidate) {
  static const std::set<std::string> kLossless{"file", "raw", "png", "tensor"};
  switch (candidate.kind) {
    case Candidate::Kind::kLocal: return true;
    case Candidate::Kind::kEdge: return kLossless.count(candidate.codec) > 0;
    case Candidate::Kind::kSplit: return candidate.tl == kUnchangedTl;
  }
  return false;
}

const Score* Scores::find(const std::string& candidate_key) const {
  const auto found = std::find_if(scores.begin(), scores.end(), [&](const Score& score) { return score.candidate == candidate_key; });
  return found == scores.end() ? nullptr : &*found;
}

Json to_json(const Scores& scores) {
  Json json{{"schema", "scissionlite.scores/" + std::to_string(kVersion)},
            {"model_sha256", scores.model_sha256},
            {"metric", scores.metric},
            {"images", scores.images},
            {"images_fitted", scores.images_fitted},
            {"images_sha256", scores.images_sha256}};
  if (scores.label_accuracy >= 0) json["label_accuracy"] = scores.label_accuracy;
  json["scores"] = Json::array();
  for (const auto& score : scores.scores) json["scores"].push_back(score_json(score));
  json["command"] = scores.command;
  return json;
}

Scores scores_from_json(const Json& json, const std::string& where) {
  check_schema(json, "scores", kVersion, where);
  const JsonReader reader(json, where);
  reader.allow_only({"schema", "model_sha256", "metric", "images", "images_fitted", "images_sha256", "label_accuracy", "scores", "command"});
  Scores scores;
  scores.model_sha256 = reader.at("model_sha256").text();
  scores.metric = reader.text_or("metric", "top1");
  scores.images = count(reader, "images");
  scores.images_fitted = count(reader, "images_fitted");
  scores.images_sha256 = reader.text_or("images_sha256", "");
  scores.label_accuracy = optional_share(reader, "label_accuracy");
  std::set<std::string> seen;
  for (const auto& element : reader.at("scores").elements()) {
    scores.scores.push_back(score_from(element));
    if (!seen.insert(scores.scores.back().candidate).second) element.at("candidate").fail("each candidate once");
  }
  scores.command = reader.text_or("command", "");
  return scores;
}

Scores load_scores(const fs::path& path) { return scores_from_json(read_json(path, "scores", kVersion), path.string()); }

}  // namespace scissionlite
