// Tune: which way to compute an operator is fastest on this machine, found by trying.
//
// What lives here: the space of configurations (this file, conv_space.h), searchers over it (searcher.h, one file each below
// searchers/), trying one in a child process (measure.h), the loop of both (tune.h), what was found (database.h). Relies on kernels.
// Start with tune.h.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"

namespace scissionlite::tune {

/// One thing that can be chosen.
struct Dimension {
  std::string name;
  std::vector<int64_t> values;  // ascending
  int of = -1;                  // has a meaning only where the first dimension is at this position; -1: everywhere
};

/// Positions of the values chosen, a dimension each; 0 in a dimension that has no meaning here.
using Config = std::vector<int>;

/// Configurations. The first dimension is a category, whose values have no order: the implementation; the others are ordered.
class Space {
 public:
  using IsValid = std::function<bool(const Config&)>;
  /// @throws InvalidArgument for a dimension without values, or with `of` out of range.
  explicit Space(std::vector<Dimension> dimensions, IsValid is_valid = nullptr);

  [[nodiscard]] const std::vector<Dimension>& dimensions() const { return dimensions_; }
  [[nodiscard]] int64_t value(const Config& config, size_t dimension) const {
    return dimensions_[dimension].values[static_cast<size_t>(config[dimension])];
  }
  [[nodiscard]] bool counts(const Config& config, size_t dimension) const {
    return dimension == 0 || dimensions_[dimension].of < 0 || dimensions_[dimension].of == config[0];
  }

  /// Configurations, invalid ones included.
  [[nodiscard]] uint64_t size() const { return offsets_.back(); }
  /// Valid ones. Cost: looks at each configuration.
  [[nodiscard]] uint64_t count_valid() const;
  /// `index` below size(). The inverse of index().
  [[nodiscard]] Config at(uint64_t index) const;
  [[nodiscard]] uint64_t index(const Config& config) const;
  /// Positions in range, 0 where a dimension has no meaning, and accepted by the predicate.
  [[nodiscard]] bool is_valid(const Config& config) const;
  /// With 0 in every dimension that has no meaning.
  [[nodiscard]] Config settled(Config config) const;

  /// A valid one, each with the same chance; nothing when there is none.
  [[nodiscard]] std::optional<Config> random(Rng& rng) const;
  /// Valid ones that differ by one step in one dimension; by any step in the first one, its own dimensions then in the middle.
  [[nodiscard]] std::vector<Config> neighbours(const Config& config) const;

 private:
  [[nodiscard]] std::vector<size_t> counting(int first) const;  // dimensions after the first
  std::vector<Dimension> dimensions_;
  IsValid is_valid_;
  std::vector<uint64_t> offsets_;  // index of the first configuration by position in the first dimension, and size()
};

}  // namespace scissionlite::tune
