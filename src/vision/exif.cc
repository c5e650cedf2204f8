#include "vision/exif.h"

#include <optional>
#include <utility>

namespace scissionlite::vision {
namespace {

constexpr int kOrientationTag = 0x0112;
constexpr unsigned kTypeShort = 3, kTypeLong = 4;
constexpr unsigned kMostEntries = 4096;

/// Reads of a TIFF block; out of bounds gives nothing.
struct Tiff {
  std::string_view bytes;
  bool little = true;

  std::optional<unsigned> number(size_t at, int size) const {
    if (at > bytes.size() || bytes.size() - at < static_cast<size_t>(size)) return std::nullopt;
    unsigned value = 0;
    for (int i = 0; i < size; ++i) {
      const unsigned byte = static_cast<uint8_t>(bytes[at + static_cast<size_t>(little ? size - 1 - i : i)]);
      value = value << 8 | byte;
    }
    return value;
  }
};

std::optional<Tiff> open_tiff(std::string_view block) {
  using namespace std::string_view_literals;
  if (block.starts_with("Exif\0\0"sv)) block.remove_prefix(6);
  if (block.starts_with("II*\0"sv)) return Tiff{block, true};
  if (block.starts_with("MM\0*"sv)) return Tiff{block, false};
  return std::nullopt;
}

}  // namespace

int exif_orientation(std::string_view block) {
  const auto tiff = open_tiff(block);
  if (!tiff) return 1;
  const auto directory = tiff->number(4, 4);
  const auto entries = directory ? tiff->number(*directory, 2) : std::nullopt;
  for (unsigned i = 0; entries && i < *entries && i < kMostEntries; ++i) {
    const size_t entry = size_t{*directory} + 2 + size_t{12} * i;  // tag, type, count, value
    const auto tag = tiff->number(entry, 2), type = tiff->number(entry + 2, 2);
    if (!tag || !type) return 1;
    if (*tag != kOrientationTag || (*type != kTypeShort && *type != kTypeLong)) continue;
    const auto value = tiff->number(entry + 8, *type == kTypeShort ? 2 : 4);
    return value && *value >= 1 && *value <= 8 ? static_cast<int>(*value) : 1;
  }
  return 1;
}

Image apply_orientation(Image image, int orientation) {
  if (orientation <= 1 || orientation > 8) return image;
  // Where the source's x and y axes go in the result; 5..8 swap them.
  const bool swaps = orientation >= 5;
  const bool flips_x = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  const bool flips_y = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  const int64_t w = image.width, h = image.height, out_w = swaps ? h : w, out_h = swaps ? w : h;
  // Source (x, y) lands at (swaps ? y : x, swaps ? x : y), mirrored where the result's axis flips.
  const int64_t step_x = (swaps ? out_w : 1) * (swaps ? (flips_y ? -1 : 1) : (flips_x ? -1 : 1));
  const int64_t step_y = (swaps ? 1 : out_w) * (swaps ? (flips_x ? -1 : 1) : (flips_y ? -1 : 1));
  const int64_t origin = (flips_x ? out_w - 1 : 0) + (flips_y ? out_h - 1 : 0) * out_w;
  Image out{static_cast<int>(out_w), static_cast<int>(out_h), std::vector<uint8_t>(image.rgb.size())};
  const uint8_t* from = image.rgb.data();
  for (int64_t y = 0; y < h; ++y) {
    int64_t pixel = origin + y * step_y;
    for (int64_t x = 0; x < w; ++x, from += 3, pixel += step_x) {
      uint8_t* to = out.rgb.data() + pixel * 3;
      to[0] = from[0], to[1] = from[1], to[2] = from[2];
    }
  }
  return out;
}

}  // namespace scissionlite::vision
