// Any text is a plan.json or an InvalidArgument; an accepted one survives writing and reading.
#include "json_file.h"
#include "planner/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return check_json_file(data, size, [](const auto& json, const auto& where) { return scissionlite::plan_from_json(json, where); });
}
