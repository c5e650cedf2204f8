// Which trace and span an image belongs to, as both halves tell each other: W3C Trace Context, version 00.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace scissionlite::trace {

/// Name of the gRPC metadata or HTTP field that carries it.
inline constexpr const char* kTraceparentKey = "traceparent";

struct Context {
  uint64_t trace_high = 0, trace_low = 0;  // never both 0 in a valid one
  uint64_t span = 0;                       // whose child the next span is; 0: of none
  bool is_sampled = false;
};

/// "00-<32 hex digits>-<16 hex digits>-<2 hex digits>"; nothing for what the standard calls invalid. Later versions are read as far as they are
/// version 00.
[[nodiscard]] std::optional<Context> parse_traceparent(std::string_view text);
[[nodiscard]] std::string traceparent(const Context& context);
/// Lower-case hexadecimal, as OTLP and logs name them.
[[nodiscard]] std::string trace_id(uint64_t high, uint64_t low);
[[nodiscard]] std::string span_id(uint64_t span);

}  // namespace scissionlite::trace
