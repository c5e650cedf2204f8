// How fast the machine computes and copies: what puts estimates, which are cycles and bytes, on the scale of measured times.
#pragma once

#include <functional>
#include <optional>

#include "tune/database.h"

namespace scissionlite::tune {

struct Rates {
  double cycles_per_us = 3000;  // of one thread, at two vectors of multiply-adds a cycle
  double bytes_per_us = 12000;  // read and written beyond L2, by all threads together
  bool is_measured = false;     // false: 3 GHz and 4 bytes a cycle (kernels::kBytesPerCycle), of which only ratios mean something
};

/// On this machine in a child process, as entries "rate cycles" and "rate copy". @throws ResourceError, Unsupported as Child does, and
/// InternalError when the child died.
[[nodiscard]] Database measure_rates(const kernels::VectorLoops& loops, int threads);

/// What these entries say, where they are there. `find` gives the entry of a problem, or nothing.
[[nodiscard]] Rates rates_of(const std::function<std::optional<TuningEntry>(const std::string&)>& find);

}  // namespace scissionlite::tune
