#include "train/coda.h"

#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/text.h"

namespace scissionlite::train {
namespace {

Values merged(Values a, const Values& b) {
  a.insert(b.begin(), b.end());
  return a;
}

torch::Tensor positives_of(const Batch& batch) {
  std::vector<float> out;
  for (const int64_t label : batch.labels) {
    if (label != 0 && label != 1) throw InvalidArgument("[train] an image of class " + std::to_string(label) + " is neither negative (0) nor positive (1)");
    out.push_back(static_cast<float>(label));
  }
  return torch::tensor(out);
}

/// Sums of all steps of a stage.
class Iterates {
 public:
  void add(const std::vector<torch::Tensor>& tensors) {
    torch::NoGradGuard guard;
    if (sums_.empty())
      for (const auto& tensor : tensors) sums_.push_back(torch::zeros_like(tensor, torch::TensorOptions(torch::kDouble)));
    for (size_t i = 0; i < tensors.size(); ++i) sums_[i].add_(tensors[i]);
    ++count_;
  }
  void put_mean(const std::vector<torch::Tensor>& tensors) const {
    torch::NoGradGuard guard;
    for (size_t i = 0; i < tensors.size(); ++i) torch::Tensor(tensors[i]).copy_(sums_[i] / static_cast<double>(count_));
  }

 private:
  std::vector<torch::Tensor> sums_;
  int64_t count_ = 0;
};

}  // namespace

Coda::Coda(Module& module, Objective& objective, Collective& members, const CodaOptions& options)
    : module_(module),
      objective_(objective),
      members_(members),
      options_(options),
      minimised_(merged(module.trained(), objective.minimised())),
      maximised_(objective.maximised()),
      optimizer_(options.optimizer, minimised_) {
  check();
}

void Coda::check() const {
  const auto expect = [](bool is_right, const std::string& what) {
    if (!is_right) throw InvalidArgument("[train] " + what);
  };
  expect(options_.stages >= 1 && options_.first_steps >= 1, "there are " + std::to_string(options_.stages) + " stages, of " + std::to_string(options_.first_steps) + " steps at first; expected at least 1 of each");
  expect(options_.window >= 1, "members average every " + std::to_string(options_.window) + " steps; expected at least 1");
  expect(options_.growth >= 1, "stages grow by " + format_fixed(options_.growth, 2) + "; expected at least 1");
  expect(options_.rate > 0 && std::isfinite(options_.rate), "the learning rate is " + format_fixed(options_.rate, 6) + "; expected more than 0");
  expect(options_.proximity >= 0 && options_.proximity * options_.rate < 1, "the pull to a stage's start is " + format_fixed(options_.proximity, 4) + "; expected at least 0, and times the learning rate less than 1");
}

/// What members have in common: weights, running statistics, what the objective learns.
std::vector<torch::Tensor> Coda::all() const {
  std::vector<torch::Tensor> out;
  for (const auto& [name, tensor] : module_.state()) out.push_back(tensor);
  for (const auto* values : {&minimised_, &maximised_})
    for (const auto& [name, tensor] : *values)
      if (name.rfind("auc/", 0) == 0) out.push_back(tensor);
  return out;
}

void Coda::average(const std::vector<torch::Tensor>& tensors) {
  torch::NoGradGuard guard;
  std::vector<float> values;
  for (const auto& tensor : tensors) {
    const auto flat = tensor.detach().to(torch::kFloat).contiguous();
    values.insert(values.end(), flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
  }
  members_.average(values);
  size_t at = 0;
  for (const auto& tensor : tensors) {
    torch::Tensor(tensor).copy_(torch::from_blob(values.data() + at, tensor.sizes(), torch::kFloat));
    at += static_cast<size_t>(tensor.numel());
  }
  module_.load_state(module_.state());  // what was computed from other weights is forgotten
}

/// The gradient of |v - v_0|^2 / (2 gamma).
void Coda::pull_to_start() {
  if (options_.proximity == 0) return;
  size_t i = 0;
  for (const auto& [name, tensor] : minimised_) {
    const auto& start = start_[i++];
    if (tensor.grad().defined()) torch::Tensor(tensor).mutable_grad().add_(tensor.detach() - start, options_.proximity);
  }
}

void Coda::rise(double rate) {
  for (const auto& [name, tensor] : maximised_)
    if (tensor.grad().defined()) {
      torch::Tensor(tensor).add_(tensor.grad(), rate);
      torch::Tensor(tensor).mutable_grad().reset();
    }
}

double Coda::step(const Batch& batch, const Logit& logit, double rate) {
  optimizer_.zero_gradients();
  const auto value = objective_.loss(logit(batch), positives_of(batch));
  const double loss = value.detach().item<double>();
  const auto where = "stage " + std::to_string(at_.stage) + ", step " + std::to_string(at_.step) + " of rank " + std::to_string(members_.rank());
  if (!std::isfinite(loss)) throw InvalidArgument("[train] the loss is not finite in " + where + " at learning rate " + format_fixed(rate, 6) + "; train with a lower one");
  value.backward();
  torch::NoGradGuard guard;
  pull_to_start();
  if (!std::isfinite(optimizer_.clip(options_.clip_norm))) throw InvalidArgument("[train] the gradient is not finite in " + where + "; train with a lower learning rate");
  optimizer_.step(rate, at_.step);
  rise(rate);
  return loss;
}

/// Of fresh batches of all members.
void Coda::restart(Stream& data, const Logit& logit) {
  if (maximised_.empty()) return;
  torch::NoGradGuard guard;
  std::vector<double> sums(4);  // scores of positives and how many, then of negatives
  const bool updates = module_.options().update_statistics;
  module_.set_update_statistics(false);
  for (int64_t i = 0; i < options_.restart_batches; ++i) {
    const auto batch = data.next();
    const auto h = at::sigmoid(logit(batch)).to(torch::kDouble), is_positive = positives_of(batch).to(torch::kDouble);
    sums[0] += (h * is_positive).sum().item<double>(), sums[1] += is_positive.sum().item<double>();
    sums[2] += (h * (1 - is_positive)).sum().item<double>(), sums[3] += (1 - is_positive).sum().item<double>();
  }
  module_.set_update_statistics(updates);
  members_.sum(sums);
  if (sums[1] > 0 && sums[3] > 0) objective_.restart(sums[0] / sums[1], sums[2] / sums[3]);
}

void Coda::run(Stream& data, const Logit& logit, const AfterRound& after_round) {
  average(all());  // members begin alike
  double rate = options_.rate, steps = static_cast<double>(options_.first_steps);
  for (at_.stage = 1; at_.stage <= options_.stages; ++at_.stage, rate /= options_.growth, steps *= options_.growth) {
    restart(data, logit);
    start_.clear();
    for (const auto& [name, tensor] : minimised_) start_.push_back(tensor.detach().clone());
    Iterates iterates;
    const auto count = static_cast<int64_t>(std::llround(steps));
    double losses = 0;
    int64_t in_window = 0;
    for (int64_t t = 1; t <= count; ++t) {
      ++at_.step, ++in_window;
      losses += step(data.next(), logit, rate);
      if (options_.averages_iterates) iterates.add(all());
      at_.ends_stage = t == count;
      if (t % options_.window != 0 && !at_.ends_stage) continue;
      if (at_.ends_stage && options_.averages_iterates) iterates.put_mean(all());
      average(all());
      ++at_.rounds;
      at_.rate = rate, at_.loss = losses / static_cast<double>(in_window);
      losses = 0, in_window = 0;
      if (after_round && !after_round(at_)) return;
    }
  }
}

}  // namespace scissionlite::train
