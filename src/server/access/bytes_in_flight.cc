#include "server/access/bytes_in_flight.h"

#include <algorithm>

#include "server/call/refusal.h"

namespace scissionlite::server {
namespace {

constexpr double kRetryUs = 100e3;  // while bodies of many MB are answered
constexpr size_t kStepBytes = 256 << 10;

}  // namespace

std::string BytesInFlight::reason() const {
  return "requests in flight hold " + std::to_string(*bytes_) + " bytes already, of " + std::to_string(most_) + " at most; retry later";
}

Ticket BytesInFlight::take(int64_t bytes, int64_t held_by_same) {
  if (bytes + held_by_same > most_)
    throw Refusal(Code::kResourceExhausted, "this needs " + std::to_string(bytes + held_by_same) + " bytes of memory, more than the " +
                                                std::to_string(most_) +
                                                " that all requests in flight may hold together; send a smaller batch, or tensors as raw bytes");
  if (!add(bytes)) {
    give_back(bytes);
    throw Refusal(Code::kUnavailable, reason(), kRetryUs);
  }
  return ticket_of(bytes);
}

Ticket BytesInFlight::hold(int64_t bytes) {
  (void)add(bytes);
  return ticket_of(bytes);
}

Ticket BytesInFlight::ticket_of(int64_t bytes) const {
  return Ticket([held = bytes_, bytes] { *held -= bytes; });
}

void GrowingTicket::grow(size_t bytes) {
  const size_t more = std::max(bytes - covered_, kStepBytes);
  steps_.push_back(bytes_->take(static_cast<int64_t>(more), held_by_same_ + static_cast<int64_t>(covered_)));
  covered_ += more;
}

}  // namespace scissionlite::server
