#include "cli/fitted.h"

#include "onnx/onnx.h"

namespace scissionlite::cli {

void add_fitted_option(CLI::App& app, std::vector<std::string>& folders) {
  app.add_option("--fitted", folders, "folders of transfer layers that `scissionlite-train calibrate` fitted, or folders of such folders");
}

transfer::Shelf load_shelf(const std::vector<std::string>& folders, const fs::path& model) {
  return folders.empty() ? transfer::Shelf() : transfer::Shelf(folders, model_sha256(model));
}

}  // namespace scissionlite::cli
