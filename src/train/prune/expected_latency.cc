#include "train/prune/expected_latency.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace scissionlite::train {
namespace {

/// A place where the profile divides the model, and the time of what is before it.
struct Divider {
  std::string tensor;
  double head_us = 0;
};

/// Times of the pieces by blocks, which lie between all single cuts; empty where one was not measured.
std::vector<double> times_of_blocks(const Profile& profile, size_t pieces) {
  if (profile.blocks.size() != pieces ||
      !std::all_of(profile.blocks.begin(), profile.blocks.end(), [](const Timing& block) { return block.measured(); }))
    return {};
  std::vector<double> out;
  for (const auto& block : profile.blocks) out.push_back(block.median_us);
  return out;
}

std::vector<Divider> dividers(const Profile& profile, bool with_blocks) {
  std::vector<Divider> out;
  for (const auto& cut : profile.cuts)
    if (cut.single && !cut.tensors.empty() && (with_blocks || cut.head.measured())) out.push_back({cut.tensors[0], cut.head.median_us});
  return out;
}

std::vector<double> differences_of_heads(const std::vector<Divider>& ends, double whole_us) {
  std::vector<double> out;
  double before = 0;
  for (const auto& end : ends) {
    out.push_back(std::max(0.0, end.head_us - before));
    before = std::max(before, end.head_us);
  }
  out.push_back(std::max(0.0, whole_us - before));
  return out;
}

/// Whether each node is needed for a value.
std::vector<bool> nodes_before(const Graph& model, const std::string& value) {
  std::vector<bool> out(model.nodes.size());
  std::set<std::string> needed{value};
  for (size_t i = model.nodes.size(); i-- > 0;) {
    const auto& node = model.nodes[i];
    out[i] = std::any_of(node.outputs.begin(), node.outputs.end(), [&](const auto& output) { return needed.count(output) > 0; });
    if (out[i]) needed.insert(node.inputs.begin(), node.inputs.end());
  }
  return out;
}

/// Of each node the number of dividers that it is not before.
std::vector<size_t> pieces_of_nodes(const Graph& model, const std::vector<Divider>& ends, const std::string& where) {
  std::vector<size_t> out(model.nodes.size(), 0);
  const auto producers = model.producers();
  for (const auto& end : ends) {
    if (!producers.count(end.tensor))
      throw InvalidArgument("[prune] cut '" + end.tensor + "' of '" + where + "' is no value of the model; profile it again");
    const auto is_before = nodes_before(model, end.tensor);
    for (size_t i = 0; i < out.size(); ++i) out[i] += !is_before[i];
  }
  return out;
}

double share_left(const compress::NodeWork& left, const compress::NodeWork& whole) {
  if (whole.macs > 0) return left.macs / whole.macs;
  return whole.bytes > 0 ? std::min(1.0, left.bytes / whole.bytes) : 1;
}

}  // namespace

ExpectedLatency::ExpectedLatency(const Graph& model, const std::string& model_sha256, const Profile& profile, const std::string& where) {
  if (profile.model_sha256 != model_sha256)
    throw InvalidArgument("[prune] profile '" + where + "' is of a model '" + profile.model_name + "' with sha256 " +
                          profile.model_sha256.substr(0, 12) + ", the one to prune has " + model_sha256.substr(0, 12) +
                          "; profile that with `scissionlite profile`");
  if (!profile.whole.measured() || profile.whole.median_us <= 0)
    throw InvalidArgument(
        "[prune] profile '" + where +
        "' has no time of the whole model ('whole'), which a budget of latency is a part of; profile the model with a larger --budget-s");
  whole_us_ = profile.whole.median_us;
  divide(model, profile, where);
}

void ExpectedLatency::divide(const Graph& model, const Profile& profile, const std::string& where) {
  auto ends = dividers(profile, /*with_blocks=*/true);
  auto times = times_of_blocks(profile, ends.size() + 1);
  if (times.empty()) {
    ends = dividers(profile, /*with_blocks=*/false);
    times = differences_of_heads(ends, whole_us_);
  }
  const double sum = std::accumulate(times.begin(), times.end(), 0.0);
  if (sum <= 0) ends.clear(), times = {whole_us_};
  for (const double us : times) pieces_.push_back({sum > 0 ? us * whole_us_ / sum : us, {}});
  name_nodes(model, pieces_of_nodes(model, ends, where));
  const auto work = work_of_pieces(compress::Channels(model), {});
  for (size_t i = 0; i < pieces_.size(); ++i) pieces_[i].work = work[i];
}

/// Nodes are found again by their names, by what they make or by the constants that they read, since gates rename some of it. What several pieces
/// have says nothing.
void ExpectedLatency::name_nodes(const Graph& model, const std::vector<size_t>& piece_of_node) {
  std::set<std::string> ambiguous_names, ambiguous_values;
  const auto add = [](std::map<std::string, size_t>& to, std::set<std::string>& ambiguous, const std::string& key, size_t piece) {
    if (!key.empty() && to.emplace(key, piece).first->second != piece) ambiguous.insert(key);
  };
  for (size_t i = 0; i < model.nodes.size(); ++i) {
    const auto& node = model.nodes[i];
    add(by_name_, ambiguous_names, node.name, piece_of_node[i]);
    for (const auto& output : node.outputs) add(by_value_, ambiguous_values, output, piece_of_node[i]);
    for (const auto& input : node.inputs)
      if (model.initializers.count(input)) add(by_value_, ambiguous_values, input, piece_of_node[i]);
  }
  for (const auto& key : ambiguous_names) by_name_.erase(key);
  for (const auto& key : ambiguous_values) by_value_.erase(key);
}

std::vector<compress::NodeWork> ExpectedLatency::work_of_pieces(const compress::Channels& left, const std::set<int>& removed) const {
  std::vector<compress::NodeWork> out(pieces_.size());
  const auto work = compress::node_work(left, removed);
  const auto& nodes = left.graph().nodes;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const auto add_to = [&](const std::map<std::string, size_t>& pieces, const std::string& key) {
      const auto it = pieces.find(key);
      if (it == pieces.end()) return false;
      out[it->second].macs += work[i].macs, out[it->second].bytes += work[i].bytes;
      return true;
    };
    if (add_to(by_name_, nodes[i].name)) continue;
    if (std::any_of(nodes[i].outputs.begin(), nodes[i].outputs.end(), [&](const auto& output) { return add_to(by_value_, output); })) continue;
    (void)std::any_of(nodes[i].inputs.begin(), nodes[i].inputs.end(), [&](const auto& input) { return add_to(by_value_, input); });
  }
  return out;
}

double ExpectedLatency::us(const compress::Channels& left, const std::set<int>& removed) const {
  const auto work = work_of_pieces(left, removed);
  double sum = 0;
  for (size_t i = 0; i < pieces_.size(); ++i) sum += pieces_[i].us * share_left(work[i], pieces_[i].work);
  return sum;
}

}  // namespace scissionlite::train
