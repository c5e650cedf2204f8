#include "train/prune/way_to_budget.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace scissionlite::train {
namespace {

constexpr double kWay = 0.8;          // of the search: when a budget has to be met, so that what is left settles without penalty
constexpr double kNext = 2;           // times what the last of those that leave is worth: up to there others may be next
constexpr double kSmallGate = 0.2;    // a block does not leave before its gate says so: it is worth more than its gradient at one tells
constexpr int64_t kChecks = 8;        // an epoch
constexpr float kRemembered = 0.98F;  // of the importance, a step

torch::Tensor flags(size_t count) { return torch::zeros({static_cast<int64_t>(count)}); }

}  // namespace

WayToBudget::WayToBudget(const Prunable& prunable, int64_t multiple)
    : prunable_(prunable), multiple_(multiple), held_(flags(prunable.groups().size())), at_end_(torch::zeros({})) {
  const auto count = prunable.groups().size() + prunable.blocks().size();
  importance_ = flags(count), leaving_ = flags(count), next_ = flags(count);
}

Values WayToBudget::state() const {
  return {{"importance", importance_}, {"held", held_}, {"leaving", leaving_}, {"next", next_}, {"at_end", at_end_}};
}

void WayToBudget::note(const Module& module, const Values& gates) {
  std::map<std::string, std::pair<const float*, const float*>> known;  // values, gradients
  for (const auto& [name, tensor] : module.trained())
    if (tensor.grad().defined()) known[name] = {tensor.data_ptr<float>(), tensor.grad().data_ptr<float>()};
  auto* importance = importance_.data_ptr<float>();
  const auto add = [&](size_t at, double gradient) {
    importance[at] = kRemembered * importance[at] + (1 - kRemembered) * static_cast<float>(gradient * gradient);
  };
  const auto& groups = prunable_.groups();
  for (size_t i = 0; i < groups.size(); ++i) {
    double gradient = 0;
    for (const auto* part : {&groups[i].scales, &groups[i].shifts})
      for (const auto& [name, index] : *part)
        if (const auto it = known.find(name); it != known.end()) gradient += static_cast<double>(it->second.first[index]) * it->second.second[index];
    add(i, gradient);
  }
  for (size_t i = 0; i < prunable_.blocks().size(); ++i) {
    const auto& gate = gates.at(prunable_.blocks()[i].name);
    if (gate.grad().defined()) add(groups.size() + i, gate.item<double>() * gate.grad().item<double>());
  }
}

Prunable::Gone WayToBudget::gone(const std::set<size_t>& members) const {
  const auto& groups = prunable_.groups();
  Prunable::Gone out;
  for (const size_t at : members) {
    if (at < groups.size()) {
      out.classes.insert(groups[at].one);
      continue;
    }
    const auto& nodes = prunable_.blocks()[at - groups.size()].nodes;
    out.nodes.insert(nodes.begin(), nodes.end());
  }
  return out;
}

std::set<size_t> WayToBudget::away(const Values& gates) const {
  std::set<size_t> out;
  for (size_t i = 0; i < prunable_.groups().size(); ++i)
    if (is_held(i)) out.insert(i);
  for (size_t i = 0; i < prunable_.blocks().size(); ++i)
    if (gates.at(prunable_.blocks()[i].name).item<double>() == 0) out.insert(prunable_.groups().size() + i);
  return out;
}

std::vector<WayToBudget::Candidate> WayToBudget::candidates(const CostWeights& weights, const Module& module, const Values& gates,
                                                            const std::set<size_t>& away) const {
  const auto& groups = prunable_.groups();
  const auto costs = prunable_.costs_of_layers(weights, gone(away)), block_costs = prunable_.costs_of_blocks(weights, gone(away));
  const auto sizes = prunable_.sizes(trained_values(module));
  const auto* importance = importance_.data_ptr<float>();
  std::vector<int64_t> widths;
  for (const auto& layer : prunable_.layers()) widths.push_back(static_cast<int64_t>(layer.classes.size()));
  std::vector<std::vector<size_t>> free(widths.size());  // by layer
  for (size_t i = 0; i < groups.size(); ++i) {
    if (away.count(i)) --widths[groups[i].layer];
    else if (sizes[i] >= 0) free[groups[i].layer].push_back(i);
  }
  std::vector<Candidate> out;
  for (size_t layer = 0; layer < free.size(); ++layer) {
    auto& members = free[layer];
    std::sort(members.begin(), members.end(), [&](size_t a, size_t b) { return std::tie(importance[a], a) < std::tie(importance[b], b); });
    int64_t lot = widths[layer] % multiple_ == 0 ? multiple_ : widths[layer] % multiple_, left = widths[layer];
    for (auto next = members.begin(); costs[layer] > 0 && members.end() - next >= lot && left > lot; next += lot, left -= lot, lot = multiple_) {
      Candidate one{0, {next, next + lot}, true};
      for (const size_t at : one.members) one.worth += importance[at] / (static_cast<double>(lot) * costs[layer]);
      out.push_back(std::move(one));
    }
  }
  for (size_t i = 0; i < prunable_.blocks().size(); ++i) {
    const size_t at = groups.size() + i;
    if (!away.count(at) && block_costs[i] > 0)
      out.push_back({importance[at] / block_costs[i], {at}, gates.at(prunable_.blocks()[i].name).item<double>() <= kSmallGate});
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return std::tie(a.worth, a.members) < std::tie(b.worth, b.members); });
  return out;
}

int64_t WayToBudget::steps_between_checks(const Trainer::Step& step) { return std::max<int64_t>(1, step.per_epoch / kChecks); }

double WayToBudget::left_of_leaving(const Trainer::Step& step) {
  const auto until = steps_between_checks(step) - (step.number - 1) % steps_between_checks(step);  // with this step
  return static_cast<double>(until - 1) / static_cast<double>(until);
}

void WayToBudget::follow(const ShareMet& share_met, const CostWeights& weights, const Module& module, const Values& gates,
                         const Trainer::Step& step) {
  const auto next = step.number + steps_between_checks(step);
  const double wanted = std::min(1.0, static_cast<double>(next) / (kWay * static_cast<double>(step.total)));
  const auto gone_already = away(gates);
  const auto all = candidates(weights, module, gates, gone_already);
  std::vector<Candidate> sorted;
  std::copy_if(all.begin(), all.end(), std::back_inserter(sorted), [](const auto& one) { return one.may_leave; });
  const auto is_enough = [&](size_t count) {
    auto leaving = gone_already;
    for (size_t i = 0; i < count; ++i) leaving.insert(sorted[i].members.begin(), sorted[i].members.end());
    const auto without = gone(leaving);
    return share_met(prunable_.size_without(without), without.classes) >= wanted;
  };
  size_t least = 0, enough = sorted.size();
  while (least < enough) {
    const size_t middle = (least + enough) / 2;
    if (is_enough(middle)) enough = middle;
    else least = middle + 1;
  }
  // where all of these are not enough, blocks have to become candidates
  const double limit = !is_enough(enough) ? INFINITY : enough > 0 ? kNext * sorted[enough - 1].worth : 0;
  leaving_.zero_(), next_.zero_();
  const auto mark = [](torch::Tensor& flags, const Candidate& one) {
    for (const size_t at : one.members) flags[static_cast<int64_t>(at)].fill_(1);
  };
  for (size_t i = 0; i < enough; ++i) mark(leaving_, sorted[i]);
  for (const auto& one : all)
    if (one.worth <= limit) mark(next_, one);
}

void WayToBudget::hold(const std::set<int>& classes) {
  for (size_t i = 0; i < prunable_.groups().size(); ++i)
    if (classes.count(prunable_.groups()[i].one)) held_[static_cast<int64_t>(i)].fill_(1);
}

void WayToBudget::end() {
  at_end_.fill_(1);
  leaving_.zero_(), next_.zero_();
}

bool WayToBudget::is_at_end() const { return at_end_.item<double>() != 0; }

}  // namespace scissionlite::train
