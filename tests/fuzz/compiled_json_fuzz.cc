// Any text is a compiled.json or an InvalidArgument; an accepted one survives writing and reading.
#include "json_file.h"
#include "onnx/compiled.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return check_json_file(data, size, [](const auto& json, const auto& where) { return scissionlite::compiled_from_json(json, where); });
}
