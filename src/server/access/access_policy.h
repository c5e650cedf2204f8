// Who may use what, and how much: the file of `serve --access`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"

namespace scissionlite::server {

/// Of one identity. 0 = without a limit.
struct Quota {
  double requests_per_second = 0;
  double burst = 1;       // requests that may come at once; at least 1
  int64_t in_flight = 0;  // accepted and not answered yet
  bool operator==(const Quota&) const = default;
};

/// Patterns are of the shell: *, ?, [a-z].
struct AccessRule {
  std::vector<std::string> identities, models;
  Quota quota;
  bool may_control = false;  // load and unload models
};

struct AccessPolicy {
  std::vector<AccessRule> rules;  // the first whose identities match is the one

  /// nullptr: nobody knows this identity.
  [[nodiscard]] const AccessRule* rule_of(const std::string& identity) const;
};

/// "scissionlite.access/1", see docs/formats.md. @param where  named in messages. @throws InvalidArgument.
[[nodiscard]] AccessPolicy access_policy_from_json(const Json& json, const std::string& where);
[[nodiscard]] Json to_json(const AccessPolicy& policy);
/// @throws InvalidArgument, ResourceError.
[[nodiscard]] AccessPolicy read_access_policy(const fs::path& path);

/// Whether one of the patterns matches all of `text`.
[[nodiscard]] bool matches_any(const std::vector<std::string>& patterns, const std::string& text);

}  // namespace scissionlite::server
