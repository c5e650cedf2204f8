// A named value beside a text: fields of log lines and attributes of trace spans.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace scissionlite {

using FieldValue = std::variant<bool, int64_t, double, std::string>;
using Fields = std::vector<std::pair<std::string, FieldValue>>;

}  // namespace scissionlite
