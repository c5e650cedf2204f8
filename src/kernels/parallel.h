// Teams of threads for kernels: OpenMP's, which oneDNN uses as well, so that both share one pool a calling thread.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

namespace scissionlite::kernels {

/// One thread of a team.
struct Member {
  int rank = 0, size = 1;
  /// Waits for all others of the team.
  void barrier() const {
    if (size == 1) return;
#pragma omp barrier
  }
};

/// Runs `body(Member)` on `threads` threads, the caller's included.
template <typename Body>
void in_team(int threads, const Body& body) {
  if (threads <= 1) return body(Member{});
#pragma omp parallel num_threads(threads)
  body(Member{omp_get_thread_num(), omp_get_num_threads()});
}

struct Range {
  int64_t begin = 0, end = 0;
};
/// The member's share of `count` items: neighbouring ones, shares differing by one at most.
[[nodiscard]] inline Range share_of(int64_t count, const Member& member) {
  return {count * member.rank / member.size, count * (member.rank + 1) / member.size};
}

}  // namespace scissionlite::kernels
