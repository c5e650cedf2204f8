#include "server/queueing/work_pool.h"

#include "base/clock.h"
#include "base/log.h"

namespace scissionlite::server {
namespace {

constexpr double kWeightOfNew = 0.1;

}  // namespace

WorkPool::WorkPool(size_t threads, size_t queue_size) : queue_size_(queue_size) {
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { loop(); });
}

WorkPool::~WorkPool() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
}

bool WorkPool::submit(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (is_stopping_ || queue_.size() >= queue_size_) return false;
    queue_.push_back(std::move(work));
  }
  changed_.notify_one();
  return true;
}

double WorkPool::wait_us() const {
  const std::lock_guard lock(mutex_);
  return mean_us_ * static_cast<double>(queue_.size()) / static_cast<double>(threads_.size());
}

void WorkPool::loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return is_stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    auto work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    const double start_us = Clock::steady().now_us();
    try {
      work();
    } catch (const std::exception& e) { log::error(std::string("[server] work failed: ") + e.what()); }
    work = nullptr;  // what it holds may take long to end, as a model whose run hangs does: not under the lock
    const double took_us = Clock::steady().now_us() - start_us;
    lock.lock();
    mean_us_ += (mean_us_ == 0 ? 1 : kWeightOfNew) * (took_us - mean_us_);
  }
}

}  // namespace scissionlite::server
