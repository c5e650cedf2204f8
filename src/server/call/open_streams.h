// The streams that callers hold open, so that those which wait for their next request end when the server does.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

namespace scissionlite::server {

/// A stream as a server that stops sees it.
class Windable {
 public:
  virtual ~Windable() = default;
  /// Ends it now where nothing is owed to its caller, else behind the answer. From any thread.
  virtual void wind_down() = 0;
};

class OpenStreams {
 public:
  void add(const std::shared_ptr<Windable>& stream) {
    const std::lock_guard lock(mutex_);
    std::erase_if(streams_, [](const auto& one) { return one.expired(); });
    streams_.push_back(stream);
  }
  void wind_down() {
    std::vector<std::weak_ptr<Windable>> all;
    {
      const std::lock_guard lock(mutex_);
      all = streams_;
    }
    for (const auto& one : all)
      if (const auto stream = one.lock()) stream->wind_down();
  }

 private:
  std::mutex mutex_;  // guards streams_
  std::vector<std::weak_ptr<Windable>> streams_;
};

}  // namespace scissionlite::server
