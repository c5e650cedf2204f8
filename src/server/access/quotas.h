// How much each identity asks for: a bucket of requests that fills at a rate, and a count of those in flight.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/clock.h"
#include "server/access/access_policy.h"

namespace scissionlite::server {

/// A request's place within its identity's quota, given back when it goes. Empty where nothing is counted.
class Ticket {
 public:
  Ticket() = default;
  explicit Ticket(std::function<void()> give_back) : give_back_(std::move(give_back)) {}
  Ticket(Ticket&& other) noexcept : give_back_(std::exchange(other.give_back_, nullptr)) {}
  Ticket& operator=(Ticket&& other) noexcept {
    std::swap(give_back_, other.give_back_);
    return *this;
  }
  ~Ticket() { release(); }
  void release() {
    if (const auto give_back = std::exchange(give_back_, nullptr)) give_back();
  }

 private:
  std::function<void()> give_back_;
};

/// Why there is no ticket. `retry_after_us` is when the next one is likely.
struct OverQuota {
  std::string reason;
  double retry_after_us = 0;
};

/// What an identity has done so far.
struct Usage {
  int64_t admitted = 0, refused = 0, in_flight = 0;
};

/// Safe to use from several threads.
class Quotas {
 public:
  explicit Quotas(Clock& clock = Clock::steady()) : clock_(clock), shared_(std::make_shared<Shared>()) {}

  /// A ticket, or `over` is filled. Cost: below a microsecond.
  [[nodiscard]] Ticket admit(const std::string& identity, const Quota& quota, OverQuota& over);
  /// By identity; those that were idle long are forgotten.
  [[nodiscard]] std::map<std::string, Usage> usage() const;

 private:
  struct Account {
    double tokens = 0, filled_us = 0;  // tokens at that time
    double mean_held_us = 0;           // of a request, from its admission to its answer
    Usage usage;
    bool is_new = true;
  };
  /// Outlives this object while tickets are out.
  struct Shared {
    mutable std::mutex mutex;
    std::map<std::string, Account> accounts;
  };
  void forget_idle(double now_us);

  Clock& clock_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace scissionlite::server
