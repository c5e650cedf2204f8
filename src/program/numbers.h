// What options say of numbers that they do not take.
#pragma once

#include <CLI/CLI.hpp>

namespace scissionlite::cli {

/// Options that are checked by CLI::PositiveNumber or CLI::NonNegativeNumber say their bound in words (CLI11 prints the largest double, 309 digits),
/// and those of type double refuse "nan", which passes every range, since no comparison with it holds. To be called once all are declared.
void check_numbers(CLI::App& command);

}  // namespace scissionlite::cli
