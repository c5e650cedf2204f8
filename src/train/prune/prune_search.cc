#include "train/prune/prune_search.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "train/prune/way_to_budget.h"

namespace scissionlite::train {
namespace {

constexpr double kGateMomentum = 0.9;
constexpr double kGateRate = 0.1;    // of the learning rate: a gate's gradient is the sum over a whole block's values
constexpr double kAlike = 1 + 1e-6;  // gates start at the same value
constexpr float kShiftLeft =
    0.9F;  // of the shift of a channel without scale, a step: what stays cannot be told from a bias of the next layer, but for padding
constexpr double kLeastCost = 0.2, kMostCost = 4;  // beside the average: a channel's part of the penalty
constexpr double kMostBlockCost = 1;               // a gate that the loss does not hold on to vanishes within the search, not sooner

double soft(double value, double by) { return value > by ? value - by : value < -by ? value + by : 0; }

/// Costs beside their mean, within bounds.
void normalise(std::vector<double>& costs, double most) {
  const double mean = std::accumulate(costs.begin(), costs.end(), 0.0) / static_cast<double>(std::max<size_t>(1, costs.size()));
  for (double& cost : costs) cost = mean > 0 ? std::clamp(cost / mean, kLeastCost, most) : 1;
}

/// Whether groups are below their layer's mean; of those whose size is known.
std::vector<bool> below_mean(const Prunable& prunable, const std::vector<double>& sizes) {
  std::vector<double> sums(prunable.layers().size(), 0), counts(prunable.layers().size(), 0);
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 0) continue;
    sums[prunable.groups()[i].layer] += sizes[i];
    ++counts[prunable.groups()[i].layer];
  }
  std::vector<bool> out;
  for (size_t i = 0; i < sizes.size(); ++i)
    out.push_back(sizes[i] >= 0 && sizes[i] * counts[prunable.groups()[i].layer] < sums[prunable.groups()[i].layer]);
  return out;
}

}  // namespace

PruneSearch::PruneSearch(const Prunable& prunable, double strength, const CostWeights& weights, const ScheduleOptions& schedule,
                         const WayToBudget* way)
    : prunable_(prunable), strength_(strength), schedule_(schedule), way_(way) {
  const auto of_layers = prunable.costs_of_layers(weights, {});
  // a channel of many layers has as many scales that hold on to it
  for (const auto& group : prunable.groups()) cost_.push_back(of_layers[group.layer] / static_cast<double>(group.scales.size()));
  normalise(cost_, kMostCost);
  block_cost_ = prunable.costs_of_blocks(weights, {});
  normalise(block_cost_, kMostBlockCost);
  for (const auto& block : prunable.blocks()) {
    gates_[block.name] = torch::ones({}).requires_grad_();
    momentum_["momentum/" + block.name] = torch::zeros({});
  }
}

Values PruneSearch::state() const {
  Values out = gates_;
  out.insert(momentum_.begin(), momentum_.end());
  return out;
}

/// What of the whole run's penalty is due in this step: rates that fall shrink less, so that late steps can settle.
double PruneSearch::share_of(const Trainer::Step& step) {
  if (rates_.empty()) {
    for (int64_t i = 0; i < step.total; ++i) rates_.push_back(learning_rate(schedule_, i, step.total, step.per_epoch));
    const double sum = std::accumulate(rates_.begin(), rates_.end(), 0.0);
    for (double& rate : rates_) rate /= sum;
  }
  return way_ && way_->is_at_end() ? 0 : strength_ * rates_[static_cast<size_t>(step.number - 1)];
}

void PruneSearch::after_step(const Module& module, const Trainer::Step& step) {
  const double share = share_of(step), left = WayToBudget::left_of_leaving(step);
  shrink_channels(module, share, left);
  move_gates(step.rate, share, left);
}

void PruneSearch::shrink_channels(const Module& module, double share, double left_of_leaving) const {
  const auto values = trained_values(module);
  const auto sizes = prunable_.sizes(values);
  const auto is_small = below_mean(prunable_, sizes);
  for (size_t i = 0; i < sizes.size(); ++i) {
    const auto& group = prunable_.groups()[i];
    if (sizes[i] < 0) continue;
    const bool is_away = sizes[i] == 0 || (way_ && way_->is_held(i));
    if (is_away)
      for (const auto& [name, index] : group.shifts)
        if (const auto it = values.find(name); it != values.end()) it->second[index] *= kShiftLeft;
    const bool is_pushed = is_small[i] && (!way_ || way_->may_be_next(i));
    const double left = is_away                       ? 0
                        : way_ && way_->is_leaving(i) ? left_of_leaving
                        : is_pushed                   ? std::max(0.0, 1 - share * cost_[i] * group.first / sizes[i])
                                                      : 1;
    for (const auto& [name, index] : group.scales) values.at(name)[index] *= static_cast<float>(left);
  }
}

void PruneSearch::move_gates(double rate, double share, double left_of_leaving) {
  double mean = 0;
  for (const auto& [name, gate] : gates_) mean += gate.item<double>() / static_cast<double>(gates_.size());
  for (size_t i = 0; i < prunable_.blocks().size(); ++i) {
    const auto& name = prunable_.blocks()[i].name;
    auto& gate = gates_.at(name);
    if (!gate.grad().defined()) continue;
    auto& momentum = momentum_.at("momentum/" + name);
    const double before = gate.item<double>();
    if (way_ && (before == 0 || way_->is_block_leaving(i))) {
      gate.mul_(left_of_leaving);
      gate.mutable_grad().reset();
      continue;
    }
    const bool is_pushed = before <= mean * kAlike && (!way_ || way_->may_block_be_next(i));
    const double moved = soft(before - kGateRate * rate * gate.grad().item<double>(), is_pushed ? share * block_cost_[i] : 0);
    const double speed = moved - before + kGateMomentum * momentum.item<double>();
    momentum.fill_(speed);
    // beyond zero there is nothing: momentum must not carry a gate through it
    const double after = moved == 0 ? 0 : moved + kGateMomentum * speed;
    gate.fill_(after * moved < 0 ? 0 : std::min(after, 1.0));  // more than one would make up for scales that shrink
    gate.mutable_grad().reset();
  }
}

Found PruneSearch::found(Module& module) const {
  Found out;
  for (const auto& [name, gate] : gates_) out.gates[name] = gate.item<float>();
  std::map<std::string, torch::Tensor> tensors;
  FlatValues values;
  for (const auto& group : prunable_.groups())
    for (const auto& [name, index] : group.scales)
      if (tensors.count(name) == 0) values[name] = (tensors[name] = module.parameter(name).contiguous()).data_ptr<float>();
  const auto sizes = prunable_.sizes(values);
  for (size_t i = 0; i < sizes.size(); ++i) {
    const auto& group = prunable_.groups()[i];
    out.magnitude[group.one] = group.first > 0 ? sizes[i] / group.first : 0;
  }
  return out;
}

}  // namespace scissionlite::train
