#include "server/call/names.h"

#include <algorithm>
#include <charconv>

namespace scissionlite::server {

std::optional<int64_t> parse_version(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1 || text[0] == '0') return std::nullopt;
  return value;
}

std::string printable(std::string_view text) {
  constexpr size_t kLongest = 100;
  size_t length = std::min(text.size(), kLongest);
  const auto continues = [&](size_t i) { return (static_cast<unsigned char>(text[i]) & 0xc0) == 0x80; };
  while (length < text.size() && length > 0 && continues(length)) --length;  // half a character would not be UTF-8
  std::string out(text.substr(0, length));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return length < text.size() ? out + "..." : out;
}

}  // namespace scissionlite::server
