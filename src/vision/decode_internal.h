// What the decoders of src/vision share: one function a file format, each from bytes to an unrotated image.
#pragma once

#include <string>
#include <string_view>

#include "vision/vision.h"

namespace scissionlite::vision {

/// An image as it lies in the file, and how it must be turned to stand upright.
struct Decoded {
  Image image;
  int orientation = 1;  // EXIF 1..8
};

/// One decoding job: the bytes, the name for messages, the limits.
struct DecodeJob {
  std::string_view bytes;
  const std::string& where;
  const DecodeLimits& limits;

  /// @throws InvalidArgument "[image] <where>: <what>".
  [[noreturn]] void fail(const std::string& what) const;
  /// Checks a size that a header claims, before memory is taken for it. @throws InvalidArgument.
  void check_size(int64_t width, int64_t height) const;
};

[[nodiscard]] Decoded decode_jpeg(const DecodeJob& job);
[[nodiscard]] Decoded decode_png(const DecodeJob& job);
[[nodiscard]] Decoded decode_webp(const DecodeJob& job);
[[nodiscard]] Decoded decode_bmp(const DecodeJob& job);
[[nodiscard]] Decoded decode_pnm(const DecodeJob& job);

/// v * alpha / 255, rounded: a channel over black.
[[nodiscard]] inline uint8_t over_black(unsigned v, unsigned alpha) { return static_cast<uint8_t>((v * alpha + 127) / 255); }

}  // namespace scissionlite::vision
