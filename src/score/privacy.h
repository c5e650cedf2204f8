// privacy.json ("scissionlite.privacy/1"): how well the input picture was rebuilt from what leaves the device, by a decoder
// trained for it (`scissionlite-train privacy`) and judged on held-out images. A lower bound of what an attacker can do.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/stats.h"

namespace scissionlite {

/// Rebuilt pictures against the originals: means over images, with 95 % bootstrap intervals.
struct RebuildQuality {
  double psnr_db = 0;  // of 8-bit RGB, see score/picture_quality.h
  Interval psnr_interval;
  double ssim = 0;  // of luma
  Interval ssim_interval;
  int64_t n = 0;  // images: no decoder was trained on any of them
};
/// From the values of each image. @param psnr_db, ssim  equally many, at least one.
[[nodiscard]] RebuildQuality rebuild_quality(const std::vector<double>& psnr_db, const std::vector<double>& ssim);

[[nodiscard]] Json to_json(const RebuildQuality& quality);
/// Reads the fields of `to_json` and leaves others alone. @throws InvalidArgument as `privacy_from_json`.
[[nodiscard]] RebuildQuality rebuild_quality_from(const JsonReader& json);

struct PrivacyRow {
  std::string candidate;  // key of a split; of a baseline what it is
  RebuildQuality quality{};
  int64_t best_epoch = 0;               // of the decoder; 0: it learned nothing beyond the mean picture
  int64_t examples = 0;                 // that it was trained on an epoch: images in all views
  std::string tl_sha256{};              // of a transfer layer fitted beforehand; "" for families
  std::vector<std::string> pictures{};  // rebuilt, as base64 of JPEG or PNG: one for each of Privacy::originals, or none
};

struct Privacy {
  std::string model_sha256;
  int64_t images = 0, held_out = 0;      // trained on, judged on
  std::string images_sha256;             // of the held-out files' bytes
  int width = 0, height = 0;             // of the pictures as rebuilt and compared
  Json job = Json::object();             // what decides the numbers beside the candidate: another run must have it equal to add to the file
  std::vector<std::string> originals{};  // a few held-out pictures, base64
  std::vector<PrivacyRow> baselines{};   // "mean picture", "edge/jpeg-q75-420"
  std::vector<PrivacyRow> candidates{};
  std::string command;
  /// nullptr when absent.
  [[nodiscard]] const PrivacyRow* find(const std::string& candidate_key) const;
};
[[nodiscard]] Json to_json(const Privacy& privacy);
/// @throws InvalidArgument with the field's path, what was given and what was expected.
[[nodiscard]] Privacy privacy_from_json(const Json& json, const std::string& where);
[[nodiscard]] Privacy load_privacy(const fs::path& path);

/// "image/jpeg" or "image/png", by the first bytes of what base64 text holds; nullopt for anything else.
[[nodiscard]] std::optional<std::string> picture_type(const std::string& base64);

}  // namespace scissionlite
