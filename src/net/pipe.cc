#include "net/pipe.h"

#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

namespace scissionlite::net {
namespace {

constexpr double kWakeUpLatencyUs = 70;  // how late a timer may wake a thread on a virtual machine; the rest is spun

double now_us() { return Clock::steady().now_us(); }

std::chrono::steady_clock::time_point time_point(double us) {
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(static_cast<int64_t>(us * 1e3)));
}

void spin_until(double until_us) {
  while (now_us() < until_us) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
}

ssize_t receive(const Socket& socket, std::vector<char>& buffer) {
  while (true) {
    const ssize_t n = recv(socket.fd(), buffer.data(), buffer.size(), 0);
    if (n >= 0 || errno != EINTR) return n;
  }
}

}  // namespace

bool Pipe::wait_for_room(size_t& chunk_bytes) {
  std::unique_lock lock(lane_.mutex);
  lane_.changed.wait(lock, [&] { return is_dead_ || lane_.stopping || queued_bytes_ < lane_.model.capacity_bytes(); });
  chunk_bytes = lane_.model.chunk_bytes();
  return !is_dead_ && !lane_.stopping;
}

/// An ideal link without rate or delay: the reader hands the bytes on itself, which saves a thread switch.
bool Pipe::relay_directly(const std::vector<char>& buffer, size_t n) {
  if (is_forgotten_) return true;
  {
    const std::lock_guard lock(lane_.mutex);
    const auto& o = lane_.model.options();
    const bool shaped = o.rate_bps > 0 || o.delay_us > 0 || o.jitter_us > 0 || o.stall_every_us > 0 || o.black_hole;
    if (shaped || is_writing_ || !queue_.empty()) return false;
  }
  lane_.delivered_bytes += static_cast<int64_t>(n);
  if (!send_all(to_, buffer.data(), n)) give_up();
  return true;
}

void Pipe::push(Piece piece) {
  const std::lock_guard lock(lane_.mutex);
  const auto n = static_cast<double>(piece.bytes.size());
  piece.transit = lane_.model.enter(n, now_us());
  queued_bytes_ += n;
  queue_.push_back(std::move(piece));
  lane_.changed.notify_all();
}

void Pipe::read_all() {
  std::vector<char> buffer;
  size_t chunk_bytes = 0;
  while (wait_for_room(chunk_bytes)) {
    buffer.resize(chunk_bytes);
    const ssize_t n = receive(from_, buffer);
    if (n <= 0) return push({.bytes = {}, .broken = n < 0, .transit = nullptr});
    if (!relay_directly(buffer, static_cast<size_t>(n)))
      push({.bytes = std::vector<char>(buffer.begin(), buffer.begin() + n), .broken = false, .transit = nullptr});
  }
}

/// Sleeps until the first piece is due. Only the last piece in the queue is timed by spinning: those before it are
/// overtaken by nobody, and a spinning thread takes a core from the two ends.
bool Pipe::wait_for_departure(std::unique_lock<std::mutex>& lock) {
  while (!is_dead_ && !lane_.stopping) {
    if (queue_.empty()) {
      lane_.changed.wait(lock);
      continue;
    }
    const double due_us = queue_.front().transit->departs_us, left_us = due_us - now_us();
    const bool is_last = queue_.size() == 1;
    if (left_us <= 0) return true;
    if (due_us >= kNever) {
      lane_.changed.wait(lock);
    } else if (!is_last || left_us > kWakeUpLatencyUs) {
      lane_.changed.wait_until(lock, time_point(is_last ? due_us - kWakeUpLatencyUs : due_us));
    } else {
      lock.unlock();
      spin_until(due_us);
      lock.lock();
    }
  }
  return false;
}

void Pipe::write_all() {
  prctl(PR_SET_TIMERSLACK, 1);  // nanoseconds; the default lets timers be 50 us late
  std::unique_lock lock(lane_.mutex);
  while (wait_for_departure(lock)) {
    const Piece piece = std::move(queue_.front());
    queue_.pop_front();
    is_writing_ = true;
    lock.unlock();
    bool alive = true;
    if (is_forgotten_) {  // dropped
    } else if (piece.bytes.empty()) {
      shutdown(to_.fd(), piece.broken ? SHUT_RDWR : SHUT_WR);
    } else {
      alive = send_all(to_, piece.bytes.data(), piece.bytes.size());
      lane_.delivered_bytes += static_cast<int64_t>(piece.bytes.size());
    }
    lock.lock();
    is_writing_ = false;
    piece.transit->gone = true;
    queued_bytes_ -= static_cast<double>(piece.bytes.size());
    lane_.changed.notify_all();
    if (piece.bytes.empty()) return;
    if (!alive) {
      lock.unlock();
      return give_up();
    }
  }
}

void Pipe::give_up() {
  {
    const std::lock_guard lock(lane_.mutex);
    is_dead_ = true;
    for (auto& piece : queue_) piece.transit->gone = true;
    queue_.clear();
    lane_.changed.notify_all();
  }
  from_.shut_down();
  to_.shut_down();
}

}  // namespace scissionlite::net
