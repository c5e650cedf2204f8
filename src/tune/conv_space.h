// The configurations of a convolution: every implementation that can compute it, each with its own knobs.
#pragma once

#include <optional>

#include "kernels/conv/conv.h"
#include "tune/space.h"

namespace scissionlite::tune {

using Implementations = std::vector<const kernels::ConvImplementation*>;

class ConvSpace {
 public:
  /// @throws Unsupported when none of the implementations can.
  ConvSpace(const kernels::ConvProblem& problem, const kernels::VectorLoops& loops,
            const Implementations& implementations = kernels::conv_implementations());
  ConvSpace(const ConvSpace&) = delete;
  ConvSpace& operator=(const ConvSpace&) = delete;

  [[nodiscard]] const Space& space() const { return *space_; }
  [[nodiscard]] kernels::ConvChoice choice(const Config& config) const;
  /// The point with these knobs; nothing when there is none: a name or value that is unknown here.
  [[nodiscard]] std::optional<Config> find(const std::string& implementation, const kernels::Knobs& knobs) const;
  /// The point that does the same with the smallest values: the one that searches give.
  [[nodiscard]] Config simplest(Config config) const;

 private:
  [[nodiscard]] std::optional<int> position(const std::string& implementation) const;
  [[nodiscard]] bool is_distinct(const Config& config) const;
  kernels::ConvProblem problem_;
  const kernels::VectorLoops& loops_;
  Implementations able_;            // values of the first dimension
  std::vector<std::string> knobs_;  // of each dimension, without the implementation's name
  std::optional<Space> space_;
};

}  // namespace scissionlite::tune
