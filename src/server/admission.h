// Where every front end asks whether an inference request may come in, before its bytes are parsed. What else a caller asks for passes
// through answers_internal.h.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "server/access.h"
#include "server/observer.h"
#include "server/refusal.h"

namespace scissionlite::server {

/// Bytes of all requests that wait for an answer, so that callers together cannot make the server hold more than it should. Tickets may outlive it.
class BytesInFlight {
 public:
  explicit BytesInFlight(int64_t most) : most_(most) {}
  /// Given back with the ticket. @throws Refusal kUnavailable with a hint.
  [[nodiscard]] Ticket take(int64_t bytes);
  [[nodiscard]] int64_t bytes() const { return *bytes_; }

 private:
  const int64_t most_;
  std::shared_ptr<std::atomic<int64_t>> bytes_ = std::make_shared<std::atomic<int64_t>>(0);
};

/// A request that may come in. Hold it until the answer is given.
struct Admission {
  std::string identity;  // whose request it is, as Access knows it
  Ticket ticket;         // its place within that identity's quota
  Ticket bytes{};        // of its message, where the front end does not bound them by itself

  /// Before the caller can send its next request.
  void release() { ticket.release(), bytes.release(); }
};

/// @param identify  may throw Refusal (kUnauthenticated). @throws Refusal as that and Access::admit do, counted in `refusals`, and told to `observer` (may be nullptr).
[[nodiscard]] Admission admit(Access& access, RefusalCounts& refusals, Observer* observer, const std::function<std::string()>& identify);

}  // namespace scissionlite::server
