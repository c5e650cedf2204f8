#include "base/service_notify.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "base/descriptor.h"

namespace scissionlite {
namespace {

/// What systemd would be: a socket that NOTIFY_SOCKET names, here one without a file.
class ServiceNotify : public testing::Test {
 protected:
  ServiceNotify() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const std::string name = "@scissionlite_notify_" + std::to_string(getpid());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name.data() + 1, name.size() - 1);
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())), 0);
    setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~ServiceNotify() override {
    for (const char* variable : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(variable);
  }
  std::string received(bool wait = true) {
    char text[256];
    const auto size = recv(socket_.get(), text, sizeof(text), wait ? 0 : MSG_DONTWAIT);
    return size < 0 ? "" : std::string(text, static_cast<size_t>(size));
  }
  Descriptor socket_;
};

TEST_F(ServiceNotify, StateArrivesAsOneMessage) {
  EXPECT_TRUE(notify_service("READY=1\nSTATUS=serving"));
  EXPECT_EQ(received(), "READY=1\nSTATUS=serving");
}

TEST_F(ServiceNotify, NobodyListens) {
  setenv("NOTIFY_SOCKET", "@scissionlite_nobody", 1);
  EXPECT_FALSE(notify_service("READY=1"));
  for (const auto& path : {std::string(), std::string("x"), std::string(200, 'x')}) {
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
    EXPECT_FALSE(notify_service("READY=1")) << path;
  }
  unsetenv("NOTIFY_SOCKET");
  EXPECT_FALSE(notify_service("READY=1"));
}

TEST_F(ServiceNotify, TheWatchdogIsForThisProcessOnly) {
  EXPECT_FALSE(watchdog_timeout_us());
  for (const char* bad : {"", "0", "-5", "soon", "5x"}) {
    setenv("WATCHDOG_USEC", bad, 1);
    EXPECT_FALSE(watchdog_timeout_us()) << bad;
  }
  setenv("WATCHDOG_USEC", "30000000", 1);
  EXPECT_EQ(watchdog_timeout_us(), 30e6);
  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  EXPECT_EQ(watchdog_timeout_us(), 30e6);
  setenv("WATCHDOG_PID", "1", 1);
  EXPECT_FALSE(watchdog_timeout_us());
}

TEST_F(ServiceNotify, TheWatchdogIsFedWhileAllIsWell) {
  setenv("WATCHDOG_USEC", "4000", 1);  // asks every millisecond
  std::atomic<bool> is_well{true};
  std::atomic<int> asked{0};
  const ServiceWatchdog watchdog([&] { return ++asked, is_well.load(); });
  EXPECT_EQ(received(), "WATCHDOG=1");
  EXPECT_EQ(received(), "WATCHDOG=1");
  is_well = false;
  std::string last;
  while (last.rfind("STATUS=", 0) != 0) last = received();  // what was on its way comes first
  const int then = asked;
  while (asked < then + 5) usleep(1000);
  EXPECT_EQ(received(/*wait=*/false), "") << "fed though it was not well";
  is_well = true;
  EXPECT_EQ(received(), "WATCHDOG=1");
  EXPECT_EQ(received(), "STATUS=serving");
}

}  // namespace
}  // namespace scissionlite
