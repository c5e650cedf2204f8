#include "tune/conv_space.h"

#include <algorithm>

#include "base/error.h"

namespace scissionlite::tune {

namespace {

/// A knob's values, and the usual one, which need not be among them.
std::vector<int64_t> values_with(const kernels::KnobRange& range, const kernels::Knobs& usual) {
  auto values = range.values;
  if (const auto it = usual.find(range.name); it != usual.end()) values.push_back(it->second);
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

}  // namespace

ConvSpace::ConvSpace(const kernels::ConvProblem& problem, const kernels::VectorLoops& loops, const Implementations& implementations)
    : problem_(problem), loops_(loops) {
  std::vector<Dimension> dimensions{{"implementation", {}, -1}};
  knobs_ = {""};
  for (const auto* implementation : implementations) {
    if (!implementation->reason_against(problem, loops).empty()) continue;
    const auto of = static_cast<int>(able_.size());
    able_.push_back(implementation);
    dimensions[0].values.push_back(of);
    const auto usual = implementation->usual(problem, loops);
    for (const auto& range : implementation->knobs(problem, loops)) {
      dimensions.push_back({std::string(implementation->name) + "." + range.name, values_with(range, usual), of});
      knobs_.push_back(range.name);
    }
  }
  if (able_.empty()) throw Unsupported("[tune] nothing computes " + problem.text());
  space_.emplace(std::move(dimensions), [this](const Config& config) { return is_distinct(config); });
}

/// False for knobs that do not go together, and where a smaller value of one knob does the same.
bool ConvSpace::is_distinct(const Config& config) const {
  const auto* implementation = able_[static_cast<size_t>(config[0])];
  if (!implementation->effect && !implementation->can) return true;
  auto knobs = choice(config).knobs;
  if (implementation->can && !implementation->can(problem_, loops_, knobs)) return false;
  if (!implementation->effect) return true;
  const auto effect = implementation->effect(problem_, loops_, knobs);
  for (size_t d = 1; d < config.size(); ++d) {
    if (!space_->counts(config, d) || config[d] == 0) continue;
    const auto& values = space_->dimensions()[d].values;
    auto& value = knobs.at(knobs_[d]);
    const int64_t given = value;
    for (auto i = static_cast<size_t>(config[d]); i-- > 0;) {
      value = values[i];
      if (implementation->effect(problem_, loops_, knobs) == effect) return false;
    }
    value = given;
  }
  return true;
}

Config ConvSpace::simplest(Config config) const {
  const auto* implementation = able_[static_cast<size_t>(config[0])];
  if (!implementation->effect) return config;
  const auto effect = implementation->effect(problem_, loops_, choice(config).knobs);
  Config before;
  while (before != config) {  // a smaller value of one knob may make a smaller one of another do the same
    before = config;
    for (size_t d = 1; d < config.size(); ++d) {
      if (!space_->counts(config, d)) continue;
      const int given = config[d];
      for (config[d] = 0; config[d] < given && implementation->effect(problem_, loops_, choice(config).knobs) != effect;) ++config[d];
    }
  }
  return config;
}

kernels::ConvChoice ConvSpace::choice(const Config& config) const {
  kernels::ConvChoice choice{able_[static_cast<size_t>(config[0])], {}};
  for (size_t d = 1; d < config.size(); ++d)
    if (space_->counts(config, d)) choice.knobs[knobs_[d]] = space_->value(config, d);
  return choice;
}

std::optional<int> ConvSpace::position(const std::string& implementation) const {
  for (size_t i = 0; i < able_.size(); ++i)
    if (implementation == able_[i]->name) return static_cast<int>(i);
  return std::nullopt;
}

std::optional<Config> ConvSpace::find(const std::string& implementation, const kernels::Knobs& knobs) const {
  const auto first = position(implementation);
  if (!first) return std::nullopt;
  Config config(knobs_.size(), 0);
  config[0] = *first;
  size_t used = 0;
  for (size_t d = 1; d < config.size(); ++d) {
    if (!space_->counts(config, d)) continue;
    const auto& values = space_->dimensions()[d].values;
    const auto knob = knobs.find(knobs_[d]);
    const auto value = knob == knobs.end() ? values.end() : std::find(values.begin(), values.end(), knob->second);
    if (value == values.end()) return std::nullopt;
    config[d] = static_cast<int>(value - values.begin());
    ++used;
  }
  return used == knobs.size() ? std::optional(config) : std::nullopt;
}

}  // namespace scissionlite::tune
