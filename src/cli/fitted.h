// The option --fitted, which several commands have: transfer layers that `scissionlite-train calibrate` wrote.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace scissionlite::cli {

void add_fitted_option(CLI::App& app, std::vector<std::string>& folders);

}  // namespace scissionlite::cli
