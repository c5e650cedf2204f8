// Times of heads and tails: as measured, else estimated from the blocks.
#include <cmath>
#include <limits>

#include "planner/cost.h"

namespace scissionlite::planner {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// Share of the cut's block that lies in its head, by multiply-accumulates; 1 for a cut that ends its block.
double share_of_block(const Profile& profile, const CutProfile& cut) {
  if (cut.single) return 1;
  int64_t before = 0, after = profile.model_macs;
  for (const auto& other : profile.cuts) {
    if (!other.single) continue;
    if (other.region == cut.region - 1) before = other.head_macs;
    if (other.region == cut.region) after = other.head_macs;
  }
  if (after <= before) return 0.5;
  return std::fmin(1, std::fmax(0, static_cast<double>(cut.head_macs - before) / static_cast<double>(after - before)));
}

double from_blocks(const Profile& profile, const CutProfile& cut, bool head) {
  const auto region = static_cast<size_t>(cut.region);
  if (region >= profile.blocks.size()) return kUnknown;
  const double share = share_of_block(profile, cut);
  double sum = (head ? share : 1 - share) * profile.blocks[region].median_us;
  const size_t begin = head ? 0 : region + 1, end = head ? region : profile.blocks.size();
  bool known = profile.blocks[region].measured();
  for (size_t i = begin; i < end; ++i) {
    sum += profile.blocks[i].median_us;
    known = known && profile.blocks[i].measured();
  }
  return known ? sum : kUnknown;
}

}  // namespace

double head_us(const Profile& profile, size_t index, bool& estimated) {
  const auto& cut = profile.cuts[index];
  estimated = !cut.head.measured();
  return estimated ? from_blocks(profile, cut, /*head=*/true) : cut.head.median_us;
}

double tail_us(const Profile& profile, size_t index, bool& estimated) {
  const auto& cut = profile.cuts[index];
  estimated = !cut.tail.measured();
  return estimated ? from_blocks(profile, cut, /*head=*/false) : cut.tail.median_us;
}

}  // namespace scissionlite::planner
