#include "program/numbers.h"

#include <cmath>
#include <string>
#include <vector>

namespace scissionlite::cli {
namespace {

struct Bound {
  const char* validator;  // its description in CLI11
  bool (*holds)(double value);
  const char* expected;
};
constexpr Bound kBounds[] = {
    {"POSITIVE", [](double value) { return value > 0; }, "a number above 0"},
    {"NONNEGATIVE", [](double value) { return value >= 0; }, "a number of 0 or more"},
};

bool is_nan(const std::string& text) {
  double value = 0;
  return CLI::detail::lexical_cast(text, value) && std::isnan(value);
}

/// "" where `text` is a number within the bound, or no number in a way that others tell.
std::string broken(const Bound& bound, const std::string& text) {
  double value = 0;
  const bool is_within = CLI::detail::lexical_cast(text, value) && std::isfinite(value) && bound.holds(value);
  return is_within || is_nan(text) ? "" : "got " + text + ", expected " + bound.expected;
}

std::vector<CLI::Validator*> validators_of(CLI::Option& option) {
  std::vector<CLI::Validator*> out;
  try {
    for (int i = 0;; ++i) out.push_back(option.get_validator(i));
  } catch (const CLI::OptionNotFound&) {  // the only way that CLI11 says how many there are
  }
  return out;
}

void tell_bounds(CLI::Option& option) {
  for (CLI::Validator* validator : validators_of(option))
    for (const Bound& bound : kBounds)
      if (validator->get_description() == bound.validator) validator->operation([&bound](std::string& text) { return broken(bound, text); });
}

}  // namespace

void check_numbers(CLI::App& command) {
  const CLI::Validator is_number([](const std::string& text) { return is_nan(text) ? "'" + text + "' is not a number" : std::string(); }, "");
  for (CLI::Option* option : command.get_options()) {
    tell_bounds(*option);
    if (option->get_type_name().starts_with("FLOAT")) option->check(is_number);
  }
}

}  // namespace scissionlite::cli
