// Any text is a tuning.json or an InvalidArgument; an accepted one survives writing and reading.
#include "json_file.h"
#include "tune/database.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return check_json_file(data, size, [](const auto& json, const auto& where) { return scissionlite::tune::database_from_json(json, where); });
}
