// What was measured of rebuilding the input picture from what each candidate sends (privacy.json).
#pragma once

#include <vector>

#include "planner/cost.h"
#include "score/privacy.h"

namespace scissionlite::planner {

struct Exposure {
  enum class Kind { kNothing, kMeasured, kImage, kUnknown };  // kImage: the picture itself leaves the device
  Kind kind = Kind::kUnknown;
  RebuildQuality quality{};  // of kMeasured
};

/// Looks exposures up. Of a chain with two hops the worse counts: the picture itself, then what was not measured, then the
/// higher PSNR and the higher SSIM.
class Exposures {
 public:
  Exposures() = default;
  /// @param privacy  null: nothing is known of splits. @throws InvalidArgument when it is of another model.
  Exposures(const CostModel& model, const Privacy* privacy);
  [[nodiscard]] Exposure of(const Choice& choice) const;

 private:
  std::vector<Exposure> by_hop_;
};

}  // namespace scissionlite::planner
