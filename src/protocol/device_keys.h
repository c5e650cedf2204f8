// What a device tells the edge of itself with a request: keys of gRPC metadata and fields of HTTP. Other servers skip them.
#pragma once

#include <string>

namespace scissionlite::protocol {

/// How it calls itself, in printable ASCII.
inline constexpr const char* kDeviceKey = "scissionlite-device";
/// Once a second, what it has done: "plan=split/c7/klt;edge=12;local=3;fallbacks=1;errors=0;late=0;switches=2".
inline constexpr const char* kReportKey = "scissionlite-report";

/// Bytes that metadata may not hold, for which gRPC ends the process, become '?'.
[[nodiscard]] inline std::string printable_ascii(std::string text) {
  for (auto& c : text)
    if (c < 0x20 || c > 0x7e) c = '?';
  return text;
}

}  // namespace scissionlite::protocol
