#include "server/joint.h"

#include <algorithm>
#include <cstring>

#include "base/clock.h"
#include "engine/compile_owned.h"

namespace scissionlite::server {
namespace {

Tensor zeros(const ValueInfo& info, int64_t batch) {
  Shape shape = info.shape;
  shape[0] = batch;
  for (auto& size : shape) size = std::max<int64_t>(size, 1);
  Tensor tensor(info.dtype, shape);
  std::memset(tensor.mutable_data(), 0, tensor.size_bytes());
  return tensor;
}

}  // namespace

Joint::Joint(std::string hash, const Graph& second, const BatchingOptions& batching, const std::string& engine, int threads) : hash_(std::move(hash)) {
  const auto input = second.inputs.at(0);
  std::vector<std::unique_ptr<Executable>> executables;
  executables.push_back(compile_owned(second, engine, {.threads = threads, .precision = "f32"}));
  for (const int64_t batch : {int64_t{1}, std::min<int64_t>(2, batching.max_batch)}) (void)executables[0]->run(std::vector<Tensor>{zeros(input, batch)});
  batcher_ = std::make_unique<Batcher>(batching, std::move(executables), statistics_, [input](Executable& fresh) { (void)fresh.run(std::vector<Tensor>{zeros(input, 1)}); });
}

void Joint::finish(const std::shared_ptr<Job>& first_job, const Outcome& first, Done done) {
  auto job = std::make_shared<Job>();
  job->inputs = {first.outputs.at(0).clone()};  // the engine reuses its buffer
  job->batch = first_job->batch;
  job->deadline_ns = first_job->deadline_ns;
  job->id = first_job->id;
  job->is_probe = first_job->is_probe;
  job->arrived_ns = Clock::steady().now_ns();
  job->is_cancelled = first_job->is_cancelled.load();
  job->done = [times = first.times, done = std::move(done)](const Outcome& second) {
    Outcome outcome = second;
    add_first_stage(outcome.times, times);
    done(outcome);
  };
  batcher_->submit(std::move(job));
}

}  // namespace scissionlite::server
