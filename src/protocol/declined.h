// An answer of a server that lives, and says of one request that it will not have a result.
#pragma once

#include "base/error.h"

namespace scissionlite::protocol {

/// It came at once, and says nothing of other requests: this one is too large, or cannot be in time.
class Declined : public TransportError {
 public:
  explicit Declined(const std::string& m) : TransportError(m, /*retryable=*/false) {}
};

}  // namespace scissionlite::protocol
