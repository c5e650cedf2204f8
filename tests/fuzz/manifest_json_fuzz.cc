// Any text is a manifest.json or an InvalidArgument; an accepted one survives writing and reading.
#include "json_file.h"
#include "prepare/package.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return check_json_file(data, size, [](const auto& json, const auto& where) { return scissionlite::manifest_from_json(json, where); });
}
