#include "server/queueing/job.h"

#include "base/log.h"

namespace scissionlite::server {

void Job::tell(const Outcome& outcome) noexcept {
  const auto tell = std::move(done);
  try {
    tell(outcome);
  } catch (...) {
    try {
      const auto refusal = current_refusal();
      tell({.code = refusal.code(), .message = refusal.what(), .outputs = {}, .times = outcome.times});
    } catch (...) { log::error("[server] a request could not be told its outcome"); }
  }
}

}  // namespace scissionlite::server
