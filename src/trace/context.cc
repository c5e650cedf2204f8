#include "trace/context.h"

namespace scissionlite::trace {
namespace {

/// Lower-case digits only, as the standard wants.
std::optional<uint64_t> parse_hex(std::string_view text) {
  uint64_t out = 0;
  for (const char c : text) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return std::nullopt;
    out = out << 4 | static_cast<uint64_t>(digit);
  }
  return out;
}

std::string hex(uint64_t value, int digits) {
  std::string out(static_cast<size_t>(digits), '0');
  for (auto i = out.rbegin(); i != out.rend(); ++i, value >>= 4) *i = "0123456789abcdef"[value & 15];
  return out;
}

}  // namespace

std::optional<Context> parse_traceparent(std::string_view text) {
  constexpr size_t kLength = 55;
  constexpr uint64_t kSampled = 1, kInvalidVersion = 0xff;
  if (text.size() < kLength || text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  const auto version = parse_hex(text.substr(0, 2)), high = parse_hex(text.substr(3, 16)), low = parse_hex(text.substr(19, 16)),
             span = parse_hex(text.substr(36, 16)), flags = parse_hex(text.substr(53, 2));
  if (!version || !high || !low || !span || !flags || *version == kInvalidVersion) return std::nullopt;
  if (text.size() > kLength && (*version == 0 || text[kLength] != '-')) return std::nullopt;
  if ((*high == 0 && *low == 0) || *span == 0) return std::nullopt;
  return Context{*high, *low, *span, (*flags & kSampled) != 0};
}

std::string traceparent(const Context& context) {
  return "00-" + trace_id(context.trace_high, context.trace_low) + "-" + span_id(context.span) + (context.is_sampled ? "-01" : "-00");
}

std::string trace_id(uint64_t high, uint64_t low) { return hex(high, 16) + hex(low, 16); }
std::string span_id(uint64_t span) { return hex(span, 16); }

}  // namespace scissionlite::trace
