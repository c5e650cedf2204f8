// Windows and OS/2 bitmaps without compression: 1, 4 and 8 bits with a palette, 16, 24 and 32 bits.
#include "decode_internal.h"

#include <algorithm>
#include <array>
#include <bit>

namespace scissionlite::vision {
namespace {

constexpr size_t kFileHeader = 14, kCoreHeader = 12, kInfoHeader = 40;
constexpr uint32_t kPlain = 0, kBitFields = 3, kAlphaBitFields = 6;

struct Field {  // one colour channel inside a 16- or 32-bit pixel
  uint32_t mask = 0;
  [[nodiscard]] unsigned value(uint32_t pixel) const {
    if (mask == 0) return 0;
    const int shift = std::countr_zero(mask);
    const uint64_t most = mask >> shift;
    return static_cast<unsigned>(((pixel & mask) >> shift) * uint64_t{255} / most);
  }
};

struct Bmp {
  int64_t width = 0, height = 0;
  bool is_top_down = false;
  uint32_t bits = 0, compression = kPlain;
  size_t pixels_at = 0;
  std::array<Field, 4> fields;                  // r g b a
  std::vector<std::array<uint8_t, 3>> palette;  // rgb
};

struct Reader {
  const DecodeJob& job;
  [[nodiscard]] uint32_t number(size_t at, size_t size) const {
    if (at > job.bytes.size() || job.bytes.size() - at < size) job.fail("damaged or truncated BMP (the header ends early)");
    uint32_t value = 0;
    for (size_t i = size; i-- > 0;) value = value << 8 | static_cast<uint8_t>(job.bytes[at + i]);
    return value;
  }
};

void read_core_sizes(const Reader& in, Bmp& bmp) { bmp.width = in.number(18, 2), bmp.height = in.number(20, 2), bmp.bits = in.number(24, 2); }

void read_info_sizes(const Reader& in, Bmp& bmp) {
  bmp.width = static_cast<int32_t>(in.number(18, 4));
  bmp.height = static_cast<int32_t>(in.number(22, 4));
  bmp.is_top_down = bmp.height < 0;
  if (bmp.is_top_down) bmp.height = -bmp.height;
  bmp.bits = in.number(28, 2), bmp.compression = in.number(30, 4);
}

void read_fields(const Reader& in, Bmp& bmp, size_t header_size) {
  if (bmp.compression == kPlain) {
    bmp.fields = bmp.bits == 16 ? std::array<Field, 4>{{{0x7c00}, {0x3e0}, {0x1f}, {0}}} : std::array<Field, 4>{{{0xff0000}, {0xff00}, {0xff}, {0}}};
    return;
  }
  const bool has_alpha = bmp.compression == kAlphaBitFields || header_size >= kInfoHeader + 16;
  for (size_t i = 0; i < (has_alpha ? 4u : 3u); ++i) bmp.fields[i].mask = in.number(kFileHeader + kInfoHeader + 4 * i, 4);
}

/// Bytes of masks that follow a 40-byte header.
size_t loose_masks(const Bmp& bmp, size_t header_size) {
  if (header_size != kInfoHeader) return 0;
  return bmp.compression == kBitFields ? 12 : bmp.compression == kAlphaBitFields ? 16 : 0;
}

void read_palette(const Reader& in, Bmp& bmp, size_t header_size) {
  const size_t entry = header_size == kCoreHeader ? 3 : 4, most = size_t{1} << bmp.bits;
  const size_t stated = header_size == kCoreHeader ? 0 : in.number(46, 4);
  const size_t at = kFileHeader + header_size;
  const size_t room = bmp.pixels_at > at ? (bmp.pixels_at - at) / entry : 0;
  const size_t count = std::min({stated == 0 ? most : stated, most, room});
  bmp.palette.assign(most, {0, 0, 0});
  for (size_t i = 0; i < count; ++i)
    for (size_t c = 0; c < 3; ++c) bmp.palette[i][c] = static_cast<uint8_t>(in.number(at + i * entry + 2 - c, 1));
}

Bmp read_header(const Reader& in) {
  Bmp bmp;
  bmp.pixels_at = in.number(10, 4);
  const size_t header_size = in.number(14, 4);
  if (header_size != kCoreHeader && header_size < kInfoHeader) in.job.fail("damaged BMP (a header of " + std::to_string(header_size) + " bytes)");
  header_size == kCoreHeader ? read_core_sizes(in, bmp) : read_info_sizes(in, bmp);
  in.job.check_size(bmp.width, bmp.height);
  const bool has_fields = bmp.compression == kBitFields || bmp.compression == kAlphaBitFields;
  if (bmp.compression != kPlain && !(has_fields && bmp.bits >= 16))
    in.job.fail("BMP compression " + std::to_string(bmp.compression) + " is not supported, expected an uncompressed bitmap");
  if (bmp.bits == 1 || bmp.bits == 4 || bmp.bits == 8) read_palette(in, bmp, header_size);
  else if (bmp.bits == 16 || bmp.bits == 24 || bmp.bits == 32) read_fields(in, bmp, header_size);
  else in.job.fail("BMP with " + std::to_string(bmp.bits) + " bits a pixel is not supported, expected 1, 4, 8, 16, 24 or 32");
  if (bmp.pixels_at < kFileHeader + header_size + loose_masks(bmp, header_size)) in.job.fail("damaged BMP (pixels begin inside the header)");
  return bmp;
}

void convert_indexed(const Bmp& bmp, const uint8_t* row, uint8_t* rgb) {
  const unsigned per_byte = 8 / bmp.bits, mask = (1u << bmp.bits) - 1;
  for (unsigned x = 0; x < bmp.width; ++x, rgb += 3) {
    const unsigned shift = 8 - bmp.bits * (x % per_byte + 1);
    const auto& colour = bmp.palette[row[x / per_byte] >> shift & mask];
    std::copy(colour.begin(), colour.end(), rgb);
  }
}

void convert_direct(const Bmp& bmp, const uint8_t* row, uint8_t* rgb) {
  const size_t size = bmp.bits / 8;
  for (int64_t x = 0; x < bmp.width; ++x, row += size, rgb += 3) {
    uint32_t pixel = 0;
    for (size_t i = size; i-- > 0;) pixel = pixel << 8 | row[i];
    const unsigned alpha = bmp.fields[3].mask == 0 ? 255 : bmp.fields[3].value(pixel);
    for (size_t c = 0; c < 3; ++c) rgb[c] = over_black(bmp.fields[c].value(pixel), alpha);
  }
}

}  // namespace

Decoded decode_bmp(const DecodeJob& job) {
  const Bmp bmp = read_header({job});
  const uint64_t stride = (static_cast<uint64_t>(bmp.width) * bmp.bits + 31) / 32 * 4;
  const uint64_t needed = stride * static_cast<uint64_t>(bmp.height);
  if (bmp.pixels_at > job.bytes.size() || job.bytes.size() - bmp.pixels_at < needed)
    job.fail("truncated BMP (" + std::to_string(needed) + " bytes of pixels from byte " + std::to_string(bmp.pixels_at) +
             " are expected, the file has " + std::to_string(job.bytes.size()) + ")");
  Decoded out;
  out.image = {static_cast<int>(bmp.width), static_cast<int>(bmp.height), {}};
  out.image.rgb.resize(static_cast<size_t>(bmp.width * bmp.height) * 3);
  const auto* pixels = reinterpret_cast<const uint8_t*>(job.bytes.data()) + bmp.pixels_at;
  for (int64_t y = 0; y < bmp.height; ++y) {
    const uint8_t* row = pixels + stride * static_cast<uint64_t>(bmp.is_top_down ? y : bmp.height - 1 - y);
    uint8_t* rgb = out.image.rgb.data() + y * bmp.width * 3;
    bmp.bits <= 8 ? convert_indexed(bmp, row, rgb) : convert_direct(bmp, row, rgb);
  }
  return out;
}

}  // namespace scissionlite::vision
