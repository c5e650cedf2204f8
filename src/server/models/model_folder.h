// What lies where in a model's folder: <model>/config.pbtxt, <model>/manifest.json, <model>/<version>/model.onnx.
#pragma once

#include <cstdint>
#include <vector>

#include "base/file.h"
#include "base/json.h"

namespace inference {
class ModelConfig;
}

namespace scissionlite::server {

/// Versions on disk, oldest first.
[[nodiscard]] std::vector<int64_t> versions_in(const fs::path& folder);
[[nodiscard]] fs::path version_file(const fs::path& folder, int64_t version, const inference::ModelConfig& config);
/// manifest.json, where the folder has one; else an empty object. @throws InvalidArgument for one that is none.
[[nodiscard]] Json read_manifest(const fs::path& folder);

}  // namespace scissionlite::server
