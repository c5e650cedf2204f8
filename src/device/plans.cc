#include "device/plans.h"

namespace scissionlite::device {

std::vector<std::unique_ptr<Offloader>> make_offloaders(std::vector<DevicePackage> packages, const OffloaderOptions& options) {
  std::vector<std::unique_ptr<Offloader>> out;
  auto own = options;
  for (auto& package : packages) {
    const auto& plan = *out.emplace_back(std::make_unique<Offloader>(std::move(package), own));
    if (plan.edge() && plan.edge()->state() == offload::EdgeState::kDown) own.session.waits_for_first_check = false;  // once is enough
  }
  return out;
}

Plans::Plans(std::vector<std::unique_ptr<Offloader>> plans, const SwitchOptions& switching) {
  for (const auto& plan : plans) all_.push_back(plan.get());
  if (plans.size() == 1) alone_ = std::move(plans.front());
  else several_ = std::make_unique<PlanSwitch>(std::move(plans), switching);
}

Answerer& Plans::answerer() const { return several_ ? static_cast<Answerer&>(*several_) : *alone_; }

}  // namespace scissionlite::device
