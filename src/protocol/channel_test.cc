#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <ctime>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/test_listener.h"
#include "protocol/client.h"

namespace {
std::atomic<int> g_wall_steps_s{0};
}

/// In place of libc's, for this program: the clock on the wall can be set, as NTP does.
extern "C" int clock_gettime(clockid_t id, timespec* out) noexcept {
  const auto result = static_cast<int>(syscall(SYS_clock_gettime, id, out));
  if (id == CLOCK_REALTIME) out->tv_sec += g_wall_steps_s;
  return result;
}

namespace scissionlite::protocol {
namespace {

TEST(Channel, fault_15_AClockThatIsSetBackDoesNotLengthenTheWaitForAConnection) {
  const testing::SilentListener listener;
  ClientOptions options;
  options.connect_timeout_us = 2e6;
  Client client("127.0.0.1:" + std::to_string(listener.port()), options);
  std::jthread ntp([] {
    Clock::steady().sleep_us(500e3);
    const auto before = std::chrono::system_clock::now();
    g_wall_steps_s = -20;
    EXPECT_LT(std::chrono::system_clock::now(), before) << "the library's clock is this program's";
  });
  const double start_us = Clock::steady().now_us();
  EXPECT_THROW(client.connect(), TransportError);
  EXPECT_LT(Clock::steady().now_us() - start_us, 10e6);
  ntp.join();
  g_wall_steps_s = 0;
}

}  // namespace
}  // namespace scissionlite::protocol
