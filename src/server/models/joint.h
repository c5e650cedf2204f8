// What several models end with, run once for all of them: requests of tails that begin at different cuts run in one batch from where they join.
#pragma once

#include <atomic>
#include <string>

#include "graph/graph.h"
#include "server/models/next_stage.h"
#include "server/queueing/batcher.h"

namespace scissionlite::server {

class Joint final : public NextStage {
 public:
  /// Compiles it and runs it on zeros. @param second  with one input. @throws what compiling and running do.
  Joint(std::string hash, const Graph& second, const BatchingOptions& batching, const std::string& engine, int threads);

  void finish(const std::shared_ptr<Job>& job, const Outcome& first, Done done) override;
  void look_after() override { batcher_->tell_dead(); }
  [[nodiscard]] bool is_ready() const override { return !batcher_->is_hung() && !batcher_->is_suspect(); }
  /// As Ending::hash says.
  [[nodiscard]] const std::string& hash() const { return hash_; }
  [[nodiscard]] StatisticsSnapshot counts() const { return statistics_->snapshot(); }

 private:
  std::string hash_;
  std::shared_ptr<Statistics> statistics_ = std::make_shared<Statistics>();
  std::unique_ptr<Batcher> batcher_;
};

}  // namespace scissionlite::server
