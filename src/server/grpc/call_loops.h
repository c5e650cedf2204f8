// CallLoops: completion queues, a thread each, and the calls that stand ready on them. gRPC's callback interface hands every event from thread to
// thread: of a lone caller's answer a tenth of a millisecond.
#pragma once

#include <grpcpp/completion_queue.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <shared_mutex>
#include <thread>
#include <vector>

namespace scissionlite::server {

/// What a queue tells: its tags are these.
class Event {
 public:
  /// @param ok  false: what was begun came to nothing. Must not block or throw.
  virtual void happened(bool ok) = 0;

 protected:
  ~Event() = default;
};

class CallLoops {
 public:
  /// A place where calls of one method are waited for.
  struct Place {
    CallLoops* loops = nullptr;
    size_t method = 0;
    grpc::ServerCompletionQueue* queue = nullptr;
    /// One has come: another takes its place, unless the server stops.
    void came() const {
      loops->under_way_.fetch_add(1);
      loops->wait_at(*this);
    }
    /// One that had come is over.
    void ended() const {
      if (loops->under_way_.fetch_sub(1) == 1) loops->under_way_.notify_all();
    }
  };
  /// Makes one call that waits there.
  using Wait = std::function<void(const Place&)>;

  CallLoops() = default;
  /// Stops.
  ~CallLoops();
  CallLoops(const CallLoops&) = delete;
  CallLoops& operator=(const CallLoops&) = delete;

  /// Before the start. @param at_once  calls that each loop waits for.
  void add(Wait wait, int at_once = 4) { methods_.emplace_back(std::move(wait), at_once); }
  /// Queues for a server that is built. @param cores  that this process may use.
  void make_queues(grpc::ServerBuilder& builder, int cores);
  /// Once it has been built.
  void start();
  /// Once it has been shut down: waits until the calls under way are over, which have been told by then.
  void stop();

 private:
  struct Method {
    Method(Wait given, int count) : wait(std::move(given)), at_once(count) {}
    Wait wait;
    int at_once;
    std::atomic<int> missing{0};  // that there was no memory for
  };
  void wait_at(const Place& place);
  std::deque<Method> methods_;
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues_;
  std::vector<std::thread> threads_;
  std::shared_mutex mutex_;  // held by those who begin something on a queue; guards is_stopping_
  bool is_stopping_ = false;
  std::atomic<int> under_way_{0};  // calls that have come
};

}  // namespace scissionlite::server
