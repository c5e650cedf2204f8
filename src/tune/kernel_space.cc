#include "tune/kernel_space.h"

#include <algorithm>

#include "base/error.h"

namespace scissionlite::tune {

KernelSpace::KernelSpace(kernels::KernelPlan plan) : plan_(std::move(plan)), names_{""} {
  std::vector<Dimension> dimensions{{"implementation", {0}, -1}};
  for (auto& range : kernels::kernel_kind_of(plan_.problem).knobs(plan_.problem, plan_.lanes())) {
    std::sort(range.values.begin(), range.values.end());
    dimensions.push_back({range.name, range.values, 0});
    names_.push_back(range.name);
  }
  space_.emplace(std::move(dimensions), [this](const Config& config) {
    return kernels::kernel_kind_of(plan_.problem).reason_against_knobs({plan_.problem, knobs(config), plan_.target}).empty();
  });
}

kernels::Knobs KernelSpace::knobs(const Config& config) const {
  kernels::Knobs knobs;
  for (size_t d = 1; d < config.size(); ++d) knobs[names_[d]] = space_->value(config, d);
  return knobs;
}

std::optional<Config> KernelSpace::find(const kernels::Knobs& knobs) const {
  Config config(names_.size(), 0);
  if (knobs.size() + 1 != names_.size()) return std::nullopt;
  for (size_t d = 1; d < config.size(); ++d) {
    const auto& values = space_->dimensions()[d].values;
    const auto knob = knobs.find(names_[d]);
    const auto value = knob == knobs.end() ? values.end() : std::find(values.begin(), values.end(), knob->second);
    if (value == values.end()) return std::nullopt;
    config[d] = static_cast<int>(value - values.begin());
  }
  return config;
}

Config KernelSpace::usual() const {
  const auto config = find(kernels::kernel_kind_of(plan_.problem).usual(plan_.problem, plan_.lanes()));
  if (!config || !space_->is_valid(*config))
    throw InternalError("[tune] the usual knobs of a kernel of '" + plan_.problem + "' are none that it has");
  return *config;
}

}  // namespace scissionlite::tune
