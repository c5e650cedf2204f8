#include <algorithm>

#include "engine/backends/native/choosing/selection.h"

namespace scissionlite::native {

FormPaths::FormPaths(const ConversionCosts& costs) : costs_(costs) {
  for (size_t from = 0; from < kSets; ++from) {
    us_[from].fill(kImpossible);
    us_[from][from] = 0;
    for (size_t to = from + 1; to < kSets; ++to) {  // sets ascend, so that those within `to` are done
      if ((from & to) != from) continue;
      for (int form = 0; form < kForms; ++form) {
        const FormSet bit = 1U << static_cast<unsigned>(form);
        if ((to & bit) == 0 || (from & bit) != 0) continue;
        const auto before = static_cast<FormSet>(to) & ~bit;
        us_[from][to] = std::min(us_[from][to], us_[from][before] + one(before, static_cast<Form>(form)));
      }
    }
  }
}

double FormPaths::one(FormSet from, Form form) const {
  double least = kImpossible;
  for (size_t i = 0; i < kForms; ++i)
    if ((from >> i & 1U) != 0) least = std::min(least, costs_.us[i][static_cast<size_t>(form)]);
  return least;
}

double FormPaths::to_have(FormSet from, FormSet wanted) const {
  double least = kImpossible;
  for (size_t to = 0; to < kSets; ++to)
    if ((to & wanted) == wanted && (to & from) == from) least = std::min(least, us_[from][to]);
  return least;
}

std::vector<FormPaths::Step> FormPaths::ways(FormSet from, Form form) const {
  if ((from & set_of(form)) != 0) return {{from, 0}};
  const FormSet least = from | set_of(form);
  std::vector<Step> out;
  for (size_t to = 0; to < kSets; ++to) {
    if ((to & least) != least || !(us_[from][to] < kImpossible)) continue;
    const bool can_wait = to != least && us_[from][least] + us_[least][to] <= us_[from][to];  // for the forms beyond the one that is read
    if (!can_wait) out.push_back({static_cast<FormSet>(to), us_[from][to]});
  }
  return out;
}

}  // namespace scissionlite::native
