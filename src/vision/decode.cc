// Finds the kind of an image by its first bytes, decodes it, and turns it upright.
#include "decode_internal.h"
#include "vision/exif.h"
#include "vision/vision.h"

#include <array>
#include <new>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace scissionlite::vision {
namespace {

using namespace std::string_view_literals;
using Decoder = Decoded (*)(const DecodeJob&);

struct Kind {
  std::string_view name, magic;
  size_t at;        // of the magic, in bytes
  Decoder decoder;  // nullptr: known, not supported
};

constexpr std::array kKinds{
    Kind{"JPEG", "\xff\xd8\xff"sv, 0, decode_jpeg},
    Kind{"PNG", "\x89PNG\r\n\x1a\n"sv, 0, decode_png},
    Kind{"WebP", "WEBP"sv, 8, decode_webp},
    Kind{"BMP", "BM"sv, 0, decode_bmp},
    Kind{"PGM", "P2"sv, 0, decode_pnm},
    Kind{"PPM", "P3"sv, 0, decode_pnm},
    Kind{"PGM", "P5"sv, 0, decode_pnm},
    Kind{"PPM", "P6"sv, 0, decode_pnm},
    Kind{"GIF", "GIF8"sv, 0, nullptr},
    Kind{"TIFF", "II*\0"sv, 0, nullptr},
    Kind{"TIFF", "MM\0*"sv, 0, nullptr},
    Kind{"HEIF or AVIF", "ftyp"sv, 4, nullptr},
    Kind{"JPEG 2000", "\0\0\0\x0cjP  "sv, 0, nullptr},
    Kind{"PBM", "P1"sv, 0, nullptr},
    Kind{"PBM", "P4"sv, 0, nullptr},
};

constexpr const char* kReadable = "JPEG, PNG, WebP, BMP, PPM or PGM";

const Kind* find_kind(std::string_view bytes) {
  for (const auto& kind : kKinds)
    if (bytes.size() >= kind.at && bytes.substr(kind.at).starts_with(kind.magic)) return &kind;
  return nullptr;
}

std::string first_bytes(std::string_view bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes.substr(0, 8)) {
    const auto byte = static_cast<uint8_t>(c);
    out += (out.empty() ? "" : " ") + std::string{kHex[byte >> 4], kHex[byte & 15]};
  }
  return out;
}

}  // namespace

void DecodeJob::fail(const std::string& what) const { throw InvalidArgument("[image] " + where + ": " + what); }

void DecodeJob::check_size(int64_t width, int64_t height) const {
  const std::string size = std::to_string(width) + " x " + std::to_string(height);
  if (width < 1 || height < 1) fail("the header claims " + size + " pixels, expected at least 1 x 1; the file is damaged");
  constexpr int64_t kLongestSide = int64_t{1} << 30;
  if (width > kLongestSide || height > kLongestSide || width * height > limits.max_pixels)
    fail("the header claims " + size + " pixels, more than the limit of " + std::to_string(limits.max_pixels) + "; shrink the image first");
}

Image decode(std::string_view bytes, const std::string& where, const DecodeLimits& limits) {
  const DecodeJob job{bytes, where, limits};
  if (bytes.empty()) job.fail("the file is empty, expected " + std::string(kReadable));
  if (bytes.size() > limits.max_file_bytes)
    job.fail("got " + format_bytes(static_cast<double>(bytes.size())) + ", more than the limit of " +
             format_bytes(static_cast<double>(limits.max_file_bytes)));
  const Kind* kind = find_kind(bytes);
  if (kind == nullptr) job.fail("not an image that can be read (first bytes " + first_bytes(bytes) + "), expected " + kReadable);
  if (kind->decoder == nullptr) job.fail(std::string(kind->name) + " is not supported, expected " + kReadable + "; convert the file first");
  try {
    Decoded decoded = kind->decoder(job);
    return apply_orientation(std::move(decoded.image), decoded.orientation);
  } catch (const std::bad_alloc&) {
    throw ResourceError("[image] " + where + ": not enough memory for its pixels; shrink the image or lower the pixel limit");
  }
}

Image load_image(const fs::path& path, const DecodeLimits& limits) { return decode(read_file(path, limits.max_file_bytes), path.string(), limits); }

}  // namespace scissionlite::vision
