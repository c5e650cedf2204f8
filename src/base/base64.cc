#include "base/base64.h"

#include <array>
#include <cstdint>

namespace scissionlite {
namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int8_t, 256> values() {
  std::array<int8_t, 256> out{};
  out.fill(-1);
  for (size_t i = 0; i < kDigits.size(); ++i) out[static_cast<unsigned char>(kDigits[i])] = static_cast<int8_t>(i);
  return out;
}
constexpr auto kValues = values();

uint32_t byte_at(std::string_view bytes, size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0; }

}  // namespace

std::string to_base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const uint32_t word = byte_at(bytes, i) << 16 | byte_at(bytes, i + 1) << 8 | byte_at(bytes, i + 2);
    for (size_t digit = 0; digit < 4; ++digit) out += i + digit > bytes.size() ? '=' : kDigits[word >> (18 - 6 * digit) & 63];
  }
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  const size_t padding = text.empty() || text.back() != '=' ? 0 : text[text.size() - 2] == '=' ? 2 : 1;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    uint32_t word = 0;
    for (size_t k = i; k < i + 4; ++k) {
      const int digit = k + padding >= text.size() ? 0 : kValues[static_cast<unsigned char>(text[k])];
      if (digit < 0) return std::nullopt;
      word = word << 6 | static_cast<uint32_t>(digit);
    }
    for (int shift = 16; shift >= 0; shift -= 8) out += static_cast<char>(word >> shift & 255);
  }
  out.resize(out.size() - padding);
  if (padding > 0 && to_base64(out) != text) return std::nullopt;  // bits under the padding
  return out;
}

}  // namespace scissionlite
