// WebP through libwebp: lossy, lossless, with alpha. Animations are refused.
#include "decode_internal.h"
#include "vision/exif.h"

#include <webp/decode.h>

namespace scissionlite::vision {
namespace {

const uint8_t* data(std::string_view bytes) { return reinterpret_cast<const uint8_t*>(bytes.data()); }

uint32_t little_endian32(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 4; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

/// Walks the RIFF chunks to "EXIF".
int find_orientation(std::string_view bytes) {
  constexpr size_t kHeader = 12, kChunkHeader = 8;
  for (size_t at = kHeader; bytes.size() - at >= kChunkHeader;) {
    const size_t size = little_endian32(bytes, at + 4);
    const auto body = bytes.substr(at + kChunkHeader);
    if (size > body.size()) break;
    if (bytes.substr(at, 4) == "EXIF") return exif_orientation(body.substr(0, size));
    const size_t padded = size + size % 2;
    if (padded >= body.size()) break;
    at += kChunkHeader + padded;
  }
  return 1;
}

std::string reason(VP8StatusCode status) {
  if (status == VP8_STATUS_NOT_ENOUGH_DATA) return "the file ends early";
  if (status == VP8_STATUS_UNSUPPORTED_FEATURE) return "an unsupported feature";
  if (status == VP8_STATUS_OUT_OF_MEMORY) return "out of memory";
  return "the bitstream is damaged";
}

}  // namespace

Decoded decode_webp(const DecodeJob& job) {
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) job.fail("libwebp has another version than its headers");
  const auto fail = [&](VP8StatusCode status) { job.fail("damaged or truncated WebP (" + reason(status) + ")"); };
  if (job.bytes.size() < 20 || job.bytes.size() - 8 < little_endian32(job.bytes, 4)) fail(VP8_STATUS_NOT_ENOUGH_DATA);
  const auto status = WebPGetFeatures(data(job.bytes), job.bytes.size(), &config.input);
  if (status != VP8_STATUS_OK) fail(status);
  if (config.input.has_animation) job.fail("animated WebP is not supported, expected a still image; extract a frame first");
  job.check_size(config.input.width, config.input.height);

  Decoded out;
  out.image = {config.input.width, config.input.height, {}};
  const size_t pixels = static_cast<size_t>(out.image.width) * static_cast<size_t>(out.image.height);
  const size_t channels = config.input.has_alpha ? 4 : 3;
  std::vector<uint8_t> buffer(pixels * channels);
  config.output.colorspace = config.input.has_alpha ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {buffer.data(), static_cast<int>(static_cast<size_t>(out.image.width) * channels), buffer.size()};
  const auto decoded = WebPDecode(data(job.bytes), job.bytes.size(), &config);
  WebPFreeDecBuffer(&config.output);
  if (decoded != VP8_STATUS_OK) fail(decoded);
  if (config.input.has_alpha) {
    for (size_t i = 0; i < pixels; ++i)
      for (size_t c = 0; c < 3; ++c) buffer[i * 3 + c] = over_black(buffer[i * 4 + c], buffer[i * 4 + 3]);
    buffer.resize(pixels * 3);
  }
  out.image.rgb = std::move(buffer);
  out.orientation = find_orientation(job.bytes);
  return out;
}

}  // namespace scissionlite::vision
