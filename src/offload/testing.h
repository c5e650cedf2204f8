// For tests of this folder and of those that use it: an edge that does what the test says.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>

#include "base/clock.h"
#include "offload/edge.h"

namespace scissionlite::offload::testing {

/// Answers with `on_infer`; counts and records. What the hooks throw is what the caller sees.
class FakeEdge final : public Edge {
 public:
  struct Script {
    std::function<protocol::InferResult(const protocol::InferRequest&, double deadline_us)> on_infer;
    std::function<void()> on_connect = [] {};
    std::function<void(size_t, double)> on_ping = [](size_t, double) {};
    std::map<std::string, std::string> claims;
    std::atomic<uint64_t> connection{1};
    std::atomic<int> infers{0}, connects{0};
    std::mutex mutex;  // guards the hooks, which a test may change while the session runs
  };
  explicit FakeEdge(std::shared_ptr<Script> script) : script_(std::move(script)) {}
  [[nodiscard]] std::string address() const override { return "fake:1"; }
  void connect() override {
    ++script_->connects;
    std::unique_lock lock(script_->mutex);
    const auto hook = script_->on_connect;
    lock.unlock();
    hook();
  }
  [[nodiscard]] std::map<std::string, std::string> claims(const std::string&, const std::string&) override {
    const std::lock_guard lock(script_->mutex);
    return script_->claims;
  }
  void ping(size_t padding_bytes, double deadline_us) override {
    std::unique_lock lock(script_->mutex);
    const auto hook = script_->on_ping;
    lock.unlock();
    hook(padding_bytes, deadline_us);
  }
  [[nodiscard]] protocol::InferResult infer(const protocol::InferRequest& request, double deadline_us) override {
    ++script_->infers;
    std::unique_lock lock(script_->mutex);
    const auto hook = script_->on_infer;
    lock.unlock();
    const uint64_t connection = script_->connection;
    auto result = hook(request, deadline_us);
    result.connection = connection;
    return result;
  }
  [[nodiscard]] uint64_t connection_number() override { return script_->connection; }

 private:
  std::shared_ptr<Script> script_;
};

[[noreturn]] inline void unavailable() { throw TransportError("[client] fake:1: UNAVAILABLE: nobody listens", true); }

/// Sleeps like an edge that does not answer, then fails as gRPC does.
[[noreturn]] inline void deadline_exceeded(double deadline_us) {
  Clock::steady().sleep_us(deadline_us);
  throw TransportError("[client] fake:1: DEADLINE_EXCEEDED", true);
}

}  // namespace scissionlite::offload::testing
