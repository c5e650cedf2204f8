#include "base/service_notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "base/descriptor.h"
#include "base/log.h"

namespace scissionlite {
namespace {

/// The number in an environment variable; none where it is unset or no number above zero.
std::optional<int64_t> number_in(const char* variable) {
  const char* text = std::getenv(variable);
  if (!text) return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text, text + std::strlen(text), value);
  if (error != std::errc() || *end != '\0' || value <= 0) return std::nullopt;
  return value;
}

bool send_to(const char* path, std::string_view text) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const size_t length = std::strlen(path);
  if (length < 2 || length >= sizeof(address.sun_path)) return errno = EINVAL, false;
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';  // a name that no file has
  const Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return false;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  return sendto(socket.get(), text.data(), text.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size) ==
         static_cast<ssize_t>(text.size());
}

}  // namespace

bool notify_service(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (!path || !*path) return false;
  if (send_to(path, state)) return true;
  log::warning(std::string("[service] NOTIFY_SOCKET '") + path + "' does not take '" + std::string(state) + "': " + std::strerror(errno) +
               "; expected the socket that systemd gives a unit of Type=notify");
  return false;
}

std::optional<double> watchdog_timeout_us() {
  const auto timeout = number_in("WATCHDOG_USEC");
  if (!timeout || !std::getenv("NOTIFY_SOCKET")) return std::nullopt;
  if (std::getenv("WATCHDOG_PID") && number_in("WATCHDOG_PID") != getpid()) return std::nullopt;  // meant for the process that started this one
  return static_cast<double>(*timeout);
}

ServiceWatchdog::ServiceWatchdog(std::function<bool()> is_well) : is_well_(std::move(is_well)) {
  if (const auto timeout = watchdog_timeout_us()) thread_ = std::thread([this, period_us = *timeout / 4] { watch(period_us); });
}

ServiceWatchdog::~ServiceWatchdog() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void ServiceWatchdog::watch(double period_us) {
  bool was_well = true;
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    lock.unlock();
    const bool well = is_well_();
    if (well) notify_service("WATCHDOG=1");
    if (well != was_well) {
      notify_service(well ? "STATUS=serving" : "STATUS=does not answer; waiting for the watchdog");
      log::warning(well ? "[service] it answers again"
                        : "[service] it does not answer: the watchdog is not told that all is well, and will restart it");
    }
    was_well = well;
    lock.lock();
    changed_.wait_for(lock, std::chrono::duration<double, std::micro>(period_us), [&] { return is_stopping_; });
  }
}

}  // namespace scissionlite
