// Checks candidates against constraints, and says by how much one is missed.
#pragma once

#include <vector>

#include "planner/candidates.h"
#include "planner/constraints.h"
#include "planner/exposures.h"
#include "planner/layers.h"

namespace scissionlite::planner {

class Checker {
 public:
  /// @throws InvalidArgument: an unknown layer, a share of a local time that was not measured, more than 64 constraints.
  Checker(const CostModel& model, std::vector<Constraint> constraints, const LayerIndex& layers, Exposures exposures);
  [[nodiscard]] const std::vector<Constraint>& constraints() const { return constraints_; }
  /// 0 when constraint `k` is met; else how far it is missed, in its own unit (1 for claims that only hold or do not,
  /// beyond `kNotMeasured` for rebuilt pictures where nothing was measured, infinite where the picture itself is sent).
  static constexpr double kNotMeasured = 1e100;
  [[nodiscard]] double miss(size_t k, const Outcome& outcome) const;
  /// Bit k is set when constraint k is missed.
  [[nodiscard]] uint64_t missed(const Outcome& outcome) const;
  /// Bits of the constraints that depend on the link's rate.
  [[nodiscard]] uint64_t link_mask() const { return link_mask_; }
  [[nodiscard]] const Exposures& exposures() const { return exposures_; }
  /// "latency 61.0 ms is 11.0 ms over 'require latency <= 50ms'".
  [[nodiscard]] std::string sentence(size_t k, const Outcome& outcome) const;

 private:
  [[nodiscard]] bool holds(size_t k, const Choice& choice) const;
  [[nodiscard]] double exposed(size_t k, const Choice& choice) const;
  [[nodiscard]] std::string exposure_sentence(size_t k, const Choice& choice) const;
  [[nodiscard]] double value(size_t k, const Outcome& outcome) const;
  [[nodiscard]] std::string format(size_t k, double value) const;

  const CostModel* model_;
  std::vector<Constraint> constraints_;
  Exposures exposures_;
  std::vector<std::vector<Held>> first_, last_;  // of kLayers, per constraint
  uint64_t link_mask_ = 0;
};

}  // namespace scissionlite::planner
