// Which versions an end speaks of what ScissionLite's two halves agree on beyond the Open Inference Protocol: hashes on requests, codecs, coded
// streams, packages.
//
// The edge names its range among the extensions of its server metadata ("scissionlite_protocol:1-2"), the device in the gRPC metadata of each call
// ("scissionlite-protocol: 1-2"); both then use the newest that both speak. Additions that old ends may ignore need no new version. A half that says
// nothing is of version 1, from before ranges were told; stock servers and clients are asked for none.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace scissionlite::protocol {

struct Versions {
  int oldest = 1, newest = 1;
  bool operator==(const Versions&) const = default;
};

inline constexpr Versions kVersions{1, 1};  // what this build speaks
inline constexpr Versions kUntoldVersions{1, 1};
inline constexpr const char* kVersionsKey = "scissionlite-protocol";
inline constexpr std::string_view kVersionsExtension = "scissionlite_protocol:";
inline constexpr std::string_view kServerName = "scissionlite";

/// "1-2".
[[nodiscard]] std::string to_text(Versions versions);
/// @throws InvalidArgument quoting what is no range.
[[nodiscard]] Versions versions_from(std::string_view text);
/// Of a server, by its metadata; nothing: a stock one. @throws InvalidArgument as `versions_from`.
[[nodiscard]] std::optional<Versions> versions_of_server(std::string_view name, std::span<const std::string> extensions);

/// The newest version that both speak.
[[nodiscard]] std::optional<int> common_version(Versions edge, Versions device);
/// Both ranges and who is to be updated; "" when there is a common version.
[[nodiscard]] std::string disagreement(Versions edge, Versions device);

}  // namespace scissionlite::protocol
