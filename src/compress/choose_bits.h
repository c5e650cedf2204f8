// One of several possibilities for each layer, within a budget.
#pragma once

#include <cstddef>
#include <vector>

namespace scissionlite::compress {

struct BitsOption {
  double loss = 0, cost = 0;  // not negative
};

/// The sum of each layer's cheapest. @throws InvalidArgument where a layer has no option.
[[nodiscard]] double least_cost(const std::vector<std::vector<BitsOption>>& layers);

/// An option for each layer, such that costs sum up to `budget` at most and losses to the least. Exact but for costs above the layer's cheapest
/// option, which are rounded up to 1/4096 of what the budget leaves for them. Cost: 4096 steps an option.
/// @throws InvalidArgument where the cheapest options exceed the budget (says what they cost), or a layer has none.
[[nodiscard]] std::vector<size_t> choose_options(const std::vector<std::vector<BitsOption>>& layers, double budget);

}  // namespace scissionlite::compress
