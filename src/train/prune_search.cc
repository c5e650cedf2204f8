#include "train/prune_search.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace scissionlite::train {
namespace {

constexpr double kGateMomentum = 0.9;
constexpr double kGateRate = 0.1;     // of the learning rate: a gate's gradient is the sum over a whole block's values
constexpr double kAlike = 1 + 1e-6;  // gates start at the same value
constexpr float kShiftLeft = 0.9F;  // of the shift of a channel without scale, a step: what stays cannot be told from a bias of the next layer, but for padding
constexpr double kWay = 0.8;          // of the search: when a budget has to be met, so that what is left settles without penalty
constexpr double kReachOver = 1.5;   // times the size at which channels are taken out on the way to a budget: up to there they are penalised
constexpr double kSmallGate = 0.2;    // a block is not taken out on that way before its gate says so: it goes at once
constexpr int64_t kBudgetChecks = 8;  // an epoch
constexpr int kHalvings = 20;
constexpr double kLeastCost = 0.2, kMostCost = 4;  // beside the average: a channel's part of the penalty
constexpr double kMostBlockCost = 1;               // a gate that the loss does not hold on to vanishes within the search, not sooner

double soft(double value, double by) { return value > by ? value - by : value < -by ? value + by : 0; }

/// Costs beside their mean, within bounds.
void normalise(std::vector<double*> costs, double most) {
  double sum = 0;
  for (const double* cost : costs) sum += *cost;
  const double mean = costs.empty() ? 1 : sum / static_cast<double>(costs.size());
  for (double* cost : costs) *cost = mean > 0 ? std::clamp(*cost / mean, kLeastCost, most) : 1;
}

/// What a part costs: its shares of the network's parameters and multiply-accumulates, weighted.
double cost_between(const compress::NetworkSize& whole, const compress::NetworkSize& left, const CostWeights& weights) {
  const auto share = [](int64_t all, int64_t rest) { return all > 0 ? static_cast<double>(all - rest) / static_cast<double>(all) : 0; };
  return weights.parameters * share(whole.parameters, left.parameters) + weights.macs * share(whole.macs, left.macs);
}

}  // namespace

PruneSearch::PruneSearch(const Graph& graph, std::vector<compress::Block> blocks, std::set<std::string> channel_gates, double strength, const CostWeights& weights, const ScheduleOptions& schedule)
    : channels_(graph), layers_(compress::find_layers(channels_)), blocks_(std::move(blocks)), whole_(compress::size_without(channels_, {})), strength_(torch::tensor({static_cast<float>(strength), 0.0F, 0.0F, INFINITY})), schedule_(schedule) {
  const auto scales = compress::scales_of(channels_, channel_gates);
  for (size_t at = 0; at < layers_.size(); ++at) {
    const auto& layer = layers_[at];
    double squares = 0, count = 0;
    // channels of a layer cost alike
    const double cost = cost_between(whole_, compress::size_without(channels_, {layer.classes[0]}), weights);
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
    // a channel of many layers has as many scales that hold on to it
    for (size_t i = from; i < groups_.size(); ++i) {
      groups_[i].cost /= static_cast<double>(std::max<size_t>(1, groups_[i].scales.size()));
      groups_[i].first = std::sqrt(squares / std::max(1.0, count));
    }
  }
  std::vector<double*> costs;
  for (auto& group : groups_) costs.push_back(&group.cost);
  normalise(costs, kMostCost);

  costs.clear();
  for (const auto& block : blocks_) {
    gates_[block.name] = torch::ones({}).requires_grad_();
    momentum_["momentum/" + block.name] = torch::zeros({});
    costs.push_back(&(block_cost_[block.name] = cost_between(whole_, {whole_.parameters - block.parameters, whole_.macs - block.macs}, weights)));
  }
  normalise(costs, kMostBlockCost);
  held_ = torch::zeros({static_cast<int64_t>(groups_.size())});
  leaving_ = torch::zeros({static_cast<int64_t>(groups_.size() + blocks_.size())});
}

Values PruneSearch::state() const {
  Values out{{"strength", strength_}, {"held", held_}, {"leaving", leaving_}};
  out.insert(gates_.begin(), gates_.end());
  out.insert(momentum_.begin(), momentum_.end());
  return out;
}

void PruneSearch::prepare_rates(const Trainer::Step& step) {
  if (!rates_.empty()) return;
  for (int64_t i = 0; i < step.total; ++i) rates_.push_back(learning_rate(schedule_, i, step.total, step.per_epoch));
  const double sum = std::accumulate(rates_.begin(), rates_.end(), 0.0);
  for (double& rate : rates_) rate /= sum;
}

/// What of the whole run's penalty is due in this step: rates that fall shrink less, so that late steps can settle.
double PruneSearch::share_of(const Trainer::Step& step) {
  prepare_rates(step);
  return is_at_end() ? 0 : strength_[kStrength].item<double>() * rates_[static_cast<size_t>(step.number - 1)];
}

namespace {

std::map<std::string, float*> values_of(Module& module) {
  std::map<std::string, float*> out;
  for (const auto& [name, tensor] : module.trained()) out[name] = tensor.data_ptr<float>();
  return out;
}

}  // namespace

PruneSearch::Norms PruneSearch::norms(const std::map<std::string, float*>& values) const {
  Norms out{std::vector<double>(groups_.size(), -1), std::vector<bool>(groups_.size(), false)};
  std::vector<double> sums(layers_.size(), 0), counts(layers_.size(), 0);
  for (size_t i = 0; i < groups_.size(); ++i) {
    const auto& group = groups_[i];
    if (std::any_of(group.scales.begin(), group.scales.end(), [&](const auto& scale) { return !values.count(scale.first); })) continue;
    double squares = 0;
    for (const auto& [name, index] : group.scales) squares += std::pow(values.at(name)[index], 2);
    out.of[i] = std::sqrt(squares / static_cast<double>(group.scales.size()));
    sums[group.layer] += out.of[i];
    ++counts[group.layer];
  }
  for (size_t i = 0; i < groups_.size(); ++i) out.is_small[i] = out.of[i] >= 0 && out.of[i] * counts[groups_[i].layer] < sums[groups_[i].layer];
  return out;
}

void PruneSearch::after_step(Module& module, const Trainer::Step& step) {
  const double share = share_of(step);
  const auto until = steps_between_checks(step) - (step.number - 1) % steps_between_checks(step);  // with this step
  const double left = static_cast<double>(until - 1) / static_cast<double>(until);
  shrink_channels(module, share, left);
  move_gates(step.rate, share, left);
}

void PruneSearch::shrink_channels(Module& module, double share, double left_of_leaving) const {
  const auto values = values_of(module);
  const auto now = norms(values);
  const auto *held = held_.data_ptr<float>(), *leaving = leaving_.data_ptr<float>();
  const double reach = strength_[kReach].item<double>();
  for (size_t i = 0; i < groups_.size(); ++i) {
    const auto& group = groups_[i];
    if (now.of[i] < 0) continue;
    const bool is_away = held[i] != 0 || now.of[i] == 0;
    if (is_away)
      for (const auto& [name, index] : group.shifts)
        if (const auto it = values.find(name); it != values.end()) it->second[index] *= kShiftLeft;
    const bool is_pushed = now.is_small[i] && now.of[i] <= reach * group.cost * group.first;
    const double left = is_away ? 0 : leaving[i] != 0 ? left_of_leaving : is_pushed ? std::max(0.0, 1 - share * group.cost * group.first / now.of[i]) : 1;
    for (const auto& [name, index] : group.scales) values.at(name)[index] *= static_cast<float>(left);
  }
}

void PruneSearch::move_gates(double rate, double share, double left_of_leaving) {
  const bool holds_blocks = strength_[kHolds].item<double>() != 0;
  const double reach = strength_[kReach].item<double>();
  double mean = 0;
  for (const auto& [name, gate] : gates_) mean += gate.item<double>() / static_cast<double>(gates_.size());
  const auto* leaving = leaving_.data_ptr<float>() + groups_.size();
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const auto& name = blocks_[i].name;
    auto& gate = gates_.at(name);
    if (!gate.grad().defined()) continue;
    auto& momentum = momentum_.at("momentum/" + name);
    const double before = gate.item<double>();
    if (leaving[i] != 0 || (before == 0 && holds_blocks)) {
      gate.mul_(left_of_leaving);
      gate.mutable_grad().reset();
      continue;
    }
    const double moved = soft(before - kGateRate * rate * gate.grad().item<double>(), before <= mean * kAlike && before <= reach * block_cost_.at(name) ? share * block_cost_.at(name) : 0);
    const double speed = moved - before + kGateMomentum * momentum.item<double>();
    momentum.fill_(speed);
    // beyond zero there is nothing: momentum must not carry a gate through it
    const double after = moved == 0 ? 0 : moved + kGateMomentum * speed;
    gate.fill_(after * moved < 0 ? 0 : std::min(after, 1.0));  // more than one would make up for scales that shrink
    gate.mutable_grad().reset();
  }
}

PruneSearch::Small PruneSearch::below(const Norms& norms, double size) const {
  Small out{std::vector<bool>(groups_.size()), std::vector<bool>(blocks_.size())};
  for (size_t i = 0; i < groups_.size(); ++i) out.groups[i] = norms.of[i] >= 0 && norms.of[i] <= size * groups_[i].cost * groups_[i].first;
  for (size_t i = 0; i < blocks_.size(); ++i) out.blocks[i] = gates_.at(blocks_[i].name).item<double>() <= std::min(kSmallGate, size * block_cost_.at(blocks_[i].name));
  return out;
}

double PruneSearch::share_without(const Small& small, const ShareMet& share_met) const {
  std::set<int> away;
  for (size_t i = 0; i < groups_.size(); ++i)
    if (small.groups[i]) away.insert(groups_[i].one);
  auto left = compress::size_without(channels_, away);
  // blocks as much smaller as the network is
  const double parameters = static_cast<double>(left.parameters) / static_cast<double>(std::max<int64_t>(1, whole_.parameters)), macs = static_cast<double>(left.macs) / static_cast<double>(std::max<int64_t>(1, whole_.macs));
  for (size_t i = 0; i < blocks_.size(); ++i) {
    if (!small.blocks[i]) continue;
    left.parameters -= static_cast<int64_t>(parameters * static_cast<double>(blocks_[i].parameters));
    left.macs -= static_cast<int64_t>(macs * static_cast<double>(blocks_[i].macs));
  }
  return share_met(left, away);
}

int64_t PruneSearch::steps_between_checks(const Trainer::Step& step) { return std::max<int64_t>(1, step.per_epoch / kBudgetChecks); }

void PruneSearch::follow(const ShareMet& share_met, Module& module, const Trainer::Step& step) {
  prepare_rates(step);
  const auto next = step.number + steps_between_checks(step);
  const double wanted = std::min(1.0, static_cast<double>(next) / (kWay * static_cast<double>(step.total)));
  const auto now = norms(values_of(module));
  double least = 0, most = 1 / kLeastCost;
  const auto is_enough = [&](double size) { return share_without(below(now, size), share_met) >= wanted; };
  if (is_enough(least)) most = least;
  for (int i = 0; i < kHalvings && most > least; ++i) {
    const double middle = (least + most) / 2;
    (is_enough(middle) ? most : least) = middle;
  }
  const auto small = below(now, most);
  auto* leaving = leaving_.data_ptr<float>();
  for (size_t i = 0; i < groups_.size(); ++i) leaving[i] = small.groups[i];
  for (size_t i = 0; i < blocks_.size(); ++i) leaving[groups_.size() + i] = small.blocks[i];
  strength_[kReach].fill_(kReachOver * most);
}

void PruneSearch::hold(const std::set<int>& classes, bool is_at_end) {
  strength_[kHolds].fill_(1);
  if (is_at_end) strength_[kAtEnd].fill_(1);
  for (size_t i = 0; i < groups_.size(); ++i)
    if (classes.count(groups_[i].one)) held_[static_cast<int64_t>(i)].fill_(1);
}

bool PruneSearch::is_at_end() const { return strength_[kAtEnd].item<double>() != 0; }

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
