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
  /// Until what is queued now is done, by how long such work took of late; 0 before any was.
  [[nodiscard]] double wait_us() const;

 private:
  void loop();
  const size_t queue_size_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  double mean_us_ = 0;
  bool is_stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace scissionlite::server
