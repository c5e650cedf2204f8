#include "server/grpc/call_loops.h"

#include <algorithm>
#include <exception>
#include <mutex>
#include <string>

#include "base/log.h"
#include "base/thread_priority.h"

namespace scissionlite::server {
namespace {

constexpr int kCoresALoop = 4, kMostLoops = 4;  // a loop receives and parses some ten thousand pictures a second

void run(grpc::ServerCompletionQueue& queue) {
  wait_for_turn();
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) static_cast<Event*>(tag)->happened(ok);
}

}  // namespace

CallLoops::~CallLoops() { stop(); }

void CallLoops::make_queues(grpc::ServerBuilder& builder, int cores) {
  const int count = std::clamp(cores / kCoresALoop, 1, kMostLoops);
  for (int i = 0; i < count; ++i) queues_.push_back(builder.AddCompletionQueue());
}

void CallLoops::start() {
  for (auto& queue : queues_) {
    for (size_t method = 0; method < methods_.size(); ++method)
      for (int i = 0; i < methods_[method].at_once; ++i) wait_at({.loops = this, .method = method, .queue = queue.get()});
    threads_.emplace_back([&queue] { run(*queue); });
  }
}

void CallLoops::wait_at(const Place& place) {
  const std::shared_lock lock(mutex_);
  if (is_stopping_) return;
  auto& method = methods_[place.method];
  for (int wanted = 1 + method.missing.exchange(0); wanted > 0; --wanted) try {
      method.wait(place);
    } catch (const std::exception& e) {
      method.missing += wanted;
      log::error(std::string("[server] fewer calls are waited for until the next has come: ") + e.what());
      return;
    }
}

void CallLoops::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  for (int count = under_way_; count > 0; count = under_way_) under_way_.wait(count);
  for (auto& queue : queues_) queue->Shutdown();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  queues_.clear();
}

}  // namespace scissionlite::server
