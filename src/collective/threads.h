// Members that are threads of this process.
#pragma once

#include <functional>

#include "collective/collective.h"

namespace scissionlite {

/// Runs `member` once a thread, with ranks from 0 on, until all have ended. One that throws ends the others' rounds with MemberLost.
/// @param wait_s  that members wait for each other in a round at most.
/// @throws what a member threw: of several the one of the lowest rank that is no MemberLost, else that.
void run_in_threads(int members, double wait_s, const std::function<void(Collective&)>& member);

}  // namespace scissionlite
