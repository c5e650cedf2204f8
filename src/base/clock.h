// Time as an interface, so that device, link and edge can run in one process under a simulated clock.
#pragma once

#include <cstdint>

namespace scissionlite {

/// Monotonic time in microseconds; never jumps with the wall clock.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual int64_t now_ns() const = 0;
  virtual void sleep_us(double duration_us) = 0;
  [[nodiscard]] double now_us() const { return static_cast<double>(now_ns()) * 1e-3; }
  /// The machine's steady clock; sleeps to within some 20 us (sleeps, then spins the rest).
  static Clock& steady();
};

/// A clock that moves only when told to; `sleep_us` advances it.
class ManualClock final : public Clock {
 public:
  [[nodiscard]] int64_t now_ns() const override { return now_ns_; }
  void sleep_us(double duration_us) override { now_ns_ += static_cast<int64_t>(duration_us * 1e3); }

 private:
  int64_t now_ns_ = 0;
};

/// CPU time of all threads of this process, in microseconds.
[[nodiscard]] double process_cpu_us();
/// CPU time of the calling thread, in microseconds.
[[nodiscard]] double thread_cpu_us();

}  // namespace scissionlite
