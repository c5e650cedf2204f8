// Vision: image files to input tensors, as input.json says; image codecs for edge-only candidates.
//
// What lives here: decoding (decode.cc and one decode_<kind>.cc each), EXIF (exif.h), encoding (encode.cc), resizing
// (resize.h), input.json and preprocessing (input_spec.h, docs/input_json.md), label files.
// Relies on base and graph. Start with InputSpec in input_spec.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace scissionlite::vision {

/// 8-bit interleaved RGB, rows top to bottom, no padding.
struct Image {
  int width = 0, height = 0;
  std::vector<uint8_t> rgb;  // height * width * 3
};

struct DecodeLimits {
  int64_t max_pixels = 100'000'000;  // 100 MP; refused from the header, before memory is taken
  uint64_t max_file_bytes = uint64_t{256} << 20;
};

/// JPEG, PNG, WebP, BMP, PPM/PGM, by content and not by name. EXIF orientation is applied; grey is repeated; alpha is
/// dropped over black; 16-bit is divided by 257 with rounding; CMYK and YCCK become RGB.
/// @throws InvalidArgument: not an image, truncated, too large, an animated or unsupported kind (says what and the limit);
/// ResourceError when memory is short.
[[nodiscard]] Image decode(std::string_view bytes, const std::string& where, const DecodeLimits& limits = {});
[[nodiscard]] Image load_image(const fs::path& path, const DecodeLimits& limits = {});

/// "jpeg-q90-420", "jpeg-q90-444", "png", "webp-q80" (q 1 to 100). JPEG with Huffman tables of its own; PNG tuned for
/// speed. Cost at 224 x 224 on one AVX2 core: JPEG 0.3 ms, PNG 3 ms, WebP 4 to 9 ms.
/// @throws InvalidArgument for another spec, for an image without pixels or too large for the format.
[[nodiscard]] std::string encode(const Image& image, const std::string& codec_spec);

/// Image files below `paths` (files, folders (not recursive), or globs), sorted by name.
/// @throws InvalidArgument when there is none.
[[nodiscard]] std::vector<fs::path> list_images(const std::vector<std::string>& paths);

}  // namespace scissionlite::vision
