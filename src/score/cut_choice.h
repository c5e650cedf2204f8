// Which cuts are worth scoring when the user names none.
#pragma once

#include <string>
#include <vector>

#include "graph/cuts.h"

namespace scissionlite {

/// Cuts that no other cut beats in both bytes and head cost, thinned to at most `limit` that lie evenly over the front.
/// Those of unknown size are left out. Order: by position.
[[nodiscard]] std::vector<Cut> worthwhile_cuts(const std::vector<Cut>& cuts, size_t limit);

/// Cuts by what the user wrote: "auto" (12 worthwhile ones), "auto:20", "all", or ids and tensor names.
/// @throws InvalidArgument for an unknown one, with the nearest.
[[nodiscard]] std::vector<Cut> choose_cuts(const std::vector<Cut>& cuts, const std::vector<std::string>& asked);

}  // namespace scissionlite
