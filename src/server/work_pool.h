// A few threads with a bounded queue, for work that must not hold up the threads that serve the network.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace scissionlite::server {

class WorkPool {
 public:
  WorkPool(size_t threads, size_t queue_size);
  /// Does what is queued, then stops.
  ~WorkPool();
  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;
  /// False when the queue is full or the pool is stopping: `work` will not run. `work` must not throw.
  [[nodiscard]] bool submit(std::function<void()> work);

 private:
  void loop();
  const size_t queue_size_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  bool is_stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace scissionlite::server
