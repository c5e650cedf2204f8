// Bytes as text, RFC 4648 with padding: pictures inside JSON files and HTML pages.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace scissionlite {

[[nodiscard]] std::string to_base64(std::string_view bytes);
/// nullopt when `text` is anything but what `to_base64` writes.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace scissionlite
