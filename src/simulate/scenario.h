// Traces made by chance: each is told by its seed.
#pragma once

#include <cstdint>

#include "simulate/trace.h"
#include "simulate/world.h"

namespace scissionlite::simulate {

/// Everything that faults.md's lines on time and network name, at least one event a simulated minute.
[[nodiscard]] Trace random_faults(uint64_t seed, double hours);
/// Links only: rates that wander, jump or fail.
[[nodiscard]] Trace random_link(uint64_t seed, double duration_us);
/// Links only: as bad as can be for a controller of that dwell time, with rates on both sides of where plans break even, changing when it has just
/// switched.
[[nodiscard]] Trace adversarial_link(uint64_t seed, double duration_us, double dwell_us);
/// Plans, periods and deadlines as devices in the field may have them.
[[nodiscard]] WorldOptions random_world(uint64_t seed);

}  // namespace scissionlite::simulate
