// What a trace is made of: spans with attributes, which nest by the numbers of their parents.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/field.h"

namespace scissionlite::trace {

/// OpenTelemetry's numbers.
enum class Kind { kInternal = 1, kServer = 2, kClient = 3 };

struct Span {
  uint64_t id = 0, parent = 0;  // parent 0: the root
  std::string name;
  Kind kind = Kind::kInternal;
  int64_t start_ns = 0, end_ns = 0;  // since 1970
  Fields attributes;
  std::string error;  // not empty: what was done failed, and why
};

/// The spans of one trace that this process made.
struct Trace {
  uint64_t high = 0, low = 0;
  std::vector<Span> spans;
};

}  // namespace scissionlite::trace
