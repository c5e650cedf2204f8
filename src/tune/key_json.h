// What the database and the log of measurements write alike: what a time belongs to, and knobs.
#pragma once

#include "base/json.h"
#include "tune/database.h"

namespace scissionlite::tune {

/// Fields of the object itself: problem, dtype, isa, cpu, threads. @throws InvalidArgument naming the field.
[[nodiscard]] TuningKey key_from_json(const JsonReader& json);
[[nodiscard]] Json key_to_json(const TuningKey& key);
[[nodiscard]] kernels::Knobs knobs_from_json(const JsonReader& json);
[[nodiscard]] Json knobs_to_json(const kernels::Knobs& knobs);

}  // namespace scissionlite::tune
