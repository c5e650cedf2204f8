// How much memory requests and answers may take up together, over whichever front end they come.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/access/quotas.h"

namespace scissionlite::server {

/// Bytes of all requests that are received or wait for an answer, and of answers until they are sent, so that callers together cannot make the server
/// hold more than it should. Safe from any thread.
class BytesInFlight {
 public:
  explicit BytesInFlight(int64_t most) : most_(most) {}
  /// Given back with the ticket, which may outlive this object; `held_by_same`: what the same request holds already.
  /// @throws Refusal kUnavailable with a hint, kResourceExhausted without one where it would not fit even alone.
  [[nodiscard]] Ticket take(int64_t bytes, int64_t held_by_same = 0);
  /// As `take`, of what is there already: there is always room for it.
  [[nodiscard]] Ticket hold(int64_t bytes);
  /// For what grows as it arrives: whether there was room for so many more; they are counted in any case, until as many are given back.
  [[nodiscard]] bool add(int64_t bytes) { return bytes_->fetch_add(bytes) + bytes <= most_; }
  void give_back(int64_t bytes) { *bytes_ -= bytes; }
  [[nodiscard]] int64_t bytes() const { return *bytes_; }
  /// Why there was no room.
  [[nodiscard]] std::string reason() const;

 private:
  [[nodiscard]] Ticket ticket_of(int64_t bytes) const;

  const int64_t most_;
  std::shared_ptr<std::atomic<int64_t>> bytes_ = std::make_shared<std::atomic<int64_t>>(0);
};

/// Of what is made piece by piece: counted a step at a time before it is there, and given back with this object.
class GrowingTicket {
 public:
  /// `held_by_same`: what the same request holds besides.
  explicit GrowingTicket(BytesInFlight& bytes, int64_t held_by_same = 0) : bytes_(&bytes), held_by_same_(held_by_same) {}
  /// It has so many bytes now. @throws Refusal as `take` does.
  void cover(size_t bytes) {
    if (bytes > covered_) grow(bytes);
  }
  void release() { steps_.clear(), covered_ = 0; }

 private:
  void grow(size_t bytes);

  BytesInFlight* bytes_;
  int64_t held_by_same_;
  size_t covered_ = 0;
  std::vector<Ticket> steps_;
};

}  // namespace scissionlite::server
