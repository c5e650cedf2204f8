// JSON whose large arrays need not become a tree.
#pragma once

#include "base/json.h"

namespace scissionlite {

/// As parse_json; `filter` sees each value on the way (nlohmann's parser_callback_t) and drops it by answering false. What it
/// throws passes through.
[[nodiscard]] Json parse_json_filtered(std::string_view text, const std::string& where, const Json::parser_callback_t& filter);

}  // namespace scissionlite
