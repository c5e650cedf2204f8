#include "train/rare/coda.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "train/tensors/convert.h"

namespace scissionlite::train {
namespace {

/// One behind the other.
std::vector<float> values_of(const std::vector<torch::Tensor>& tensors) {
  std::vector<float> out;
  for (const auto& tensor : tensors) {
    const auto flat = tensor.detach().to(torch::kFloat).contiguous();
    out.insert(out.end(), flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
  }
  return out;
}

torch::Tensor positives_of(const Batch& batch) {
  std::vector<float> out;
  for (const int64_t label : batch.labels) {
    if (label != 0 && label != 1)
      throw InvalidArgument("[train] an image of class " + std::to_string(label) + " is neither negative (0) nor positive (1)");
    out.push_back(static_cast<float>(label));
  }
  return torch::tensor(out);
}

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
  expect(options_.stages >= 1 && options_.first_steps >= 1, "there are " + std::to_string(options_.stages) + " stages, of " +
                                                                std::to_string(options_.first_steps) +
                                                                " steps at first; expected at least 1 of each");
  expect(options_.window >= 1, "members average every " + std::to_string(options_.window) + " steps; expected at least 1");
  expect(options_.growth >= 1, "stages grow by " + format_fixed(options_.growth, 2) + "; expected at least 1");
  expect(options_.rate > 0 && std::isfinite(options_.rate), "the learning rate is " + format_fixed(options_.rate, 6) + "; expected more than 0");
  expect(options_.proximity >= 0 && options_.proximity * options_.rate < 1,
         "the pull to a stage's start is " + format_fixed(options_.proximity, 4) + "; expected at least 0, and times the learning rate less than 1");
  expect(options_.round_momentum >= 0 && options_.round_momentum < 1,
         "the momentum of rounds is " + format_fixed(options_.round_momentum, 4) + "; expected at least 0 and less than 1");
}

/// What members have in common: weights, running statistics, what the objective learns.
std::vector<torch::Tensor> Coda::all() const {
  std::vector<torch::Tensor> out;
  for (const auto& [name, tensor] : module_.state()) out.push_back(tensor);
  for (const auto& values : {objective_.minimised(), maximised_})
    for (const auto& [name, tensor] : values) out.push_back(tensor);
  return out;
}

/// Values of what is sent, in its order. Packed ones: each part fills whole blocks.
std::vector<float> Coda::laid_out() const {
  std::vector<float> out;
  for (const auto& tensors : sent()) {
    const auto values = values_of(tensors);
    out.insert(out.end(), values.begin(), values.end());
    out.resize(whole_blocks(out.size()));
  }
  return out;
}

size_t Coda::whole_blocks(size_t count) const {
  return options_.packing == Packing::kNone ? count : (count + kPackedTogether - 1) / kPackedTogether * kPackedTogether;
}

/// How many of them are sent as changes: all but the statistics.
size_t Coda::changes() const {
  size_t count = 0;
  const auto parts = sent();
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    for (const auto& tensor : parts[i]) count += static_cast<size_t>(tensor.numel());
    count = whole_blocks(count);
  }
  return count;
}

bool Coda::average(bool flag) {
  torch::NoGradGuard guard;
  auto values = laid_out();
  values.push_back(flag ? 1.0F : 0.0F);
  if (options_.packing == Packing::kNone || agreed_.empty()) members_.average(values);
  else average_packed(values);
  const bool is_raised = values.back() > 0;
  if (!std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); }))
    throw NotFinite("[train] weights are not finite behind stage " + std::to_string(at_.stage) + ", step " + std::to_string(at_.step) +
                    " at learning rate " + format_fixed(at_.rate, 6) + "; train with a lower one");
  size_t at = 0;  // as laid_out
  for (const auto& tensors : sent()) {
    for (const auto& tensor : tensors) {
      torch::Tensor(tensor).copy_(torch::from_blob(values.data() + at, tensor.sizes(), torch::kFloat));
      at += static_cast<size_t>(tensor.numel());
    }
    at = whole_blocks(at);
  }
  agree();
  module_.state_changed();
  return is_raised;
}

/// Running statistics go as they are: their changes differ by orders of magnitude, and a variance is to stay one. So does the flag.
void Coda::average_packed(std::vector<float>& values) {
  auto* left = left_.data_ptr<float>();
  for (size_t i = 0; i < agreed_.size(); ++i) values[i] += left[i] - agreed_[i];
  const auto sent = unpack(pack(values, options_.packing, agreed_.size()), options_.packing);
  for (size_t i = 0; i < agreed_.size(); ++i) left[i] = values[i] - sent[i];
  members_.average(values, options_.packing, agreed_.size());
  for (size_t i = 0; i < agreed_.size(); ++i) values[i] += agreed_[i];
}

/// Before a member begins or goes on.
void Coda::make_room() {
  for (auto* of : {&start_, &sums_, &variates_, &mean_variates_, &gradients_, &behind_round_, &pace_}) of->clear();
  for (const auto& [name, tensor] : minimised_) start_.push_back(torch::zeros_like(tensor.detach()));
  if (options_.averages_iterates)
    for (const auto& tensor : all()) sums_.push_back(torch::zeros_like(tensor, torch::TensorOptions(torch::kDouble)));
  if (options_.has_control_variates)
    for (const auto& [name, tensor] : learned())
      for (auto* of : {&variates_, &mean_variates_, &gradients_}) of->push_back(torch::zeros_like(tensor.detach()));
  if (options_.round_momentum > 0)
    for (const auto& [name, tensor] : learned())
      for (auto* of : {&behind_round_, &pace_}) of->push_back(torch::zeros_like(tensor.detach()));
  if (options_.packing != Packing::kNone) left_ = torch::zeros({static_cast<int64_t>(changes())});
}

/// What members send each other: weights, what the objective learns, running statistics.
std::vector<std::vector<torch::Tensor>> Coda::sent() const {
  std::vector<std::vector<torch::Tensor>> out(3);
  const auto trained = module_.trained();
  for (const auto& [name, tensor] : module_.state()) out[trained.count(name) ? 0 : 2].push_back(tensor);
  out[0].insert(out[0].end(), mean_variates_.begin(), mean_variates_.end());
  for (const auto& values : {objective_.minimised(), maximised_})
    for (const auto& [name, tensor] : values) out[1].push_back(tensor);
  return out;
}

void Coda::correct_gradients() {
  if (!options_.has_control_variates) return;
  size_t i = 0;
  for (const auto& [name, tensor] : learned()) {
    if (tensor.grad().defined()) {
      gradients_[i].add_(tensor.grad());
      torch::Tensor(tensor).mutable_grad().add_(mean_variates_[i] - variates_[i]);
    }
    ++i;
  }
}

/// Of the window that ends: this member's, of which the round makes the mean.
void Coda::note_variates() {
  for (size_t i = 0; i < variates_.size(); ++i) {
    variates_[i].copy_(gradients_[i] / static_cast<double>(std::max<int64_t>(1, in_window_)));
    mean_variates_[i].copy_(variates_[i]);
    gradients_[i].zero_();
  }
}

void Coda::begin_pace() {
  for (const auto& tensor : pace_) torch::Tensor(tensor).zero_();
  note_round();
}

/// Behind a round that ends no stage.
void Coda::keep_pace() {
  if (pace_.empty()) return;
  size_t i = 0;
  for (const auto& [name, tensor] : learned()) {
    pace_[i].mul_(options_.round_momentum).add_(tensor.detach() - behind_round_[i]);
    torch::Tensor(tensor.detach()).copy_(behind_round_[i] + pace_[i]);
    ++i;
  }
  note_round();
  agree();
  module_.state_changed();
}

/// The next round's changes are to what is learned now.
void Coda::note_round() {
  size_t i = 0;
  if (behind_round_.empty()) return;
  for (const auto& [name, tensor] : learned()) behind_round_[i++].copy_(tensor);
}

/// All members have the same values now: packed changes are to these.
void Coda::agree() {
  if (options_.packing != Packing::kNone) agreed_ = laid_out(), agreed_.resize(changes());
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
  if (!std::isfinite(loss))
    throw NotFinite("[train] the loss is not finite in " + where + " at learning rate " + format_fixed(rate, 6) + "; train with a lower one");
  value.backward();
  torch::NoGradGuard guard;
  correct_gradients();
  pull_to_start();
  if (!std::isfinite(optimizer_.clip(options_.clip_norm)))
    throw NotFinite("[train] the gradient is not finite in " + where + "; train with a lower learning rate");
  optimizer_.step(rate, at_.step);
  rise(rate);
  return loss;
}

/// Of fresh batches of all members: more of them where none had a positive, as may be where batches take images as they come.
void Coda::restart(Stream& data, const Logit& logit) {
  if (maximised_.empty()) return;
  torch::NoGradGuard guard;
  std::vector<double> sums(4);  // scores of positives and how many, then of negatives
  const bool updates = module_.options().update_statistics;
  module_.set_update_statistics(false);
  constexpr int kMostTries = 64;
  for (int tries = 0; tries < kMostTries && (sums[1] == 0 || sums[3] == 0); ++tries) {
    std::vector<double> more(sums.size());
    for (int64_t i = 0; i < options_.restart_batches; ++i) {
      const auto batch = data.next();
      const auto h = at::sigmoid(logit(batch)).to(torch::kDouble), is_positive = positives_of(batch).to(torch::kDouble);
      more[0] += (h * is_positive).sum().item<double>(), more[1] += is_positive.sum().item<double>();
      more[2] += (h * (1 - is_positive)).sum().item<double>(), more[3] += (1 - is_positive).sum().item<double>();
    }
    members_.sum(more);
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += more[i];
  }
  module_.set_update_statistics(updates);
  if (sums[1] == 0 || sums[3] == 0) return;
  if (at_.stage == 1) objective_.begin(sums[0] / sums[1], sums[2] / sums[3]);
  else objective_.restart(sums[0] / sums[1], sums[2] / sums[3]);
}

int64_t Coda::steps_of(int64_t stage) const {
  return std::llround(static_cast<double>(options_.first_steps) * std::pow(options_.growth, static_cast<double>(stage - 1)));
}

int64_t Coda::total_steps() const {
  int64_t sum = 0;
  for (int64_t stage = 1; stage <= options_.stages; ++stage) sum += steps_of(stage);
  return sum;
}

void Coda::begin_stage(Stream& data, const Logit& logit) {
  restart(data, logit);
  torch::NoGradGuard guard;
  size_t i = 0;
  for (const auto& [name, tensor] : minimised_) start_[i++].copy_(tensor);
  for (const auto& sum : sums_) torch::Tensor(sum).zero_();
  begin_pace();
}

/// @return whether to save.
bool Coda::close_round(bool ends_stage) {
  torch::NoGradGuard guard;
  if (ends_stage && options_.averages_iterates) {
    const auto tensors = all();
    for (size_t i = 0; i < tensors.size(); ++i) torch::Tensor(tensors[i]).copy_(sums_[i] / static_cast<double>(steps_of_stage_));
  }
  note_variates();
  ++at_.rounds, at_.ends_stage = ends_stage, in_window_ = 0;
  const bool saves = average(members_.leads() && is_due_ && is_due_(ends_stage));
  if (!ends_stage) keep_pace();
  return saves;
}

void Coda::run(Stream& data, const Logit& logit, const AfterRound& after_round) {
  if (at_.stage == 0) make_room(), average(), at_.stage = 1;  // members begin alike
  for (; at_.stage <= options_.stages; ++at_.stage, steps_of_stage_ = 0) {
    const auto count = steps_of(at_.stage);
    at_.rate = options_.rate / std::pow(options_.growth, static_cast<double>(at_.stage - 1));
    if (steps_of_stage_ == 0) begin_stage(data, logit);
    double losses = 0;
    while (steps_of_stage_ < count) {
      ++at_.step, ++steps_of_stage_, ++in_window_;
      losses += step(data.next(), logit, at_.rate);
      if (options_.averages_iterates) {
        torch::NoGradGuard guard;
        const auto tensors = all();
        for (size_t i = 0; i < tensors.size(); ++i) sums_[i].add_(tensors[i]);
      }
      const bool ends_stage = steps_of_stage_ == count;
      if (steps_of_stage_ % options_.window != 0 && !ends_stage) continue;
      at_.loss = losses / static_cast<double>(in_window_);
      losses = 0;
      const bool saves = close_round(ends_stage);
      if (after_round && !after_round(at_)) return;
      if (saves && save_) save_();
      if (members_.has_newcomers() && welcome_) welcome_();
    }
  }
}

/// By name; those in double precision are sums.
std::vector<std::pair<std::string, torch::Tensor>> Coda::saved() const {
  std::vector<std::pair<std::string, torch::Tensor>> out;
  const auto add = [&](const std::string& prefix, const std::vector<torch::Tensor>& tensors) {
    for (size_t i = 0; i < tensors.size(); ++i) out.emplace_back(prefix + std::to_string(i), tensors[i]);
  };
  add("common/", all()), add("start/", start_), add("sum/", sums_), add("variate/", variates_), add("mean_variate/", mean_variates_);
  add("pace/", pace_);
  if (left_.defined()) add("left/", {left_});
  return out;
}

Coda::State Coda::state(const Stream& data) const {
  State out{{{"stage", at_.stage},
             {"steps_of_stage", steps_of_stage_},
             {"step", at_.step},
             {"rounds", at_.rounds},
             {"first_steps", options_.first_steps},
             {"taken", data.taken()}},
            {}};
  for (const auto& [name, tensor] : saved())
    out.tensors[name] = from_torch(tensor.detach(), tensor.scalar_type() == torch::kDouble ? Dtype::kF64 : Dtype::kF32);
  for (const auto& [name, tensor] : optimizer_.state()) out.tensors["optimizer/" + name] = from_torch(tensor, Dtype::kF32);
  return out;
}

void Coda::load(const State& state, bool is_own) {
  torch::NoGradGuard guard;
  const JsonReader at(state.at, "the checkpoint");
  at_.stage = at.at("stage").integer(), steps_of_stage_ = at.at("steps_of_stage").integer(), at_.step = at.at("step").integer(),
  at_.rounds = at.at("rounds").integer();
  options_.first_steps = at.at("first_steps").integer();
  make_room();
  for (const auto& [name, tensor] : saved()) {
    const auto it = state.tensors.find(name);
    if (it == state.tensors.end() || it->second.size() != tensor.numel())
      throw InvalidArgument("[train] the checkpoint has no '" + name + "' of the model's shape; was it saved by another run?");
    torch::Tensor(tensor).copy_(to_torch(it->second, tensor.scalar_type()));
  }
  Values of_optimizer;
  for (const auto& [name, tensor] : state.tensors)
    if (name.rfind("optimizer/", 0) == 0) of_optimizer[name.substr(10)] = to_torch(tensor, torch::kFloat);
  optimizer_.load_state(of_optimizer);
  if (!is_own) {  // nothing to correct, nothing kept back
    for (size_t i = 0; i < variates_.size(); ++i) variates_[i].copy_(mean_variates_[i]);
    if (left_.defined()) left_.zero_();
  }
  note_round();
  agree();
  module_.state_changed();
}

}  // namespace scissionlite::train
