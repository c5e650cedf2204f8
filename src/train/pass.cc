#include "train/pass.h"

#include <algorithm>

#include "train/loop/loss.h"
#include "train/tensors/convert.h"
#include "train/tensors/device.h"

namespace scissionlite::train {

std::vector<Pass::Feature> Pass::read_features(const std::vector<std::string>& texts) {
  std::vector<Feature> out;
  for (const auto& text : texts) {
    const auto at = text.find('=');
    out.push_back(at == std::string::npos ? Feature{text, text} : Feature{text.substr(0, at), text.substr(at + 1)});
  }
  return out;
}

Pass::Pass(Module& student, std::string given, Module* teacher, const TrainJob& job, Values more)
    : student_(student),
      given_(std::move(given)),
      teacher_(teacher),
      job_(job),
      features_(read_features(job.distill.features)),
      more_(std::move(more)) {
  logits_ = logits_value(student.graph());
  for (const auto& feature : features_) wanted_.push_back(feature.student), wanted_of_teacher_.push_back(feature.teacher);
  wanted_.push_back(logits_);
  if (teacher) wanted_of_teacher_.push_back(teacher_logits_ = logits_value(teacher->graph()));
}

Pass::Answers Pass::operator()(const Batch& batch) {
  const auto input = on_device(to_torch(batch.input, student_.compute_type()));
  auto given = more_;
  given[given_] = input;
  const auto values = student_.run(given, wanted_);
  Answers out{torch::Tensor(), values.at(logits_), torch::Tensor()};
  if (std::any_of(batch.labels.begin(), batch.labels.end(), [](int64_t label) { return label >= 0; }))
    out.loss = label_loss(out.logits, batch, job_.label_smoothing);
  if (!batch.answers.empty()) out.teacher_logits = on_device(to_torch(batch.answers, student_.compute_type()));
  else if (teacher_) ask_teacher(input, out);
  if (out.teacher_logits.defined()) add_teacher(values, out);
  return out;
}

void Pass::ask_teacher(const torch::Tensor& input, Answers& out) {
  torch::NoGradGuard guard;
  teacher_values_ = teacher_->run({{teacher_->graph().inputs[0].name, input}}, wanted_of_teacher_);
  out.teacher_logits = teacher_values_.at(teacher_logits_);
}

void Pass::add_teacher(const Values& values, Answers& out) const {
  const auto add = [&](const torch::Tensor& loss, double weight) { out.loss = out.loss.defined() ? out.loss + loss * weight : loss * weight; };
  add(distillation(out.logits, out.teacher_logits, job_.distill.temperature), job_.distill.weight);
  for (const auto& feature : features_)
    add(feature_difference(values.at(feature.student), teacher_values_.at(feature.teacher)), job_.distill.feature_weight);
}

Evaluation evaluate(Pass& pass, const Loader& data) {
  double loss = 0;
  int64_t right = 0, labelled = 0, agreeing = 0, count = 0;
  bool has_teacher = false;
  const auto reader = data.epoch(0);
  while (const auto batch = reader->next()) {
    const auto answers = pass(*batch);
    loss += answers.loss.item<double>() * static_cast<double>(batch->size());
    count += batch->size();
    const auto top = answers.logits.flatten(1).argmax(1), labels = integers_for(top, batch->labels);
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

}  // namespace scissionlite::train
