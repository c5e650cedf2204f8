// What systemd wants to hear from a service of Type=notify: that it serves, that it ends, and, where its unit has WatchdogSec, again and
// again that it is well. Nothing happens where nobody listens (no NOTIFY_SOCKET). The protocol is one datagram a message (sd_notify(3)),
// so libsystemd, which would come with compression and cryptography, is not needed.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>

namespace scissionlite {

/// Sends `state`, as "READY=1". False: nobody listens, or it could not be sent; the service goes on all the same.
bool notify_service(std::string_view state);

/// How long systemd waits for WATCHDOG=1 before it ends this process; none: it does not.
[[nodiscard]] std::optional<double> watchdog_timeout_us();

/// Feeds systemd's watchdog from a thread of its own for as long as `is_well` says so, four times in the time that systemd waits; then systemd ends
/// and restarts the service. `is_well` must not wait. Without a watchdog there is no thread.
class ServiceWatchdog {
 public:
  explicit ServiceWatchdog(std::function<bool()> is_well);
  ~ServiceWatchdog();
  ServiceWatchdog(const ServiceWatchdog&) = delete;
  ServiceWatchdog& operator=(const ServiceWatchdog&) = delete;

 private:
  void watch(double period_us);

  std::function<bool()> is_well_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace scissionlite
