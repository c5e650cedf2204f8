#include "compress/layers.h"

#include <algorithm>
#include <cmath>

namespace scissionlite::compress {
namespace {

/// Constants that make or scale a class: equal for the channels of one layer.
std::set<ConstantAxis> makers_of(const ChannelClass& one) {
  std::set<ConstantAxis> out;
  for (const auto& member : one.members)
    if (member.part == Part::kMakes || member.part == Part::kScales) out.insert(member.where);
  return out;
}

double share_kept(const std::vector<int>& units, const std::set<int>& removed) {
  const auto gone = std::count_if(units.begin(), units.end(), [&](int unit) { return removed.count(unit) > 0; });
  return 1 - static_cast<double>(gone) / static_cast<double>(units.size());
}

using Shares = std::map<std::string, double>;

/// Of the constants that channels index.
Shares shares_of_constants(const Channels& channels, const std::set<int>& removed) {
  Shares out;
  for (const auto& [where, units] : channels.constants()) out.emplace(where.constant, 1).first->second *= share_kept(units, removed);
  return out;
}

double share_of(const Shares& shares, const std::string& constant) {
  const auto it = shares.find(constant);
  return it == shares.end() ? 1 : it->second;
}

/// Of a node, where so much of its weights is left.
double macs_of(const Channels& channels, size_t node, const Shares& left) {
  const auto& inputs = channels.graph().nodes[node].inputs;
  return static_cast<double>(channels.macs()[node]) * (inputs.size() > 1 ? share_of(left, inputs[1]) : 1);
}

}  // namespace

std::vector<Layer> find_layers(const Channels& channels) {
  std::vector<Layer> out;
  std::map<std::set<ConstantAxis>, size_t> known;
  for (size_t i = 0; i < channels.classes().size(); ++i) {
    const auto& one = channels.classes()[i];
    const auto makers = makers_of(one);
    if (!one.fixed.empty() || makers.empty()) continue;
    const auto [it, is_new] = known.emplace(makers, out.size());
    if (is_new) out.push_back({makers.begin()->constant, {}});
    out[it->second].classes.push_back(static_cast<int>(i));
  }
  return out;
}

std::map<int, std::vector<Member>> scales_of(const Channels& channels, const std::set<std::string>& gates) {
  std::map<int, std::vector<Member>> out;
  for (size_t i = 0; i < channels.classes().size(); ++i)
    for (const auto& member : channels.classes()[i].members)
      if (member.part == Part::kScales || gates.count(member.where.constant)) out[static_cast<int>(i)].push_back(member);
  return out;
}

std::set<int> small_classes(const Channels& channels, const std::vector<Layer>& layers, const std::map<int, double>& magnitude, double share,
                            int64_t multiple) {
  std::set<int> out;
  for (const auto& layer : layers) {
    std::vector<std::pair<double, int>> sorted;
    double sum = 0;
    for (const int one : layer.classes)
      if (const auto it = magnitude.find(one); it != magnitude.end()) sorted.emplace_back(it->second, one), sum += it->second * it->second;
    std::sort(sorted.begin(), sorted.end());
    double below = 0;
    size_t small = 0;
    for (; small + 1 < sorted.size(); ++small) {
      below += sorted[small].first * sorted[small].first;
      if (sorted[small].first > 0 && below > share * sum) break;
    }
    while (small > 0 && static_cast<int64_t>(layer.classes.size() - small) % multiple != 0) --small;
    for (size_t i = 0; i < small; ++i) out.insert(sorted[i].second);
  }
  const auto keep_largest = [&](const std::vector<int>& units) {
    if (std::any_of(units.begin(), units.end(), [&](int unit) { return out.count(unit) == 0; })) return;
    out.erase(*std::max_element(units.begin(), units.end(), [&](int a, int b) { return magnitude.at(a) < magnitude.at(b); }));
  };
  for (const auto& [name, value] : channels.values()) keep_largest(value.units);
  for (const auto& [where, units] : channels.constants()) keep_largest(units);
  return out;
}

std::vector<NodeWork> node_work(const Channels& channels, const std::set<int>& removed) {
  const auto left = shares_of_constants(channels, removed);
  const auto& constants = channels.graph().initializers;
  const auto bytes_of = [&](const std::string& value) {
    if (value.empty()) return 0.0;
    if (const auto constant = constants.find(value); constant != constants.end())
      return static_cast<double>(constant->second.size_bytes()) * share_of(left, value);
    double elements = 1;
    for (const int64_t size : channels.shape(value)) elements *= static_cast<double>(std::max<int64_t>(size, 1));
    const auto* axis = channels.value(value);
    return 4 * elements * (axis ? share_kept(axis->units, removed) : 1);  // of float32
  };
  std::vector<NodeWork> out;
  const auto& nodes = channels.graph().nodes;
  for (size_t i = 0; i < nodes.size(); ++i) {
    out.push_back({macs_of(channels, i, left), 0});
    for (const auto& input : nodes[i].inputs) out.back().bytes += bytes_of(input);
    for (const auto& output : nodes[i].outputs) out.back().bytes += bytes_of(output);
  }
  return out;
}

NetworkSize size_without(const Channels& channels, const std::set<int>& removed, const std::set<size_t>& gone) {
  const auto left = shares_of_constants(channels, removed);
  NetworkSize out;
  std::set<std::string> read;
  const auto& nodes = channels.graph().nodes;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (gone.count(i)) continue;
    read.insert(nodes[i].inputs.begin(), nodes[i].inputs.end());
    out.macs += std::llround(macs_of(channels, i, left));
  }
  for (const auto& [name, tensor] : channels.graph().initializers)
    if (tensor.dtype() == Dtype::kF32 && read.count(name)) out.parameters += std::llround(static_cast<double>(tensor.size()) * share_of(left, name));
  return out;
}

}  // namespace scissionlite::compress
