// One direction of one relayed connection: a reader thread that takes bytes from a socket into the link's model, a writer
// thread that hands each piece on when the model says it has arrived.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "net/link_model.h"
#include "net/socket.h"

namespace scissionlite::net {

/// One direction of the link: its model, under a lock, and what has been relayed.
struct Lane {
  Lane(LaneOptions options, uint64_t seed) : model(options, Clock::steady().now_us(), seed) {}
  std::mutex mutex;
  LinkModel model;                  // under mutex
  std::condition_variable changed;  // a piece came or went, or the options changed
  std::atomic<int64_t> delivered_bytes{0};
  std::atomic<bool> stopping{false};
};

class Pipe {
 public:
  /// @param is_forgotten  what is read while it is true goes nowhere, and no end is passed on.
  Pipe(Lane& lane, const Socket& from, const Socket& to, const std::atomic<bool>& is_forgotten)
      : lane_(lane), from_(from), to_(to), is_forgotten_(is_forgotten) {}
  /// Until `from` ends, `to` is gone, or the lane stops. Each runs in a thread of its own.
  void read_all();
  void write_all();

 private:
  struct Piece {
    std::vector<char> bytes;  // empty: the stream ends here
    bool broken = false;      // it ended with an error
    std::shared_ptr<Transit> transit;
  };
  [[nodiscard]] bool wait_for_room(size_t& chunk_bytes);
  [[nodiscard]] bool relay_directly(const std::vector<char>& buffer, size_t n);
  void push(Piece piece);
  [[nodiscard]] bool wait_for_departure(std::unique_lock<std::mutex>& lock);
  void give_up();

  Lane& lane_;
  const Socket &from_, &to_;
  const std::atomic<bool>& is_forgotten_;
  // Under the lane's mutex:
  std::deque<Piece> queue_;
  double queued_bytes_ = 0;
  bool is_writing_ = false, is_dead_ = false;
};

}  // namespace scissionlite::net
