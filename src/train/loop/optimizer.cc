#include "train/loop/optimizer.h"

#include <cmath>

#include "base/text.h"

namespace scissionlite::train {
namespace {

void sgd(const OptimizerOptions& options, Optimizer::Entry& entry, const torch::Tensor& gradient, double rate, int64_t) {
  auto direction = entry.decays ? gradient.add(entry.tensor, options.weight_decay) : gradient;
  if (options.momentum > 0) {
    entry.first.mul_(options.momentum).add_(direction);
    direction = options.nesterov ? direction.add(entry.first, options.momentum) : entry.first;
  }
  entry.tensor.add_(direction, -rate);
}

void adam_step(const OptimizerOptions& options, Optimizer::Entry& entry, const torch::Tensor& gradient, double rate, int64_t step) {
  entry.first.mul_(options.beta1).add_(gradient, 1 - options.beta1);
  entry.second.mul_(options.beta2).addcmul_(gradient, gradient, 1 - options.beta2);
  const double t = static_cast<double>(step), correction1 = 1 - std::pow(options.beta1, t), correction2 = 1 - std::pow(options.beta2, t);
  const auto denominator = (entry.second.sqrt() / std::sqrt(correction2)).add_(options.epsilon);
  entry.tensor.addcdiv_(entry.first, denominator, -rate / correction1);
}
/// Decay as part of the gradient.
void adam(const OptimizerOptions& options, Optimizer::Entry& entry, const torch::Tensor& gradient, double rate, int64_t step) {
  adam_step(options, entry, entry.decays ? gradient.add(entry.tensor, options.weight_decay) : gradient, rate, step);
}
/// Decay beside the gradient.
void adamw(const OptimizerOptions& options, Optimizer::Entry& entry, const torch::Tensor& gradient, double rate, int64_t step) {
  if (entry.decays) entry.tensor.mul_(1 - rate * options.weight_decay);
  adam_step(options, entry, gradient, rate, step);
}

struct Kind {
  const char* name;
  Optimizer::Update update;
};
constexpr Kind kKinds[] = {{"sgd", sgd}, {"adam", adam}, {"adamw", adamw}};

Optimizer::Update find_update(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& kind : kKinds) {
    if (name == kind.name) return kind.update;
    names.emplace_back(kind.name);
  }
  throw InvalidArgument("[train] unknown optimiser '" + name + "'" + did_you_mean(name, names));
}

}  // namespace

Optimizer::Optimizer(const OptimizerOptions& options, const Values& parameters) : options_(options), update_(find_update(options.kind)) {
  if (options.momentum < 0 || options.momentum >= 1 || options.beta1 < 0 || options.beta1 >= 1 || options.beta2 < 0 || options.beta2 >= 1)
    throw InvalidArgument("[train] momentum and betas must be at least 0 and below 1");
  if (options.weight_decay < 0) throw InvalidArgument("[train] weight decay is " + std::to_string(options.weight_decay) + ", expected at least 0");
  for (const auto& [name, tensor] : parameters) {
    Entry entry{name, tensor, torch::zeros_like(tensor.detach()), {}, options.weight_decay > 0 && tensor.dim() >= 2};
    if (update_ != sgd) entry.second = torch::zeros_like(tensor.detach());
    entries_.push_back(std::move(entry));
  }
}

void Optimizer::step(double rate, int64_t step) {
  torch::NoGradGuard guard;
  for (auto& entry : entries_)
    if (entry.tensor.grad().defined()) update_(options_, entry, entry.tensor.grad(), rate, step);
}

void Optimizer::zero_gradients() {
  for (auto& entry : entries_) entry.tensor.mutable_grad().reset();
}

double Optimizer::clip(double limit) {
  torch::NoGradGuard guard;
  std::vector<torch::Tensor> squares;  // read once, as each reading waits for a GPU, and added one after the other
  for (const auto& entry : entries_)
    if (entry.tensor.grad().defined()) squares.push_back(entry.tensor.grad().to(torch::kDouble).square().sum());
  const double norm = squares.empty() ? 0 : std::sqrt(torch::stack(squares).cpu().cumsum(0).select(0, -1).item<double>());
  if (limit > 0 && norm > limit)
    for (auto& entry : entries_)
      if (entry.tensor.grad().defined()) entry.tensor.mutable_grad().mul_(limit / norm);
  return norm;
}

Values Optimizer::state() const {
  Values out;
  for (const auto& entry : entries_) {
    out["first/" + entry.name] = entry.first;
    if (entry.second.defined()) out["second/" + entry.name] = entry.second;
  }
  return out;
}

void Optimizer::load_state(const Values& state) {
  torch::NoGradGuard guard;
  for (const auto& [name, tensor] : this->state()) {
    const auto it = state.find(name);
    if (it == state.end() || it->second.sizes() != tensor.sizes())
      throw InvalidArgument("[train] the saved optimiser has no '" + name + "' of that shape; was it saved by another run?");
    torch::Tensor(tensor).copy_(it->second);
  }
}

}  // namespace scissionlite::train
