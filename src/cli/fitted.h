// The option --fitted, which several commands have: transfer layers that `scissionlite-train calibrate` wrote.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "transfer/fitted.h"

namespace scissionlite::cli {

void add_fitted_option(CLI::App& app, std::vector<std::string>& folders);
/// An empty shelf without reading the model, when no folder is given. @throws as transfer::Shelf.
[[nodiscard]] transfer::Shelf load_shelf(const std::vector<std::string>& folders, const fs::path& model);

}  // namespace scissionlite::cli
