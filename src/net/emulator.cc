// The emulator: accepts, dials the target, and runs two pipes a connection. Four threads a connection keep the timing
// simple; a device holds one or two connections to its edge.
#include <sys/socket.h>

#include <list>
#include <thread>

#include "base/address.h"
#include "base/error.h"
#include "base/log.h"
#include "net/link.h"
#include "net/pipe.h"

namespace scissionlite::net {
namespace {

LaneOptions lane_options(const LinkOptions& o, bool up) {
  return {.rate_bps = up ? o.up_bps : o.down_bps,
          .delay_us = o.rtt_us / 2,
          .jitter_us = o.jitter_us,
          .stall_every_us = o.stall_every_us,
          .stall_for_us = o.stall_for_us,
          .black_hole = o.black_hole};
}

/// One relayed connection and its threads.
class Connection {
 public:
  Connection(Socket client, const std::string& target, Lane& up, Lane& down, std::shared_ptr<const std::atomic<bool>> is_forgotten)
      : client_(std::move(client)), is_forgotten_(std::move(is_forgotten)), main_([this, target, &up, &down] { run(target, up, down); }) {}
  ~Connection() {
    {
      const std::lock_guard lock(mutex_);
      client_.shut_down();
      server_.shut_down();
    }
    main_.join();
  }
  [[nodiscard]] bool finished() const { return finished_; }

 private:
  void run(const std::string& target, Lane& up, Lane& down) {
    tune(client_);
    Socket server = connect_to(target);
    if (!server.valid()) {
      log::debug("[net] nobody listens at " + target + "; the connection is closed");
      client_.shut_down();
    } else {
      {
        const std::lock_guard lock(mutex_);
        server_ = std::move(server);
      }
      relay(up, down);
    }
    finished_ = true;
  }
  void relay(Lane& up, Lane& down) {
    Pipe up_pipe(up, client_, server_, *is_forgotten_), down_pipe(down, server_, client_, *is_forgotten_);
    std::thread up_writer([&] { up_pipe.write_all(); });
    std::thread down_reader([&] { down_pipe.read_all(); });
    std::thread down_writer([&] { down_pipe.write_all(); });
    up_pipe.read_all();
    up_writer.join();
    down_reader.join();
    down_writer.join();
    client_.shut_down();
    server_.shut_down();
  }

  std::mutex mutex_;  // guards the assignment of server_
  Socket client_, server_;
  std::shared_ptr<const std::atomic<bool>> is_forgotten_;
  std::atomic<bool> finished_{false};
  std::thread main_;
};

}  // namespace

struct LinkEmulator::Impl {
  Impl(std::string to, const LinkOptions& options, int listen_port)
      : target(std::move(to)),
        up(lane_options(options, true), options.seed),
        down(lane_options(options, false), options.seed + 1),
        listener(listen_loopback(listen_port)) {
    (void)parse_address(target, "the address behind the link");
    acceptor = std::thread([this] { accept_all(); });
  }
  ~Impl() {
    for (Lane* lane : {&up, &down}) {
      const std::lock_guard lock(lane->mutex);
      lane->stopping = true;
      lane->changed.notify_all();
    }
    listener.shut_down();
    acceptor.join();
    connections.clear();
  }
  void accept_all() {
    while (!up.stopping) {
      Socket client(accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
      if (up.stopping) return;
      if (!client.valid()) {  // out of descriptors, or the peer left at once
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        continue;
      }
      connections.remove_if([](const auto& c) { return c.finished(); });
      const std::lock_guard lock(mutex);
      connections.emplace_back(std::move(client), target, up, down, are_forgotten);
    }
  }
  void forget_connections() {
    const std::lock_guard lock(mutex);
    *are_forgotten = true;
    are_forgotten = std::make_shared<std::atomic<bool>>(false);
  }

  std::string target;
  Lane up, down;
  Socket listener;
  std::list<Connection> connections;  // touched by the acceptor, and by the destructor after it
  std::mutex mutex;                   // guards are_forgotten
  std::shared_ptr<std::atomic<bool>> are_forgotten = std::make_shared<std::atomic<bool>>(false);  // those that are open now
  std::thread acceptor;
};

LinkEmulator::LinkEmulator(std::string target, LinkOptions options, int listen_port)
    : impl_(std::make_unique<Impl>(std::move(target), options, listen_port)) {}
LinkEmulator::~LinkEmulator() = default;

int LinkEmulator::port() const { return local_port(impl_->listener); }
std::string LinkEmulator::address() const { return "127.0.0.1:" + std::to_string(port()); }

void LinkEmulator::set_options(const LinkOptions& options) {
  for (Lane* lane : {&impl_->up, &impl_->down}) {
    const std::lock_guard lock(lane->mutex);
    lane->model.set_options(lane_options(options, lane == &impl_->up), Clock::steady().now_us());
    lane->changed.notify_all();
  }
}

void LinkEmulator::forget_connections() { impl_->forget_connections(); }

int64_t LinkEmulator::bytes_up() const { return impl_->up.delivered_bytes; }
int64_t LinkEmulator::bytes_down() const { return impl_->down.delivered_bytes; }

}  // namespace scissionlite::net
