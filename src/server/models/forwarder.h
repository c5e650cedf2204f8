// What an edge that is a middle does with its result: has a cloud finish it, and answers by itself when the cloud does not.
//
// The edge is to the cloud what a device is to the edge: the same session, with its breaker and its check of identity (src/offload), and a copy of
// the cloud's tail that is started early enough to be in time. No thread waits for the cloud; answers are read, and what follows is done, by a small
// pool.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "base/file.h"
#include "engine/engine.h"
#include "offload/edge_session.h"
#include "offload/wire_coders.h"
#include "prepare/package.h"
#include "server/models/next_stage.h"
#include "server/queueing/batcher.h"
#include "server/queueing/work_pool.h"

namespace scissionlite::server {

struct ForwardOptions {
  std::string address;  // of the cloud; "": the copy answers
  protocol::Security security;
  double connect_timeout_us = 2e6;
  double timeout_us = 5e6;  // of requests without a deadline: how long a silent cloud is waited for
  double probe_tolerance = 2e-3;
  std::shared_ptr<WorkPool> pool;  // outlives every model that has a forwarder
};

/// What has become of the requests; safe to read at any time.
struct ForwardCounts {
  std::atomic<uint64_t> cloud{0}, copy{0}, errors{0};  // answered by the cloud, by the copy, not at all
  std::atomic<uint64_t> asked{0};                      // sent to the cloud
  std::atomic<uint64_t> cloud_ns{0};                   // of answers by the cloud: from asking it to having its answer
};

class Forwarder final : public NextStage {
 public:
  /// Reads `folder`/cloud, compiles the copy if there is one, and asks the cloud who it is. A cloud that is down or wrong is no error here, as it is
  /// none to a device.
  /// @param middle  as read; it has to name the cloud's tail. @param batching  of the middle. @param engine  and threads: of the copy.
  /// @throws InvalidArgument: files of two models are mixed; there is neither an address nor a copy.
  Forwarder(const fs::path& folder, const Forwarding& expected, const Graph& middle, const BatchingOptions& batching, const std::string& engine,
            int threads, ForwardOptions options);

  void finish(const std::shared_ptr<Job>& job, const Outcome& middle, Done done) override;
  /// By the cloud or by the copy.
  void look_after() override {
    if (copy_) copy_->tell_dead();
  }
  [[nodiscard]] bool is_ready() const override;
  [[nodiscard]] bool has_ready_cloud() const { return session_ && session_->state() == offload::EdgeState::kReady; }
  [[nodiscard]] const ForwardCounts& counts() const { return counts_; }

 private:
  struct Item;
  using ItemPtr = std::shared_ptr<Item>;
  void load_copy(const BatchingOptions& batching, const std::string& engine, int threads);
  void dial();
  [[nodiscard]] double budget_us(const Job& job) const;
  [[nodiscard]] protocol::InferRequest request_of(const Item& item);
  [[nodiscard]] bool ask_cloud(const ItemPtr& item);
  void take_answer(const ItemPtr& item, const std::function<protocol::InferResult()>& take);
  [[nodiscard]] std::vector<Tensor> outputs_of(const protocol::InferResult& result, int64_t batch) const;
  void ask_copy(const ItemPtr& item);
  void ask_copy_or_refuse(const ItemPtr& item);

  fs::path folder_;
  Forwarding expected_;
  ForwardOptions options_;
  Manifest manifest_;                    // of the cloud's model
  std::vector<std::string> sent_names_;  // of the middle's outputs
  bool batches_ = false;
  std::atomic<bool> cloud_decodes_{false};
  std::mutex coding_;  // guards coders_
  offload::WireCoders coders_;
  std::atomic<uint64_t> next_id_{1};
  ForwardCounts counts_;
  std::atomic<double> copy_us_{0};  // slow but not exceptional time of the copy
  std::vector<int> copy_order_;     // its outputs in the order of expected_.outputs
  std::unique_ptr<Batcher> copy_;
  std::unique_ptr<offload::EdgeSession> session_;  // ends first: its check uses what is above
};

}  // namespace scissionlite::server
