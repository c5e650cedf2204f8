// What answers with a package: its plan, or by turns its plan and further ones of the same model.
#pragma once

#include <memory>
#include <vector>

#include "device/plan_switch.h"

namespace scissionlite::device {

/// Of each package. @throws what Offloader throws.
[[nodiscard]] std::vector<std::unique_ptr<Offloader>> make_offloaders(std::vector<DevicePackage> packages, const OffloaderOptions& options);

class Plans {
 public:
  /// @param plans  at least one; with more, each image takes the one that PlanSwitch chooses. @throws what PlanSwitch throws.
  Plans(std::vector<std::unique_ptr<Offloader>> plans, const SwitchOptions& switching);

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
