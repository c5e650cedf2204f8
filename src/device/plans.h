// What answers with a package: its plan, or by turns its plan and further ones of the same model.
#pragma once

#include <memory>
#include <vector>

#include "device/plan_switch.h"

namespace scissionlite::device {

class Plans {
 public:
  /// @param packages  at least one; with more, images take turns as PlanSwitch decides. @throws what Offloader and PlanSwitch throw.
  Plans(std::vector<DevicePackage> packages, const OffloaderOptions& options, const SwitchOptions& switching);

  [[nodiscard]] Answerer& answerer() const;
  /// Of the first package.
  [[nodiscard]] Offloader& first() const { return *all_.front(); }
  [[nodiscard]] const std::vector<Offloader*>& all() const { return all_; }
  /// nullptr: there is one plan.
  [[nodiscard]] const PlanSwitch* several() const { return several_.get(); }

 private:
  std::unique_ptr<Offloader> alone_;
  std::unique_ptr<PlanSwitch> several_;
  std::vector<Offloader*> all_;
};

}  // namespace scissionlite::device
