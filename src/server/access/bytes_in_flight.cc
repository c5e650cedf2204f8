#include "server/access/bytes_in_flight.h"

#include "server/call/refusal.h"

namespace scissionlite::server {
namespace {

constexpr double kRetryUs = 100e3;  // while bodies of many MB are answered

}  // namespace

std::string BytesInFlight::reason() const {
  return "requests in flight hold " + std::to_string(*bytes_) + " bytes already, of " + std::to_string(most_) + " at most; retry later";
}

Ticket BytesInFlight::take(int64_t bytes) {
  if (!add(bytes)) {
    give_back(bytes);
    throw Refusal(Code::kUnavailable, reason(), kRetryUs);
  }
  return Ticket([held = bytes_, bytes] { *held -= bytes; });
}

}  // namespace scissionlite::server
