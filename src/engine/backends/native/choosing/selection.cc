#include "engine/backends/native/choosing/selection.h"

#include <algorithm>
#include <map>
#include <memory>

namespace scissionlite::native {
namespace {

/// What was chosen last, and before that.
struct Trail {
  int alternative = -1;
  std::shared_ptr<const Trail> before;
};

struct State {
  std::map<int, FormSet> live;  // values that are still to be read
  std::vector<int> put_off;     // nodes, ascending
  auto operator<=>(const State&) const = default;
};
struct Reached {
  double us = 0;
  std::shared_ptr<const Trail> trail;
};
using Layer = std::map<State, Reached>;

class Programming {
 public:
  Programming(const SelectionProblem& problem, size_t most_states)
      : problem_(problem),
        most_states_(most_states),
        ending_(static_cast<size_t>(problem.nodes)),
        last_read_(problem.values.size(), -1),
        last_end_(static_cast<size_t>(problem.nodes), -1) {
    for (const auto& value : problem.values) paths_.emplace_back(value);
    for (size_t i = 0; i < problem.alternatives.size(); ++i) {
      const auto& alternative = problem.alternatives[i];
      const int end = alternative.nodes.back();
      ending_[static_cast<size_t>(end)].push_back(static_cast<int>(i));
      for (const auto& use : alternative.reads)
        last_read_[static_cast<size_t>(use.value)] = std::max(last_read_[static_cast<size_t>(use.value)], end);
      for (const int node : alternative.nodes) last_end_[static_cast<size_t>(node)] = std::max(last_end_[static_cast<size_t>(node)], end);
    }
    for (const auto& use : problem.wanted) last_read_[static_cast<size_t>(use.value)] = problem.nodes;
  }

  /// Nothing when there were too many states.
  bool run(Selection& out) {
    State start;
    for (const auto& use : problem_.given) start.live[use.value] |= set_of(use.form);
    layer_[start] = {};
    for (int node = 0; node < problem_.nodes; ++node) {
      next_.clear();
      for (const auto& [state, reached] : layer_) leave(state, reached, node);
      layer_.swap(next_);
      if (layer_.size() > most_states_) return false;
    }
    finish(out);
    return true;
  }

 private:
  void leave(const State& state, const Reached& reached, int node) {
    if (last_end_[static_cast<size_t>(node)] > node) {
      State later = state;
      later.put_off.push_back(node);
      arrive(std::move(later), reached, node);
    }
    for (const int i : ending_[static_cast<size_t>(node)]) {
      const auto& alternative = problem_.alternatives[static_cast<size_t>(i)];
      State next = state;
      if (take_put_off(alternative, next.put_off)) read(i, 0, std::move(next), reached.us + alternative.us, reached.trail, node);
    }
  }

  /// Whether all nodes but the last had been put off; they are no longer.
  static bool take_put_off(const Alternative& alternative, std::vector<int>& put_off) {
    for (size_t i = 0; i + 1 < alternative.nodes.size(); ++i) {
      const auto it = std::find(put_off.begin(), put_off.end(), alternative.nodes[i]);
      if (it == put_off.end()) return false;
      put_off.erase(it);
    }
    return true;
  }

  /// The alternative's reads from the `at`-th on, in every way to have what they ask for.
  void read(int i, size_t at, State state, double us, const std::shared_ptr<const Trail>& before, int node) {
    const auto& alternative = problem_.alternatives[static_cast<size_t>(i)];
    if (at == alternative.reads.size()) {
      for (const auto& use : alternative.writes) state.live[use.value] |= set_of(use.form);
      return arrive(std::move(state), {us, std::make_shared<const Trail>(Trail{i, before})}, node);
    }
    const auto& use = alternative.reads[at];
    const auto value = state.live.find(use.value);
    if (value == state.live.end()) return;  // its node was put off
    for (const auto& way : paths_[static_cast<size_t>(use.value)].ways(value->second, use.form)) {
      State next = state;
      next.live[use.value] = way.to;
      read(i, at + 1, std::move(next), us + way.us, before, node);
    }
  }

  void arrive(State state, Reached reached, int node) {
    for (const int other : state.put_off)
      if (last_end_[static_cast<size_t>(other)] <= node) return;  // nothing can compute it any more
    std::erase_if(state.live, [&](const auto& value) { return last_read_[static_cast<size_t>(value.first)] <= node; });
    const auto [it, is_new] = next_.emplace(std::move(state), reached);
    if (!is_new && reached.us < it->second.us) it->second = std::move(reached);
  }

  void finish(Selection& out) const {
    std::map<int, FormSet> wanted;
    for (const auto& use : problem_.wanted) wanted[use.value] |= set_of(use.form);
    std::shared_ptr<const Trail> best;
    for (const auto& [state, reached] : layer_) {
      double us = reached.us;
      for (const auto& [value, forms] : wanted)
        us += state.live.count(value) ? paths_[static_cast<size_t>(value)].to_have(state.live.at(value), forms) : kImpossible;
      if (us < out.us) out.us = us, best = reached.trail;
    }
    for (; best; best = best->before) out.chosen.push_back(best->alternative);
    std::reverse(out.chosen.begin(), out.chosen.end());
  }

  const SelectionProblem& problem_;
  size_t most_states_;
  std::vector<std::vector<int>> ending_;  // alternatives by their last node
  std::vector<int> last_read_;            // of each value: the node after which nothing reads it
  std::vector<int> last_end_;             // of each node: the last one with which it can be computed
  std::vector<FormPaths> paths_;
  Layer layer_, next_;
};

/// The cheapest of each node alone.
std::vector<int> node_wise(const SelectionProblem& problem) {
  std::vector<int> best(static_cast<size_t>(problem.nodes), -1);
  for (size_t i = 0; i < problem.alternatives.size(); ++i) {
    const auto& alternative = problem.alternatives[i];
    if (alternative.nodes.size() > 1) continue;
    int& of = best[static_cast<size_t>(alternative.nodes[0])];
    if (of < 0 || alternative.us < problem.alternatives[static_cast<size_t>(of)].us) of = static_cast<int>(i);
  }
  std::erase(best, -1);
  return best;
}

}  // namespace

double cost_of(const SelectionProblem& problem, const std::vector<int>& chosen) {
  std::vector<FormSet> made(problem.values.size(), 0), needed(problem.values.size(), 0);
  std::vector<int> covered(static_cast<size_t>(problem.nodes), 0);
  for (const auto& use : problem.given) made[static_cast<size_t>(use.value)] |= set_of(use.form);
  for (const auto& use : problem.wanted) needed[static_cast<size_t>(use.value)] |= set_of(use.form);
  double us = 0;
  for (const int i : chosen) {
    const auto& alternative = problem.alternatives[static_cast<size_t>(i)];
    us += alternative.us;
    for (const int node : alternative.nodes) ++covered[static_cast<size_t>(node)];
    for (const auto& use : alternative.reads) needed[static_cast<size_t>(use.value)] |= set_of(use.form);
    for (const auto& use : alternative.writes) made[static_cast<size_t>(use.value)] |= set_of(use.form);
  }
  if (std::any_of(covered.begin(), covered.end(), [](int count) { return count != 1; })) return kImpossible;
  for (size_t v = 0; v < problem.values.size(); ++v)
    if (needed[v] != 0) us += made[v] == 0 ? kImpossible : FormPaths(problem.values[v]).to_have(made[v], needed[v]);
  return us;
}

Selection improve(const SelectionProblem& problem, std::vector<int> chosen) {
  const auto single = node_wise(problem);
  double us = cost_of(problem, chosen);
  for (bool is_better = true; is_better;) {
    is_better = false;
    for (size_t i = 0; i < problem.alternatives.size(); ++i) {
      const auto& nodes = problem.alternatives[i].nodes;
      const auto is_in = [&](const std::vector<int>& those, int node) { return std::binary_search(those.begin(), those.end(), node); };
      std::vector<int> other{static_cast<int>(i)}, open;
      for (const int c : chosen) {
        const auto& covers = problem.alternatives[static_cast<size_t>(c)].nodes;
        if (std::none_of(covers.begin(), covers.end(), [&](int node) { return is_in(nodes, node); })) other.push_back(c);
        else std::copy_if(covers.begin(), covers.end(), std::back_inserter(open), [&](int node) { return !is_in(nodes, node); });
      }
      for (const int s : single)
        if (std::find(open.begin(), open.end(), problem.alternatives[static_cast<size_t>(s)].nodes[0]) != open.end()) other.push_back(s);
      if (const double with_it = cost_of(problem, other); with_it < us) us = with_it, chosen = std::move(other), is_better = true;
    }
  }
  std::sort(chosen.begin(), chosen.end(), [&](int a, int b) {
    return problem.alternatives[static_cast<size_t>(a)].nodes.back() < problem.alternatives[static_cast<size_t>(b)].nodes.back();
  });
  return {std::move(chosen), us, /*is_exact=*/false};
}

Selection select(const SelectionProblem& problem, size_t most_states) {
  Selection out;
  if (Programming(problem, most_states).run(out)) return out;
  return improve(problem, node_wise(problem));
}

}  // namespace scissionlite::native
