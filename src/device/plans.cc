#include "device/plans.h"

namespace scissionlite::device {

Plans::Plans(std::vector<DevicePackage> packages, const OffloaderOptions& options, const SwitchOptions& switching) {
  std::vector<std::unique_ptr<Offloader>> plans;
  for (auto& package : packages) plans.push_back(std::make_unique<Offloader>(std::move(package), options));
  for (const auto& plan : plans) all_.push_back(plan.get());
  if (plans.size() == 1) alone_ = std::move(plans.front());
  else several_ = std::make_unique<PlanSwitch>(std::move(plans), switching);
}

Answerer& Plans::answerer() const { return several_ ? static_cast<Answerer&>(*several_) : *alone_; }

}  // namespace scissionlite::device
