#include "score/privacy.h"

#include <algorithm>
#include <set>

#include "base/base64.h"
#include "base/error.h"
#include "base/interval_json.h"
#include "score/metric.h"
#include "score/scores.h"

namespace scissionlite {
namespace {

constexpr int kVersion = 1;

int64_t count(const JsonReader& json, const std::string& key) {
  const auto value = json.integer_or(key, 0);
  if (value < 0) json.at(key).fail("a count of at least 0");
  return value;
}

double between(const JsonReader& json, double low, double high, const char* expected) {
  const double value = json.number();
  if (value < low || value > high) json.fail(expected);
  return value;
}

Json row_json(const PrivacyRow& row, const char* name) {
  Json json{{name, row.candidate}};
  json.update(to_json(row.quality));
  if (row.examples > 0) json["examples"] = row.examples, json["best_epoch"] = row.best_epoch;
  if (!row.tl_sha256.empty()) json["tl_sha256"] = row.tl_sha256;
  if (!row.pictures.empty()) json["pictures"] = row.pictures;
  return json;
}

std::vector<std::string> pictures_from(const JsonReader& json, const std::string& key) {
  std::vector<std::string> out;
  if (!json.has(key)) return out;
  for (const auto& element : json.at(key).elements()) {
    out.push_back(element.text());
    if (!picture_type(out.back())) element.fail("base64 of a JPEG or PNG file");
  }
  return out;
}

PrivacyRow row_from(const JsonReader& json, const char* name, size_t originals) {
  json.allow_only({name, "psnr_db", "psnr_interval", "ssim", "ssim_interval", "n", "examples", "best_epoch", "tl_sha256", "pictures"});
  PrivacyRow row;
  row.candidate = json.at(name).text();
  row.quality = rebuild_quality_from(json);
  row.examples = count(json, "examples");
  row.best_epoch = row.examples > 0 ? count(json, "best_epoch") : 0;
  row.tl_sha256 = json.text_or("tl_sha256", "");
  row.pictures = pictures_from(json, "pictures");
  if (!row.pictures.empty() && row.pictures.size() != originals)
    json.at("pictures").fail("one picture for each of the " + std::to_string(originals) + " originals, or none");
  return row;
}

void check_is_split(const JsonReader& json) {
  const auto key = json.text();
  if (while_doing("reading " + json.where(), [&] { return candidate_from_key(key); }).kind != Candidate::Kind::kSplit)
    json.fail("a split, as 'split/12/uint8': nothing leaves the device with 'local', and the picture itself with 'edge/...'");
}

int side(const JsonReader& json) {
  const auto value = json.integer();
  if (value < 1 || value > 65535) json.fail("a size from 1 to 65535 pixels");
  return static_cast<int>(value);
}

}  // namespace

RebuildQuality rebuild_quality(const std::vector<double>& psnr_db, const std::vector<double>& ssim) {
  return {mean(psnr_db), bootstrap_interval(psnr_db), mean(ssim), bootstrap_interval(ssim), static_cast<int64_t>(psnr_db.size())};
}

Json to_json(const RebuildQuality& quality) {
  return {{"psnr_db", quality.psnr_db},
          {"psnr_interval", to_json(quality.psnr_interval)},
          {"ssim", quality.ssim},
          {"ssim_interval", to_json(quality.ssim_interval)},
          {"n", quality.n}};
}

RebuildQuality rebuild_quality_from(const JsonReader& json) {
  RebuildQuality q;
  q.psnr_db = json.at("psnr_db").number_at_least(0);
  q.psnr_interval = json.has("psnr_interval") ? interval_from_json(json.at("psnr_interval")) : Interval{q.psnr_db, q.psnr_db};
  q.ssim = between(json.at("ssim"), -1, 1, "a similarity in [-1, 1]");
  q.ssim_interval = json.has("ssim_interval") ? interval_from_json(json.at("ssim_interval")) : Interval{q.ssim, q.ssim};
  q.n = count(json, "n");
  return q;
}

const PrivacyRow* Privacy::find(const std::string& candidate_key) const {
  const auto found = std::find_if(candidates.begin(), candidates.end(), [&](const PrivacyRow& row) { return row.candidate == candidate_key; });
  return found == candidates.end() ? nullptr : &*found;
}

std::optional<std::string> picture_type(const std::string& base64) {
  const auto bytes = from_base64(base64);
  if (bytes && bytes->starts_with("\xff\xd8\xff")) return "image/jpeg";
  if (bytes && bytes->starts_with("\x89PNG\r\n")) return "image/png";
  return std::nullopt;
}

Json to_json(const Privacy& privacy) {
  Json json{{"schema", "scissionlite.privacy/" + std::to_string(kVersion)},
            {"model_sha256", privacy.model_sha256},
            {"images", privacy.images},
            {"held_out", privacy.held_out},
            {"images_sha256", privacy.images_sha256},
            {"width", privacy.width},
            {"height", privacy.height},
            {"job", privacy.job}};
  json["baselines"] = json["candidates"] = Json::array();
  for (const auto& row : privacy.baselines) json["baselines"].push_back(row_json(row, "name"));
  for (const auto& row : privacy.candidates) json["candidates"].push_back(row_json(row, "candidate"));
  json["originals"] = privacy.originals;
  json["command"] = privacy.command;
  return json;
}

Privacy privacy_from_json(const Json& json, const std::string& where) {
  check_schema(json, "privacy", kVersion, where);
  const JsonReader reader(json, where);
  reader.allow_only(
      {"schema", "model_sha256", "images", "held_out", "images_sha256", "width", "height", "job", "baselines", "candidates", "originals", "command"});
  Privacy out;
  out.model_sha256 = reader.at("model_sha256").text();
  out.images = count(reader, "images");
  out.held_out = count(reader, "held_out");
  out.images_sha256 = reader.text_or("images_sha256", "");
  out.width = side(reader.at("width"));
  out.height = side(reader.at("height"));
  if (reader.has("job")) {
    (void)reader.at("job").members();  // an object
    out.job = reader.at("job").raw();
  }
  out.originals = pictures_from(reader, "originals");
  if (reader.has("baselines"))
    for (const auto& element : reader.at("baselines").elements()) out.baselines.push_back(row_from(element, "name", out.originals.size()));
  std::set<std::string> seen;
  for (const auto& element : reader.at("candidates").elements()) {
    out.candidates.push_back(row_from(element, "candidate", out.originals.size()));
    check_is_split(element.at("candidate"));
    if (!seen.insert(out.candidates.back().candidate).second) element.at("candidate").fail("each candidate once");
  }
  out.command = reader.text_or("command", "");
  return out;
}

Privacy load_privacy(const fs::path& path) { return privacy_from_json(read_json(path, "privacy", kVersion), path.string()); }

}  // namespace scissionlite
