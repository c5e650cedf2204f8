// How much memory requests and answers may take up together, over whichever front end they come.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "server/access/quotas.h"

namespace scissionlite::server {

/// Bytes of all requests that are received or wait for an answer, and of answers until they are sent, so that callers together cannot make the server
/// hold more than it should. Safe from any thread.
class BytesInFlight {
 public:
  explicit BytesInFlight(int64_t most) : most_(most) {}
  /// Given back with the ticket, which may outlive this object. @throws Refusal kUnavailable with a hint.
  [[nodiscard]] Ticket take(int64_t bytes);
  /// For what grows as it arrives: whether there was room for so many more; they are counted in any case, until as many are given back.
  [[nodiscard]] bool add(int64_t bytes) { return bytes_->fetch_add(bytes) + bytes <= most_; }
  void give_back(int64_t bytes) { *bytes_ -= bytes; }
  [[nodiscard]] int64_t bytes() const { return *bytes_; }
  /// Why there was no room.
  [[nodiscard]] std::string reason() const;

 private:
  const int64_t most_;
  std::shared_ptr<std::atomic<int64_t>> bytes_ = std::make_shared<std::atomic<int64_t>>(0);
};

}  // namespace scissionlite::server
