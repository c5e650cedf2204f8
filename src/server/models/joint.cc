#include "server/models/joint.h"

#include <algorithm>

#include "engine/compile_owned.h"
#include "engine/zero_inputs.h"

namespace scissionlite::server {

Joint::Joint(std::string hash, const Graph& second, const BatchingOptions& batching, const std::string& engine, int threads)
    : hash_(std::move(hash)) {
  const auto inputs = second.inputs;
  std::vector<std::unique_ptr<Executable>> executables;
  executables.push_back(compile_owned(second, engine, {.threads = threads, .precision = "f32"}));
  for (const int64_t batch : {int64_t{1}, std::min<int64_t>(2, batching.max_batch)}) (void)executables[0]->run(zero_inputs(inputs, batch));
  batcher_ =
      std::make_unique<Batcher>(batching, std::move(executables), statistics_, [inputs](Executable& fresh) { (void)fresh.run(zero_inputs(inputs)); });
}

void Joint::finish(const std::shared_ptr<Job>& first_job, const Outcome& first, Done done) {
  auto job = second_job(*first_job, {first.outputs.at(0).clone()});  // the engine reuses its buffer
  job->done = [times = first.times, done = std::move(done)](const Outcome& second) {
    Outcome outcome = second;
    add_first_stage(outcome.times, times);
    done(outcome);
  };
  batcher_->submit(std::move(job));
}

}  // namespace scissionlite::server
