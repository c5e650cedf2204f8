// Where every front end asks whether an inference request may come in, before its bytes are parsed. What else a caller asks for passes
// through answers_internal.h.
#pragma once

#include <functional>
#include <string>

#include "server/access/access.h"
#include "server/call/refusal.h"
#include "server/observe/observer.h"

namespace scissionlite::server {

/// A request that may come in. Hold it until the answer is given.
struct Admission {
  std::string identity;  // whose request it is, as Access knows it
  Ticket ticket;         // its place within that identity's quota
  Ticket bytes{};        // of its message, in BytesInFlight; over HTTP only what a compressed body becomes, whose bytes the connection counts

  /// Before the caller can send its next request.
  void release() { ticket.release(), bytes.release(); }
};

/// @param identify  may throw Refusal (kUnauthenticated). @throws Refusal as that and Access::admit do, counted in `refusals`, and told to `observer`
/// (may be nullptr).
[[nodiscard]] Admission admit(Access& access, RefusalCounts& refusals, Observer* observer, const std::function<std::string()>& identify);

}  // namespace scissionlite::server
