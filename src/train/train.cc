#include "train/train.h"

#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "graph/cuts.h"
#include "onnx/onnx.h"
#include "ops/cut_cost.h"
#include "ops/ops.h"
#include "score/activations.h"
#include "score/labels.h"
#include "train/convert.h"
#include "train/loss.h"
#include "train/trainer.h"

namespace scissionlite::train {
namespace {

/// Pairs of inner values that are compared.
struct Feature {
  std::string student, teacher;
};
std::vector<Feature> read_features(const std::vector<std::string>& texts) {
  std::vector<Feature> out;
  for (const auto& text : texts) {
    const auto at = text.find('=');
    out.push_back(at == std::string::npos ? Feature{text, text} : Feature{text.substr(0, at), text.substr(at + 1)});
  }
  return out;
}

int64_t classes_of(const Graph& graph) {
  Graph shaped = graph;
  ops::infer_shapes(shaped);
  const auto info = shaped.find_value(shaped.outputs.at(0).name);
  int64_t count = 1;
  for (size_t d = 1; info && d < info->shape.size(); ++d) count *= info->shape[d];
  if (!info || !info->has_shape || count < 1)
    throw InvalidArgument("[train] the number of classes of output '" + graph.outputs[0].name + "' cannot be told");
  return count;
}

std::vector<std::string> tensors_of(Graph graph, const std::string& cut) {
  return cut.empty() ? std::vector<std::string>{} : find_cut(ops::find_costed_cuts(graph), cut).tensors;
}

/// The student's and the teacher's passes over a batch.
class Pass {
 public:
  Pass(Module& student, Module* teacher, const TrainJob& job)
      : student_(student), teacher_(teacher), job_(job), features_(read_features(job.distill.features)) {
    logits_ = logits_value(student.graph());
    for (const auto& feature : features_) wanted_.push_back(feature.student), wanted_of_teacher_.push_back(feature.teacher);
    wanted_.push_back(logits_);
    if (teacher) wanted_of_teacher_.push_back(teacher_logits_ = logits_value(teacher->graph()));
  }

  struct Answers {
    torch::Tensor loss, logits, teacher_logits;
  };
  Answers operator()(const Batch& batch) {
    const auto input = to_torch(batch.input, student_.compute_type());
    const auto values = student_.run({{student_.graph().inputs[0].name, input}}, wanted_);
    Answers out{torch::Tensor(), values.at(logits_), torch::Tensor()};
    if (std::any_of(batch.labels.begin(), batch.labels.end(), [](int64_t label) { return label >= 0; }))
      out.loss = cross_entropy(out.logits, batch.labels, job_.label_smoothing);
    if (teacher_) {
      torch::NoGradGuard guard;
      teacher_values_ = teacher_->run({{teacher_->graph().inputs[0].name, input}}, wanted_of_teacher_);
      out.teacher_logits = teacher_values_.at(teacher_logits_);
    }
    if (teacher_) add_teacher(values, out);
    return out;
  }

 private:
  void add_teacher(const Values& values, Answers& out) const {
    const auto add = [&](const torch::Tensor& loss, double weight) { out.loss = out.loss.defined() ? out.loss + loss * weight : loss * weight; };
    add(distillation(out.logits, out.teacher_logits, job_.distill.temperature), job_.distill.weight);
    for (const auto& feature : features_)
      add(feature_difference(values.at(feature.student), teacher_values_.at(feature.teacher)), job_.distill.feature_weight);
  }

  Module& student_;
  Module* teacher_;
  const TrainJob& job_;
  std::vector<Feature> features_;
  std::vector<std::string> wanted_, wanted_of_teacher_;
  std::string logits_, teacher_logits_;
  Values teacher_values_;
};

/// Loss, accuracy where there are labels, agreement where there is a teacher.
Evaluation evaluate(Pass& pass, const Loader& data) {
  double loss = 0;
  int64_t right = 0, labelled = 0, agreeing = 0, count = 0;
  bool has_teacher = false;
  const auto reader = data.epoch(0);
  while (const auto batch = reader->next()) {
    const auto answers = pass(*batch);
    loss += answers.loss.item<double>() * static_cast<double>(batch->size());
    count += batch->size();
    const auto top = answers.logits.flatten(1).argmax(1), labels = torch::tensor(batch->labels, torch::kLong);
    right += top.eq(labels).sum().item<int64_t>();
    labelled += labels.ge(0).sum().item<int64_t>();
    has_teacher = answers.teacher_logits.defined();
    if (has_teacher) agreeing += top.eq(answers.teacher_logits.flatten(1).argmax(1)).sum().item<int64_t>();
  }
  const auto share = [](int64_t part, int64_t whole) { return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0; };
  Evaluation out{0, Json{{"loss", loss / static_cast<double>(std::max<int64_t>(1, count))}}};
  if (labelled > 0) out.metrics["accuracy"] = share(right, labelled);
  if (has_teacher) out.metrics["agreement"] = share(agreeing, count);
  out.score = labelled > 0 ? share(right, labelled) : share(agreeing, count);
  return out;
}

struct Data {
  std::shared_ptr<const ImageFiles> train, held_out;
};
/// Of the files; those without a label go when there is no teacher to learn from either.
std::vector<int64_t> labels_of(const TrainJob& job, std::vector<fs::path>& files, int64_t classes) {
  if (job.labels.empty()) return {};
  auto labels = load_labels(job.labels, files, job.input, classes);
  if (!job.distill.teacher.empty()) return labels;
  size_t kept = 0;
  for (size_t i = 0; i < files.size(); ++i)
    if (labels[i] >= 0) {
      files[kept] = files[i];
      labels[kept++] = labels[i];
    }
  if (kept < files.size())
    log::warning(std::to_string(files.size() - kept) + " of " + std::to_string(files.size()) + " images have no label and are left out");
  files.resize(kept);
  labels.resize(kept);
  return labels;
}

Data load_data(const TrainJob& job, int64_t classes) {
  auto train = job.images, held_out = job.held_out;
  if (held_out.empty()) {
    auto split = split_images(job.images, job.holdout);
    held_out = std::move(split.fit);  // the part that is a function of the bytes alone
    train = std::move(split.score);
  }
  auto labels = labels_of(job, train, classes), held_out_labels = labels_of(job, held_out, classes);
  return {std::make_shared<ImageFiles>(train, std::move(labels), job.input, job.augmentation),
          std::make_shared<ImageFiles>(held_out, std::move(held_out_labels), job.input, AugmentOptions{})};
}

/// Everything that the result depends on.
Json identity_of(const TrainJob& job, const Data& data) {
  const auto& t = job.trainer;
  Json out{
      {"model", model_sha256(job.model)},
      {"images", data.train->identity()},
      {"held_out", data.held_out->identity()},
      {"labels", !job.labels.empty()},
      {"label_smoothing", job.label_smoothing},
      {"train", job.train},
      {"freeze", job.freeze},
      {"cut", job.cut},
      {"side", job.side},
      {"batch", job.batch_size},
      {"augmentation", {job.augmentation.flip, job.augmentation.crop, job.augmentation.jitter}},
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
  if (!job.distill.teacher.empty())
    out["distill"] = {model_sha256(job.distill.teacher), job.distill.weight, job.distill.temperature, job.distill.features,
                      job.distill.feature_weight};
  return out;
}

void check_job(const TrainJob& job) {
  if (job.labels.empty() && job.distill.teacher.empty())
    throw InvalidArgument("[train] there is nothing to learn from; give --labels, or a teacher with --distill");
  if (!job.distill.features.empty() && job.distill.teacher.empty())
    throw InvalidArgument("[train] --feature compares with a teacher; give one with --distill");
  if (job.trainer.epochs < 0) throw InvalidArgument("[train] epochs is " + std::to_string(job.trainer.epochs) + ", expected at least 0");
  check_writable(job.output);
  if (!job.trainer.checkpoint.empty()) check_writable(job.trainer.checkpoint);
}

int64_t count_values(const Values& values) {
  int64_t count = 0;
  for (const auto& [name, tensor] : values) count += tensor.numel();
  return count;
}

}  // namespace

Json to_json(const TrainReport& report) {
  Json out{{"schema", "scissionlite.training/1"},
           {"model", report.model},
           {"output", report.output},
           {"command", report.command},
           {"images", report.images},
           {"held_out", report.held_out},
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

TrainReport train_model(const TrainJob& job) {
  const double started_us = Clock::steady().now_us();
  check_job(job);
  const Graph graph = load_model(job.model);
  vision::check_fits(job.input, graph, job.model.string());
  Module student(graph, {.update_statistics = job.update_statistics});
  student.train({job.train, job.freeze, tensors_of(graph, job.cut), job.side});
  std::unique_ptr<Module> teacher;
  if (!job.distill.teacher.empty()) teacher = std::make_unique<Module>(load_model(job.distill.teacher));

  const auto data = load_data(job, classes_of(graph));
  auto options = job.trainer;
  options.identity = identity_of(job, data);
  const Loader batches(data.train, {.batch_size = job.batch_size, .seed = options.seed});
  const Loader held_out(data.held_out, {.batch_size = job.batch_size, .shuffle = false, .augment = false});
  Pass pass(student, teacher.get(), job);
  const auto trained = student.trained();
  log::info("training " + std::to_string(trained.size()) + " of " + std::to_string(student.parameters().size()) + " parameters (" +
            std::to_string(count_values(trained)) + " values) on " + std::to_string(data.train->size()) + " images, " +
            std::to_string(data.held_out->size()) + " held out");
  Trainer trainer(student, options);
  const auto result = trainer.run(
      batches, [&](const Batch& batch) { return pass(batch).loss; }, [&] { return evaluate(pass, held_out); });
  if (result.finished) save_model(student.export_graph(), job.output);
  return {job.model.string(),
          job.output.string(),
          job.command,
          data.train->size(),
          data.held_out->size(),
          static_cast<int64_t>(trained.size()),
          count_values(trained),
          static_cast<int64_t>(student.parameters().size()),
          result.epochs,
          result.best_epoch,
          result.resumed,
          result.stopped_early,
          (Clock::steady().now_us() - started_us) * 1e-6};
}

}  // namespace scissionlite::train
