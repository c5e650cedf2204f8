#include "compress/choose_bits.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "base/error.h"

namespace scissionlite::compress {
namespace {

constexpr size_t kSteps = 4096;  // that what the budget leaves is divided into
constexpr double kNever = std::numeric_limits<double>::infinity();

double cheapest(const std::vector<BitsOption>& options) {
  if (options.empty()) throw InvalidArgument("[low bits] a layer has nothing to choose from");
  return std::min_element(options.begin(), options.end(), [](const auto& a, const auto& b) { return a.cost < b.cost; })->cost;
}

/// Steps that the option takes more than the cheapest; above kSteps: too many.
size_t steps_of(double more, double room) {
  if (more <= 0) return 0;
  return more > room ? kSteps + 1 : static_cast<size_t>(std::ceil(more / room * static_cast<double>(kSteps)));
}

}  // namespace

double least_cost(const std::vector<std::vector<BitsOption>>& layers) {
  double sum = 0;
  for (const auto& options : layers) sum += cheapest(options);
  return sum;
}

std::vector<size_t> choose_options(const std::vector<std::vector<BitsOption>>& layers, double budget) {
  const double least = least_cost(layers);
  if (least > budget)
    throw InvalidArgument("[low bits] the cheapest bits of all layers take " + std::to_string(least) + ", more than the " + std::to_string(budget) +
                          " that there are");
  const double room = budget - least;
  std::vector<double> loss(kSteps + 1, 0);  // least one of the layers so far, by steps they may take
  std::vector<std::vector<size_t>> chosen;  // by layer, then steps
  for (const auto& options : layers) {
    const double floor = cheapest(options);
    std::vector<double> next(kSteps + 1, kNever);
    std::vector<size_t> best(kSteps + 1, 0);
    for (size_t o = 0; o < options.size(); ++o) {
      const size_t steps = steps_of(options[o].cost - floor, room);
      for (size_t at = steps; at <= kSteps; ++at)
        if (const double sum = loss[at - steps] + options[o].loss; sum < next[at]) next[at] = sum, best[at] = o;
    }
    loss = std::move(next);
    chosen.push_back(std::move(best));
  }
  std::vector<size_t> out(layers.size());
  size_t at = kSteps;
  for (size_t l = layers.size(); l-- > 0;) {
    out[l] = chosen[l][at];
    at -= steps_of(layers[l][out[l]].cost - cheapest(layers[l]), room);
  }
  return out;
}

}  // namespace scissionlite::compress
