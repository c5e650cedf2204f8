// Any bytes are an image or an InvalidArgument, never a crash; an image has all its pixels.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "vision/exif.h"
#include "vision/vision.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace scissionlite;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const int orientation = vision::exif_orientation(bytes);
  if (orientation < 1 || orientation > 8) __builtin_trap();
  try {
    const auto image = vision::decode(bytes, "fuzz", {.max_pixels = 200'000});
    if (image.width < 1 || image.height < 1) __builtin_trap();
    if (image.rgb.size() != static_cast<size_t>(image.width) * static_cast<size_t>(image.height) * 3) __builtin_trap();
  } catch (const InvalidArgument&) {}
  return 0;
}
