// What a device tells the edge of itself with a request: keys of gRPC metadata and fields of HTTP. Other servers skip them.
#pragma once

namespace scissionlite::protocol {

/// How it calls itself, in printable ASCII.
inline constexpr const char* kDeviceKey = "scissionlite-device";
/// Once a second, what it has done: "plan=split/c7/klt;edge=12;local=3;fallbacks=1;errors=0;late=0;switches=2".
inline constexpr const char* kReportKey = "scissionlite-report";

}  // namespace scissionlite::protocol
