#include "server/admission.h"

namespace scissionlite::server {
namespace {

constexpr double kRetryUs = 100e3;  // while bodies of many MB are answered

}  // namespace

Ticket BytesInFlight::take(int64_t bytes) {
  if (bytes_->fetch_add(bytes) + bytes > most_) {
    *bytes_ -= bytes;
    throw Refusal(Code::kUnavailable, "requests in flight hold " + std::to_string(*bytes_) + " bytes already, of " + std::to_string(most_) + " at most; retry later", kRetryUs);
  }
  return Ticket([held = bytes_, bytes] { *held -= bytes; });
}

Admission admit(Access& access, RefusalCounts& refusals, Observer* observer, const std::function<std::string()>& identify) {
  Admission admission;
  try {
    admission.identity = identify();
    admission.ticket = access.admit(admission.identity);
    return admission;
  } catch (...) {
    const auto refusal = current_refusal();
    refusals.add(refusal.code());
    if (observer && !admission.identity.empty()) observer->turned_away(admission.identity, refusal.code());
    throw refusal;
  }
}

}  // namespace scissionlite::server
