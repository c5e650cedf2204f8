// Threads whose work has time.
#pragma once

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace scissionlite {

/// The calling thread gives way to others from now on, as do the threads that it makes. Cannot be taken back without privileges.
inline void give_way() {
  constexpr int kNice = 19;
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNice);
}

}  // namespace scissionlite
