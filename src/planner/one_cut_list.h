// Profiles measured through a server know only the cuts that are served there.
#pragma once

#include <vector>

#include "profile/profile.h"

namespace scissionlite::planner {

/// Gives each profile measured with `--via` the cut list of the first one measured on its own machine, with what it knows
/// of those cuts; the others stay unmeasured there. A served cut that is not in that list is left out with a warning.
[[nodiscard]] std::vector<Profile> with_one_cut_list(std::vector<Profile> machines);

}  // namespace scissionlite::planner
