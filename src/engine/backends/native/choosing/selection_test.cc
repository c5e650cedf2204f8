#include "engine/backends/native/choosing/selection.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <functional>

namespace scissionlite::native {
namespace {

/// Every cover of the nodes, one after the other.
double brute_force(const SelectionProblem& problem) {
  double best = kImpossible;
  std::vector<int> chosen;
  std::vector<bool> is_covered(static_cast<size_t>(problem.nodes), false);
  const std::function<void(int)> go = [&](int node) {
    while (node < problem.nodes && is_covered[static_cast<size_t>(node)]) ++node;
    if (node == problem.nodes) {
      best = std::min(best, cost_of(problem, chosen));
      return;
    }
    for (size_t i = 0; i < problem.alternatives.size(); ++i) {
      const auto& nodes = problem.alternatives[i].nodes;
      if (nodes[0] != node || std::any_of(nodes.begin(), nodes.end(), [&](int n) { return is_covered[static_cast<size_t>(n)]; })) continue;
      for (const int n : nodes) is_covered[static_cast<size_t>(n)] = true;
      chosen.push_back(static_cast<int>(i));
      go(node + 1);
      chosen.pop_back();
      for (const int n : nodes) is_covered[static_cast<size_t>(n)] = false;
    }
  };
  go(0);
  return best;
}

double some_us() { return *rc::gen::inRange(0, 20); }
Form some_form() { return static_cast<Form>(*rc::gen::inRange(0, kForms)); }

/// Node i makes value i + 1 of one or two earlier ones; value 0 is given. Fusions join a node with the only reader of its value.
SelectionProblem random_problem() {
  SelectionProblem problem;
  problem.nodes = *rc::gen::inRange(1, 8);
  for (int v = 0; v <= problem.nodes; ++v) {
    ConversionCosts costs;
    for (auto& row : costs.us)
      for (auto& us : row) us = *rc::gen::inRange(0, 6) == 0 ? kImpossible : some_us();
    problem.values.push_back(costs);
  }
  problem.given = {{0, some_form()}};
  std::vector<std::vector<int>> inputs;
  std::vector<std::vector<int>> readers(static_cast<size_t>(problem.nodes) + 1);
  for (int node = 0; node < problem.nodes; ++node) {
    inputs.push_back({*rc::gen::inRange(std::max(0, node - 2), node + 1)});
    if (*rc::gen::arbitrary<bool>()) inputs.back().push_back(*rc::gen::inRange(0, node + 1));
    for (const int v : inputs.back()) readers[static_cast<size_t>(v)].push_back(node);
    for (int i = *rc::gen::inRange(1, 4); i > 0; --i) {
      Alternative one{{node}, {}, {{node + 1, some_form()}}, some_us()};
      for (const int v : inputs.back()) one.reads.push_back({v, some_form()});
      problem.alternatives.push_back(one);
    }
  }
  problem.wanted = {{problem.nodes, some_form()}};
  if (*rc::gen::arbitrary<bool>()) problem.wanted.push_back({*rc::gen::inRange(0, problem.nodes + 1), some_form()});
  for (int first = 0; first < problem.nodes; ++first) {
    std::vector<int> group{first};
    for (int at = first; readers[static_cast<size_t>(at) + 1].size() == 1 && problem.wanted.back().value != at + 1 && group.size() < 3;) {
      at = readers[static_cast<size_t>(at) + 1][0];
      group.push_back(at);
      Alternative fused{group, {}, {{at + 1, some_form()}}, some_us()};
      for (size_t g = 0; g < group.size(); ++g)
        for (const int v : inputs[static_cast<size_t>(group[g])])
          if (g == 0 || v != group[g - 1] + 1) fused.reads.push_back({v, some_form()});
      problem.alternatives.push_back(fused);
    }
  }
  return problem;
}

TEST(Selection, IsTheCheapestOfAll) {
  EXPECT_TRUE(rc::check("equals brute force", [] {
    const auto problem = random_problem();
    const auto found = select(problem);
    const double best = brute_force(problem);
    RC_ASSERT(found.is_exact);
    RC_ASSERT(found.us == best);
    if (best < kImpossible) RC_ASSERT(cost_of(problem, found.chosen) == best);
  }));
}

TEST(Selection, BeyondTheBoundIsALocalOptimumAndSaysSo) {
  EXPECT_TRUE(rc::check("no better than the best, no worse than each node alone", [] {
    const auto problem = random_problem();
    const auto found = select(problem, /*most_states=*/0);
    RC_ASSERT(!found.is_exact || found.us == kImpossible);  // no state at all is known to be none
    RC_ASSERT(found.us >= brute_force(problem));
    if (found.us < kImpossible) RC_ASSERT(cost_of(problem, found.chosen) == found.us);
    RC_ASSERT(improve(problem, found.chosen).us == found.us);
  }));
}

/// Two nodes that are 1 us faster plain each, between nodes that are blocked: converting there and back costs more.
TEST(Selection, CountsConversionsWhichNodeWiseChoicesDoNot) {
  SelectionProblem problem;
  problem.nodes = 4;
  ConversionCosts costs;
  costs.us = {{{0, 1.5, kImpossible}, {1.5, 0, kImpossible}, {kImpossible, kImpossible, 0}}};
  problem.values.assign(5, costs);
  problem.given = {{0, Form::kBlocked}};
  problem.wanted = {{4, Form::kBlocked}};
  const auto both = [&](int node, double plain_us, double blocked_us) {
    problem.alternatives.push_back({{node}, {{node, Form::kPlain}}, {{node + 1, Form::kPlain}}, plain_us});
    problem.alternatives.push_back({{node}, {{node, Form::kBlocked}}, {{node + 1, Form::kBlocked}}, blocked_us});
  };
  both(0, 9, 1), both(1, 3, 4), both(2, 3, 4), both(3, 9, 1);
  EXPECT_EQ(select(problem).chosen, (std::vector<int>{1, 3, 5, 7}));
  EXPECT_EQ(select(problem).us, 10);
  problem.alternatives[2].us = 1;  // now it pays
  EXPECT_EQ(select(problem).chosen, (std::vector<int>{1, 2, 4, 7}));
  EXPECT_EQ(select(problem).us, 9);
}

TEST(Selection, OfNothingThatFits) {
  SelectionProblem problem;
  problem.nodes = 2;
  problem.values.resize(2);
  problem.alternatives = {{{0}, {}, {{0, Form::kPlain}}, 1}};
  EXPECT_EQ(select(problem).us, kImpossible);
  EXPECT_TRUE(select(problem).chosen.empty());
}

}  // namespace
}  // namespace scissionlite::native
