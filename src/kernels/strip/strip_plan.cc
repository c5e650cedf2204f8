#include "kernels/strip/strip_plan.h"

#include <algorithm>
#include <map>
#include <string>

namespace scissionlite::kernels {
namespace {

using ops::StripProgram;
using ops::StripStep;

const std::map<std::string, BinaryKind> kBinary{{"Add", BinaryKind::kAdd}, {"Sub", BinaryKind::kSub}, {"Mul", BinaryKind::kMul},
                                                {"Div", BinaryKind::kDiv}, {"Min", BinaryKind::kMin}, {"Max", BinaryKind::kMax}};
const std::map<std::string, UnaryKind> kUnary{
    {"Floor", UnaryKind::kFloor}, {"Ceil", UnaryKind::kCeil}, {"Round", UnaryKind::kRound},          {"Neg", UnaryKind::kNeg},
    {"Abs", UnaryKind::kAbs},     {"Sqrt", UnaryKind::kSqrt}, {"Reciprocal", UnaryKind::kReciprocal}};

/// An operation whose operands and result are numbers of values.
class Planner {
 public:
  Planner(const StripProgram& program, const std::vector<Second>& seconds)
      : program_(program), seconds_(seconds), readers_(program.steps.size() + static_cast<size_t>(program.inputs), 0) {
    for (const auto& step : program.steps)
      for (const int operand : step.operands) ++readers_[static_cast<size_t>(operand)];
  }

  std::vector<StripOperation> operations() {
    std::vector<StripOperation> out;
    for (size_t s = 0; s < program_.steps.size(); ++s) {
      auto operation = operation_of(program_.steps[s]);
      operation.y = program_.value_of(s);
      if (!extends(out, operation)) out.push_back(operation);
    }
    return out;
  }

 private:
  [[nodiscard]] Second second_of(int value) const { return value < program_.inputs ? seconds_[static_cast<size_t>(value)] : Second::kWhole; }

  [[nodiscard]] StripOperation operation_of(const StripStep& step) const {
    StripOperation out;
    out.a = step.operands[0];
    if (const auto binary = kBinary.find(step.op); binary != kBinary.end()) {
      out.kind = StripOperation::Kind::kBinary, out.binary = binary->second, out.b = step.operands[1];
      out.is_swapped = second_of(out.a) != Second::kWhole;
      if (out.is_swapped) std::swap(out.a, out.b);
      out.second = second_of(out.b);
    } else if (const auto unary = kUnary.find(step.op); unary != kUnary.end()) {
      out.kind = StripOperation::Kind::kUnary, out.unary = unary->second;
    } else {
      const auto activation = ops::activation_of(step);
      out.activation = {activation->kind, activation->alpha, activation->beta};
    }
    return out;
  }

  /// Whether the last operation does this one too: a scale and an offset a channel are one call, with an activation behind them.
  [[nodiscard]] bool extends(std::vector<StripOperation>& before, const StripOperation& next) const {
    if (before.empty() || before.back().y != next.a || readers_[static_cast<size_t>(next.a)] != 1) return false;
    auto& last = before.back();
    const auto is_of_channels = [](const StripOperation& o, BinaryKind kind) {
      return o.kind == StripOperation::Kind::kBinary && o.binary == kind && o.second == Second::kPerChannel;
    };
    if (is_of_channels(last, BinaryKind::kMul) && is_of_channels(next, BinaryKind::kAdd)) {
      last.kind = StripOperation::Kind::kScaleShift, last.c = next.b;
    } else if (last.kind == StripOperation::Kind::kScaleShift && last.activation.kind == ActivationKind::kNone &&
               next.kind == StripOperation::Kind::kActivation) {
      last.activation = next.activation;
    } else {
      return false;
    }
    last.y = next.y;
    return true;
  }

  const StripProgram& program_;
  const std::vector<Second>& seconds_;
  std::vector<int> readers_;
};

/// Gives values places: the result's memory and as few buffers as can be. A value may take the place of one that it is made of.
class Places {
 public:
  explicit Places(StripPlan& plan) : plan_(plan), free_{plan.result()} {
    for (size_t i = 0; i < plan.operations.size(); ++i)
      for (const int value : {plan.operations[i].a, plan.operations[i].b, plan.operations[i].c}) last_use_[value] = i;
  }
  void assign() {
    for (size_t i = 0; i < plan_.operations.size(); ++i) {
      auto& operation = plan_.operations[i];
      const std::vector<int> values{operation.a, operation.b, operation.c};
      for (int* value : {&operation.a, &operation.b, &operation.c}) *value = place_of(*value);
      for (const int value : values) let_go(value, i);
      const int made = operation.y;
      operation.y = i + 1 == plan_.operations.size() ? plan_.result() : take();
      places_[made] = operation.y;
    }
  }

 private:
  [[nodiscard]] int place_of(int value) const { return value < plan_.operands ? value : places_.at(value); }
  void let_go(int value, size_t at) {
    const auto it = places_.find(value);
    if (it == places_.end() || last_use_[value] != at) return;
    free_.push_back(it->second);
    places_.erase(it);
  }
  int take() {
    if (free_.empty()) return plan_.first_buffer() + plan_.buffers++;
    const int place = free_.back();
    free_.pop_back();
    return place;
  }

  StripPlan& plan_;
  std::vector<int> free_;
  std::map<int, size_t> last_use_;
  std::map<int, int> places_;
};

/// Lanes without a channel hold anything finite, and what is repeated over them is 1.
bool makes_finite(const StripOperation& o) {
  if (o.kind == StripOperation::Kind::kUnary) return o.unary != UnaryKind::kSqrt && o.unary != UnaryKind::kReciprocal;
  return o.kind != StripOperation::Kind::kBinary || o.binary != BinaryKind::kDiv || (!o.is_swapped && o.second != Second::kWhole);
}

}  // namespace

StripPlan plan_strip(const StripProgram& program, const std::vector<Second>& seconds) {
  StripPlan plan{Planner(program, seconds).operations(), program.inputs};
  plan.makes_finite = std::all_of(plan.operations.begin(), plan.operations.end(), makes_finite);
  Places(plan).assign();
  return plan;
}

bool can_plan_strip(const StripProgram& program, const std::vector<Second>& seconds) {
  return std::all_of(program.steps.begin(), program.steps.end(), [&](const StripStep& step) {
    return std::any_of(step.operands.begin(), step.operands.end(),
                       [&](int value) { return value >= program.inputs || seconds[static_cast<size_t>(value)] == Second::kWhole; });
  });
}

}  // namespace scissionlite::kernels
