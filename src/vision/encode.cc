// Images to JPEG, PNG and WebP bytes.
#include "jpeg_internal.h"
#include "vision/vision.h"

#include <charconv>
#include <cstdlib>
#include <memory>
#include <optional>

#include <png.h>
#include <webp/encode.h>

#include "base/error.h"
#include "base/text.h"

namespace scissionlite::vision {
namespace {

struct WebpFree {
  void operator()(void* memory) const { WebPFree(memory); }
};

/// "q90" -> 90; nothing unless 1..100.
std::optional<int> parse_quality(std::string_view text) {
  int quality = 0;
  if (!text.starts_with('q')) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), quality);
  if (error != std::errc{} || end != text.data() + text.size() || quality < 1 || quality > 100) return std::nullopt;
  return quality;
}

[[noreturn]] void fail(const std::string& codec, const Image& image, const std::string& reason) {
  throw InvalidArgument("[image] cannot encode " + std::to_string(image.width) + " x " + std::to_string(image.height) + " pixels as " + codec +
                        ": " + reason);
}

/// Everything that outlives a jump out of libjpeg.
struct JpegWriter {
  jpeg_compress_struct info{};
  JpegErrors errors{};
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  ~JpegWriter() {
    jpeg_destroy_compress(&info);
    std::free(bytes);
  }
};

bool write_jpeg(JpegWriter& writer, const Image& image, int quality, bool halves_colour) {
  if (setjmp(writer.errors.back) != 0) return false;
  auto& info = writer.info;
  jpeg_create_compress(&info);
  jpeg_mem_dest(&info, &writer.bytes, &writer.size);
  info.image_width = static_cast<unsigned>(image.width), info.image_height = static_cast<unsigned>(image.height);
  info.input_components = 3, info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, /*force_baseline=*/TRUE);
  info.optimize_coding = TRUE;  // 3 to 10 % smaller for about a third more time
  info.comp_info[0].h_samp_factor = info.comp_info[0].v_samp_factor = halves_colour ? 2 : 1;
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    auto* row = const_cast<uint8_t*>(image.rgb.data()) + size_t{info.next_scanline} * info.image_width * 3;
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  return true;
}

std::string encode_jpeg(const Image& image, int quality, bool halves_colour) {
  JpegWriter writer;
  writer.info.err = install(writer.errors);
  if (!write_jpeg(writer, image, quality, halves_colour)) fail("JPEG", image, writer.errors.message);
  return {reinterpret_cast<const char*>(writer.bytes), writer.size};
}

std::string encode_png(const Image& image) {
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<unsigned>(image.width), header.height = static_cast<unsigned>(image.height);
  header.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(header);
  std::string out(size, '\0');
  if (!png_image_write_to_memory(&header, out.data(), &size, /*convert_to_8_bit=*/0, image.rgb.data(), /*row_stride=*/0, nullptr))
    fail("PNG", image, header.message);
  out.resize(size);
  return out;
}

std::string encode_webp(const Image& image, int quality) {
  if (image.width > WEBP_MAX_DIMENSION || image.height > WEBP_MAX_DIMENSION)
    fail("WebP", image, "a side is over " + std::to_string(WEBP_MAX_DIMENSION));
  uint8_t* bytes = nullptr;
  const size_t size = WebPEncodeRGB(image.rgb.data(), image.width, image.height, image.width * 3, static_cast<float>(quality), &bytes);
  const std::unique_ptr<uint8_t, WebpFree> owner(bytes);
  if (size == 0) fail("WebP", image, "libwebp refused it");
  return {reinterpret_cast<const char*>(bytes), size};
}

void check_image(const Image& image) {
  const auto expected = static_cast<size_t>(image.width) * static_cast<size_t>(image.height) * 3;
  if (image.width < 1 || image.height < 1 || image.rgb.size() != expected)
    throw InvalidArgument("[image] an image of " + std::to_string(image.width) + " x " + std::to_string(image.height) + " pixels with " +
                          std::to_string(image.rgb.size()) + " bytes cannot be encoded; expected width * height * 3 bytes");
}

}  // namespace

std::string encode(const Image& image, const std::string& codec_spec) {
  check_image(image);
  const auto parts = split(codec_spec, '-');
  const auto quality = parts.size() >= 2 ? parse_quality(parts[1]) : std::nullopt;
  if (parts.size() == 3 && parts[0] == "jpeg" && quality && (parts[2] == "420" || parts[2] == "444"))
    return encode_jpeg(image, *quality, parts[2] == "420");
  if (parts.size() == 2 && parts[0] == "webp" && quality) return encode_webp(image, *quality);
  if (codec_spec == "png") return encode_png(image);
  throw InvalidArgument("[image] unknown codec '" + codec_spec +
                        "'; expected jpeg-q<1..100>-420, jpeg-q<1..100>-444, png or webp-q<1..100>, as in 'jpeg-q90-420'");
}

}  // namespace scissionlite::vision
