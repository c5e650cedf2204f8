#include "graph/min_frontier.h"

#include <algorithm>
#include <limits>
#include <queue>

namespace scissionlite {
namespace {

constexpr int64_t kInfinite = int64_t{1} << 60;

/// Max-flow by Dinic's algorithm on adjacency arrays.
class FlowNetwork {
 public:
  explicit FlowNetwork(int vertices) : first_(static_cast<size_t>(vertices), -1), level_(static_cast<size_t>(vertices)), next_edge_(first_) {}

  void add(int from, int to, int64_t capacity) {
    edges_.push_back({to, first_[static_cast<size_t>(from)], capacity});
    first_[static_cast<size_t>(from)] = static_cast<int>(edges_.size()) - 1;
    edges_.push_back({from, first_[static_cast<size_t>(to)], 0});
    first_[static_cast<size_t>(to)] = static_cast<int>(edges_.size()) - 1;
  }
  /// Stops once the flow exceeds `enough`.
  int64_t run(int source, int sink, int64_t enough) {
    int64_t flow = 0;
    while (flow <= enough && layer(source, sink)) {
      next_edge_ = first_;
      while (const int64_t pushed = augment(source, sink)) {
        flow += pushed;
        if (flow > enough) break;
      }
    }
    return flow;
  }
  /// After `run`: whether the vertex is still reachable from the source.
  [[nodiscard]] bool on_source_side(int vertex) const { return level_[static_cast<size_t>(vertex)] >= 0; }

 private:
  struct Edge {
    int to, next;
    int64_t capacity;
  };
  bool layer(int source, int sink) {
    std::fill(level_.begin(), level_.end(), -1);
    level_[static_cast<size_t>(source)] = 0;
    queue_.assign(1, source);
    for (size_t i = 0; i < queue_.size(); ++i)
      for (int e = first_[static_cast<size_t>(queue_[i])]; e >= 0; e = edges_[static_cast<size_t>(e)].next) {
        const auto& edge = edges_[static_cast<size_t>(e)];
        if (edge.capacity == 0 || level_[static_cast<size_t>(edge.to)] >= 0) continue;
        level_[static_cast<size_t>(edge.to)] = level_[static_cast<size_t>(queue_[i])] + 1;
        queue_.push_back(edge.to);
      }
    return level_[static_cast<size_t>(sink)] >= 0;
  }
  /// One augmenting path, iteratively: regions can be thousands of nodes deep.
  int64_t augment(int source, int sink) {
    path_.clear();
    int at = source;
    while (at != sink) {
      int& e = next_edge_[static_cast<size_t>(at)];
      while (e >= 0 && (edges_[static_cast<size_t>(e)].capacity == 0 ||
                        level_[static_cast<size_t>(edges_[static_cast<size_t>(e)].to)] != level_[static_cast<size_t>(at)] + 1))
        e = edges_[static_cast<size_t>(e)].next;
      if (e >= 0) {
        path_.push_back(e);
        at = edges_[static_cast<size_t>(e)].to;
        continue;
      }
      if (path_.empty()) return 0;
      at = edges_[static_cast<size_t>(path_.back() ^ 1)].to;
      next_edge_[static_cast<size_t>(at)] = edges_[static_cast<size_t>(path_.back())].next;
      path_.pop_back();
    }
    int64_t flow = kInfinite;
    for (int e : path_) flow = std::min(flow, edges_[static_cast<size_t>(e)].capacity);
    for (int e : path_) {
      edges_[static_cast<size_t>(e)].capacity -= flow;
      edges_[static_cast<size_t>(e ^ 1)].capacity += flow;
    }
    return flow;
  }

  std::vector<Edge> edges_;
  std::vector<int> first_, level_, next_edge_, queue_, path_;
};

std::vector<bool> reach(const std::vector<std::vector<int>>& edges, int start) {
  std::vector<bool> seen(edges.size(), false);
  std::vector<int> todo{start};
  seen[static_cast<size_t>(start)] = true;
  while (!todo.empty()) {
    const int at = todo.back();
    todo.pop_back();
    for (int next : edges[static_cast<size_t>(at)])
      if (!seen[static_cast<size_t>(next)]) {
        seen[static_cast<size_t>(next)] = true;
        todo.push_back(next);
      }
  }
  return seen;
}

/// Vertex 2v = "v is produced in the head", 2v+1 = "v crosses further"; the edge between them costs what v costs to send.
class FrontierProblem {
 public:
  FrontierProblem(const Region& region, int through)
      : region_(region), above_(reach(region.sources, through)), below_(reach(region.uses, through)), through_(through) {}

  template <typename Cost>
  std::vector<int> solve(Cost cost, int64_t enough) const {
    const int n = static_cast<int>(region_.values.size()), source = 2 * n, sink = 2 * n + 1;
    FlowNetwork network(2 * n + 2);
    for (int v = 0; v < n; ++v) {
      const auto i = static_cast<size_t>(v);
      network.add(2 * v, 2 * v + 1, region_.may_cross[i] ? cost(v) : kInfinite);
      for (int use : region_.uses[i]) {
        network.add(2 * v + 1, 2 * use, kInfinite);
        network.add(2 * use, 2 * v, kInfinite);  // a value of the head has all its sources in the head
      }
      for (int sibling : region_.siblings[i]) network.add(2 * v, 2 * sibling, kInfinite);
      if (above_[i]) network.add(source, 2 * v, kInfinite);
      else if (below_[i] || region_.uses[i].empty()) network.add(2 * v, sink, kInfinite);
    }
    if (network.run(source, sink, enough) > enough) return {};
    std::vector<int> crossing;
    for (int v = 0; v < n; ++v)
      if (network.on_source_side(2 * v) && !network.on_source_side(2 * v + 1)) crossing.push_back(v);
    return crossing;
  }

 private:
  const Region& region_;
  std::vector<bool> above_, below_;
  int through_;
};

}  // namespace

std::vector<int> min_frontier(const Region& region, int through, int max_tensors) {
  if (!region.may_cross[static_cast<size_t>(through)]) return {};
  const FrontierProblem problem(region, through);
  const auto fewest = problem.solve([](int) { return int64_t{1}; }, max_tensors);
  if (fewest.empty()) return {};
  const auto cheapest = problem.solve([&](int v) { return region.bytes[static_cast<size_t>(v)]; }, kInfinite / 2);
  if (!cheapest.empty() && static_cast<int>(cheapest.size()) <= max_tensors) return cheapest;
  constexpr int64_t kPerTensor = int64_t{1} << 50;  // above any sum of bytes, so the number of tensors counts first
  return problem.solve([&](int v) { return kPerTensor + region.bytes[static_cast<size_t>(v)]; }, kInfinite / 2);
}

}  // namespace scissionlite
