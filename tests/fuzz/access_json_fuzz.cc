// Any text is an access.json or an InvalidArgument; an accepted one survives writing and reading.
#include "json_file.h"
#include "server/access/access_policy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return check_json_file(data, size, [](const auto& json, const auto& where) { return scissionlite::server::access_policy_from_json(json, where); });
}
