// What a model is compiled for: options of `compile`, and of `prepare` for each half.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "engine/backends/native/compiled/compiled.h"

namespace scissionlite::cli {

/// Adds --<prefix>threads, --<prefix>isa and --<prefix>tuning. @return them.
std::vector<CLI::Option*> add_target_options(CLI::App& app, CompileModelOptions& options, const std::string& prefix = "");
/// Adds --<prefix>batch.
CLI::Option* add_batch_option(CLI::App& app, CompileModelOptions& options, const std::string& prefix = "");

}  // namespace scissionlite::cli
