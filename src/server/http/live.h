// The live page: its files, which are part of the program, and its data.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "server/http/exchange.h"

namespace scissionlite::server::http {

/// Whether `path` (of path_of) is of the live page: /live, /live.json, /live.css, /live.js.
[[nodiscard]] bool is_live(const std::vector<std::string>& path);
/// @param data  makes live.json.
[[nodiscard]] Response live_response(const std::vector<std::string>& path, const std::function<Json()>& data);

}  // namespace scissionlite::server::http
