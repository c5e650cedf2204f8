// Threads whose work has time.
#pragma once

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace scissionlite {

/// The calling thread gives way to others from now on, as do the threads that it makes. Cannot be taken back without privileges.
inline void give_way() {
  constexpr int kNice = 19;
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNice);
}

/// The calling thread waits for its turn from now on: woken, it does not interrupt what runs on its core. Where no core is idle, several events of a
/// network are then taken in one go, between runs of an engine instead of within them.
inline void wait_for_turn() {
  const sched_param none{};
  (void)sched_setscheduler(0, SCHED_BATCH, &none);
}

}  // namespace scissionlite
