// Which way to compute every node of a graph, all of them together: layouts have to be converted between neighbours that do not agree,
// and a fusion computes several nodes at once, so that the best of each node alone need not be the best of the whole.
//
// Pure: numbers in, numbers out. What the numbers are of stands in graph_choices.h.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace scissionlite::native {

/// Forms in which a value can lie, and sets of them as bits. A value that was converted lies in both.
enum class Form : int { kPlain, kBlocked, kView };
constexpr int kForms = 3;
[[nodiscard]] constexpr const char* name_of(Form form) { return form == Form::kPlain ? "plain" : form == Form::kBlocked ? "blocked" : "view"; }
using FormSet = unsigned;
[[nodiscard]] constexpr FormSet set_of(Form form) { return 1U << static_cast<unsigned>(form); }

constexpr double kImpossible = std::numeric_limits<double>::infinity();

/// us[from][to]: what it costs to have a value in another form as well.
struct ConversionCosts {
  std::array<std::array<double, kForms>, kForms> us{};
};

struct Use {
  int value = 0;
  Form form = Form::kPlain;
};

/// One way to compute one node, or several at once.
struct Alternative {
  std::vector<int> nodes;          // ascending; what it writes is there after the last of them
  std::vector<Use> reads, writes;  // values that only it sees are left out
  double us = 0;
};

struct SelectionProblem {
  int nodes = 0;  // in an order in which they can run
  std::vector<ConversionCosts> values;
  std::vector<Alternative> alternatives;
  std::vector<Use> given, wanted;  // inputs and outputs of the whole
};

struct Selection {
  std::vector<int> chosen;  // alternatives, in the order of their last nodes; they cover every node once
  double us = kImpossible;  // conversions included; infinite: nothing covers all nodes
  bool is_exact = true;     // false: too many states, a local optimum
};

constexpr size_t kMostStates = 4096;

/// The cheapest choice. Dynamic programming over the nodes in their order: a state is the forms of the values that are still to be
/// read, and the nodes put off until a fusion computes them. Chains and trees have a handful of states, residuals and
/// concatenations some more; beyond `most_states` iterated conditional modes take over (Besag, On the Statistical Analysis of Dirty
/// Pictures, 1986): from the cheapest of each node alone, one alternative at a time is exchanged while that saves something.
/// Cost: nodes x states x alternatives of a node.
[[nodiscard]] Selection select(const SelectionProblem& problem, size_t most_states = kMostStates);

/// What these alternatives cost with the cheapest conversions between them; infinite where they do not fit together.
[[nodiscard]] double cost_of(const SelectionProblem& problem, const std::vector<int>& chosen);

/// Local search alone, for tests and for `select`. @param start alternatives that cover every node once.
[[nodiscard]] Selection improve(const SelectionProblem& problem, std::vector<int> start);

/// Costs between sets of forms of one value: us[from][to] for `from` within `to`, each form made from the cheapest that is there.
class FormPaths {
 public:
  explicit FormPaths(const ConversionCosts& costs);
  /// Of having at least `wanted` as well.
  [[nodiscard]] double to_have(FormSet from, FormSet wanted) const;
  struct Step {
    FormSet to = 0;
    double us = 0;
  };
  /// Ways to have `form` from `from`. Those that make further forms are among them where that is cheaper than to make these later.
  [[nodiscard]] std::vector<Step> ways(FormSet from, Form form) const;

 private:
  [[nodiscard]] double one(FormSet from, Form form) const;
  static constexpr size_t kSets = 1U << kForms;
  ConversionCosts costs_;
  std::array<std::array<double, kSets>, kSets> us_{};
};

}  // namespace scissionlite::native
