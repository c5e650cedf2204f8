// Any text is a scores.json or an InvalidArgument; an accepted one survives writing and reading.
#include "json_file.h"
#include "score/scores.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return check_json_file(data, size, [](const auto& json, const auto& where) { return scissionlite::scores_from_json(json, where); });
}
