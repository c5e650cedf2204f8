// Any bytes are a probe.bin or an InvalidArgument; an accepted one is written as the same bytes.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "prepare/package.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    if (scissionlite::serialize(scissionlite::parse_probe(bytes, "fuzz")) != bytes) __builtin_trap();
  } catch (const scissionlite::InvalidArgument&) {}
  return 0;
}
