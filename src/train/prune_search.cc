#include "train/prune_search.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace scissionlite::train {
namespace {

constexpr double kGateMomentum = 0.9;
constexpr float kShiftLeft = 0.9F;  // of the shift of a channel without scale, a step: what stays cannot be told from a bias of the next layer, but for padding
constexpr double kWay = 0.8;          // of the search: when a budget has to be met, so that what is left settles without penalty
constexpr double kMostAtOnce = 0.5;  // of a channel's first size that may go in an epoch
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
    : channels_(graph), layers_(compress::find_layers(channels_)), blocks_(std::move(blocks)), whole_(compress::size_without(channels_, {})), strength_(torch::tensor({static_cast<float>(strength), 0.0F, 0.0F})), schedule_(schedule) {
  const auto scales = compress::scales_of(channels_, channel_gates);
  for (size_t at = 0; at < layers_.size(); ++at) {
    const auto& layer = layers_[at];
    double squares = 0, count = 0;
    // channels of a layer cost alike
    const double cost = cost_between(whole_, compress::size_without(channels_, {layer.classes[0]}));
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
    costs.push_back(&(block_cost_[block.name] = cost_between(whole_, {whole_.parameters - block.parameters, whole_.macs - block.macs})));
  }
  normalise(costs);
  held_ = torch::zeros({static_cast<int64_t>(groups_.size())});
}

Values PruneSearch::state() const {
  Values out{{"strength", strength_}, {"held", held_}};
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
  shrink_channels(module, share);
  move_gates(step.rate, share);
}

void PruneSearch::shrink_channels(Module& module, double share) const {
  const auto values = values_of(module);
  const auto now = norms(values);
  const auto* held = held_.data_ptr<float>();
  for (size_t i = 0; i < groups_.size(); ++i) {
    const auto& group = groups_[i];
    if (now.of[i] < 0) continue;
    const bool is_away = held[i] != 0 || now.of[i] == 0;
    if (is_away)
      for (const auto& [name, index] : group.shifts)
        if (const auto it = values.find(name); it != values.end()) it->second[index] *= kShiftLeft;
    const double left = is_away ? 0 : now.is_small[i] ? std::max(0.0, 1 - share * group.cost * group.first / now.of[i]) : 1;
    for (const auto& [name, index] : group.scales) values.at(name)[index] *= static_cast<float>(left);
  }
}

void PruneSearch::move_gates(double rate, double share) {
  const bool holds_blocks = strength_[kHolds].item<double>() != 0;
  for (auto& [name, gate] : gates_) {
    if (!gate.grad().defined()) continue;
    auto& momentum = momentum_.at("momentum/" + name);
    const double before = gate.item<double>();
    const double moved = soft(before - rate * gate.grad().item<double>(), share * block_cost_.at(name));
    if (before == 0 && holds_blocks) {
      gate.mutable_grad().reset();
      continue;
    }
    const double speed = moved - before + kGateMomentum * momentum.item<double>();
    momentum.fill_(speed);
    // beyond zero there is nothing: momentum must not carry a gate through it
    const double after = moved == 0 ? 0 : moved + kGateMomentum * speed;
    gate.fill_(after * moved < 0 ? 0 : std::min(after, 1.0));  // more than one would make up for scales that shrink
    gate.mutable_grad().reset();
  }
}

compress::NetworkSize PruneSearch::size_after(const Norms& norms, double strength) const {
  std::set<int> away;
  for (size_t i = 0; i < groups_.size(); ++i)
    if (norms.of[i] == 0 || (norms.is_small[i] && norms.of[i] <= strength * groups_[i].cost * groups_[i].first)) away.insert(groups_[i].one);
  auto left = compress::size_without(channels_, away);
  // blocks as much smaller as the network is
  const double parameters = static_cast<double>(left.parameters) / static_cast<double>(std::max<int64_t>(1, whole_.parameters)), macs = static_cast<double>(left.macs) / static_cast<double>(std::max<int64_t>(1, whole_.macs));
  for (const auto& block : blocks_) {
    if (gates_.at(block.name).item<double>() > strength * block_cost_.at(block.name)) continue;
    left.parameters -= static_cast<int64_t>(parameters * static_cast<double>(block.parameters));
    left.macs -= static_cast<int64_t>(macs * static_cast<double>(block.macs));
  }
  return left;
}

void PruneSearch::follow(const ShareMet& share_met, Module& module, const Trainer::Step& step, int64_t steps) {
  prepare_rates(step);
  const auto now = norms(values_of(module));
  const double wanted = std::min(1.0, static_cast<double>(step.number + steps) / (kWay * static_cast<double>(step.total)));
  double due = 0;  // of the search's penalty, until then
  for (auto i = step.number; i < std::min(step.number + steps, step.total); ++i) due += rates_[static_cast<size_t>(i)];
  if (due <= 0) return;
  double least = 0, most = kMostAtOnce * static_cast<double>(steps) / static_cast<double>(step.per_epoch);  // lost until then
  const auto is_enough = [&](double lost) { return share_met(size_after(now, lost)) >= wanted; };
  if (is_enough(least)) most = least;
  else if (is_enough(most))
    for (int i = 0; i < 20; ++i) {
      const double middle = (least + most) / 2;
      (is_enough(middle) ? most : least) = middle;
    }
  strength_[kStrength].fill_(most / due);
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
