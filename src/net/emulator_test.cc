// The emulator against plain TCP: what a program sees through it must be the link that was asked for.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/stats.h"
#include "net/link.h"
#include "net/socket.h"

namespace scissionlite::net {
namespace {

double now_us() { return Clock::steady().now_us(); }

bool receive_exactly(const Socket& socket, char* data, size_t size) {
  while (size > 0) {
    const ssize_t n = recv(socket.fd(), data, size, 0);
    if (n <= 0) return false;
    data += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

/// Reads messages of 8 bytes length + body; answers each with `reply_bytes` bytes.
class Server {
 public:
  explicit Server(size_t reply_bytes) : listener_(listen_loopback(0)) {
    thread_ = std::thread([this, reply_bytes] {
      while (true) {
        Socket client(accept(listener_.fd(), nullptr, nullptr));
        if (!client.valid()) return;
        tune(client);
        uint64_t length = 0;
        std::vector<char> body;
        while (receive_exactly(client, reinterpret_cast<char*>(&length), sizeof length)) {
          body.resize(length);
          if (!receive_exactly(client, body.data(), length)) break;
          if (!send_all(client, std::vector<char>(reply_bytes, 'x').data(), reply_bytes)) break;
        }
      }
    });
  }
  ~Server() {
    listener_.shut_down();
    thread_.join();
  }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(local_port(listener_)); }

 private:
  Socket listener_;
  std::thread thread_;
};

/// One round trip through the link, in microseconds; negative when the connection broke.
double round_trip_us(const Socket& socket, size_t bytes, size_t reply_bytes) {
  std::vector<char> message(8 + bytes, 'y'), reply(reply_bytes);
  const uint64_t length = bytes;
  std::copy_n(reinterpret_cast<const char*>(&length), 8, message.begin());
  const double start = now_us();
  if (!send_all(socket, message.data(), message.size()) || !receive_exactly(socket, reply.data(), reply.size())) return -1;
  return now_us() - start;
}

double least_round_trip_us(const LinkOptions& options, size_t bytes, size_t reply_bytes, int repeats) {
  Server server(reply_bytes);
  LinkEmulator link(server.address(), options);
  const Socket socket = connect_to(link.address());
  std::vector<double> times;
  for (int i = 0; i <= repeats; ++i) times.push_back(round_trip_us(socket, bytes, reply_bytes));
  times.erase(times.begin());  // the first one waits for the emulator to dial
  return *std::min_element(times.begin(), times.end());
}

TEST(LinkEmulator, CarriesWhatTheLinkWould) {
  struct Case {
    double bps, rtt_us;
    size_t bytes, reply_bytes;
  };
  for (const auto& c : {Case{1e6, 1000, 5000, 100}, Case{5e6, 27400, 20000, 4000}, Case{58.8e6, 27400, 150528, 4000}, Case{58.8e6, 1000, 25088, 4000},
                        Case{1e9, 1000, 600000, 4000}}) {
    const double ideal_us = c.rtt_us + static_cast<double>(c.bytes + 8 + c.reply_bytes) * 8e6 / c.bps;
    // Other work on the machine only ever adds, so the least of several round trips shows what the relay does itself.
    const double us = least_round_trip_us({.up_bps = c.bps, .down_bps = c.bps, .rtt_us = c.rtt_us}, c.bytes, c.reply_bytes, 25);
    // The relay's own work, which a real link does not have: what the same bytes take when nothing is emulated. It grows
    // with the number of pieces, and a narrow link makes more of them.
    const double bare_us = least_round_trip_us({}, c.bytes, c.reply_bytes, 9);
    EXPECT_GE(us, ideal_us) << "faster than the link, " << c.bps << " bit/s";
    EXPECT_LE(us, ideal_us * 1.05 + 600 + 3 * bare_us) << c.bps << " bit/s, " << c.rtt_us << " us";
  }
}

TEST(LinkEmulator, UnlimitedCarriesAGigabit) {
  constexpr size_t kBytes = 32 << 20;
  const double us = least_round_trip_us({}, kBytes, 1, 3);
  EXPECT_GE(kBytes * 8 / us, 1000.0) << "Mbit/s";
}

TEST(LinkEmulator, OneLinkIsSharedByConnections) {
  Server server(1);
  LinkEmulator link(server.address(), {.up_bps = 10e6});
  const Socket a = connect_to(link.address());
  ASSERT_GT(round_trip_us(a, 1000, 1), 0);
  // The server serves one connection at a time and a is served now, so the second client only loads the link. Connecting
  // both first would leave to chance which of them the emulator dials for first.
  const Socket b = connect_to(link.address());
  std::vector<char> load(60000, '\0');  // messages without a body, should the server come to read them
  ASSERT_TRUE(send_all(b, load.data(), load.size()));
  for (int i = 0; i < 10000 && link.bytes_up() <= 1008; ++i) std::this_thread::sleep_for(std::chrono::microseconds(200));
  EXPECT_GE(round_trip_us(a, 1000, 1), 8000) << "0.8 ms alone; 60 kB of the other connection take 48 ms at 10 Mbit/s";
}

TEST(LinkEmulator, BlackHoleHoldsAndLifts) {
  Server server(4);
  LinkEmulator link(server.address(), {.rtt_us = 100});
  const Socket socket = connect_to(link.address());
  ASSERT_GT(round_trip_us(socket, 10, 4), 0);
  link.set_options({.rtt_us = 100, .black_hole = true});
  std::thread lift([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    link.set_options({.rtt_us = 100});
  });
  EXPECT_GE(round_trip_us(socket, 10, 4), 55000);
  lift.join();
}

TEST(LinkEmulator, ForgottenConnectionsAreSilentAndNewOnesAreNot) {
  for (const double rtt_us : {0.0, 100.0}) {
    Server server(4);
    LinkEmulator link(server.address(), {.rtt_us = rtt_us});
    const Socket socket = connect_to(link.address());
    ASSERT_GT(round_trip_us(socket, 10, 4), 0);
    link.forget_connections();
    const std::vector<char> message(8, '\0');
    ASSERT_TRUE(send_all(socket, message.data(), message.size()));
    timeval patience{.tv_sec = 0, .tv_usec = 50'000};
    setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    char byte = 0;
    EXPECT_LT(recv(socket.fd(), &byte, 1, 0), 0);
    EXPECT_EQ(errno, EAGAIN) << "it is silent, not closed";
    const Socket fresh = connect_to(link.address());
    EXPECT_TRUE(send_all(fresh, message.data(), message.size()));
    for (int i = 0; i < 1000 && link.bytes_up() < 26; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(link.bytes_up(), 26) << "18 of the first, 8 of the second connection";
  }
}

TEST(LinkEmulator, NewOptionsReachBytesOnTheirWay) {
  Server server(4);
  LinkEmulator link(server.address(), {.up_bps = 100e3});
  const Socket socket = connect_to(link.address());
  std::thread widen([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(40));
    link.set_options({});
  });
  EXPECT_LE(round_trip_us(socket, 100'000, 4), 4e6) << "8 s at the old rate";
  widen.join();
  // Bytes are counted once they are handed on, which an end may see a moment earlier.
  for (int i = 0; i < 1000 && (link.bytes_up() < 100'008 || link.bytes_down() < 4); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(link.bytes_up(), 100'008);
  EXPECT_EQ(link.bytes_down(), 4);
}

TEST(LinkEmulator, SlowLinkIsFeltByTheSender) {
  Server server(1);
  LinkEmulator link(server.address(), {.up_bps = 1e6});
  const Socket socket = connect_to(link.address());
  std::vector<char> data(8 << 20, '\0');
  std::thread sender([&] { (void)send_all(socket, data.data(), data.size()); });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  socket.shut_down();
  sender.join();  // would have finished at once if the emulator took everything
  EXPECT_LT(link.bytes_up(), 100'000);
}

TEST(LinkEmulator, DeadTargetClosesTheConnection) {
  std::string address;
  {
    Server server(1);
    address = server.address();
    const Socket unblock = connect_to(address);
  }
  LinkEmulator link(address, {});
  const Socket socket = connect_to(link.address());
  EXPECT_LT(round_trip_us(socket, 10, 1), 0);
}

TEST(LinkEmulator, TakenPortNamesThePort) {
  const Socket taken = listen_loopback(0);
  const int port = local_port(taken);
  try {
    LinkEmulator link("127.0.0.1:1", {}, port);
    FAIL();
  } catch (const ResourceError& e) { EXPECT_NE(std::string(e.what()).find(std::to_string(port)), std::string::npos) << e.what(); }
  EXPECT_THROW(LinkEmulator("edge-1", {}), InvalidArgument);
}

}  // namespace
}  // namespace scissionlite::net
