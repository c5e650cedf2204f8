// Any text is a graphs.json or an InvalidArgument; an accepted one survives writing and reading.
#include "engine/backends/native/compiled/stored.h"
#include "json_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return check_json_file(data, size, [](const auto& json, const auto& where) { return scissionlite::native::stored_from_json(json, where); });
}
