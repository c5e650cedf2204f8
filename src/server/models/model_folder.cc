#include "server/models/model_folder.h"

#include <algorithm>

#include "model_config.pb.h"
#include "server/call/names.h"

namespace scissionlite::server {

std::vector<int64_t> versions_in(const fs::path& folder) {
  std::vector<int64_t> versions;
  std::error_code error;
  for (const auto& path : list_folder(folder, error))
    if (const auto version = parse_version(path.filename().string()); version && is_folder(path)) versions.push_back(*version);
  std::sort(versions.begin(), versions.end());
  return versions;
}

fs::path version_file(const fs::path& folder, int64_t version, const inference::ModelConfig& config) {
  return folder / std::to_string(version) / (config.default_model_filename().empty() ? "model.onnx" : config.default_model_filename());
}

Json read_manifest(const fs::path& folder) {
  const auto path = folder / "manifest.json";
  return fs::exists(path) ? read_json(path, "manifest", 1) : Json::object();
}

}  // namespace scissionlite::server
