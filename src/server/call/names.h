// Which names and versions may reach the file system, and how strangers' text is shown; is_model_name is prepare's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "prepare/names.h"

namespace scissionlite::server {

/// "12" -> 12; nothing for other text, 0 and leading zeros (clients parse versions as numbers).
[[nodiscard]] std::optional<int64_t> parse_version(std::string_view text);
/// For messages: control characters replaced, at most 100 bytes, cut between characters so that UTF-8 stays UTF-8.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace scissionlite::server
