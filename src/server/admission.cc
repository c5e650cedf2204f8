#include "server/admission.h"

namespace scissionlite::server {

Admission admit(Access& access, RefusalCounts& refusals, const std::function<std::string()>& identify) {
  try {
    Admission admission{.identity = identify(), .ticket = {}};
    admission.ticket = access.admit(admission.identity);
    return admission;
  } catch (...) {
    const auto refusal = current_refusal();
    refusals.add(refusal.code());
    throw refusal;
  }
}

}  // namespace scissionlite::server
