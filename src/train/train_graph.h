// The training run that commands share: a graph, what of it is trained, data. Private to train/.
#pragma once

#include <functional>

#include "train/job_data.h"
#include "train/loop/trainer.h"
#include "train/pass.h"

namespace scissionlite::train {

/// @throws InvalidArgument: nothing to learn from, features without a teacher; ResourceError: files that cannot be written.
void check_job(const TrainJob& job);
/// Everything of the job that a run's result depends on. Reads the model and all images' bytes.
[[nodiscard]] Json identity_of(const TrainJob& job, const JobData& data);
/// A new classifier (classifier.h); `input`, which the model carries, loses what it said of the old classes.
[[nodiscard]] Graph with_new_classes(const Graph& graph, int64_t classes, uint64_t seed, vision::InputSpec& input, bool gives_logits = false);

/// What is trained, in place of the job's model.
struct GraphJob {
  Graph graph;
  Selection selection;
  bool straight_through = false;   // as in ModuleOptions
  Json identity = Json::object();  // what a checkpoint belongs to beside the job
  Values given{};                  // values of the graph that are given with each batch: what has gradients but is no weight
  Values more{};                   // the same, and trained as weights are: as of Trainer
  Values kept{};                   // as of Trainer
  std::function<void(Module&, const Trainer::Step&)> after_step{};
  std::function<void(Module&)> after_backward{};
};
/// @param write  gets the trained graph when the run is finished.
TrainReport train_graph(const TrainJob& job, const GraphJob& what, const JobData& data, const std::function<void(const Graph&)>& write);

}  // namespace scissionlite::train
