#include "train/prune/prunable.h"

#include <algorithm>
#include <cmath>

namespace scissionlite::train {
namespace {

double cost_between(const compress::NetworkSize& whole, const compress::NetworkSize& more, const compress::NetworkSize& less,
                    const CostWeights& weights) {
  const auto share = [](int64_t all, int64_t gone) { return all > 0 ? static_cast<double>(gone) / static_cast<double>(all) : 0; };
  return weights.parameters * share(whole.parameters, more.parameters - less.parameters) + weights.macs * share(whole.macs, more.macs - less.macs);
}

double root_mean_square(const std::vector<double>& values) {
  double squares = 0;
  for (const double value : values) squares += value * value;
  return std::sqrt(squares / static_cast<double>(std::max<size_t>(1, values.size())));
}

}  // namespace

FlatValues trained_values(const Module& module) {
  FlatValues out;
  for (const auto& [name, tensor] : module.trained()) out[name] = tensor.data_ptr<float>();
  return out;
}

Prunable::Prunable(const Graph& graph, std::vector<compress::Block> blocks, const std::set<std::string>& channel_gates)
    : channels_(graph), layers_(compress::find_layers(channels_)), blocks_(std::move(blocks)), whole_(compress::size_without(channels_, {})) {
  const auto scales = compress::scales_of(channels_, channel_gates);
  for (size_t at = 0; at < layers_.size(); ++at) {
    std::vector<double> of_layer;
    const size_t from = groups_.size();
    for (const int one : layers_[at].classes) {
      const auto found = scales.find(one);
      if (found == scales.end()) continue;
      Group group{one, at, {}, {}, 0};
      for (const auto& [where, index, part] : found->second) {
        of_layer.push_back(channels_.graph().initializers.at(where.constant).to_f32().as<float>()[static_cast<size_t>(index)]);
        group.scales.emplace_back(where.constant, index);
      }
      for (const auto& member : channels_.classes()[static_cast<size_t>(one)].members)
        if (member.part == compress::Part::kShifts) group.shifts.emplace_back(member.where.constant, member.index);
      groups_.push_back(std::move(group));
    }
    for (size_t i = from; i < groups_.size(); ++i) groups_[i].first = root_mean_square(of_layer);
  }
}

std::vector<double> Prunable::sizes(const FlatValues& values) const {
  std::vector<double> out;
  for (const auto& group : groups_) {
    std::vector<double> scales;
    for (const auto& [name, index] : group.scales)
      if (const auto it = values.find(name); it != values.end()) scales.push_back(it->second[index]);
    out.push_back(scales.size() < group.scales.size() ? -1 : root_mean_square(scales));
  }
  return out;
}

std::vector<double> Prunable::costs_of_layers(const CostWeights& weights, const Gone& gone) const {
  const auto now = size_without(gone);
  std::vector<double> out;
  for (const auto& layer : layers_) {
    // channels of a layer cost alike
    const auto one = std::find_if(layer.classes.begin(), layer.classes.end(), [&](int it) { return !gone.classes.count(it); });
    auto without = gone;
    if (one != layer.classes.end()) without.classes.insert(*one);
    out.push_back(cost_between(whole_, now, size_without(without), weights));
  }
  return out;
}

std::vector<double> Prunable::costs_of_blocks(const CostWeights& weights, const Gone& gone) const {
  const auto now = size_without(gone);
  std::vector<double> out;
  for (const auto& block : blocks_) {
    auto without = gone;
    without.nodes.insert(block.nodes.begin(), block.nodes.end());
    out.push_back(cost_between(whole_, now, size_without(without), weights));
  }
  return out;
}

}  // namespace scissionlite::train
