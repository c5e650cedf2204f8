// A member that meets the others at a hub (hub.h), which it dials.
#pragma once

#include <memory>
#include <string>

#include "collective/collective.h"
#include "protocol/tls.h"

namespace scissionlite {

struct HubMemberOptions {
  std::string hub;   // host:port
  std::string site;  // name of this member; ranks are by name
  protocol::TlsFiles tls;
  bool allows_plain_text = false;  // to a hub on another machine, where `tls` is not given
  double connect_s = 60;           // to the hub, and again where the connection breaks
};

/// Waits until all members have come, or, where they have begun, is late. A connection that breaks is made again, and the round goes on. Leaves when
/// it is destroyed.
/// @throws TransportError: no hub there within `connect_s`, or one that does not know this site (says whom it knows); InvalidArgument: files of TLS,
/// no name.
[[nodiscard]] std::unique_ptr<Collective> join_hub(const HubMemberOptions& options);

}  // namespace scissionlite
