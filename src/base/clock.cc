#include "base/clock.h"

#include <time.h>

#include <chrono>
#include <thread>

namespace scissionlite {
namespace {

double read_clock_us(clockid_t id) {
  timespec t{};
  clock_gettime(id, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) * 1e-3;
}

class SteadyClock final : public Clock {
 public:
  [[nodiscard]] int64_t now_ns() const override {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }
  void sleep_us(double duration_us) override {
    constexpr double kWakeUpLatencyUs = 120;  // a timer wakes up to this much late on a virtual machine
    const int64_t until = now_ns() + static_cast<int64_t>(duration_us * 1e3);
    if (duration_us > kWakeUpLatencyUs)
      std::this_thread::sleep_for(std::chrono::nanoseconds(static_cast<int64_t>((duration_us - kWakeUpLatencyUs) * 1e3)));
    while (now_ns() < until) std::this_thread::yield();
  }
};

}  // namespace

Clock& Clock::steady() {
  static SteadyClock clock;
  return clock;
}

double process_cpu_us() { return read_clock_us(CLOCK_PROCESS_CPUTIME_ID); }
double thread_cpu_us() { return read_clock_us(CLOCK_THREAD_CPUTIME_ID); }

}  // namespace scissionlite
