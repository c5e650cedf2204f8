#include "train/train.h"

#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "graph/cuts.h"
#include "graph/slice.h"
#include "onnx/onnx.h"
#include "ops/cut_cost.h"
#include "train/loop/ahead.h"
#include "train/loop/loss.h"
#include "train/network/classifier.h"
#include "train/tensors/device.h"
#include "train/train_graph.h"
#include "vision/labelled_files.h"

namespace scissionlite::train {
namespace {

std::vector<std::string> tensors_of(Graph graph, const std::string& cut) {
  return cut.empty() ? std::vector<std::string>{} : find_cut(ops::find_costed_cuts(graph), cut).tensors;
}

/// Who computes what of a run: the engine ahead of it, or libtorch in it.
struct Computed {
  std::string given;                // the student's value that examples hold
  std::unique_ptr<Module> teacher;  // where inner values are compared; else its answers come with the examples
  std::shared_ptr<const Dataset> train, held_out;

  Computed(const TrainJob& job, const Module& student, const JobData& data) : train(data.train), held_out(data.held_out) {
    given = student.graph().inputs.at(0).name;
    if (job.mixup > 0) train = std::make_shared<Mixtures>(data.train, job.mixup);
    const bool compares_features = !job.distill.features.empty();  // then both need the image
    const auto head = compares_features ? "" : frozen_until(student.graph(), student.parameters());
    std::optional<Graph> answers;
    if (!job.distill.teacher.empty()) {
      const auto graph = load_model(job.distill.teacher);
      if (compares_features) teacher = std::make_unique<Module>(graph);
      else answers = up_to(graph, logits_value(graph));
    }
    if (head.empty() && !answers) return;
    if (!head.empty()) given = head, log::info("nothing is trained before '" + head + "': the engine computes that part");
    const AheadOptions options{.head = head, .keep = !changes_images(job.augmentation) && job.mixup == 0, .threads = job.trainer.threads};
    train = std::make_shared<Ahead>(train, student.graph(), answers ? &*answers : nullptr, options);
    held_out = std::make_shared<Ahead>(data.held_out, student.graph(), answers ? &*answers : nullptr, AheadOptions{head, true, options.threads});
  }

 private:
  static Graph up_to(const Graph& graph, const std::string& value) { return extract(graph, {graph.inputs.at(0).name}, {value}); }
};

}  // namespace

Json identity_of(const TrainJob& job, const JobData& data) {
  const auto& t = job.trainer;
  Json out{
      {"model", model_sha256(job.model)},
      {"classes", job.classes},
      {"images", data.train->identity()},
      {"held_out", data.held_out->identity()},
      {"labels", !job.labels.empty()},
      {"label_smoothing", job.label_smoothing},
      {"train", job.train},
      {"freeze", job.freeze},
      {"cut", job.cut},
      {"side", job.side},
      {"batch", job.batch_size},
      {"augmentation", {job.augmentation.flip, job.augmentation.crop, job.augmentation.jitter, job.augmentation.shift}},
      {"update_statistics", job.update_statistics},
      {"epochs", t.epochs},
      {"optimizer",
       {t.optimizer.kind, t.optimizer.momentum, t.optimizer.nesterov, t.optimizer.beta1, t.optimizer.beta2, t.optimizer.epsilon,
        t.optimizer.weight_decay}},
      {"schedule", {t.schedule.kind, t.schedule.rate, t.schedule.warmup_epochs, t.schedule.step_epochs, t.schedule.gamma, t.schedule.final_share}},
      {"clip_norm", t.clip_norm},
      {"seed", t.seed},
      {"keep_best", t.keep_best},
      {"patience", t.patience}};
  if (job.mixup > 0) out["mixup"] = job.mixup;
  if (job.device != "cpu") out["device"] = job.device;
  if (!job.distill.teacher.empty())
    out["distill"] = {model_sha256(job.distill.teacher), job.distill.weight, job.distill.temperature, job.distill.features,
                      job.distill.feature_weight};
  return out;
}

Graph with_new_classes(const Graph& graph, int64_t classes, uint64_t seed, vision::InputSpec& input, bool gives_logits) {
  auto out = with_classes(graph, classes, seed, gives_logits);
  input.label_offset = 0;
  if (static_cast<int64_t>(input.labels.size()) != classes) input.labels.clear();
  out.metadata[vision::kInputMetadataKey] = vision::to_json(input).dump();
  return out;
}

void check_job(const TrainJob& job) {
  const bool has_labels = !job.labels.empty() || std::any_of(job.images.begin(), job.images.end(), vision::is_labelled_file);
  if (!has_labels && job.distill.teacher.empty())
    throw InvalidArgument("[train] there is nothing to learn from; give --labels, or a teacher with --distill");
  if (!job.distill.features.empty() && job.distill.teacher.empty())
    throw InvalidArgument("[train] --feature compares with a teacher; give one with --distill");
  if (job.trainer.epochs < 0) throw InvalidArgument("[train] epochs is " + std::to_string(job.trainer.epochs) + ", expected at least 0");
  check_writable(job.output);
  if (!job.trainer.checkpoint.empty()) check_writable(job.trainer.checkpoint);
}

Json to_json(const TrainReport& report) {
  Json out{{"schema", "scissionlite.training/1"},
           {"model", report.model},
           {"output", report.output},
           {"command", report.command},
           {"images", report.images},
           {"held_out", report.held_out},
           {"unreadable", report.unreadable},
           {"parameters", report.parameters},
           {"parameters_trained", report.parameters_trained},
           {"values_trained", report.values_trained},
           {"best_epoch", report.best_epoch},
           {"resumed", report.resumed},
           {"stopped_early", report.stopped_early},
           {"seconds", report.seconds},
           {"epochs", Json::array()}};
  for (const auto& record : report.epochs) out["epochs"].push_back(to_json(record));
  return out;
}

TrainReport train_graph(const TrainJob& job, const GraphJob& what, const JobData& data, const std::function<void(const Graph&)>& write) {
  const double started_us = Clock::steady().now_us();
  Module student(what.graph, {.straight_through = what.straight_through, .update_statistics = job.update_statistics});
  student.train(what.selection);
  const Computed computed(job, student, data);
  auto options = job.trainer;
  options.identity = identity_of(job, data);
  options.identity.update(what.identity);
  const int decoders = decoders_beside(options.threads);
  const Loader batches(computed.train, {.batch_size = job.batch_size, .seed = options.seed, .decoders = decoders});
  const Loader held_out(computed.held_out, {.batch_size = job.batch_size, .shuffle = false, .augment = false, .decoders = decoders});
  auto given = what.given;
  given.insert(what.more.begin(), what.more.end());
  Pass pass(student, computed.given, computed.teacher.get(), job, given);
  const auto trained = student.trained();
  log::info("training " + std::to_string(trained.size()) + " of " + std::to_string(student.parameters().size()) + " parameters (" +
            std::to_string(count_values(trained)) + " values) on " + std::to_string(data.train->size()) + " images, " +
            std::to_string(data.held_out->size()) + " held out");
  Trainer trainer(student, options, what.more, what.kept);
  if (what.after_backward) trainer.set_after_backward([&] { what.after_backward(student); });
  if (what.after_step) trainer.set_after_step([&](const Trainer::Step& step) { what.after_step(student, step); });
  const auto result = trainer.run(
      batches, [&](const Batch& batch) { return pass(batch).loss; }, [&] { return evaluate(pass, held_out); });
  if (result.finished) write(student.export_graph());
  return {job.model.string(),
          job.output.string(),
          job.command,
          data.train->size(),
          data.held_out->size(),
          static_cast<int64_t>(data.unreadable.size()),
          static_cast<int64_t>(trained.size()),
          count_values(trained),
          static_cast<int64_t>(student.parameters().size()),
          result.epochs,
          result.best_epoch,
          result.resumed,
          result.stopped_early,
          (Clock::steady().now_us() - started_us) * 1e-6};
}

TrainReport train_model(const TrainJob& job) {
  check_job(job);
  use_device(job.device);
  Graph graph = load_model(job.model);
  auto input = job.input;
  vision::check_fits(input, graph, job.model.string());
  if (job.classes > 0) graph = with_new_classes(graph, job.classes, job.trainer.seed, input);
  const auto data = load_data(job, input, classes_of(graph));
  const Selection selection{job.train, job.freeze, tensors_of(graph, job.cut), job.side};
  return train_graph(job, {.graph = graph, .selection = selection}, data, [&](const Graph& trained) { save_model(trained, job.output); });
}

}  // namespace scissionlite::train
