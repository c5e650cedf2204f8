#include "cli/fitted.h"

namespace scissionlite::cli {

void add_fitted_option(CLI::App& app, std::vector<std::string>& folders) {
  app.add_option("--fitted", folders, "folders of transfer layers that `scissionlite-train calibrate` fitted, or folders of such folders");
}

}  // namespace scissionlite::cli
