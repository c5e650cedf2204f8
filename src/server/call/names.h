// Which names may reach the file system.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace scissionlite::server {

/// A folder name that is safe to join to a path: 1..255 of letters, digits, '.', '_', '-', not starting with '.'.
[[nodiscard]] bool is_model_name(std::string_view name);
/// "12" -> 12; nothing for other text, 0 and leading zeros (clients parse versions as numbers).
[[nodiscard]] std::optional<int64_t> parse_version(std::string_view text);
/// For messages: control characters replaced, at most 100 bytes, cut between characters so that UTF-8 stays UTF-8.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace scissionlite::server
