// Intervals as files have them: [low, high].
#pragma once

#include "base/json.h"
#include "base/stats.h"

namespace scissionlite {

[[nodiscard]] inline Json to_json(const Interval& interval) { return Json::array({interval.low, interval.high}); }
/// @throws InvalidArgument unless it is two numbers in order; says where.
[[nodiscard]] inline Interval interval_from_json(const JsonReader& json) {
  const auto ends = json.numbers();
  if (ends.size() != 2 || ends[0] > ends[1]) json.fail("[low, high] with low <= high");
  return {ends[0], ends[1]};
}

}  // namespace scissionlite
