// The gRPC service of delivery.proto: lists packages, and streams files from any offset.
//
// A caller that reads slowly costs an open file and a piece of it: so calls are few at a time, for all and for each identity, and one that has not
// moved for a while ends when another needs its place. What a caller may list and fetch is what it may use of the model that the package is of; its
// quota of requests is for images.
#pragma once

#include <atomic>
#include <list>
#include <mutex>
#include <string>

#include "delivery.grpc.pb.h"
#include "server/grpc/call_loops.h"
#include "server/inference/service_context.h"
#include "server/models/packages.h"

namespace scissionlite::server {

struct FetchLimits {
  size_t at_once = 32, of_identity = 8;
  double stalled_us = 10e6;
};

/// A call as the others see it.
class Fetching {
 public:
  Fetching(std::string identity, grpc::ServerContext* call) : identity_(std::move(identity)), call_(call), moved_us_(Clock::steady().now_us()) {}
  void note_move() { moved_us_ = Clock::steady().now_us(); }
  [[nodiscard]] double moved_us() const { return moved_us_; }
  [[nodiscard]] const std::string& identity() const { return identity_; }
  void cancel() const { call_->TryCancel(); }

 private:
  std::string identity_;
  grpc::ServerContext* call_;
  std::atomic<double> moved_us_;
};

/// The calls that are under way. Safe to use from several threads.
class FetchRoom {
 public:
  explicit FetchRoom(FetchLimits limits) : limits_(limits) {}
  /// @throws Refusal kUnavailable: there is no place now.
  [[nodiscard]] std::list<Fetching>::iterator enter(const std::string& identity, grpc::ServerContext* call);
  void leave(std::list<Fetching>::iterator one);

 private:
  const FetchLimits limits_;
  std::mutex mutex_;
  std::list<Fetching> under_way_;
};

class DeliveryService final : public delivery::Delivery::AsyncService {
 public:
  DeliveryService(ServiceContext context, const Packages& packages, FetchLimits limits = {})
      : context_(context), packages_(packages), room_(limits) {}
  void add_to(CallLoops& loops);
  /// Of files, since the start.
  [[nodiscard]] const std::atomic<uint64_t>& sent_bytes() const { return sent_bytes_; }

 private:
  [[nodiscard]] std::string identify(const grpc::ServerContext& call) const;
  void list(const grpc::ServerContext& call, delivery::ListReply& out) const;
  ServiceContext context_;
  const Packages& packages_;
  FetchRoom room_;
  std::atomic<uint64_t> sent_bytes_{0};
};

}  // namespace scissionlite::server
