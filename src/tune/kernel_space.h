// The configurations of a generated kernel of any kind.
#pragma once

#include <optional>

#include "kernels/generated/kernel_plan.h"
#include "tune/space.h"

namespace scissionlite::tune {

class KernelSpace {
 public:
  /// Of the plan's problem and target.
  explicit KernelSpace(kernels::KernelPlan plan);
  KernelSpace(const KernelSpace&) = delete;
  KernelSpace& operator=(const KernelSpace&) = delete;

  [[nodiscard]] const Space& space() const { return *space_; }
  [[nodiscard]] kernels::Knobs knobs(const Config& config) const;
  /// The point with these knobs; nothing when there is none.
  [[nodiscard]] std::optional<Config> find(const kernels::Knobs& knobs) const;
  /// What the kind tries first.
  [[nodiscard]] Config usual() const;

 private:
  kernels::KernelPlan plan_;
  std::vector<std::string> names_;  // of each dimension; the first one, the implementation, has none
  std::optional<Space> space_;
};

}  // namespace scissionlite::tune
