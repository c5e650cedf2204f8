// network.json ("scissionlite.network/1"): what a link carries, as `probe` measures it or a person writes it.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace scissionlite {

/// What a request or an answer carries besides its tensors and beyond the empty message that `rtt_us` was measured with:
/// model name, request id, SHA-256 of the tail, tensor names, datatypes and shapes, HTTP/2 headers. Connections are kept
/// open, so TCP's handshake and slow start do not count. Source: serialised ModelInfer messages of our client.
inline constexpr double kMessageOverheadBytes = 200;

struct Link {
  std::string from = "device", to = "edge";
  double rtt_us = 0;       // of an empty request and answer through the protocol
  double up_bps = 0;       // payload bit/s from -> to
  double down_bps = 0;     // payload bit/s to -> from
  double per_call_us = 0;  // fixed cost of one request that is neither RTT nor bytes (serialisation, queueing)
  int64_t n = 0;           // probes behind the numbers; 0 = written by hand
};
struct Network {
  std::vector<Link> links;  // device -> edge, then edge -> cloud, ...
  std::string command;
};
[[nodiscard]] Json to_json(const Network& network);
[[nodiscard]] Network network_from_json(const Json& json, const std::string& where);
[[nodiscard]] Network load_network(const fs::path& path);

}  // namespace scissionlite
