#include "server/access/admission.h"

namespace scissionlite::server {

Admission admit(Access& access, RefusalCounts& refusals, Observer* observer, const std::function<std::string()>& identify) {
  Admission admission;
  try {
    admission.identity = identify();
    admission.ticket = access.admit(admission.identity);
    return admission;
  } catch (...) {
    const auto refusal = current_refusal();
    refusals.add(refusal.code());
    if (observer && !admission.identity.empty())
      observer->turned_away({.identity = admission.identity, .code = refusal.code(), .reason = refusal.what()});
    throw refusal;
  }
}

}  // namespace scissionlite::server
