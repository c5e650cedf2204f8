// Any text is a profile.json or an InvalidArgument; an accepted one survives writing and reading.
#include "json_file.h"
#include "profile/profile.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return check_json_file(data, size, [](const auto& json, const auto& where) { return scissionlite::profile_from_json(json, where); });
}
