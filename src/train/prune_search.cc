#include "train/prune_search.h"

#include <algorithm>
#include <cmath>

namespace scissionlite::train {
namespace {

constexpr double kGateMomentum = 0.9;
constexpr float kShiftLeft = 0.9F;  // of the shift of a channel without scale, a step: what stays cannot be told from a bias of the next layer, but for padding
constexpr double kLeastCost = 0.5, kMostCost = 2;  // beside the average: a channel's part of the penalty

double soft(double value, double by) { return value > by ? value - by : value < -by ? value + by : 0; }

/// Costs beside their mean, within bounds.
void normalise(std::vector<double*> costs) {
  double sum = 0;
  for (const double* cost : costs) sum += *cost;
  const double mean = costs.empty() ? 1 : sum / static_cast<double>(costs.size());
  for (double* cost : costs) *cost = mean > 0 ? std::clamp(std::sqrt(*cost / mean), kLeastCost, kMostCost) : 1;
}

/// Parameters and multiply-accumulates as one number: the mean of their shares of the network.
double cost_between(const compress::NetworkSize& whole, const compress::NetworkSize& left) {
  const auto share = [](int64_t all, int64_t rest) { return all > 0 ? static_cast<double>(all - rest) / static_cast<double>(all) : 0; };
  return (share(whole.parameters, left.parameters) + share(whole.macs, left.macs)) / 2;
}

}  // namespace

PruneSearch::PruneSearch(const Graph& graph, std::vector<compress::Block> blocks, std::set<std::string> channel_gates, double strength, const ScheduleOptions& schedule)
    : channels_(graph), layers_(compress::find_layers(channels_)), blocks_(std::move(blocks)), strength_(torch::tensor({static_cast<float>(strength), 1.0F})), schedule_(schedule) {
  const auto whole = compress::size_without(channels_, {});
  const auto scales = compress::scales_of(channels_, channel_gates);
  for (size_t at = 0; at < layers_.size(); ++at) {
    const auto& layer = layers_[at];
    double squares = 0, count = 0;
    // channels of a layer cost alike
    const double cost = cost_between(whole, compress::size_without(channels_, {layer.classes[0]}));
    const size_t from = groups_.size();
    for (const int one : layer.classes) {
      const auto found = scales.find(one);
      if (found == scales.end()) continue;
      Group group{one, at, {}, {}, 0, cost};
      for (const auto& member : found->second) {
        const double value = channels_.graph().initializers.at(member.where.constant).to_f32().as<float>()[static_cast<size_t>(member.index)];
        squares += value * value;
        ++count;
        group.scales.emplace_back(member.where.constant, member.index);
      }
      for (const auto& member : channels_.classes()[static_cast<size_t>(one)].members)
        if (member.part == compress::Part::kShifts) group.shifts.emplace_back(member.where.constant, member.index);
      groups_.push_back(std::move(group));
    }
    for (size_t i = from; i < groups_.size(); ++i) groups_[i].first = std::sqrt(squares / std::max(1.0, count));
  }
  std::vector<double*> costs;
  for (auto& group : groups_) costs.push_back(&group.cost);
  normalise(costs);

  costs.clear();
  for (const auto& block : blocks_) {
    gates_[block.name] = torch::ones({}).requires_grad_();
    momentum_["momentum/" + block.name] = torch::zeros({});
    costs.push_back(&(block_cost_[block.name] = cost_between(whole, {whole.parameters - block.parameters, whole.macs - block.macs})));
  }
  normalise(costs);
}

Values PruneSearch::state() const {
  Values out{{"strength", strength_}};
  out.insert(gates_.begin(), gates_.end());
  out.insert(momentum_.begin(), momentum_.end());
  return out;
}

/// What of the whole run's penalty is due in this step: rates that fall shrink less, so that late steps can settle.
double PruneSearch::share_of(const Trainer::Step& step) {
  if (sum_of_rates_ == 0)
    for (int64_t i = 0; i < step.total; ++i) sum_of_rates_ += learning_rate(schedule_, i, step.total, step.per_epoch);
  return strength_[0].item<double>() * strength_[1].item<double>() * step.rate / sum_of_rates_;
}

void PruneSearch::after_step(Module& module, const Trainer::Step& step) {
  const double share = share_of(step);
  shrink_channels(module, share);
  move_gates(step.rate, share);
}

void PruneSearch::shrink_channels(Module& module, double share) const {
  if (share == 0) return;
  std::map<std::string, float*> values;
  for (const auto& [name, tensor] : module.trained()) values[name] = tensor.data_ptr<float>();
  std::vector<double> norms(groups_.size(), -1), sums(layers_.size(), 0), counts(layers_.size(), 0);
  for (size_t i = 0; i < groups_.size(); ++i) {
    const auto& group = groups_[i];
    if (std::any_of(group.scales.begin(), group.scales.end(), [&](const auto& scale) { return !values.count(scale.first); })) continue;  // frozen
    double squares = 0;
    for (const auto& [name, index] : group.scales) squares += std::pow(values.at(name)[index], 2);
    norms[i] = std::sqrt(squares / static_cast<double>(group.scales.size()));
    sums[group.layer] += norms[i];
    ++counts[group.layer];
  }
  for (size_t i = 0; i < groups_.size(); ++i) {
    const auto& group = groups_[i];
    if (norms[i] == 0)
      for (const auto& [name, index] : group.shifts)
        if (const auto it = values.find(name); it != values.end()) it->second[index] *= kShiftLeft;
    if (norms[i] <= 0 || norms[i] >= sums[group.layer] / counts[group.layer]) continue;
    const double left = std::max(0.0, 1 - share * group.cost * group.first / norms[i]);
    for (const auto& [name, index] : group.scales) values.at(name)[index] *= static_cast<float>(left);
  }
}

void PruneSearch::move_gates(double rate, double share) {
  for (auto& [name, gate] : gates_) {
    if (!gate.grad().defined()) continue;
    auto& momentum = momentum_.at("momentum/" + name);
    const double before = gate.item<double>();
    const double moved = soft(before - rate * gate.grad().item<double>(), share * block_cost_.at(name));
    const double speed = moved - before + kGateMomentum * momentum.item<double>();
    momentum.fill_(speed);
    // beyond zero there is nothing: momentum must not carry a gate through it
    const double after = moved == 0 ? 0 : moved + kGateMomentum * speed;
    gate.fill_(after * moved < 0 ? 0 : std::min(after, 1.0));  // more than one would make up for scales that shrink
    gate.mutable_grad().reset();
  }
}

void PruneSearch::scale_strength(double factor) { strength_[0].mul_(factor); }
void PruneSearch::set_penalised(bool is_penalised) { strength_[1].fill_(is_penalised ? 1 : 0); }

Found PruneSearch::found(Module& module) const {
  Found out;
  for (const auto& [name, gate] : gates_) out.gates[name] = gate.item<float>();
  for (const auto& group : groups_) {
    double squares = 0;
    for (const auto& [name, index] : group.scales) squares += std::pow(module.parameter(name).flatten()[index].item<double>(), 2);
    out.magnitude[group.one] = group.first > 0 ? std::sqrt(squares / static_cast<double>(group.scales.size())) / group.first : 0;
  }
  return out;
}

}  // namespace scissionlite::train
