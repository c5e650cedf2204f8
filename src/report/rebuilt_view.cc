// What was measured of rebuilding pictures, as rows with pictures that the page can show.
#include <algorithm>

#include "report/view.h"

namespace scissionlite::report {
namespace {

/// What cannot be shown is left out: the reader has checked pictures of files.
std::vector<std::string> data_uris(const std::vector<std::string>& base64) {
  std::vector<std::string> out;
  for (const auto& text : base64)
    if (const auto type = picture_type(text)) out.push_back("data:" + *type + ";base64," + text);
  return out;
}

std::string baseline_label(const std::string& name) {
  return name.rfind("edge/", 0) == 0 ? label_of(name) + ": the picture itself" : "Nothing: the " + name + " of all";
}

RebuiltRow row_of(const PrivacyRow& row, bool is_baseline, const std::string& chosen_key) {
  return {.key = row.candidate,
          .label = is_baseline ? baseline_label(row.candidate) : label_of(row.candidate),
          .quality = row.quality,
          .pictures = data_uris(row.pictures),
          .is_chosen = row.candidate == chosen_key,
          .is_baseline = is_baseline};
}

}  // namespace

RebuiltView make_rebuilt_view(const Privacy& privacy, const std::string& chosen_key) {
  RebuiltView out{.originals = data_uris(privacy.originals), .images = privacy.images, .width = privacy.width, .height = privacy.height};
  std::vector<RebuiltRow> measured;
  for (const auto& row : privacy.baselines) out.rows.push_back(row_of(row, /*is_baseline=*/true, chosen_key));
  for (const auto& row : privacy.candidates) measured.push_back(row_of(row, /*is_baseline=*/false, chosen_key));
  std::stable_sort(measured.begin(), measured.end(), [](const RebuiltRow& a, const RebuiltRow& b) { return a.quality.psnr_db > b.quality.psnr_db; });
  out.rows.insert(out.rows.end(), measured.begin(), measured.end());
  return out;
}

}  // namespace scissionlite::report
