// Timing a server that is not ours to instrument: through its protocol.
#pragma once

#include <string>
#include <vector>

#include "profile/measure_model.h"
#include "protocol/client.h"

namespace scissionlite {

struct ViaOptions {
  std::string address;              // "host:8001"
  std::vector<std::string> models;  // names on the server, prepared from this model by `scissionlite prepare`
  double connect_timeout_us = 5e6;
  protocol::Security security;
};

/// Times each prepared model that the server holds. Its config says which candidate it is ("scissionlite_candidate") and of
/// which model ("scissionlite_model_sha256"). A time is the response's compute_us + decode_us where the server reports
/// them, else the call less the round trip of an empty one.
/// Cuts without a served tail stay unmeasured; with `options.chosen` empty the served cuts alone are listed.
/// @throws TransportError: no server; InvalidArgument: no such model there, or one of another original.
[[nodiscard]] ProfileResult profile_via(const Graph& model, const ProfileOptions& options, const ViaOptions& via);

}  // namespace scissionlite
